package intake

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
)

// Period is the time a delivery is for: whole months, From the first day of the first to To the last day of the last.
// The zero Period is unknown.
type Period struct{ From, To time.Time }

// IsZero reports whether the period is unknown.
func (p Period) IsZero() bool { return p.From.IsZero() }

// String writes the period as file names do: 202610 or 202511-202610.
func (p Period) String() string {
	if p.IsZero() {
		return ""
	}
	from, to := p.From.Format("200601"), p.To.Format("200601")
	if from == to {
		return from
	}
	return from + "-" + to
}

// MarshalText writes the form that ParsePeriod reads.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Period) UnmarshalText(b []byte) (err error) {
	*p = Period{}
	if len(b) > 0 {
		*p, err = ParsePeriod(string(b))
	}
	return err
}

// ParsePeriod reads 202610, 2026-10, 202511-202610, 2025-11-2026-10 or 2026 (the whole year).
func ParsePeriod(s string) (Period, error) {
	runs := digitRuns(strings.TrimSpace(s))
	if p, used := periodOf(runs); used > 0 && used == len(runs) {
		return p, nil
	}
	return Period{}, errs.Newf(errs.Invalid, "期次“%[1]s”不对，应写作 202610、2026-10、202511-202610 或 2026", "period %[1]q is wrong: write 202610, 2026-10, 202511-202610 or 2026", s)
}

// months is the period of whole months from y1-m1 to y2-m2.
func months(y1, m1, y2, m2 int) Period {
	return Period{From: time.Date(y1, time.Month(m1), 1, 0, 0, 0, 0, time.UTC), To: time.Date(y2, time.Month(m2)+1, 0, 0, 0, 0, 0, time.UTC)}
}

// run is one stretch of digits in a name, with the text right behind it up to the next.
type run struct{ digits, behind string }

func digitRuns(s string) []run {
	var runs []run
	for i := 0; i < len(s); {
		if s[i] < '0' || s[i] > '9' {
			i++
			continue
		}
		j := i
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		k := j
		for k < len(s) && (s[k] < '0' || s[k] > '9') {
			k++
		}
		runs = append(runs, run{s[i:j], s[j:k]})
		i = k
	}
	return runs
}

// periodOf finds the first period in the runs and says how many runs it took up to its end (0: none found).
func periodOf(runs []run) (Period, int) {
	for i := 0; i < len(runs); i++ {
		y, m, n := monthAt(runs[i:])
		if n == 0 {
			continue
		}
		// YYYYMM-YYYYMM and YYYY-MM-YYYY-MM; also 至 and ~ between them.
		behind := runs[i+n-1].behind
		if m > 0 && i+n < len(runs) && (behind == "-" || behind == "~" || behind == "至" || behind == "—" || behind == "月至" || behind == "月-" || behind == "月—") {
			if y2, m2, n2 := monthAt(runs[i+n:]); n2 > 0 && m2 > 0 && y2*12+m2 >= y*12+m {
				return months(y, m, y2, m2), i + n + n2
			}
		}
		if m == 0 {
			return months(y, 1, y, 12), i + n
		}
		return months(y, m, y, m), i + n
	}
	return Period{}, 0
}

// monthAt reads a year (m 0), a month or a day at the front of the runs; n is the number of runs it took.
func monthAt(runs []run) (y, m, n int) {
	d := runs[0].digits
	valid := func(y, m int) bool { return y >= firstYear && y <= lastYear && m >= 1 && m <= 12 }
	switch len(d) {
	case 8, 6:
		y, _ := strconv.Atoi(d[:4])
		m, _ := strconv.Atoi(d[4:6])
		if valid(y, m) {
			return y, m, 1
		}
	case 4:
		y, _ := strconv.Atoi(d)
		if !valid(y, 1) {
			return 0, 0, 0
		}
		if b := runs[0].behind; len(runs) > 1 && (b == "-" || b == "年" || b == "." || b == "_") && len(runs[1].digits) <= 2 {
			if m, _ := strconv.Atoi(runs[1].digits); valid(y, m) && (b != "_") {
				return y, m, 2
			}
		}
		return y, 0, 1
	}
	return 0, 0, 0
}

// nameParts is what a file's name says.
type nameParts struct {
	scope  division.Code // 0: no division code in the name
	period Period
	months bool // the name has a period
}

// parseName reads scope and period from a file name (design 9.3): the first run of 6, 9 or 12 digits that is a division
// code, then the first period among the other runs.
func parseName(path string, tree *division.Tree) nameParts {
	base := filepath.Base(path)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	runs := digitRuns(base)
	var parts nameParts
	for i, r := range runs {
		if n := len(r.digits); n != 6 && n != 9 && n != 12 {
			continue
		}
		code, err := division.Parse(r.digits)
		if err != nil {
			continue
		}
		if _, ok := tree.Get(code); !ok {
			continue
		}
		parts.scope = code
		runs = append(runs[:i:i], runs[i+1:]...)
		break
	}
	parts.period, _ = periodOf(runs)
	parts.months = !parts.period.IsZero()
	return parts
}

// scopeText names a scope for messages: code and full name.
func scopeText(tree *division.Tree, code division.Code) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s", code, strings.Join(tree.Path(code), ""))
}
