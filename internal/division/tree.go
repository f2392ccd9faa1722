package division

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"shouwang/internal/errs"
)

//go:embed divisions.csv.zst
var packed []byte

// Division is one row of the table. Name is the official name (顶洞村村民委员会); Kind tells a town (town) from a street
// (street), township (township), ethnic township (ethnic_township), a village (village) from a community (community), and so on.
type Division struct {
	Code   Code
	Parent Code
	Level  Level
	Name   string
	Kind   string
}

// Short is the name as people say it: 顶洞村, 西山社区; for other levels the name itself.
func (d Division) Short() string {
	if d.Level == Village {
		return village(d.Name)
	}
	return d.Name
}

// Tree is the table with its indexes. It is read-only and safe for concurrent use; slices that it gives are shared and must
// not be changed.
type Tree struct {
	levels [Village + 1][]Division // each ordered by code

	indexOnce sync.Once
	index     *nameIndex
}

// Load reads the table that is built into the program.
func Load() (*Tree, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法读取内置行政区划表", "cannot read the built-in table of divisions")
	}
	defer r.Close()
	text, err := r.DecodeAll(packed, nil)
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "内置行政区划表已损坏", "the built-in table of divisions is damaged")
	}
	t, err := parse(text)
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "内置行政区划表有误", "the built-in table of divisions is wrong")
	}
	return t, nil
}

// parse reads lines "code,name,kind", ordered by code; every division's parent must be there.
func parse(text []byte) (*Tree, error) {
	t := new(Tree)
	t.levels[Village] = make([]Division, 0, bytes.Count(text, []byte{'\n'}))
	kinds := map[string]string{}
	all := string(text) // one allocation; the names point into it
	var last Code
	for line := 1; all != ""; line++ {
		row, rest, _ := strings.Cut(all, "\n")
		all = rest
		code, rest, ok := strings.Cut(row, ",")
		name, kind, ok2 := strings.Cut(rest, ",")
		n, err := strconv.ParseInt(code, 10, 64)
		if !ok || !ok2 || err != nil || name == "" {
			return nil, fmt.Errorf("line %d: want code,name,kind", line)
		}
		c := Code(n)
		level := c.Level()
		if level == None || c <= last {
			return nil, fmt.Errorf("line %d: %s is no code or out of order", line, code)
		}
		last = c
		if _, ok := t.Get(c.Parent()); !ok && level > Province {
			return nil, fmt.Errorf("line %d: %s has no parent", line, code)
		}
		if known, ok := kinds[kind]; ok {
			kind = known
		} else {
			kinds[kind] = kind
		}
		t.levels[level] = append(t.levels[level], Division{Code: c, Parent: c.Parent(), Level: level, Name: name, Kind: kind})
	}
	if last == 0 {
		return nil, errors.New("it is empty")
	}
	return t, nil
}

// Get finds a division by its code.
func (t *Tree) Get(c Code) (Division, bool) {
	level := t.levels[c.Level()]
	i := sort.Search(len(level), func(i int) bool { return level[i].Code >= c })
	if i == len(level) || level[i].Code != c {
		return Division{}, false
	}
	return level[i], true
}

// At gives all divisions of a level under c (c itself, when it stands on that level); under 0 all there are.
func (t *Tree) At(level Level, c Code) []Division {
	if level > Village {
		return nil
	}
	list := t.levels[level]
	lo, hi := c.Range()
	from := sort.Search(len(list), func(i int) bool { return int64(list[i].Code) >= lo })
	to := max(from, sort.Search(len(list), func(i int) bool { return int64(list[i].Code) > hi }))
	return list[from:to:to]
}

// Children gives the divisions one level below c; for 0 the provinces.
func (t *Tree) Children(c Code) []Division {
	level := c.Level()
	if level == Village || level == None && c != 0 {
		return nil
	}
	return t.At(level+1, c)
}

// Villages gives the villages and communities under c (c itself when it is one).
func (t *Tree) Villages(c Code) []Division { return t.At(Village, c) }

// Counties gives the counties under c (c itself when it is one).
func (t *Tree) Counties(c Code) []Division { return t.At(County, c) }

// Range is [Code.Range].
func (t *Tree) Range(c Code) (lo, hi int64) { return c.Range() }

// Path gives the names from the province down to c itself, in their short form: 贵州省, 黔东南苗族侗族自治州, 从江县, 西山镇, 顶洞村. Levels that
// are not in the table are left out; an unknown code gives the known part above it.
func (t *Tree) Path(c Code) []string {
	var names []string
	for l := Province; l <= c.Level(); l++ {
		if d, ok := t.Get(c.At(l)); ok {
			names = append(names, d.Short())
		}
	}
	return names
}

// Name is the short name of c, or its digits when the table does not have it.
func (t *Tree) Name(c Code) string {
	if d, ok := t.Get(c); ok {
		return d.Short()
	}
	return c.String()
}

// within cuts a list, ordered by code, down to c's subtree.
func within(codes []Code, c Code) []Code {
	lo, hi := c.Range()
	from, _ := slices.BinarySearch(codes, Code(lo))
	to, _ := slices.BinarySearch(codes, Code(hi+1))
	return codes[from:max(from, to)]
}
