package division

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// nameIndex has, for each way of writing a name, the codes that it may mean, in order.
type nameIndex struct {
	exact map[string][]Code // official and short names: 西山镇, 顶洞村, 关岭布依族苗族自治县
	loose map[string][]Code // what people leave out: 西山, 顶洞, 关岭县, 黔东南州
	long  int               // the longest key, in bytes
}

// Find resolves a place name as files write it, looking only under within (0: everywhere): 从江县西山镇顶洞村, 西山镇顶洞村, 顶洞村; white
// space, full-width signs and separators (/ - > 、) do not matter, nor does the ending 村民委员会, 村委会, 居民委员会 or 居委会. Endings of levels may be left
// out (西山顶洞, 关岭县) when no name fits as it stands. A code in digits is taken as a code.
//
// ok is true when exactly one division fits. When several do, ok is false and ambiguous true: it never guesses. In a call per row
// it costs a few microseconds.
func (t *Tree) Find(name string, within Code) (code Code, ok, ambiguous bool) {
	s := clean(name)
	if s == "" {
		return 0, false, false
	}
	if s[0] >= '0' && s[0] <= '9' {
		if c, err := Parse(s); err == nil {
			_, known := t.Get(c)
			ok = known && within.Contains(c)
			if !ok {
				c = 0
			}
			return c, ok, false
		}
	}
	t.indexOnce.Do(func() { t.index = t.names() })
	for _, loose := range []bool{false, true} {
		found := t.index.match(nil, s, within, loose)
		switch {
		case len(found) == 1:
			return found[0], true, false
		case len(found) > 1:
			return 0, false, true
		}
	}
	return 0, false, false
}

// Candidates gives every division that name may mean under within, in order of code: what to offer when [Tree.Find] says ambiguous.
func (t *Tree) Candidates(name string, within Code) []Division {
	s := clean(name)
	if s == "" {
		return nil
	}
	t.indexOnce.Do(func() { t.index = t.names() })
	found := t.index.match(nil, s, within, false)
	if len(found) == 0 {
		found = t.index.match(nil, s, within, true)
	}
	slices.Sort(found)
	divisions := make([]Division, 0, len(found))
	for _, c := range found {
		if d, ok := t.Get(c); ok {
			divisions = append(divisions, d)
		}
	}
	return divisions
}

// match cuts s into names, each lying under the one before, and adds to found what the last of them means.
func (x *nameIndex) match(found []Code, s string, scope Code, loose bool) []Code {
	for end := 0; end < len(s); {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
		if end > x.long {
			break
		}
		head, tail := s[:end], s[end:]
		for _, keys := range []map[string][]Code{x.exact, x.loose} {
			for _, c := range within(keys[head], scope) {
				switch {
				case tail != "" && c.Level() < Village && c != scope:
					found = x.match(found, tail, c, loose)
				case tail == "" && !slices.Contains(found, c):
					found = append(found, c)
				}
			}
			if !loose {
				break
			}
		}
	}
	return found
}

// names builds the index.
func (t *Tree) names() *nameIndex {
	x := &nameIndex{exact: make(map[string][]Code, 1<<15), loose: make(map[string][]Code, 1<<15)}
	add := func(m map[string][]Code, name string, c Code) {
		if name == "" {
			return
		}
		if list := m[name]; len(list) == 0 || list[len(list)-1] != c {
			m[name] = append(list, c)
		}
		x.long = max(x.long, len(name))
	}
	for level := Province; level <= Village; level++ {
		for _, d := range t.levels[level] {
			name := clean(d.Name)
			add(x.exact, name, d.Code)
			for _, other := range spoken(name, level) {
				if other != name {
					add(x.loose, other, d.Code)
				}
			}
		}
	}
	// Levels came one after the other; lookups need the codes in order.
	for _, m := range []map[string][]Code{x.exact, x.loose} {
		for _, codes := range m {
			slices.Sort(codes)
		}
	}
	return x
}

// spoken gives the shorter forms of a name.
func spoken(name string, level Level) []string {
	cut := func(s string, endings ...string) string {
		for _, e := range endings {
			if rest, ok := strings.CutSuffix(s, e); ok && utf8.RuneCountInString(rest) >= 2 {
				return rest
			}
		}
		return s
	}
	// ethnic drops 布依族苗族 and the like from the end.
	ethnic := func(s string) string {
		for {
			was := s
			for _, group := range []string{"布依族", "土家族", "仡佬族", "蒙古族", "毛南族", "仫佬族", "瑶族", "苗族", "侗族", "彝族", "水族", "壮族", "回族", "白族", "满族", "羌族", "畲族", "各族"} {
				s = cut(s, group)
			}
			if s == was {
				return s
			}
		}
	}
	switch level {
	case Province:
		return []string{cut(name, "省", "自治区", "市")}
	case Prefecture:
		if stem, ok := strings.CutSuffix(name, "自治州"); ok {
			stem = ethnic(stem)
			return []string{stem, stem + "州", stem + "自治州"}
		}
		return []string{cut(name, "市", "地区", "盟")}
	case County:
		if stem, ok := strings.CutSuffix(name, "自治县"); ok {
			stem = ethnic(stem)
			return []string{stem, stem + "县", stem + "自治县"}
		}
		return []string{cut(name, "特区", "县", "区", "市")}
	case Township:
		if stem, ok := strings.CutSuffix(name, "民族乡"); ok {
			return []string{stem, stem + "乡"}
		}
		if stem, ok := strings.CutSuffix(name, "乡"); ok {
			short := ethnic(stem)
			return []string{short, short + "乡", short + "民族乡", stem + "民族乡"}
		}
		return []string{cut(name, "街道办事处", "街道", "镇"), cut(name, "街道") + "街道办事处", cut(name, "街道") + "街道办"}
	default:
		stem := cut(name, "社区", "村", "居委会")
		if strings.HasSuffix(name, "村") {
			return []string{stem}
		}
		return []string{stem, stem + "社区", stem + "居委会", stem + "居"}
	}
}

// clean brings a name into the form of the index's keys.
func clean(name string) string {
	s := strings.Map(func(r rune) rune {
		if strings.ContainsRune("/-\\>、,，.·|_", r) {
			return -1
		}
		return r
	}, normalise(name))
	return village(s)
}

// village drops the committee from a village's name, so that only the place is left: 顶洞村村民委员会, 顶洞村村委会, 顶洞村民委员会, 顶洞村委会
// → 顶洞村; 西山社区居民委员会 → 西山社区. A residents' committee that is not named after a community keeps its short name (机关居民委员会
// → 机关居委会), and a name without a committee stays as it is. The last endings of the lists are slips in the published table.
func village(name string) string {
	for _, ending := range [...]string{"村民委员会", "村委会", "村委员会", "村民委会员会", "和民委员会"} {
		if stem, ok := strings.CutSuffix(name, ending); ok && stem != "" {
			stem = strings.TrimSuffix(stem, "委") // 堰溪村委村民委员会
			if strings.HasSuffix(stem, "村") || strings.HasSuffix(stem, "社区") {
				return stem
			}
			return stem + "村"
		}
	}
	for _, ending := range [...]string{"居民委员会", "居委会", "居民委会", "居民委员会员"} {
		if stem, ok := strings.CutSuffix(name, ending); ok && stem != "" {
			if strings.HasSuffix(stem, "社区") || strings.HasSuffix(stem, "村") {
				return stem
			}
			return stem + "居委会"
		}
	}
	return name
}
