// Package housecode is the household code (一户一码): signed tokens without name or risk, their keys, revocation,
// reprint, and the sheets of cards.
//
// It owns the tables of codes and code keys. It never puts personal data into a code.
package housecode
