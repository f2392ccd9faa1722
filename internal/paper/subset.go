package paper

import (
	"encoding/binary"
	"slices"
)

// subset is the part of a font that one document uses. Every character gets a glyph of its own, numbered in order of
// first use, even where the font draws two alike: so the text can always be copied out as it was written.
type subset struct {
	font    *Font
	codes   map[rune]uint16
	runes   []rune // by glyph of the subset; 0 has none
	missing map[rune]int
}

func newSubset(f *Font) *subset {
	return &subset{font: f, codes: map[rune]uint16{}, runes: []rune{0}, missing: map[rune]int{}}
}

// code gives the glyph of a character in the subset. ok is false for what takes no place at all.
func (s *subset) code(r rune) (code uint16, ok bool) {
	if printed(r) == 0 {
		return 0, false
	}
	code, known := s.codes[r]
	if !known {
		code = uint16(len(s.runes))
		s.codes[r] = code
		s.runes = append(s.runes, r)
	}
	if !s.font.Has(r) {
		s.missing[r]++
	}
	return code, true
}

// flags of a part of a composite glyph (OpenType, table glyf).
const (
	wordArguments = 0x0001
	oneScale      = 0x0008
	moreParts     = 0x0020
	twoScales     = 0x0040
	fourScales    = 0x0080
)

// file makes a TrueType font of the subset's glyphs and of those that they are composed of.
func (s *subset) file() []byte {
	be := binary.BigEndian
	f := s.font
	type entry struct {
		data    []byte
		advance int
	}
	var entries []entry
	take := func(glyph uint16) entry {
		data := f.tables["glyf"][f.offsets[glyph]:f.offsets[glyph+1]]
		return entry{slices.Clone(data), int(f.advances[glyph])}
	}
	entries = append(entries, take(0))
	for _, r := range s.runes[1:] {
		switch own := drawn(r); {
		case f.glyph(printed(r)) != 0:
			e := take(f.glyph(printed(r)))
			e.advance = f.advance(r)
			entries = append(entries, e)
		case own != nil:
			entries = append(entries, entry{outline(own, f.unitsPerEm), f.unitsPerEm})
		default:
			entries = append(entries, entry{outline(crossed(), f.unitsPerEm), f.unitsPerEm})
		}
	}
	parts := map[uint16]uint16{} // glyph of the font that is only part of another → glyph of the subset
	for i := 0; i < len(entries); i++ {
		data := entries[i].data
		if len(data) < 10 || int16(be.Uint16(data)) >= 0 {
			continue
		}
		for at := 10; ; {
			flags, old := be.Uint16(data[at:]), be.Uint16(data[at+2:])
			renamed, known := parts[old]
			if !known {
				renamed = uint16(len(entries))
				parts[old] = renamed
				entries = append(entries, take(old))
			}
			be.PutUint16(data[at+2:], renamed)
			at += 6
			if flags&wordArguments != 0 {
				at += 2
			}
			switch {
			case flags&oneScale != 0:
				at += 2
			case flags&twoScales != 0:
				at += 4
			case flags&fourScales != 0:
				at += 8
			}
			if flags&moreParts == 0 {
				break
			}
		}
	}

	var glyf, loca, hmtx []byte
	for _, e := range entries {
		loca = be.AppendUint32(loca, uint32(len(glyf)))
		glyf = append(glyf, e.data...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		hmtx = be.AppendUint16(hmtx, uint16(e.advance))
		var left uint16
		if len(e.data) >= 4 {
			left = be.Uint16(e.data[2:]) // the outline's own left edge
		}
		hmtx = be.AppendUint16(hmtx, left)
	}
	loca = be.AppendUint32(loca, uint32(len(glyf)))

	head, hhea, maxp := slices.Clone(f.tables["head"]), slices.Clone(f.tables["hhea"]), slices.Clone(f.tables["maxp"])
	be.PutUint16(head[50:], 1) // long offsets
	be.PutUint16(hhea[34:], uint16(len(entries)))
	be.PutUint16(maxp[4:], uint16(len(entries)))
	tables := map[string][]byte{"head": head, "hhea": hhea, "maxp": maxp, "hmtx": hmtx, "loca": loca, "glyf": glyf}
	for _, name := range []string{"cvt ", "fpgm", "prep"} {
		if t := f.tables[name]; t != nil {
			tables[name] = t
		}
	}
	return assemble(tables)
}

// assemble writes a font file of tables, with its check sums.
func assemble(tables map[string][]byte) []byte {
	be := binary.BigEndian
	var names []string
	for name := range tables {
		names = append(names, name)
	}
	slices.Sort(names)
	power, log := 1, 0
	for power*2 <= len(names) {
		power, log = power*2, log+1
	}
	out := be.AppendUint32(nil, 0x00010000)
	for _, v := range []int{len(names), power * 16, log, len(names)*16 - power*16} {
		out = be.AppendUint16(out, uint16(v))
	}
	be.PutUint32(tables["head"][8:], 0)
	at := 12 + 16*len(names)
	for _, name := range names {
		out = append(out, name...)
		out = be.AppendUint32(out, checkSum(tables[name]))
		out = be.AppendUint32(out, uint32(at))
		out = be.AppendUint32(out, uint32(len(tables[name])))
		at += (len(tables[name]) + 3) &^ 3
	}
	headAt := 0
	for _, name := range names {
		if name == "head" {
			headAt = len(out)
		}
		out = append(out, tables[name]...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	be.PutUint32(out[headAt+8:], 0xb1b0afba-checkSum(out))
	return out
}

func checkSum(b []byte) (sum uint32) {
	for i := 0; i < len(b); i += 4 {
		var word [4]byte
		copy(word[:], b[i:])
		sum += binary.BigEndian.Uint32(word[:])
	}
	return sum
}
