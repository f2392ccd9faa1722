package screening

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
)

// Explanation derives the outcome of rules for one household again, from the facts as they were known to a run.
type Explanation struct {
	HouseholdNo string        `json:"household_no"`
	Division    division.Code `json:"division"`
	Place       string        `json:"place"`
	Members     int           `json:"members"`
	Run         int64         `json:"run"`
	AsOf        string        `json:"as_of"`
	Pack        string        `json:"pack"` // version of the pack that the run used
	PackHash    string        `json:"pack_hash"`
	UpToBatch   int           `json:"up_to_batch"`
	// Same is false when the outcome derived now differs from the one that the run recorded: that must never happen.
	Same  bool              `json:"same_as_recorded"`
	Rules []RuleExplanation `json:"rules"`
}

// RuleExplanation is one rule's outcome and what forces it.
type RuleExplanation struct {
	Rule     string      `json:"rule"`
	Name     policy.Text `json:"name"`
	Class    string      `json:"class"`
	Risk     string      `json:"risk"`
	Level    string      `json:"level"`
	Outcome  string      `json:"outcome"` // hit | clear | unknown
	When     string      `json:"when"`    // the rule's text
	Document string      `json:"document"`
	Wording  policy.Text `json:"wording"`
	Reasons  []Reason    `json:"reasons"`
}

// Reason is one comparison of the smallest set that forces the outcome.
type Reason struct {
	Text     policy.Text   `json:"text"`
	Source   string        `json:"source"` // the comparison as the rule has it
	Left     *float64      `json:"left"`
	Right    *float64      `json:"right"`
	Margin   *float64      `json:"margin"` // left − right
	Holds    bool          `json:"holds"`
	Decisive bool          `json:"decisive"`       // the outcome is another one if this comparison alone comes out the other way (if unknown: one way or the other)
	Also     []policy.Text `json:"also,omitempty"` // where it is not decisive: what holds the outcome in its place; all of these would have to come out the other way with it
	Values   []Value       `json:"values"`
}

// Value is an indicator or parameter with where it comes from.
type Value struct {
	ID         string      `json:"id"`
	Name       policy.Text `json:"name"`
	Kind       string      `json:"kind"`  // indicator | parameter
	Value      *float64    `json:"value"` // null = unknown; a bool is 0/1, a date days since 1970-01-01
	Text       policy.Text `json:"text"`  // the value as people read it
	Unit       string      `json:"unit,omitempty"`
	Dataset    string      `json:"dataset,omitempty"`
	Department policy.Text `json:"department,omitzero"`
	Through    string      `json:"through,omitempty"` // the feed covers the county up to this day
	Why        policy.Text `json:"why,omitzero"`      // why it is unknown
	Document   string      `json:"document,omitempty"`
	Division   string      `json:"division,omitempty"` // whose value of the parameter
	Formula    string      `json:"formula,omitempty"`  // of a derived indicator
	Parts      []Value     `json:"parts,omitempty"`
	Rows       []SourceRow `json:"rows,omitempty"`
}

// SourceRow is a delivered row behind a value.
type SourceRow struct {
	File  string `json:"file"`
	Batch int    `json:"batch"`
	Row   int    `json:"row"` // data row of the file, 1-based
	Date  string `json:"date,omitempty"`
}

// derivation is one household's values as a run had them.
type derivation struct {
	q      *query
	env    []expr.Value
	run    *runRecord
	home   registry.Household
	county int32
	hits   []int64
	unk    []int64
	noRows bool // values without the rows of files behind them
}

// Explain derives the household's outcomes of a run again (run 0: the newest that screened it). rule restricts to one rule;
// without it, the rules that hit and the ones that are unknown.
func (s *Service) Explain(ctx context.Context, householdNo, rule string, run int64) (Explanation, error) {
	var e Explanation
	c, err := s.w.Conn(ctx)
	if err != nil {
		return e, err
	}
	defer c.Close()
	d, err := s.derive(ctx, c, householdNo, run)
	if err != nil {
		return e, err
	}
	same, err := s.sameAsRecorded(ctx, c, d)
	if err != nil {
		return e, err
	}
	return s.explain(ctx, c, d, rule, same)
}

// Told is Explain of the newest run as that run left it, not derived again: for a page that shows it at once. Its values name departments and days, but not the
// rows of files behind them; Explain does, and proves the outcome.
func (s *Service) Told(ctx context.Context, householdNo string) (Explanation, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return Explanation{}, err
	}
	defer c.Close()
	d, err := s.stored(ctx, c, householdNo)
	if err != nil {
		return Explanation{}, err
	}
	d.noRows = true
	return s.explain(ctx, c, d, "", true)
}

// explain tells a derivation's rules.
func (s *Service) explain(ctx context.Context, c *sql.Conn, d *derivation, rule string, same bool) (Explanation, error) {
	p := d.q.pack
	e := Explanation{HouseholdNo: d.home.No, Division: d.home.Division, Place: s.place(d.home.Division), Members: d.home.Members, Run: d.run.Run,
		AsOf: d.run.AsOf.Format("2006-01-02"), Pack: p.Version, PackHash: p.Hash, UpToBatch: d.run.UpTo, Same: same, Rules: []RuleExplanation{}}
	found := false
	for i := range p.Rules {
		r := &p.Rules[i]
		if rule != "" && r.ID != rule {
			continue
		}
		found = true
		x := r.When.Explain(d.env)
		outcome := outcomeOf(x.Outcome)
		if rule == "" && outcome == policy.Clear {
			continue
		}
		out := RuleExplanation{Rule: r.ID, Name: r.Name, Class: string(r.Class), Risk: r.Risk, Level: r.Level.String(), Outcome: outcome.String(),
			When: r.When.Source(), Document: r.Document, Wording: s.fill(d, r.Wording), Reasons: []Reason{}}
		for _, reason := range x.Reasons {
			rr, err := s.reason(ctx, c, d, reason)
			if err != nil {
				return e, err
			}
			out.Reasons = append(out.Reasons, rr)
		}
		e.Rules = append(e.Rules, out)
	}
	if !found {
		return e, noRule(rule)
	}
	return e, nil
}

func outcomeOf(v expr.Value) policy.Outcome {
	switch {
	case !v.Known:
		return policy.Unknown
	case v.Num != 0:
		return policy.Hit
	}
	return policy.Clear
}

// derive runs the screening query for one household, with the pack, day and facts of the run.
func (s *Service) derive(ctx context.Context, c *sql.Conn, householdNo string, run int64) (*derivation, error) {
	d, err := s.at(ctx, c, householdNo, run)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("SELECT coalesce(max(county), 0) FROM %s AS households WHERE household_id = %d", d.q.source("household"), d.home.ID)
	county, err := one[int32](ctx, c, text)
	if err != nil {
		return nil, err
	}
	if d.q.cover, err = loadCoverage(ctx, c, d.run.AsOf, d.run.UpTo, county); err != nil {
		return nil, err
	}
	return d, d.load(ctx, c, d.q.sqlWide(scope{ids: []int64{d.home.ID}}, d.run.Run))
}

// stored reads the household's wide row as the newest run that screened it left it, without deriving it again.
func (s *Service) stored(ctx context.Context, c *sql.Conn, householdNo string) (*derivation, error) {
	d, err := s.at(ctx, c, householdNo, 0)
	if err != nil {
		return nil, err
	}
	cols := []string{"household_id", "county", "division", "members", "run"}
	p := d.q.pack
	for i := range p.Indicators {
		cols = append(cols, column(&p.Indicators[i]))
	}
	for w := range allWords(p) {
		cols = append(cols, fmt.Sprintf("hits%d", w), fmt.Sprintf("unknowns%d", w))
	}
	if err := d.load(ctx, c, fmt.Sprintf("SELECT %s FROM wide WHERE household_id = %d", strings.Join(cols, ", "), d.home.ID)); err != nil {
		return nil, err
	}
	d.q.cover, err = loadCoverage(ctx, c, d.run.AsOf, d.run.UpTo, d.county)
	return d, err
}

// at finds the household and what a run knew: its pack, day and parameters.
func (s *Service) at(ctx context.Context, c *sql.Conn, householdNo string, run int64) (*derivation, error) {
	home, err := registry.ByHouseholdNo(ctx, c, householdNo)
	if err != nil {
		return nil, err
	}
	if ok, err := tableExists(ctx, c, "wide"); err != nil {
		return nil, err
	} else if !ok {
		return nil, errs.New(errs.NotFound, "还没有筛查过；请先运行 shouwang screen", "nothing has been screened yet; run shouwang screen first")
	}
	if run == 0 {
		if run, err = one[int64](ctx, c, fmt.Sprintf("SELECT coalesce(max(run), 0) FROM wide_row WHERE household_id = %d", home.ID)); err != nil {
			return nil, err
		}
	}
	rec, err := lastRun(ctx, c, run)
	if err != nil {
		return nil, err
	}
	if rec == nil || run == 0 {
		return nil, errs.Newf(errs.NotFound, "户 %[1]s 没有筛查记录（批次 %[2]d）", "household %[1]s has no screening record (run %[2]d)", householdNo, run)
	}
	pack := s.pack
	if rec.PackHash != pack.Hash {
		if pack, err = s.oldPack(rec.PackHash); err != nil {
			return nil, err
		}
	}
	values, err := newParameters(pack, rec.AsOf, nil)
	if err != nil {
		return nil, err
	}
	return &derivation{q: &query{pack: pack, asOf: rec.AsOf, values: values, asKnown: rec.UpTo, patterns: newPatterns(pack)}, run: rec, home: home}, nil
}

// load reads the wide row that text selects and lays it out as the slots that rules see.
func (d *derivation) load(ctx context.Context, c *sql.Conn, text string) error {
	q := d.q
	n := len(q.pack.Indicators)
	cells := make([]any, n)
	var div division.Code
	var members int
	var run, id int64
	dest := []any{&id, &d.county, &div, &members, &run}
	for i := range cells {
		dest = append(dest, &cells[i])
	}
	nwords := allWords(q.pack)
	d.hits, d.unk = make([]int64, nwords), make([]int64, nwords)
	for w := range nwords {
		dest = append(dest, &d.hits[w], &d.unk[w])
	}
	err := c.QueryRowContext(ctx, text).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return errs.Newf(errs.NotFound, "第 %[1]d 次筛查时还没有户 %[2]s", "household %[2]s was not there yet at run %[1]d", d.run.Run, d.home.No)
	}
	if err != nil {
		return fmt.Errorf("screening: derive: %w", err)
	}
	d.env = make([]expr.Value, n+len(q.pack.Parameters)+1)
	for i, v := range cells {
		d.env[i] = toValue(v)
	}
	for i := range q.pack.Parameters {
		v := q.values.at(q.pack.Parameters[i].ID, div).Value
		d.env[n+i] = expr.Value{Num: v, Known: !math.IsNaN(v)}
	}
	d.env[len(d.env)-1] = toValue(q.asOf)
	d.home.Division, d.home.Members = div, members
	return nil
}

// toValue turns what the driver gives into a value of the rule language.
func toValue(v any) expr.Value {
	switch x := v.(type) {
	case float64:
		return expr.Value{Num: x, Known: true}
	case int32:
		return expr.Value{Num: float64(x), Known: true}
	case bool:
		if x {
			return expr.Value{Num: 1, Known: true}
		}
		return expr.Value{Known: true}
	case time.Time:
		return expr.Value{Num: float64(x.Unix() / 86400), Known: true}
	}
	return expr.Value{}
}

// oldPack reads the pack that a run kept.
func (s *Service) oldPack(hash string) (*policy.Pack, error) {
	path := filepath.Join(s.dataDir, "packs", hash+".zip")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "找不到该次筛查所用的政策包 "+hash[:12], "the policy pack of that run ("+hash[:12]+") is not in the data folder")
	}
	if _, err := zip.NewReader(bytes.NewReader(b), int64(len(b))); err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "政策包文件已损坏："+filepath.Base(path), "the kept policy pack is damaged: "+filepath.Base(path))
	}
	return policy.LoadZip(bytes.NewReader(b), int64(len(b)))
}

// sameAsRecorded compares the derived hits with the ones that the run wrote.
func (s *Service) sameAsRecorded(ctx context.Context, c *sql.Conn, d *derivation) (bool, error) {
	recorded := map[string]bool{}
	if err := scan(ctx, c, fmt.Sprintf("SELECT rule FROM hit WHERE run = %d AND household_id = %d", d.run.Run, d.home.ID), func(r *sql.Rows) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		recorded[id] = true
		return nil
	}); err != nil {
		return false, err
	}
	for i := range d.q.pack.Rules {
		w, m := ruleBit(i)
		// The Go evaluation, the SQL bits and the record must all agree.
		inGo := outcomeOf(d.q.pack.Rules[i].When.Eval(d.env))
		hit := d.hits[w]&m != 0
		if hit != recorded[d.q.pack.Rules[i].ID] || hit != (inGo == policy.Hit) || (d.unk[w]&m != 0) != (inGo == policy.Unknown) {
			return false, nil
		}
	}
	return true, nil
}

// place is the path of names down to the village: "贵州省黔东南…从江县西山镇顶洞村" without the province.
func (s *Service) place(code division.Code) string {
	path := s.tree.Path(code)
	if len(path) > 1 {
		path = path[1:]
	}
	return strings.Join(path, "")
}

// reason tells one comparison with its values and their sources.
func (s *Service) reason(ctx context.Context, c *sql.Conn, d *derivation, r expr.Reason) (Reason, error) {
	out := Reason{Source: r.Source, Holds: r.Holds, Decisive: r.Decisive, Text: policy.Text{ZH: r.Words("zh"), EN: r.Words("en")}, Values: []Value{}}
	if r.Left.Known {
		out.Left = &r.Left.Num
	}
	if r.Right.Known {
		out.Right = &r.Right.Num
	}
	if r.Left.Known && r.Right.Known && !math.IsNaN(r.Margin) {
		out.Margin = &r.Margin
	}
	for i := range r.Also {
		out.Also = append(out.Also, policy.Text{ZH: r.Also[i].Words("zh"), EN: r.Also[i].Words("en")})
	}
	for _, v := range r.Vars {
		value, err := s.value(ctx, c, d, v, 0)
		if err != nil {
			return out, err
		}
		out.Values = append(out.Values, value)
	}
	return out, nil
}

// value tells an indicator or parameter; depth bounds the way down through derived indicators.
func (s *Service) value(ctx context.Context, c *sql.Conn, d *derivation, v *expr.Var, depth int) (Value, error) {
	p := d.q.pack
	n := len(p.Indicators)
	cell := d.env[v.Slot]
	out := Value{ID: v.Name, Unit: v.Unit, Kind: "indicator"}
	if cell.Known {
		out.Value = &d.env[v.Slot].Num
	}
	out.Text = show(cell, v.Type, v.Unit)
	if v.Slot >= n+len(p.Parameters) {
		out.Kind, out.Name = "parameter", policy.Text{ZH: "筛查日", EN: "screening day"}
		return out, nil
	}
	if v.Slot >= n {
		par := &p.Parameters[v.Slot-n]
		at := d.q.values.at(par.ID, d.home.Division)
		out.Kind, out.Name, out.Document, out.Division, out.Unit = "parameter", par.Name, at.Document, at.Prefix(), par.Unit
		out.Text = show(cell, expr.Number, par.Unit)
		return out, nil
	}
	ind := &p.Indicators[v.Slot]
	out.Name, out.Unit = ind.Name, ind.Unit
	out.Text = show(cell, ind.Type, ind.Unit)
	if ind.Derive != nil {
		out.Formula = ind.Derive.Source()
		if depth < 6 {
			for _, part := range ind.Derive.Vars() {
				sub, err := s.value(ctx, c, d, part, depth+1)
				if err != nil {
					return out, err
				}
				out.Parts = append(out.Parts, sub)
			}
		}
		return out, nil
	}
	feed := d.q.feedOf(ind.Dataset)
	out.Dataset = feed
	ds := p.Dataset(feed)
	if ds != nil {
		out.Department = departmentName(p, ds.Department)
	}
	st := d.q.cover.of(d.q.need(ind), d.county)
	if !st.through.IsZero() {
		out.Through = st.through.Format("2006-01-02")
	}
	if !cell.Known {
		out.Why = whyUnknown(ds, out.Department, st, ind.FreshDays)
	}
	if ind.Dataset == "person" || ind.Dataset == "household" || ds == nil || st.state != covered || d.noRows {
		return out, nil
	}
	var err error
	out.Rows, err = s.sourceRows(ctx, c, d, ind, ds)
	return out, err
}

// maxSourceRows of one value are told; there is always the batch to look further.
const maxSourceRows = 20

// sourceRows lists the delivered rows that an indicator counted, newest first.
func (s *Service) sourceRows(ctx context.Context, c *sql.Conn, d *derivation, ind *policy.Indicator, ds *policy.Dataset) ([]SourceRow, error) {
	date := "NULL"
	order := "f.batch DESC, f.row_no"
	if ds.EventDate != "" {
		date = "f." + quote(ds.EventDate)
		order = date + " DESC, " + order
	}
	text := fmt.Sprintf("SELECT coalesce(b.file_name, ''), f.batch, f.row_no, CAST(%s AS DATE) FROM (SELECT * FROM %s AS rows_of%s) AS f LEFT JOIN batch AS b ON b.batch = f.batch ORDER BY %s LIMIT %d",
		date, d.q.source("fact_"+ds.ID), whereClause(scope{ids: []int64{d.home.ID}}.where(""), d.q.rowFilter(ind, ds)), order, maxSourceRows)
	var out []SourceRow
	err := scan(ctx, c, text, func(r *sql.Rows) error {
		var row SourceRow
		var day sql.NullTime
		if err := r.Scan(&row.File, &row.Batch, &row.Row, &day); err != nil {
			return err
		}
		if day.Valid {
			row.Date = day.Time.Format("2006-01-02")
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

func departmentName(p *policy.Pack, id string) policy.Text {
	for _, d := range p.Departments {
		if d.ID == id {
			return d.Name
		}
	}
	return policy.Text{ZH: id, EN: id}
}

// list names up to six things and says how many there are where there are more.
func list(names []string, sep string) string {
	if n := len(names); n > 6 {
		return strings.Join(names[:6], sep) + fmt.Sprintf(" …（%d）", n)
	}
	return strings.Join(names, sep)
}

// whyUnknown says in words what is lacking and who has it.
func whyUnknown(ds *policy.Dataset, dep policy.Text, st standing, fresh int) policy.Text {
	if ds == nil {
		return policy.Text{}
	}
	switch st.state {
	case missing:
		return policy.Text{ZH: fmt.Sprintf("%s的%s从未报送本县数据", dep.ZH, ds.Name.ZH), EN: fmt.Sprintf("%s has never delivered %s for this county", dep.EN, ds.Name.EN)}
	case stale:
		day := st.through.Format("2006-01-02")
		return policy.Text{ZH: fmt.Sprintf("%s的%s %s 后未到（要求 %d 天内）", dep.ZH, ds.Name.ZH, day, fresh), EN: fmt.Sprintf("no %s from %s since %s (due within %d days)", ds.Name.EN, dep.EN, day, fresh)}
	case gap:
		return policy.Text{ZH: fmt.Sprintf("%s的%s缺 %s 的数据", dep.ZH, ds.Name.ZH, list(st.gaps, "、")), EN: fmt.Sprintf("%s of %s lacks %s", ds.Name.EN, dep.EN, list(st.gaps, ", "))}
	}
	return policy.Text{ZH: fmt.Sprintf("%s的%s里没有这一户的值", dep.ZH, ds.Name.ZH), EN: fmt.Sprintf("%s of %s holds no value for this household", ds.Name.EN, dep.EN)}
}

// show is a value for people: thousands grouped, 是/否, a date, 未知.
func show(v expr.Value, t expr.Type, unit string) policy.Text {
	if !v.Known {
		return policy.Text{ZH: "未知", EN: "unknown"}
	}
	switch t {
	case expr.Bool:
		if v.Num != 0 {
			return policy.Text{ZH: "是", EN: "yes"}
		}
		return policy.Text{ZH: "否", EN: "no"}
	case expr.Date:
		day := time.Unix(int64(v.Num)*86400, 0).UTC().Format("2006-01-02")
		return policy.Text{ZH: day, EN: day}
	}
	n := group(v.Num)
	if unit == "" {
		return policy.Text{ZH: n, EN: n}
	}
	return policy.Text{ZH: n + " " + unit, EN: strings.TrimSpace(n + " " + expr.EnglishUnit(unit, v.Num))}
}

// group writes a number with thin groups of three and at most two decimals.
func group(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	whole, frac, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + " " + whole[i:]
	}
	if frac != "" {
		whole += "." + frac
	}
	if neg {
		whole = "-" + whole
	}
	return whole
}

var placeholder = regexp.MustCompile(`\{[^{}]+\}`)

// fill replaces the placeholders of a rule's wording by the household's values.
func (s *Service) fill(d *derivation, t policy.Text) policy.Text {
	env := d.q.pack.RuleEnv()
	one := func(text, lang string) string {
		return placeholder.ReplaceAllStringFunc(text, func(m string) string {
			v, ok := env.Lookup(m[1 : len(m)-1])
			if !ok {
				return m
			}
			return show(d.env[v.Slot], v.Type, v.Unit).In(lang)
		})
	}
	return policy.Text{ZH: one(t.ZH, "zh"), EN: one(t.EN, "en")}
}

// Text is the explanation as a printable page in the language ("zh" or "en").
func (e Explanation) Text(lang string) string {
	var b strings.Builder
	say := func(zh, en string, args ...any) {
		if lang == "en" {
			zh = en
		}
		fmt.Fprintf(&b, zh+"\n", args...)
	}
	say("户 %s  %s  %d 人", "Household %s  %s  %d persons", e.HouseholdNo, e.Place, e.Members)
	say("筛查 %d  筛查日 %s  政策包 %s（%s）  数据截至批次 %d", "Run %d  screening day %s  policy pack %s (%s)  data up to batch %d", e.Run, e.AsOf, e.Pack, e.PackHash[:12], e.UpToBatch)
	if !e.Same {
		say("！重新推导的结果与当时的记录不一致，请联系系统管理员并运行 shouwang verify", "! The outcome derived now differs from the record. Tell the administrator and run shouwang verify")
	}
	if len(e.Rules) == 0 {
		say("没有命中的规则，也没有未知的规则。", "No rule hits and none is unknown.")
	}
	mark := map[string]string{"red": "▲", "yellow": "◆", "blue": "●"}
	level := map[string]string{"red": "红", "yellow": "黄", "blue": "蓝"}
	outcome := map[string]string{"hit": "命中", "clear": "未命中", "unknown": "未知"}
	for _, r := range e.Rules {
		b.WriteString("\n")
		if lang == "en" {
			fmt.Fprintf(&b, "%s %s  %s  [%s] %s\n", mark[r.Level], r.Level, r.Outcome, r.Rule, r.Name.EN)
		} else {
			fmt.Fprintf(&b, "%s %s  %s  [%s] %s\n", mark[r.Level], level[r.Level], outcome[r.Outcome], r.Rule, r.Name.ZH)
		}
		if r.Outcome == "hit" {
			fmt.Fprintf(&b, "  %s\n", r.Wording.In(lang))
		}
		for _, reason := range r.Reasons {
			fmt.Fprintf(&b, "  · %s\n", reason.Text.In(lang))
			if len(reason.Also) > 0 {
				also := make([]string, len(reason.Also))
				for i, a := range reason.Also {
					also[i] = a.In(lang)
				}
				say("    （单独改变这一项，结果不变，因为还有：%s）", "    (changed alone the outcome stays, because of: %s)", strings.Join(also, "; "))
			}
			for _, v := range reason.Values {
				v.write(&b, lang, "      ")
			}
		}
		say("  文号：%s", "  document: %s", r.Document)
	}
	return b.String()
}

// write prints a value with its source, and its parts below it.
func (v Value) write(b *strings.Builder, lang, indent string) {
	fmt.Fprintf(b, "%s%s = %s", indent, v.Name.In(lang), v.Text.In(lang))
	switch {
	case v.Why.ZH != "":
		fmt.Fprintf(b, "  （%s）", v.Why.In(lang))
	case v.Kind == "parameter" && v.Document != "":
		fmt.Fprintf(b, "  [%s]", v.Document)
	case v.Through != "" && lang == "en":
		fmt.Fprintf(b, "  (%s, data to %s)", v.Department.EN, v.Through)
	case v.Through != "":
		fmt.Fprintf(b, "  （%s，数据至 %s）", v.Department.ZH, v.Through)
	}
	b.WriteString("\n")
	for i, r := range v.Rows {
		if i == 3 {
			fmt.Fprintf(b, "%s  …+%d\n", indent, len(v.Rows)-3)
			break
		}
		fmt.Fprintf(b, "%s  - %s #%d %s\n", indent, r.File, r.Row, r.Date)
	}
	for _, p := range v.Parts {
		p.write(b, lang, indent+"    ")
	}
}

// MeasureRules times the evaluation and explanation of every rule for one household in Go, over n repetitions: the mean of one pass.
func (s *Service) MeasureRules(ctx context.Context, householdNo string, n int) (time.Duration, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	d, err := s.derive(ctx, c, householdNo, 0)
	if err != nil {
		return 0, err
	}
	var compiled []func([]expr.Value) expr.Value
	for i := range d.q.pack.Rules {
		compiled = append(compiled, d.q.pack.Rules[i].When.Compile())
	}
	began := time.Now()
	for range n {
		for i, f := range compiled {
			// A rule is explained where there is something to explain: a hit or an unknown.
			if v := f(d.env); !v.Known || v.Num != 0 {
				d.q.pack.Rules[i].When.Explain(d.env)
			}
		}
	}
	return time.Since(began) / time.Duration(n), nil
}
