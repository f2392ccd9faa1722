package paper

import (
	_ "embed"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"shouwang/internal/errs"
)

//go:embed NotoSansSC-Regular.ttf.zst
var packedFont []byte

// Font is the parsed font that every document is set in. It is read only: any number of documents may share one.
type Font struct {
	unitsPerEm int
	ascent     int // of the line, font units
	descent    int // negative
	box        [4]int
	tables     map[string][]byte
	advances   []uint16 // by glyph
	offsets    []uint32 // of the outlines in glyf, by glyph, one more than there are glyphs
	plane0     []uint16 // glyph by character of the basic plane
	beyond     map[rune]uint16
}

// OpenFont unpacks and reads the embedded font. It takes some 50 ms and 12 MB: open it once.
func OpenFont() (*Font, error) {
	d, err := zstd.NewReader(nil)
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法解压内置字体", "cannot unpack the built-in font")
	}
	defer d.Close()
	data, err := d.DecodeAll(packedFont, nil)
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法解压内置字体", "cannot unpack the built-in font")
	}
	f, err := parseFont(data)
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "内置字体已损坏", "the built-in font is damaged")
	}
	return f, nil
}

// parseFont reads a TrueType font (glyf outlines). The font is part of the program, so a bound that doesn't hold is a
// damaged program; still it is an error, not a panic.
func parseFont(data []byte) (f *Font, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("damaged TrueType font: %v", r)
		}
	}()
	be := binary.BigEndian
	f = &Font{tables: map[string][]byte{}, beyond: map[rune]uint16{}, plane0: make([]uint16, 0x10000)}
	for i := range int(be.Uint16(data[4:])) {
		row := data[12+16*i:]
		at, length := be.Uint32(row[8:]), be.Uint32(row[12:])
		f.tables[string(row[:4])] = data[at : at+length]
	}
	for _, need := range []string{"head", "hhea", "maxp", "hmtx", "loca", "glyf", "cmap"} {
		if f.tables[need] == nil {
			return nil, fmt.Errorf("no table %q", need)
		}
	}
	head, hhea := f.tables["head"], f.tables["hhea"]
	f.unitsPerEm = int(be.Uint16(head[18:]))
	for i := range f.box {
		f.box[i] = int(int16(be.Uint16(head[36+2*i:])))
	}
	f.ascent, f.descent = int(int16(be.Uint16(hhea[4:]))), int(int16(be.Uint16(hhea[6:])))

	glyphs := int(be.Uint16(f.tables["maxp"][4:]))
	long := int(be.Uint16(hhea[34:]))
	f.advances = make([]uint16, glyphs)
	for g := range glyphs {
		f.advances[g] = be.Uint16(f.tables["hmtx"][4*min(g, long-1):])
	}
	f.offsets = make([]uint32, glyphs+1)
	for g := range f.offsets {
		if be.Uint16(head[50:]) == 0 {
			f.offsets[g] = 2 * uint32(be.Uint16(f.tables["loca"][2*g:]))
		} else {
			f.offsets[g] = be.Uint32(f.tables["loca"][4*g:])
		}
	}
	return f, f.readCharacters()
}

// readCharacters reads the character map: format 12 (all planes) when there is one, else format 4.
func (f *Font) readCharacters() error {
	be := binary.BigEndian
	cmap := f.tables["cmap"]
	var four, twelve []byte
	for i := range int(be.Uint16(cmap[2:])) {
		sub := cmap[be.Uint32(cmap[4+8*i+4:]):]
		switch be.Uint16(sub) {
		case 4:
			four = sub
		case 12:
			twelve = sub
		}
	}
	switch {
	case twelve != nil:
		for i := range int(be.Uint32(twelve[12:])) {
			group := twelve[16+12*i:]
			first, last, glyph := be.Uint32(group), be.Uint32(group[4:]), be.Uint32(group[8:])
			for c := first; c <= last; c++ {
				f.put(rune(c), uint16(glyph+c-first))
			}
		}
	case four != nil:
		n := int(be.Uint16(four[6:])) / 2
		ends, starts := four[14:], four[16+2*n:]
		deltas, ranges := four[16+4*n:], four[16+6*n:]
		for i := range n {
			for c := uint32(be.Uint16(starts[2*i:])); c <= uint32(be.Uint16(ends[2*i:])) && c < 0xffff; c++ {
				glyph := uint16(c)
				if off := int(be.Uint16(ranges[2*i:])); off != 0 {
					glyph = be.Uint16(ranges[2*i+off+2*int(c-uint32(be.Uint16(starts[2*i:]))):])
					if glyph == 0 {
						continue
					}
				}
				f.put(rune(c), glyph+be.Uint16(deltas[2*i:]))
			}
		}
	default:
		return fmt.Errorf("no character map of format 4 or 12")
	}
	return nil
}

func (f *Font) put(r rune, glyph uint16) {
	if r < 0x10000 {
		f.plane0[r] = glyph
	} else {
		f.beyond[r] = glyph
	}
}

// glyph gives the font's glyph of a character, 0 when it has none.
func (f *Font) glyph(r rune) uint16 {
	if r >= 0 && r < 0x10000 {
		return f.plane0[r]
	}
	return f.beyond[r]
}

// Has says whether the character can be printed.
func (f *Font) Has(r rune) bool { return f.glyph(printed(r)) != 0 || drawn(r) != nil }

// printed gives the character that is set in place of r: spaces of all widths are one space to the eye, and what can't be
// seen at all (joiners, marks of direction, control characters) is a space of no width, 0.
func printed(r rune) rune {
	switch {
	case r == '\t', r == 0xa0, r >= 0x2000 && r <= 0x200a, r == 0x202f, r == 0x205f:
		return ' '
	case r < ' ', r == 0x7f, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r == 0x2060, r == 0xfeff, r >= 0xfe00 && r <= 0xfe0f:
		return 0
	}
	return r
}

// advance is the width of a character in font units.
func (f *Font) advance(r rune) int {
	p := printed(r)
	switch {
	case p == 0:
		return 0
	case r >= 0x2006 && r <= 0x200a, r == 0x202f: // thin spaces
		return f.unitsPerEm / 6
	case f.glyph(p) != 0:
		return int(f.advances[f.glyph(p)])
	}
	return f.unitsPerEm // drawn signs and the box of a missing character
}

// Width is the width of a text in millimetres at a size in points.
func (f *Font) Width(s string, size float64) float64 {
	units := 0
	for _, r := range s {
		units += f.advance(r)
	}
	return float64(units) * size / float64(f.unitsPerEm) * mmPerPoint
}

const mmPerPoint = 25.4 / 72
