package screening

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// Overview is how a division stands after the last run: its own figures, and those of the divisions right below it.
type Overview struct {
	Division   division.Code    `json:"division"`
	Run        int64            `json:"run"`
	AsOf       string           `json:"as_of"`
	Total      Area             `json:"total"`
	Areas      []Area           `json:"areas"`      // one level below, by code, also those without a warning; empty for a village
	ByRisk     []RiskCount      `json:"by_risk"`    // warnings (household × risk), the most first
	ByChange   map[string]int64 `json:"by_change"`  // warnings of the last run against the run before
	Guarantees []GuaranteeCount `json:"guarantees"` // the 3+1
	Feeds      []FeedState      `json:"feeds"`      // every dataset of the pack, by the counties that the division touches
	Requests   []DataRequest    `json:"data_requests"`
}

// Area counts one division's households; a warned household counts once, at its worst level.
type Area struct {
	Division   division.Code `json:"division"`
	Name       string        `json:"name"`
	Households int64         `json:"households"` // screened
	Persons    int64         `json:"persons"`
	Red        int64         `json:"red"`
	Yellow     int64         `json:"yellow"`
	Blue       int64         `json:"blue"`
}

// Warned is the number of households with a warning.
func (a Area) Warned() int64 { return a.Red + a.Yellow + a.Blue }

// GuaranteeCount is one of the 3+1 over a division's households.
type GuaranteeCount struct {
	Risk    string `json:"risk"`
	Open    int64  `json:"open"`    // households on which a rule of this guarantee hits
	Unknown int64  `json:"unknown"` // households on which none hits and some cannot be told
}

// FeedState is how a dataset stands, by the indicator that it serves worst.
type FeedState struct {
	Dataset  string   `json:"dataset"`
	Counties int      `json:"counties"`
	Covered  int      `json:"covered"`
	Gap      int      `json:"gap"`              // counties for which it comes, but some months never came
	Stale    int      `json:"stale"`            // counties for which it came too long ago
	Missing  int      `json:"missing"`          // counties for which it never came
	Through  string   `json:"through"`          // the oldest last day among the counties for which it came, "" when it never came
	Months   []string `json:"months,omitempty"` // the gaps of the first county that has some
}

// Last is the summary of the last finished run. Errors: errs.NotFound before the first run.
func (s *Service) Last(ctx context.Context) (Summary, error) {
	var sum Summary
	c, err := s.w.Conn(ctx)
	if err != nil {
		return sum, err
	}
	defer c.Close()
	run, err := s.last(ctx, c)
	if err != nil {
		return sum, err
	}
	if err := json.Unmarshal([]byte(run.Summary), &sum); err != nil {
		return sum, errs.Wrap(errs.Internal, err, "上次筛查的小结已损坏；请重新筛查", "the summary of the last run is damaged; screen again")
	}
	return sum, nil
}

// last is the last finished run, whatever pack it used.
func (s *Service) last(ctx context.Context, c *sql.Conn) (*runRecord, error) {
	ok, err := tableExists(ctx, c, "run")
	if err != nil {
		return nil, err
	}
	var run *runRecord
	if ok {
		if run, err = lastRun(ctx, c, 0); err != nil {
			return nil, err
		}
	}
	if run == nil {
		return nil, errs.New(errs.NotFound, "还没有筛查过；请先运行 shouwang screen", "nothing has been screened yet; run shouwang screen first")
	}
	return run, nil
}

// Overview counts a division (0 = the whole tree) as the last run left it.
func (s *Service) Overview(ctx context.Context, within division.Code) (Overview, error) {
	o := Overview{Division: within, ByChange: map[string]int64{}}
	c, err := s.w.Conn(ctx)
	if err != nil {
		return o, err
	}
	defer c.Close()
	run, err := s.last(ctx, c)
	if err != nil {
		return o, err
	}
	o.Run, o.AsOf = run.Run, run.AsOf.Format("2006-01-02")
	below := within.Level() + 1
	if within == 0 {
		below = division.Province
	}
	if below <= division.Village {
		if o.Areas, err = s.areas(ctx, c, within, below); err != nil {
			return o, err
		}
	}
	own, err := s.areas(ctx, c, within, within.Level())
	if err != nil {
		return o, err
	}
	o.Total = Area{Division: within, Name: s.tree.Name(within)}
	for _, a := range own { // one, or several when within is 0
		o.Total.Households, o.Total.Persons = o.Total.Households+a.Households, o.Total.Persons+a.Persons
		o.Total.Red, o.Total.Yellow, o.Total.Blue = o.Total.Red+a.Red, o.Total.Yellow+a.Yellow, o.Total.Blue+a.Blue
	}
	in := s.inside("division", within)
	if err := scan(ctx, c, "SELECT risk, count(*) FILTER (WHERE level = 3), count(*) FILTER (WHERE level = 2), count(*) FILTER (WHERE level = 1) FROM warning_live"+
		whereClause("level > 0", in)+" GROUP BY risk ORDER BY count(*) DESC, risk", func(r *sql.Rows) error {
		var n RiskCount
		if err := r.Scan(&n.Risk, &n.Red, &n.Yellow, &n.Blue); err != nil {
			return err
		}
		o.ByRisk = append(o.ByRisk, n)
		return nil
	}); err != nil {
		return o, err
	}
	if err := scan(ctx, c, fmt.Sprintf("SELECT w.change, count(*) FROM warning AS w JOIN wide_row AS h ON h.household_id = w.household_id%s GROUP BY w.change",
		whereClause(fmt.Sprintf("w.run = %d", run.Run), s.inside("h.division", within))), func(r *sql.Rows) error {
		var change string
		var n int64
		if err := r.Scan(&change, &n); err != nil {
			return err
		}
		o.ByChange[change] = n
		return nil
	}); err != nil {
		return o, err
	}
	if o.Guarantees, err = s.guarantees(ctx, c, in); err != nil {
		return o, err
	}
	if o.Feeds, err = s.feedStates(ctx, c, run, within); err != nil {
		return o, err
	}
	all, err := s.dataRequests(ctx, c)
	if err != nil {
		return o, err
	}
	for _, d := range all {
		if county := division.OfCounty(d.County); within == 0 || within.Contains(county) || within.At(division.County) == county {
			o.Requests = append(o.Requests, d)
		}
	}
	return o, nil
}

// Areas counts the divisions of one level inside a division (0 = everywhere), by code.
func (s *Service) Areas(ctx context.Context, within division.Code, level division.Level) ([]Area, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := s.last(ctx, c); err != nil {
		return nil, err
	}
	return s.areas(ctx, c, within, level)
}

// inside is the predicate that a division column lies under a division, or "" for everywhere.
func (s *Service) inside(column string, within division.Code) string {
	if within == 0 {
		return ""
	}
	lo, hi := s.tree.Range(within)
	return fmt.Sprintf("%s BETWEEN %d AND %d", column, lo, hi)
}

// areaDivisors of a 12-digit code by level.
var areaDivisors = map[division.Level]int64{division.Province: 1e10, division.Prefecture: 1e8, division.County: 1e6, division.Township: 1e3, division.Village: 1}

func (s *Service) areas(ctx context.Context, c *sql.Conn, within division.Code, level division.Level) ([]Area, error) {
	if level == division.None {
		level = division.Province
	}
	by := areaDivisors[level]
	at := map[division.Code]int{}
	var out []Area
	for _, d := range s.tree.At(level, within) {
		at[d.Code] = len(out)
		out = append(out, Area{Division: d.Code, Name: d.Short()})
	}
	// A division that the table does not have (a village made or renamed since) is kept under its code.
	place := func(n int64) *Area {
		code := division.Code(n * by)
		i, ok := at[code]
		if !ok {
			i = len(out)
			at[code] = i
			out = append(out, Area{Division: code, Name: s.tree.Name(code)})
		}
		return &out[i]
	}
	in := s.inside("division", within)
	if err := scan(ctx, c, fmt.Sprintf("SELECT CAST(division // %d AS BIGINT), count(*), CAST(coalesce(sum(members), 0) AS BIGINT) FROM wide_row%s GROUP BY 1", by, whereClause("division IS NOT NULL", in)), func(r *sql.Rows) error {
		var n, households, persons int64
		if err := r.Scan(&n, &households, &persons); err != nil {
			return err
		}
		a := place(n)
		a.Households, a.Persons = households, persons
		return nil
	}); err != nil {
		return nil, err
	}
	err := scan(ctx, c, fmt.Sprintf("SELECT CAST(division // %d AS BIGINT), level, count(*) FROM (SELECT household_id, any_value(division) AS division, max(level) AS level FROM warning_live%s GROUP BY household_id) AS l GROUP BY 1, 2",
		by, whereClause("level > 0", in)), func(r *sql.Rows) error {
		var n, households int64
		var level uint8
		if err := r.Scan(&n, &level, &households); err != nil {
			return err
		}
		a := place(n)
		switch policy.Level(level) {
		case policy.Red:
			a.Red = households
		case policy.Yellow:
			a.Yellow = households
		case policy.Blue:
			a.Blue = households
		}
		return nil
	})
	return out, err
}

// guarantees counts the 3+1 by risk, in the pack's order.
func (s *Service) guarantees(ctx context.Context, c *sql.Conn, in string) ([]GuaranteeCount, error) {
	var risks []string
	masks := map[string][]int64{}
	n := words(len(s.pack.Rules) + len(s.pack.Checks))
	for i := range s.pack.Rules {
		r := &s.pack.Rules[i]
		if r.Class != policy.ClassGuarantee {
			continue
		}
		if masks[r.Risk] == nil {
			risks = append(risks, r.Risk)
			masks[r.Risk] = make([]int64, n)
		}
		w, m := ruleBit(i)
		masks[r.Risk][w] |= m
	}
	if len(risks) == 0 {
		return nil, nil
	}
	some := func(prefix string, mask []int64) string {
		var parts []string
		for w, m := range mask {
			if m != 0 {
				parts = append(parts, fmt.Sprintf("(%s%d & %d) <> 0", prefix, w, m))
			}
		}
		return "(" + strings.Join(parts, " OR ") + ")"
	}
	var cols []string
	var dest []any
	out := make([]GuaranteeCount, len(risks))
	for i, risk := range risks {
		hit, unknown := some("hits", masks[risk]), some("unknowns", masks[risk])
		out[i].Risk = risk
		count := func(cond string) string { return "CAST(coalesce(sum(n) FILTER (WHERE " + cond + "), 0) AS BIGINT)" }
		cols = append(cols, count(hit), count("NOT "+hit+" AND "+unknown))
		dest = append(dest, &out[i].Open, &out[i].Unknown)
	}
	// Households share few patterns: the patterns are counted, then their bits.
	text := "SELECT " + strings.Join(cols, ", ") + " FROM (SELECT pattern, count(*) AS n FROM wide_row" + whereClause(in) + " GROUP BY pattern) AS w JOIN pattern AS p ON p.pattern = w.pattern"
	if err := c.QueryRowContext(ctx, text).Scan(dest...); err != nil {
		return nil, fmt.Errorf("screening: guarantees: %w\n%s", err, short(text))
	}
	return out, nil
}

// feedStates tells, per dataset, for how many counties it is good enough for every indicator that reads it.
func (s *Service) feedStates(ctx context.Context, c *sql.Conn, run *runRecord, within division.Code) ([]FeedState, error) {
	cover, err := loadCoverage(ctx, c, run.AsOf, 0)
	if err != nil {
		return nil, err
	}
	q := &query{pack: s.pack, asOf: run.AsOf, cover: cover}
	readers := map[string][]*policy.Indicator{}
	for i := range s.pack.Indicators {
		if ind := &s.pack.Indicators[i]; ind.Derive == nil {
			readers[q.feedOf(ind.Dataset)] = append(readers[q.feedOf(ind.Dataset)], ind)
		}
	}
	var out []FeedState
	for i := range s.pack.Datasets {
		f := FeedState{Dataset: s.pack.Datasets[i].ID}
		for _, county := range cover.counties {
			if code := division.OfCounty(county); within != 0 && !within.Contains(code) && within.At(division.County) != code {
				continue
			}
			st := q.worst(readers[f.Dataset], county, cover.of(need{dataset: f.Dataset}, county))
			if s.pack.Datasets[i].Role == "casework" && st.state == missing {
				continue // the program's own records: no department owes them
			}
			f.Counties++
			switch st.state {
			case covered:
				f.Covered++
			case gap:
				f.Gap++
			case stale:
				f.Stale++
			case missing:
				f.Missing++
			}
			if day := st.through.Format("2006-01-02"); !st.through.IsZero() && (f.Through == "" || day < f.Through) {
				f.Through = day
			}
			if len(st.gaps) > 0 && f.Gap == 1 && len(f.Months) == 0 {
				f.Months = st.gaps
			}
		}
		out = append(out, f)
	}
	return out, nil
}
