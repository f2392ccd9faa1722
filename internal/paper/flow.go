package paper

import "fmt"

// Align says where a text stands between two edges.
type Align uint8

// The alignments.
const (
	Left Align = iota
	Centre
	Right
	Justify // flush on both sides, the last line of a paragraph left
)

// Layout is the frame of flowing pages.
type Layout struct {
	Landscape bool
	Header    string // small, at the top right of each page; empty: none
	Footer    string // small, at the bottom left of each page, beside the page number
	Watermark string // faintly across each page; empty: none
	Margin    float64
}

// Flow sets headings, paragraphs and tables down the pages of a document, opening pages as they are needed.
type Flow struct {
	doc    *Doc
	layout Layout
	size   Size
	pages  []*Page
	page   *Page
	y      float64 // where the next thing begins
	fresh  bool    // nothing stands on the page yet
}

// Flow begins a run of pages. [Flow.Close] numbers them.
func (d *Doc) Flow(l Layout) *Flow {
	if l.Margin == 0 {
		l.Margin = 20
	}
	f := &Flow{doc: d, layout: l, size: a4(l.Landscape)}
	f.Break()
	return f
}

// leading is the distance of baselines as a multiple of the size of type: Chinese text needs air.
const leading = 1.6

// Break opens a new page.
func (f *Flow) Break() {
	f.page = f.doc.Page(f.size)
	f.pages = append(f.pages, f.page)
	if f.layout.Watermark != "" {
		f.page.Watermark(f.layout.Watermark)
	}
	f.y, f.fresh = f.layout.Margin, true
}

func (f *Flow) left() float64   { return f.layout.Margin }
func (f *Flow) width() float64  { return f.size.Width - 2*f.layout.Margin }
func (f *Flow) bottom() float64 { return f.size.Height - f.layout.Margin }

// Need opens a new page when less than mm are left on this one, to hold together what belongs together.
func (f *Flow) Need(mm float64) {
	if f.y+mm > f.bottom() && !f.fresh {
		f.Break()
	}
}

// Space leaves a gap, except at the top of a page.
func (f *Flow) Space(mm float64) {
	if !f.fresh {
		f.y += mm
	}
}

// Title sets the title of a paper: large, bold, in the middle.
func (f *Flow) Title(s string) {
	f.Paragraph(s, Para{Size: 18, Bold: true, Align: Centre, After: 3})
}

// Heading sets a heading of a part, which never stands alone at the end of a page.
func (f *Flow) Heading(s string) {
	f.Need(26)
	f.Space(3)
	f.Paragraph(s, Para{Size: 12, Bold: true, After: 1.5})
}

// Para is how a paragraph is set.
type Para struct {
	Size   float64 // points; 0: 11
	Bold   bool
	Colour Colour // 0: Ink
	Align  Align
	Indent bool    // the first line begins two characters to the right
	After  float64 // mm below it
}

// Paragraph sets a text; each newline in it begins a new paragraph of the same kind.
func (f *Flow) Paragraph(s string, p Para) {
	if p.Size == 0 {
		p.Size = 11
	}
	if p.Colour == 0 {
		p.Colour = Ink
	}
	indent := 0.0
	if p.Indent {
		indent = 2 * p.Size * mmPerPoint
	}
	height := p.Size * leading * mmPerPoint
	first := true
	for _, l := range f.doc.font.breakLines(s, p.Size, f.width(), indent) {
		f.Need(height)
		in := 0.0
		if first {
			in = indent
		}
		setLine(f.page, f.left()+in, f.y+height*0.5+p.Size*mmPerPoint*0.36, f.width()-in, l, Type{Size: p.Size, Bold: p.Bold, Colour: p.Colour}, p.Align)
		f.y, f.fresh = f.y+height, false
		first = l.last
	}
	f.y += p.After
}

// setLine sets one broken line between x and x+width.
func setLine(p *Page, x, y, width float64, l line, t Type, align Align) {
	switch align {
	case Centre:
		x += (width - l.width) / 2
	case Right:
		x += width - l.width
	case Justify:
		// Stretching more than a fifth of an em between characters looks worse than a ragged edge.
		if gaps := len([]rune(l.text)) - 1; !l.last && gaps > 0 {
			if spread := (width - l.width) / float64(gaps); spread > 0 && spread < t.Size*mmPerPoint/5 {
				t.spread = spread
			}
		}
	}
	p.Text(x, y, l.text, t)
}

// Close writes headers, footers and page numbers.
func (f *Flow) Close() {
	small := Type{Size: 8.5, Colour: Muted}
	for i, p := range f.pages {
		y := f.size.Height - f.layout.Margin/2
		p.TextRight(f.size.Width-f.layout.Margin, y, fmt.Sprintf("第 %d 页 共 %d 页", i+1, len(f.pages)), small)
		footer, t := p.Fit(f.layout.Footer, small, f.width()-40, 7)
		p.Text(f.layout.Margin, y, footer, t)
		header, t := p.Fit(f.layout.Header, small, f.width(), 7)
		p.TextRight(f.size.Width-f.layout.Margin, f.layout.Margin/2+2, header, t)
	}
}
