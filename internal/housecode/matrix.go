package housecode

import (
	"math/bits"
	"sync"

	"rsc.io/qr/coding"

	"shouwang/internal/errs"
)

// level of error correction: 15 % of a worn or wet card may be unreadable.
const level = coding.M

// matrices makes QR codes. What a version's masks change is worked out once, so that a code takes a tenth of a millisecond; it is safe
// for concurrent use.
type matrices struct {
	mu       sync.Mutex
	versions map[coding.Version]*layout
}

// grid is a square of modules as bits, a word a row and again a word a column, so that reading it is judged by a few operations a line.
type grid struct {
	rows, cols []uint64
}

func newGrid(n int) grid { return grid{make([]uint64, n), make([]uint64, n)} }

func (g grid) darken(col, row int) {
	g.rows[row] |= 1 << col
	g.cols[col] |= 1 << row
}

// layout is a version: its plan with the first mask, and for each mask the modules that differ from it.
type layout struct {
	plan  *coding.Plan
	masks [8]grid
}

// matrix is a QR code without its quiet zone.
type matrix struct{ rows []uint64 }

func (m matrix) size() int              { return len(m.rows) }
func (m matrix) dark(col, row int) bool { return m.rows[row]>>col&1 == 1 }

func (ms *matrices) layout(v coding.Version) (*layout, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if l := ms.versions[v]; l != nil {
		return l, nil
	}
	l := new(layout)
	for mask := range l.masks {
		plan, err := coding.NewPlan(v, level, coding.Mask(mask))
		if err != nil {
			return nil, err
		}
		if mask == 0 {
			l.plan = plan
		}
		l.masks[mask] = newGrid(len(plan.Pixel))
		for y, row := range plan.Pixel {
			for x, pixel := range row {
				if (pixel^l.plan.Pixel[y][x])&coding.Black != 0 {
					l.masks[mask].darken(x, y)
				}
			}
		}
	}
	if ms.versions == nil {
		ms.versions = map[coding.Version]*layout{}
	}
	ms.versions[v] = l
	return l, nil
}

// maxVersion is the largest whose rows fit a word: 61 modules, 366 characters.
const maxVersion = 11

// encode makes the smallest code of an upper-case text, with the mask that ISO/IEC 18004 finds best to read.
func (ms *matrices) encode(text string) (matrix, error) {
	alpha := coding.Alpha(text)
	if err := alpha.Check(); err != nil {
		return matrix{}, errs.Wrap(errs.Invalid, err, "户码的网址只能用大写字母、数字和 $%*+-./: 这些符号", "the address of a code may hold only capitals, digits and $%*+-./:")
	}
	v := coding.Version(coding.MinVersion)
	for v <= maxVersion && alpha.Bits(v) > 8*v.DataBytes(level) {
		v++
	}
	if v > maxVersion {
		return matrix{}, errs.New(errs.Invalid, "网址太长，印成户卡后难以扫描，请换一个短一些的域名", "the address is too long to be scanned from a card: use a shorter host name")
	}
	l, err := ms.layout(v)
	if err != nil {
		return matrix{}, errs.Wrap(errs.Internal, err, "无法生成二维码", "cannot make the QR code")
	}
	code, err := l.plan.Encode(alpha)
	if err != nil {
		return matrix{}, errs.Wrap(errs.Internal, err, "无法生成二维码", "cannot make the QR code")
	}
	n := code.Size
	first := newGrid(n)
	for y := range n {
		for x := range n {
			if code.Black(x, y) {
				first.darken(x, y)
			}
		}
	}
	best, try, least := newGrid(n), newGrid(n), -1
	for _, mask := range l.masks {
		for i := range n {
			try.rows[i], try.cols[i] = first.rows[i]^mask.rows[i], first.cols[i]^mask.cols[i]
		}
		if p := try.penalty(); least < 0 || p < least {
			best, try, least = try, best, p
		}
	}
	return matrix{best.rows}, nil
}

// penalty counts what makes a code hard to read (ISO/IEC 18004, 7.8.3): runs of five and more, blocks of one colour, patterns that look like a finder,
// and too much of one colour.
func (g grid) penalty() int {
	n := len(g.rows)
	total, dark := 0, 0
	for _, lines := range [][]uint64{g.rows, g.cols} {
		for _, w := range lines {
			// A bit of five says that a run of five equal modules begins there: a run of L has L−4 of them and costs L−2.
			same := ^(w ^ w>>1) & (1<<(n-1) - 1)
			five := same & (same >> 1) & (same >> 2) & (same >> 3)
			total += bits.OnesCount64(five) + 2*bits.OnesCount64(five&^(five<<1))
			total += 40 * (finders(w, n, 0b10111010000) + finders(w, n, 0b00001011101))
		}
	}
	for i, w := range g.rows {
		dark += bits.OnesCount64(w)
		if i+1 < n {
			below := g.rows[i+1]
			block := ^(w ^ w>>1) & ^(below ^ below>>1) & ^(w ^ below) & (1<<(n-1) - 1)
			total += 3 * bits.OnesCount64(block)
		}
	}
	off := dark*20 - n*n*10
	return total + max(off, -off)/(n*n)*10
}

// finders counts where a line of n modules shows a pattern of eleven.
func finders(w uint64, n int, pattern uint64) int {
	hits := uint64(1)<<(n-10) - 1
	for i := range 11 {
		if pattern>>i&1 == 1 {
			hits &= w >> i
		} else {
			hits &= ^w >> i
		}
	}
	return bits.OnesCount64(hits)
}
