package policy

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// longest is the length of the longest common subsequence, by the textbook's table.
func longest(a, b []string) int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := range a {
		for j := range b {
			table[i+1][j+1] = max(table[i][j+1], table[i+1][j])
			if a[i] == b[j] {
				table[i+1][j+1] = max(table[i+1][j+1], table[i][j]+1)
			}
		}
	}
	return table[len(a)][len(b)]
}

// TestDiffLines: the script turns one text into the other, and keeps as many lines as can be kept.
func TestDiffLines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() []byte {
		var b strings.Builder
		for range r.IntN(14) {
			fmt.Fprintf(&b, "%c\n", 'a'+rune(r.IntN(4)))
		}
		return []byte(b.String())
	}
	for range 3000 {
		a, b := text(), text()
		var old, now bytes.Buffer
		same := 0
		for _, l := range DiffLines(a, b) {
			if l.Op != LineNew {
				fmt.Fprintln(&old, l.Text)
			}
			if l.Op != LineGone {
				fmt.Fprintln(&now, l.Text)
			}
			if l.Op == LineSame {
				same++
			}
		}
		if !bytes.Equal(old.Bytes(), a) || !bytes.Equal(now.Bytes(), b) {
			t.Fatalf("%q → %q: the script says %q → %q", a, b, old.Bytes(), now.Bytes())
		}
		if want := longest(lines(a), lines(b)); same != want {
			t.Fatalf("%q → %q: %d lines kept, can keep %d", a, b, same, want)
		}
	}
}

func TestMerge(t *testing.T) {
	base := "a\nb\nc\nd\ne\n"
	for _, x := range []struct {
		name, mine, theirs, want string
		conflicts                int
	}{
		{"one side", "a\nB\nc\nd\ne\n", base, "a\nB\nc\nd\ne\n", 0},
		{"other side", base, "a\nb\nc\nd\nE\n", "a\nb\nc\nd\nE\n", 0},
		{"both, far apart", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\ne\nf\n", "A\nb\nc\nd\ne\nf\n", 0},
		{"both the same", "a\nX\nc\nd\ne\n", "a\nX\nc\nd\ne\n", "a\nX\nc\nd\ne\n", 0},
		{"both otherwise", "a\nX\nc\nd\ne\n", "a\nY\nc\nd\ne\n", "a\n<<<<<<< me\nX\n=======\nY\n>>>>>>> you\nc\nd\ne\n", 1},
		{"gone and changed", "a\nc\nd\ne\n", "a\nY\nc\nd\ne\n", "a\n<<<<<<< me\n=======\nY\n>>>>>>> you\nc\nd\ne\n", 1},
		{"inserted at different places", "a\n1\nb\nc\nd\ne\n", "a\nb\nc\n2\nd\ne\n", "a\n1\nb\nc\n2\nd\ne\n", 0},
	} {
		got, n := Merge([]byte(base), []byte(x.mine), []byte(x.theirs), "me", "you")
		if string(got) != x.want || n != x.conflicts {
			t.Errorf("%s: %d conflicts, %q", x.name, n, got)
		}
	}
}
