package paper

// The size of a card (ISO/IEC 7810, ID-1) in millimetres, and how many stand side by side on an A4 sheet.
const (
	CardWidth   = 85.6
	CardHeight  = 54.0
	cardColumns = 2
	cardRows    = 5
	CardsASheet = cardColumns * cardRows
)

// Cards lays cards edge to edge on A4 sheets, with crop marks in the margins: ten a sheet, seven cuts.
type Cards struct {
	doc  *Doc
	page *Page
	n    int // cards on the sheet
}

// Cards begins a run of sheets.
func (d *Doc) Cards() *Cards { return &Cards{doc: d} }

// Next gives the page and the top left corner of the next card. caption stands in the margin of a sheet that this opens.
func (c *Cards) Next(caption string) (p *Page, x, y float64) {
	size := a4(false)
	left, top := (size.Width-cardColumns*CardWidth)/2, (size.Height-cardRows*CardHeight)/2
	if c.page == nil || c.n == CardsASheet {
		c.page, c.n = c.doc.Page(size), 0
		c.page.cropMarks(left, top)
		caption, t := c.page.Fit(caption, Type{Size: 8, Colour: Muted}, cardColumns*CardWidth-20, 6)
		c.page.Text(left+6, top-6, caption, t)
	}
	x = left + float64(c.n%cardColumns)*CardWidth
	y = top + float64(c.n/cardColumns)*CardHeight
	c.n++
	return c.page, x, y
}

// Break makes the next card begin a new sheet.
func (c *Cards) Break() { c.page = nil }

// cropMarks draws the marks to cut by, outside the cards.
func (p *Page) cropMarks(left, top float64) {
	const gap, length = 1.5, 4.0
	right, bottom := left+cardColumns*CardWidth, top+cardRows*CardHeight
	for i := range cardColumns + 1 {
		x := left + float64(i)*CardWidth
		p.Line(x, top-gap-length, x, top-gap, 0.1, 0)
		p.Line(x, bottom+gap, x, bottom+gap+length, 0.1, 0)
	}
	for i := range cardRows + 1 {
		y := top + float64(i)*CardHeight
		p.Line(left-gap-length, y, left-gap, y, 0.1, 0)
		p.Line(right+gap, y, right+gap+length, y, 0.1, 0)
	}
}
