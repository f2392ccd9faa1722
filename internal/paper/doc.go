// Package paper is PDF and XLSX pages for people to print: typesetting with an embedded Chinese font, ruled tables and
// forms that break over pages, sheets of cards.
//
// It owns fonts and page geometry. It never knows a household, a case or a policy.
//
// Lengths are millimetres from the top left corner of the page; sizes of type are points. The font is Noto Sans SC Regular 2.004
// (Copyright 2014-2021 Adobe, SIL Open Font License 1.1, whose text is the file OFL.txt), as the npm package
// @expo-google-fonts/noto-sans-sc 0.4.3 has it, compressed with Zstandard and otherwise unchanged. A document holds only the glyphs that it
// uses. A character that the font lacks is printed as a crossed box, stays in the text that can be copied out, and is
// listed by [Doc.Missing]: nothing is dropped silently.
package paper
