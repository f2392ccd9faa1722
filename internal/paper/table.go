package paper

// Cell is a cell of a ruled table or form.
type Cell struct {
	Text   string
	Span   int  // columns it covers; 0: one
	Label  bool // names what stands beside or below it: shaded
	Bold   bool
	Top    bool // text begins at the top instead of standing in the middle
	Align  Align
	Height float64 // mm at least, as room to write by hand
}

// Table is a ruled table. A form is a table whose cells are labels and answers.
type Table struct {
	Columns []float64 // shares of the width
	Header  [][]Cell  // repeated on every page
	Rows    [][]Cell
	Size    float64 // of type, points; 0: 10
}

const (
	cellPad   = 1.6 // mm between rule and text, left and right
	cellAir   = 1.1 // above and below
	ruleWidth = 0.18
)

// laid is a cell with its lines and its place in the row.
type laid struct {
	Cell
	x, width float64
	lines    []line
}

// row is a laid-out row.
type row struct {
	cells  []laid
	height float64
}

// Table sets a ruled table. A row that does not fit goes to the next page; one that is higher than a page is broken between
// lines. Cells that a row lacks are empty.
func (f *Flow) Table(t Table) {
	if t.Size == 0 {
		t.Size = 10
	}
	total := 0.0
	for _, c := range t.Columns {
		total += c
	}
	edges := []float64{f.left()}
	for _, c := range t.Columns {
		edges = append(edges, edges[len(edges)-1]+c/total*f.width())
	}
	var header []row
	headerHeight := 0.0
	for _, cells := range t.Header {
		r := f.layRow(cells, edges, t.Size)
		headerHeight += r.height
		header = append(header, r)
	}
	begin := func() {
		for _, r := range header {
			f.drawRow(r, t.Size)
		}
	}
	if len(t.Rows) > 0 {
		f.Need(headerHeight + min(f.layRow(t.Rows[0], edges, t.Size).height, 40))
	}
	begin()
	body := f.bottom() - f.layout.Margin - headerHeight
	for _, cells := range t.Rows {
		r := f.layRow(cells, edges, t.Size)
		if f.y+r.height > f.bottom()+0.01 && f.y > f.layout.Margin+headerHeight+0.01 && (r.height <= body || f.bottom()-f.y < 30) {
			f.Break()
			begin()
		}
		for f.y+r.height > f.bottom()+0.01 {
			var upper row
			if upper, r = splitRow(r, t.Size, f.bottom()-f.y); len(upper.cells) == 0 {
				break // not even one line fits below the header: better over the margin than never
			}
			f.drawRow(upper, t.Size)
			f.Break()
			begin()
		}
		f.drawRow(r, t.Size)
	}
}

func lineHeight(size float64) float64 { return size * 1.45 * mmPerPoint }

func (f *Flow) layRow(cells []Cell, edges []float64, size float64) row {
	r := row{height: lineHeight(size) + 2*cellAir}
	column := 0
	last := len(edges) - 1
	for i := 0; column < last; i++ {
		var c Cell
		if i < len(cells) {
			c = cells[i]
		} else {
			c.Span = last - column // what is left is one empty cell
		}
		to := min(column+max(c.Span, 1), last)
		l := laid{Cell: c, x: edges[column], width: edges[to] - edges[column]}
		l.lines = f.doc.font.breakLines(c.Text, size, l.width-2*cellPad, 0)
		r.height = max(r.height, float64(len(l.lines))*lineHeight(size)+2*cellAir, min(c.Height, f.bottom()-f.layout.Margin))
		r.cells = append(r.cells, l)
		column = to
	}
	return r
}

// splitRow cuts a row so that its upper part is no higher than room.
func splitRow(r row, size, room float64) (upper, lower row) {
	n := int((room - 2*cellAir) / lineHeight(size))
	if n < 1 {
		return row{}, r
	}
	upper.height, lower.height = room, lineHeight(size)+2*cellAir
	for _, c := range r.cells {
		a, b := c, c
		k := min(n, len(c.lines))
		a.lines, b.lines = c.lines[:k], c.lines[k:]
		a.Top, b.Top = true, true
		lower.height = max(lower.height, float64(len(b.lines))*lineHeight(size)+2*cellAir, c.Height-room)
		upper.cells, lower.cells = append(upper.cells, a), append(lower.cells, b)
	}
	return upper, lower
}

func (f *Flow) drawRow(r row, size float64) {
	for _, c := range r.cells {
		if c.Label {
			f.page.Fill(c.x, f.y, c.width, r.height, Shade)
		}
	}
	for _, c := range r.cells {
		f.page.Box(c.x, f.y, c.width, r.height, ruleWidth, Rule)
		step := lineHeight(size)
		y := f.y + cellAir
		if !c.Top {
			y = f.y + (r.height-float64(len(c.lines))*step)/2
		}
		for _, l := range c.lines {
			setLine(f.page, c.x+cellPad, y+step*0.5+size*mmPerPoint*0.36, c.width-2*cellPad, l, Type{Size: size, Bold: c.Bold, Colour: Ink}, c.Align)
			y += step
		}
	}
	f.y, f.fresh = f.y+r.height, false
}
