package paper

import "math"

// Colour is a colour of ink, 0xRRGGBB.
type Colour uint32

// The colours in use; paper is printed in black and white as often as not, so a colour never says anything alone.
const (
	Ink   Colour = 0x1d273b
	Muted Colour = 0x5b6b82
	Rule  Colour = 0x8a94a3
	Shade Colour = 0xf1f3f6
	Teal  Colour = 0x0b7a75
	Red   Colour = 0xc92a2a
	White Colour = 0xffffff
)

// Type is how a text is set.
type Type struct {
	Size   float64 // points
	Bold   bool
	Colour Colour
	spread float64 // millimetres added after each character, to justify a line
}

// Page is one page to be drawn on. Places are millimetres from its top left corner.
type Page struct {
	Size
	doc *Doc
	buf []byte
}

func (p *Page) x(mm float64) { p.buf = append(appendNumber(p.buf, mm/mmPerPoint), ' ') }
func (p *Page) y(mm float64) { p.x(p.Height - mm) }

func (p *Page) op(s string) { p.buf = append(append(p.buf, s...), '\n') }

func (p *Page) colour(c Colour, op string) {
	for shift := 16; shift >= 0; shift -= 8 {
		p.buf = append(appendNumber(p.buf, float64(c>>shift&0xff)/255), ' ')
	}
	p.op(op)
}

// Text sets one line of text with its baseline at y, from x to the right. Bold is the regular outline thickened by a stroke, so
// that one font serves for both weights.
func (p *Page) Text(x, y float64, s string, t Type) {
	if s == "" {
		return
	}
	p.op("BT")
	p.colour(t.Colour, "rg")
	if t.Bold {
		p.colour(t.Colour, "RG")
		p.buf = appendNumber(p.buf, t.Size*0.028)
		p.op(" w 2 Tr")
	} else {
		p.op("0 Tr")
	}
	p.buf = appendNumber(p.buf, t.spread/mmPerPoint)
	p.op(" Tc")
	p.buf = append(p.buf, "/F "...)
	p.buf = appendNumber(p.buf, t.Size)
	p.op(" Tf")
	p.x(x)
	p.y(y)
	p.buf = append(p.buf, "Td <"...)
	for _, r := range s {
		if code, ok := p.doc.sub.code(r); ok {
			p.buf = append(p.buf, hexDigits[code>>12], hexDigits[code>>8&15], hexDigits[code>>4&15], hexDigits[code&15])
		}
	}
	p.op("> Tj")
	p.op("ET")
}

const hexDigits = "0123456789ABCDEF"

// TextRight and TextCentre set one line that ends at x, or has its middle there.
func (p *Page) TextRight(x, y float64, s string, t Type) {
	p.Text(x-p.doc.font.Width(s, t.Size), y, s, t)
}

// TextCentre sets one line with its middle at x.
func (p *Page) TextCentre(x, y float64, s string, t Type) {
	p.Text(x-p.doc.font.Width(s, t.Size)/2, y, s, t)
}

// Fit gives the type in the largest size, at most t's own, at which s is no wider than width; below least it is cut with an ellipsis.
func (p *Page) Fit(s string, t Type, width, least float64) (string, Type) {
	f := p.doc.font
	if w := f.Width(s, t.Size); w > width {
		t.Size = max(least, math.Floor(t.Size*width/w*10)/10)
	}
	if f.Width(s, t.Size) <= width {
		return s, t
	}
	runes := []rune(s)
	for len(runes) > 0 && f.Width(string(runes)+"…", t.Size) > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…", t
}

// Line draws a line of a width in millimetres.
func (p *Page) Line(x1, y1, x2, y2, width float64, c Colour) {
	p.colour(c, "RG")
	p.buf = appendNumber(p.buf, width/mmPerPoint)
	p.op(" w")
	p.x(x1)
	p.y(y1)
	p.buf = append(p.buf, "m "...)
	p.x(x2)
	p.y(y2)
	p.op("l S")
}

// Box draws the outline of a rectangle.
func (p *Page) Box(x, y, w, h, width float64, c Colour) {
	p.colour(c, "RG")
	p.buf = appendNumber(p.buf, width/mmPerPoint)
	p.op(" w")
	p.rect(x, y, w, h)
	p.op("S")
}

// Fill fills a rectangle.
func (p *Page) Fill(x, y, w, h float64, c Colour) {
	p.colour(c, "rg")
	p.rect(x, y, w, h)
	p.op("f")
}

func (p *Page) rect(x, y, w, h float64) {
	p.x(x)
	p.y(y + h)
	p.x(w)
	p.x(h)
	p.buf = append(p.buf, "re "...)
}

// Matrix fills the dark modules of a two-dimensional code of n × n modules into a square of side millimetres, in black and as
// one path: one rectangle a run of modules, so that it prints sharply at any size.
func (p *Page) Matrix(x, y, side float64, n int, dark func(col, row int) bool) {
	p.buf = append(p.buf, "q 0 g "...)
	// One unit is one module, rows count upwards from the bottom.
	scale := side / float64(n) / mmPerPoint
	for _, v := range []float64{scale, 0, 0, scale, x / mmPerPoint, (p.Height - y - side) / mmPerPoint} {
		p.buf = append(appendFine(p.buf, v), ' ')
	}
	p.op("cm")
	for row := range n {
		for col := 0; col < n; col++ {
			if !dark(col, row) {
				continue
			}
			from := col
			for col+1 < n && dark(col+1, row) {
				col++
			}
			p.buf = appendInt(p.buf, from)
			p.buf = appendInt(p.buf, n-1-row)
			p.buf = appendInt(p.buf, col+1-from)
			p.buf = append(p.buf, "1 re\n"...)
		}
	}
	p.op("f Q")
}

func appendInt(b []byte, v int) []byte {
	if v >= 100 {
		b = append(b, byte('0'+v/100%10))
	}
	if v >= 10 {
		b = append(b, byte('0'+v/10%10))
	}
	return append(b, byte('0'+v%10), ' ')
}

func appendFine(b []byte, v float64) []byte { return appendNumber(b, math.Round(v*1000)/1000) }

// Watermark sets a text faintly across the page, repeated.
func (p *Page) Watermark(s string) {
	const size, angle = 26.0, math.Pi / 6
	t := Type{Size: size, Colour: Muted}
	step := p.doc.font.Width(s, size) + 40
	p.op("q /W gs")
	cos, sin := math.Cos(angle), math.Sin(angle)
	for y, row := -20.0, 0; y < p.Height+p.Width*sin; y, row = y+62, row+1 {
		for x := -step / 2 * float64(row%2); x < p.Width/cos; x += step {
			p.op("q")
			px, py := x*cos/mmPerPoint, (p.Height-y+x*sin)/mmPerPoint
			for _, v := range []float64{cos, sin, -sin, cos, px, py} {
				p.buf = append(appendNumber(p.buf, v), ' ')
			}
			p.op("cm")
			p.turned(s, t)
			p.op("Q")
		}
	}
	p.op("Q")
}

// turned sets a text at the origin of the coordinates in force.
func (p *Page) turned(s string, t Type) {
	height := p.Height
	p.Height = 0
	p.Text(0, 0, s, t)
	p.Height = height
}
