package intake

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"unicode"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// headerLines is how many records from the top may be a title before the header comes.
const headerLines = 5

// contract is a dataset with its headers made ready for matching.
type contract struct {
	ds      *policy.Dataset
	headers map[string]int // headerKey → index in ds.Columns
}

func newContracts(p *policy.Pack) []contract {
	var cs []contract
	for i := range p.Datasets {
		ds := &p.Datasets[i]
		c := contract{ds: ds, headers: map[string]int{}}
		add := func(name string, col int) {
			if k := headerKey(name); k != "" {
				if _, taken := c.headers[k]; !taken {
					c.headers[k] = col
				}
			}
		}
		for j, col := range ds.Columns {
			add(col.Header, j)
		}
		for j, col := range ds.Columns {
			add(col.ID, j)
			for _, a := range col.Aliases {
				add(a, j)
			}
		}
		cs = append(cs, c)
	}
	return cs
}

// headerKey is the form in which headers are compared: half-width, lower case, without spaces and the * of required columns.
func headerKey(s string) string {
	b := appendNormal(nil, []byte(s))
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '*' || r == '\'' || r == '"' || unicode.IsControl(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, string(b))
}

// lookup finds the contract column of a header; a unit in parentheses behind it ("总费用(元)") does not matter.
func (c *contract) lookup(header string) (int, bool) {
	k := headerKey(header)
	if i, ok := c.headers[k]; ok {
		return i, true
	}
	if p := strings.IndexByte(k, '('); p > 0 && strings.HasSuffix(k, ")") {
		i, ok := c.headers[k[:p]]
		return i, ok
	}
	return 0, false
}

// match is how one record, read as a header, fits one contract.
type match struct {
	ds      *policy.Dataset
	line    int      // record index from the top, 0-based
	headers []string // the record's cells
	src     []int    // for each contract column the index of its cell, or -1
	extra   []int    // cells whose header the contract does not know
	matched int
	double  []string // two headers that mean the same column, and the column's own header
	missing []string // required columns without a header
}

func (c *contract) match(line int, cells []string) match {
	m := match{ds: c.ds, line: line, headers: cells, src: make([]int, len(c.ds.Columns))}
	for i := range m.src {
		m.src[i] = -1
	}
	for i, cell := range cells {
		j, ok := c.lookup(cell)
		switch {
		case !ok:
			if strings.TrimSpace(cell) != "" {
				m.extra = append(m.extra, i)
			}
		case m.src[j] >= 0:
			m.double = []string{cells[m.src[j]], cell, c.ds.Columns[j].Header}
		default:
			m.src[j] = i
			m.matched++
		}
	}
	for j, col := range c.ds.Columns {
		if col.Required && m.src[j] < 0 {
			m.missing = append(m.missing, col.Header)
		}
	}
	return m
}

// named reports whether the file's name carries one of the dataset's name tokens.
func named(ds *policy.Dataset, path string) bool {
	base := strings.ToLower(filepath.Base(path))
	for _, n := range ds.FileNames {
		if n != "" && strings.Contains(base, strings.ToLower(n)) {
			return true
		}
	}
	return false
}

// choose picks the contract and the header line of a file among candidate records (its first lines, one list per
// delimiter tried): all required columns there and most known columns; the file name decides ties (design 9.3).
// only restricts the choice to one dataset. The error names what is missing and what was seen.
func choose(cs []contract, path, only string, records [][]string) (match, error) {
	var whole, part []match
	for i := range cs {
		if only != "" && cs[i].ds.ID != only {
			continue
		}
		for line, cells := range records {
			if m := cs[i].match(line, cells); m.matched > 0 {
				if len(m.missing) == 0 {
					whole = append(whole, m)
				} else {
					part = append(part, m)
				}
			}
		}
	}
	byFit := func(ms []match) {
		sort.SliceStable(ms, func(i, j int) bool {
			a, b := ms[i], ms[j]
			if a.matched != b.matched {
				return a.matched > b.matched
			}
			na, nb := named(a.ds, path), named(b.ds, path)
			if na != nb {
				return na
			}
			return a.line < b.line
		})
	}
	byFit(whole)
	if len(whole) > 0 {
		best := whole[0]
		if len(whole) > 1 && whole[1].matched == best.matched && whole[1].ds.ID != best.ds.ID && named(whole[1].ds, path) == named(best.ds, path) {
			return match{}, errs.Newf(errs.Invalid,
				"无法判断是哪类数据：表头同时符合“%[1]s”和“%[2]s”，请在文件名中写明或用 --dataset 指定",
				"cannot tell the dataset: the header fits both %[3]s and %[4]s; name it in the file name or give --dataset",
				best.ds.Name.ZH, whole[1].ds.Name.ZH, best.ds.ID, whole[1].ds.ID)
		}
		// A name that says one thing over a header that says another is a file somebody mixed up. Guessing would be worst for a
		// snapshot, which replaces what was known.
		if only == "" && !named(best.ds, path) {
			for i := range cs {
				if named(cs[i].ds, path) {
					return match{}, nameAgainstHeader(&cs[i], &best, records)
				}
			}
			if best.matched < min(fewestKnown, len(best.ds.Columns)) {
				return match{}, errs.Newf(errs.Invalid,
					"表头里只有 %[1]d 列是认得的，不足以判断是哪类数据（可能是“%[2]s”）。请检查表头，或用 --dataset %[3]s 指定",
					"only %[1]d column(s) of the header are known: too few to tell the dataset (perhaps %[3]s). Check the header or give --dataset %[3]s",
					best.matched, best.ds.Name.ZH, best.ds.ID)
			}
		}
		if best.double != nil {
			return match{}, errs.Newf(errs.Invalid,
				"“%[1]s”中有两列（%[2]s、%[3]s）都对应合同列“%[4]s”，请删去一列",
				"%[5]s: two columns (%[2]s, %[3]s) both mean the contract column %[4]s; remove one",
				best.ds.Name.ZH, maskHeader(best.double[0]), maskHeader(best.double[1]), best.double[2], best.ds.ID)
		}
		return best, nil
	}
	// Nothing fits: say what is missing for the dataset that it most probably is.
	sort.SliceStable(part, func(i, j int) bool {
		a, b := part[i], part[j]
		if na, nb := named(a.ds, path), named(b.ds, path); na != nb {
			return na
		}
		if a.matched != b.matched {
			return a.matched > b.matched
		}
		return len(a.missing) < len(b.missing)
	})
	if len(part) > 0 && (only != "" || part[0].matched >= 2 || named(part[0].ds, path)) {
		m := part[0]
		seen := "—"
		if m.matched >= 2 {
			seen = m.shown()
		}
		return match{}, errs.Newf(errs.Invalid,
			"“%[1]s”缺少必需的列：%[2]s。文件的表头是：%[3]s",
			"%[4]s: required column(s) missing: %[2]s. The file's header has: %[3]s",
			m.ds.Name.ZH, strings.Join(m.missing, "、"), seen, m.ds.ID)
	}
	cols := 0
	for _, r := range records {
		cols = max(cols, len(r))
	}
	for i := range cs {
		if named(cs[i].ds, path) || only == cs[i].ds.ID {
			var need []string
			for _, col := range cs[i].ds.Columns {
				if col.Required {
					need = append(need, col.Header)
				}
			}
			return match{}, errs.Newf(errs.Invalid,
				"“%[1]s”缺少必需的列：%[2]s。前%[3]d行里没有认得的表头（看到 %[4]d 列）",
				"%[5]s: required column(s) missing: %[2]s. None of the first %[3]d lines is a known header (%[4]d columns seen)",
				cs[i].ds.Name.ZH, strings.Join(need, "、"), headerLines, cols, cs[i].ds.ID)
		}
	}
	return match{}, errs.Newf(errs.Invalid,
		"前%[1]d行里没有任何数据合同认得的表头（看到 %[2]d 列），不知道这是什么数据。请补上表头",
		"none of the first %[1]d lines is the header of any data contract (%[2]d columns seen): cannot tell what this is. Add the header line",
		headerLines, cols)
}

// fewestKnown is how many columns a header must share with a contract before the file is taken for it on the header's word alone.
const fewestKnown = 3

// nameAgainstHeader is the error of a file whose name carries the token of one dataset and whose header fits another.
func nameAgainstHeader(c *contract, fits *match, records [][]string) error {
	var best match
	for line, cells := range records {
		if m := c.match(line, cells); line == 0 || m.matched > best.matched {
			best = m
		}
	}
	lacks := strings.Join(best.missing, "、")
	if lacks == "" {
		lacks = "—"
	}
	return errs.Newf(errs.Invalid,
		"文件名说是“%[1]s”，表头却像“%[2]s”（按“%[1]s”缺少必需的列：%[3]s）。请核对文件，或用 --dataset 指定",
		"the file name says %[4]s but the header looks like %[5]s (as %[4]s it lacks required column(s): %[3]s). Check the file or give --dataset",
		c.ds.Name.ZH, fits.ds.Name.ZH, lacks, c.ds.ID, fits.ds.ID)
}

// shown lists the headers as a message may show them. In a line that could be data (some cell has a long run of
// digits), only headers that the contract knows are shown as they are.
func (m *match) shown() string {
	var out []string
	for i, h := range m.headers {
		if strings.TrimSpace(h) != "" {
			out = append(out, m.safe(i))
		}
	}
	const most = 40
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("… (%d)", len(m.headers)))
	}
	return strings.Join(out, "、")
}

// safe is one header as receipts and messages may show it.
func (m *match) safe(i int) string {
	if slices.Contains(m.src, i) || !slices.ContainsFunc(m.headers, manyDigits) {
		return maskHeader(m.headers[i])
	}
	return mask(m.headers[i])
}

// safeHeaders are all headers of the match as they may be shown, by cell.
func (m *match) safeHeaders() []string {
	out := make([]string, len(m.headers))
	for i := range out {
		out[i] = m.safe(i)
	}
	return out
}

func manyDigits(h string) bool {
	n := 0
	for _, r := range h {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n >= 6
}

// maskHeader masks a header cell with a run of digits (no contract has one) and cuts very long ones.
func maskHeader(h string) string {
	h = strings.TrimSpace(h)
	if manyDigits(h) {
		return mask(h)
	}
	if r := []rune(h); len(r) > 24 {
		return string(r[:24]) + "…"
	}
	return h
}
