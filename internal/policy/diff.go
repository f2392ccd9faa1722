package policy

import (
	"bytes"
	"slices"
	"strings"
)

// LineOp says what became of a line.
type LineOp byte

// What becomes of a line.
const (
	LineSame LineOp = ' '
	LineGone LineOp = '-'
	LineNew  LineOp = '+'
)

// Line is one line of a comparison of two texts.
type Line struct {
	Op   LineOp
	Old  int // its number in the old text, from 1; 0 for a new line
	New  int // its number in the new text, from 1; 0 for a line that is gone
	Text string
}

// lines cuts a text into lines without their ends; a last line end makes no empty line.
func lines(text []byte) []string {
	s := strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// DiffLines compares two texts line by line: the shortest script of lines that go and come (Myers 1986), or, where more than mostEdits lines differ, the whole
// stretch between the first and the last difference.
func DiffLines(before, after []byte) []Line {
	a, b := lines(before), lines(after)
	var out []Line
	i, j := 0, 0
	for _, m := range append(matchLines(a, b), [2]int{len(a), len(b)}) {
		for ; i < m[0]; i++ {
			out = append(out, Line{Op: LineGone, Old: i + 1, Text: a[i]})
		}
		for ; j < m[1]; j++ {
			out = append(out, Line{Op: LineNew, New: j + 1, Text: b[j]})
		}
		if i < len(a) {
			out = append(out, Line{Op: LineSame, Old: i + 1, New: j + 1, Text: a[i]})
			i, j = i+1, j+1
		}
	}
	return out
}

// Hunks keeps of a comparison what differs, with so many lines around it; each hunk is a stretch without a gap.
func Hunks(all []Line, around int) [][]Line {
	keep := make([]bool, len(all))
	for i, l := range all {
		if l.Op != LineSame {
			for k := max(0, i-around); k <= min(len(all)-1, i+around); k++ {
				keep[k] = true
			}
		}
	}
	var out [][]Line
	for i := 0; i < len(all); i++ {
		from := i
		for i < len(all) && keep[i] {
			i++
		}
		if i > from {
			out = append(out, all[from:i])
		}
	}
	return out
}

// mostEdits bounds the work on two texts that have little in common: time and space grow with its square.
const mostEdits = 2000

// matchLines gives the pairs of equal lines, by position, that a shortest script leaves alone.
func matchLines(a, b []string) (pairs [][2]int) {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		pairs = append(pairs, [2]int{head, head})
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for _, m := range myers(a[head:len(a)-tail], b[head:len(b)-tail]) {
		pairs = append(pairs, [2]int{m[0] + head, m[1] + head})
	}
	for k := tail; k > 0; k-- {
		pairs = append(pairs, [2]int{len(a) - k, len(b) - k})
	}
	return pairs
}

func myers(a, b []string) (pairs [][2]int) {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return nil
	}
	most := min(n+m, mostEdits)
	v := make([]int, 2*most+3)
	at := most + 1
	var trace [][]int
	for d := 0; d <= most; d++ {
		trace = append(trace, slices.Clone(v[at-d-1:at+d+2]))
		for k := -d; k <= d; k += 2 {
			x := v[at+k-1] + 1
			if k == -d || k != d && v[at+k-1] < v[at+k+1] {
				x = v[at+k+1]
			}
			y := x - k
			for x < n && y < m && a[x] == b[y] {
				x, y = x+1, y+1
			}
			v[at+k] = x
			if x >= n && y >= m {
				return unwind(trace, n, m)
			}
		}
	}
	return nil
}

// unwind walks the trace back from the end and collects the diagonal steps.
func unwind(trace [][]int, x, y int) (pairs [][2]int) {
	for d := len(trace) - 1; d >= 0; d-- {
		v := trace[d] // of diagonals −d−1 … d+1, before step d
		k := x - y
		get := func(k int) int { return v[k+d+1] }
		back := k - 1
		if k == -d || k != d && get(k-1) < get(k+1) {
			back = k + 1
		}
		px := get(back)
		py := px - back
		if d == 0 {
			px, py = 0, 0
		}
		for x > px && y > py {
			x, y = x-1, y-1
			pairs = append(pairs, [2]int{x, y})
		}
		x, y = px, py
	}
	slices.Reverse(pairs)
	return pairs
}

// Marks around what Merge could not join. A text with them is no YAML, so no pack with them loads.
const (
	markMine   = "<<<<<<< "
	markMiddle = "======="
	markTheirs = ">>>>>>> "
)

// Merge joins two changes of one text: lines that only one side changed are taken from it; where both changed the same lines differently both are kept
// between marks, with the names that are given, and conflicts counts such places.
func Merge(base, mine, theirs []byte, mineName, theirName string) (merged []byte, conflicts int) {
	o, a, b := lines(base), lines(mine), lines(theirs)
	toA, toB := partner(o, a), partner(o, b)
	var out bytes.Buffer
	write := func(list []string) {
		for _, l := range list {
			out.WriteString(l)
			out.WriteByte('\n')
		}
	}
	i, x, y := 0, 0, 0
	for i <= len(o) {
		// The next line of the base that both sides kept ends a stretch.
		j := i
		for j < len(o) && (toA[j] < 0 || toB[j] < 0) {
			j++
		}
		endA, endB := len(a), len(b)
		if j < len(o) {
			endA, endB = toA[j], toB[j]
		}
		was, hisA, hisB := o[i:j], a[x:endA], b[y:endB]
		switch {
		case slices.Equal(hisA, hisB), slices.Equal(was, hisB):
			write(hisA)
		case slices.Equal(was, hisA):
			write(hisB)
		default:
			conflicts++
			write(append([]string{markMine + mineName}, hisA...))
			write(append([]string{markMiddle}, hisB...))
			write([]string{markTheirs + theirName})
		}
		if j < len(o) {
			write(o[j : j+1])
		}
		i, x, y = j+1, endA+1, endB+1
	}
	return out.Bytes(), conflicts
}

// partner gives for every line of the base its place in the other text, -1 where it has none.
func partner(base, other []string) []int {
	out := make([]int, len(base))
	for i := range out {
		out[i] = -1
	}
	for _, m := range matchLines(base, other) {
		out[m[0]] = m[1]
	}
	return out
}
