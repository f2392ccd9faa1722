package paper

import "encoding/binary"

// point is a corner of an outline in thousandths of an em, y upwards.
type point struct{ x, y int }

// drawn gives the outlines of signs that forms need and the font lacks: the boxes to be ticked, empty and ticked. Outer
// contours run clockwise, holes anticlockwise.
func drawn(r rune) [][]point {
	box := func(in int) []point {
		return []point{{80 + in, -60 + in}, {80 + in, 780 - in}, {920 - in, 780 - in}, {920 - in, -60 + in}}
	}
	hole := []point{{880, -20}, {880, 740}, {120, 740}, {120, -20}}
	tick := []point{{220, 370}, {290, 430}, {440, 240}, {740, 660}, {810, 610}, {450, 110}}
	switch r {
	case '☐':
		return [][]point{box(0), hole}
	case '☑':
		return [][]point{box(0), hole, tick}
	}
	return nil
}

// crossed is the box that stands for a character which nothing can print.
func crossed() [][]point {
	return [][]point{
		{{60, -80}, {60, 800}, {940, 800}, {940, -80}},
		{{120, 10}, {450, 360}, {120, 710}},
		{{160, 750}, {500, 400}, {840, 750}},
		{{880, 710}, {550, 360}, {880, 10}},
		{{840, -30}, {500, 320}, {160, -30}},
	}
}

// outline encodes straight-lined contours as a simple glyph of the glyf table in an em of unitsPerEm.
func outline(contours [][]point, unitsPerEm int) []byte {
	be := binary.BigEndian
	var points []point
	var ends []byte
	for _, c := range contours {
		for _, p := range c {
			points = append(points, point{p.x * unitsPerEm / 1000, p.y * unitsPerEm / 1000})
		}
		ends = be.AppendUint16(ends, uint16(len(points)-1))
	}
	lo, hi := points[0], points[0]
	for _, p := range points {
		lo.x, lo.y, hi.x, hi.y = min(lo.x, p.x), min(lo.y, p.y), max(hi.x, p.x), max(hi.y, p.y)
	}
	var out []byte
	for _, v := range []int{len(contours), lo.x, lo.y, hi.x, hi.y} {
		out = be.AppendUint16(out, uint16(int16(v)))
	}
	out = append(out, ends...)
	out = be.AppendUint16(out, 0) // no instructions
	for range points {
		out = append(out, 1) // on the curve, both deltas of two bytes
	}
	at := 0
	for _, p := range points {
		out = be.AppendUint16(out, uint16(int16(p.x-at)))
		at = p.x
	}
	at = 0
	for _, p := range points {
		out = be.AppendUint16(out, uint16(int16(p.y-at)))
		at = p.y
	}
	return out
}
