package synth

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

//go:embed names.txt
var namesText string

// weighted is a cumulative table of characters or surnames.
type weighted struct {
	text []string
	upto []int // running sums of the weights
}

func (w *weighted) pick(r *rng) string {
	x := r.below(w.upto[len(w.upto)-1])
	lo, hi := 0, len(w.upto)-1
	for lo < hi {
		mid := (lo + hi) / 2
		if x < w.upto[mid] {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return w.text[lo]
}

// nameTable makes names that suit sex, birth year and ethnic group. All are made up from single characters.
type nameTable struct {
	given    [2][4]weighted // [male, female][cohort]
	surnames map[string]*weighted
	others   *weighted
}

// cohorts are the first birth years of the given-name tables.
var cohorts = [4]int{1930, 1960, 1980, 2000}

// rareChars are given-name characters that GB 18030 has and GBK has not. Older department systems lose them.
var rareChars = [...]string{"㯊", "㵲", "䶮", "㛃", "㙍", "㸌"}

func loadNames() (*nameTable, error) {
	t := &nameTable{surnames: map[string]*weighted{}}
	for line := range strings.Lines(namesText) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] == "#" {
			continue
		}
		switch f[0] {
		case "given":
			year, err := strconv.Atoi(f[2])
			if err != nil {
				return nil, fmt.Errorf("synth: names.txt: %w", err)
			}
			w, err := parseWeighted(f[3:])
			if err != nil {
				return nil, err
			}
			sex := 0
			if f[1] == "f" {
				sex = 1
			}
			for i, c := range cohorts {
				if c == year {
					t.given[sex][i] = *w
				}
			}
		case "surnames":
			w, err := parseWeighted(f[2:])
			if err != nil {
				return nil, err
			}
			if f[1] == "*" {
				t.others = w
			} else {
				t.surnames[f[1]] = w
			}
		}
	}
	return t, nil
}

func parseWeighted(items []string) (*weighted, error) {
	w := &weighted{}
	sum := 0
	for _, it := range items {
		i := strings.IndexAny(it, "0123456789")
		if i <= 0 {
			return nil, fmt.Errorf("synth: names.txt: item %q has no weight", it)
		}
		n, err := strconv.Atoi(it[i:])
		if err != nil {
			return nil, fmt.Errorf("synth: names.txt: item %q: %w", it, err)
		}
		sum += n
		w.text = append(w.text, it[:i])
		w.upto = append(w.upto, sum)
	}
	return w, nil
}

// surname draws a family name for an ethnic group (GB/T 3304 code): seven in ten from the group's typical names
// when it has a table of its own, the others from the general one.
func (t *nameTable) surname(r *rng, ethnic string) string {
	if w := t.surnames[ethnic]; w != nil && r.chance(0.7) {
		return w.pick(r)
	}
	return t.others.pick(r)
}

// personName is a name in UTF-8, at most five characters of at most four bytes.
type personName struct {
	b    [20]byte
	n    uint8
	rare bool // holds a character outside GBK
}

func (p *personName) bytes() []byte { return p.b[:p.n] }

// rareNameShare of the persons carry a given-name character outside GBK [assumption].
const rareNameShare = 0.002

// name draws a full name.
func (t *nameTable) name(r *rng, surname string, female bool, birthYear int) (p personName) {
	cohort := 0
	for i, c := range cohorts {
		if birthYear >= c {
			cohort = i
		}
	}
	sex := 0
	if female {
		sex = 1
	}
	w := &t.given[sex][cohort]
	p.add(surname)
	x := r.unit()
	switch {
	case x < rareNameShare:
		p.add(w.pick(r))
		p.add(rareChars[r.below(len(rareChars))])
		p.rare = true
	case x < 0.14:
		p.add(w.pick(r))
	default:
		p.add(w.pick(r))
		p.add(w.pick(r))
	}
	return p
}

func (p *personName) add(s string) { p.n += uint8(copy(p.b[p.n:], s)) }

// outsideGBK reports whether a rune of these tables is one of those GBK cannot write.
func outsideGBK(r rune) bool { return r >= 0x3400 && r <= 0x4dbf || r > 0xffff }

// degrade replaces what GBK cannot write, as an old system does.
func (p *personName) degrade(with string) (q personName) {
	for b := p.bytes(); len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		if outsideGBK(r) {
			q.add(with)
		} else {
			q.add(string(b[:n]))
		}
		b = b[n:]
	}
	return q
}
