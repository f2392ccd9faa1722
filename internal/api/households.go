package api

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
)

// area reads a division code of 2, 4, 6, 9 or 12 digits that a caller asks for; empty is the caller's own. What lies outside the caller's own is not found.
func (s *Server) area(who account.Actor, text string) (division.Code, error) {
	if text == "" {
		return who.Division, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) > 12 || !slices.Contains([]int{2, 4, 6, 9, 12}, len(text)) {
		return 0, fault("query.division", "应为2、4、6、9或12位行政区划代码", "must be a division code of 2, 4, 6, 9 or 12 digits")
	}
	for i := len(text); i < 12; i++ {
		n *= 10
	}
	code := division.Code(n)
	if _, known := s.app.Tree.Get(code); !known || !who.Within(code) {
		return 0, account.NotThere()
	}
	return code, nil
}

// listWarnings

type warningsInput struct {
	Paging
	Division string `query:"division" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
	Level    string `query:"level" enum:"red,yellow,blue" doc:"Only this level"`
	Risk     string `query:"risk" maxLength:"40" doc:"Only this risk (id in the pack)"`
	Rule     string `query:"rule" maxLength:"80" doc:"Only warnings that this rule found (id in the pack)"`
	Change   string `query:"change" enum:"new,worse,better,same,unknown" doc:"Only this change against the run before"`
}

type warningsOutput struct {
	Body struct {
		Warnings   []warning `json:"warnings" doc:"Worst level first, then by household and risk"`
		Next       string    `json:"next,omitempty" doc:"For 'after' of the next page; absent on the last"`
		Total      int64     `json:"total" doc:"Warnings that the filter chooses"`
		Households int64     `json:"households" doc:"Households that have them"`
	}
}

type warning struct {
	screening.Warning
	Place    string      `json:"place" doc:"Names of the divisions down to the village"`
	RiskName policy.Text `json:"risk_name" doc:"Name of the risk"`
}

func (s *Server) listWarnings(ctx context.Context, who account.Actor, in *warningsInput) (*warningsOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	after, err := screening.ParseCursor(in.After)
	if err != nil {
		return nil, err
	}
	f := screening.Filter{Division: code, Level: levelOf(in.Level), Risk: in.Risk, Rule: in.Rule, Change: in.Change}
	out := &warningsOutput{}
	out.Body.Warnings = []warning{}
	list, next, err := s.app.Screening().WarningsPage(ctx, f, after, in.Limit)
	if errs.KindOf(err) == errs.NotFound { // nothing was screened yet
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, w := range list {
		one := warning{Warning: w, Place: s.place(w.Division)}
		if r := s.app.Pack.Risk(w.Risk); r != nil {
			one.RiskName = r.Name
		}
		out.Body.Warnings = append(out.Body.Warnings, one)
	}
	out.Body.Next = next.String()
	out.Body.Total, out.Body.Households, err = s.app.Screening().CountWarnings(ctx, f)
	return out, err
}

func levelOf(name string) policy.Level {
	for _, l := range []policy.Level{policy.Blue, policy.Yellow, policy.Red} {
		if l.String() == name {
			return l
		}
	}
	return policy.NoLevel
}

// place names a division with what lies above it, the province aside.
func (s *Server) place(code division.Code) string {
	names := s.app.Tree.Path(code)
	if len(names) > 1 {
		names = names[1:]
	}
	return strings.Join(names, "")
}

// overview

type divisionInput struct {
	Division string `query:"division" maxLength:"12" doc:"Division code; default the caller's own"`
}

// overview of an area

type overviewOutput struct{ Body screening.Overview }

func (s *Server) overview(ctx context.Context, who account.Actor, in *divisionInput) (*overviewOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	o, err := s.app.Screening().Overview(ctx, code)
	return &overviewOutput{Body: o}, err
}

// household

// HouseholdPath names a household.
type HouseholdPath struct {
	No string `path:"household" minLength:"1" maxLength:"40" doc:"Household number"`
}

type householdOutput struct{ Body householdBody }

type householdBody struct {
	screening.Household
	People []member `json:"people" doc:"Members, names and numbers masked"`
}

// within finds a household in the caller's scope. What is outside is as if it were not there.
func (s *Server) within(ctx context.Context, who account.Actor, no string) (registry.Household, error) {
	conn, err := s.app.Warehouse.Conn(ctx)
	if err != nil {
		return registry.Household{}, err
	}
	defer conn.Close()
	h, err := registry.ByHouseholdNo(ctx, conn, no)
	if err != nil {
		return h, hide(err)
	}
	if !who.Within(h.Division) {
		return registry.Household{}, account.NotThere()
	}
	return h, nil
}

func (s *Server) household(ctx context.Context, who account.Actor, in *HouseholdPath) (*householdOutput, error) {
	home, err := s.within(ctx, who, in.No)
	if err != nil {
		return nil, err
	}
	h, err := s.app.Screening().Household(ctx, home.No)
	if err != nil {
		return nil, hide(err)
	}
	conn, err := s.app.Warehouse.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	people, err := registry.Masked(ctx, conn, s.app.Keyring, s.roster(), home.ID)
	if err != nil {
		return nil, err
	}
	return &householdOutput{Body: householdBody{h, members(people)}}, nil
}

// reveal

type revealInput struct {
	HouseholdPath
	Body struct {
		Reason string `json:"reason" minLength:"2" maxLength:"200" doc:"What for; it is kept in the audit chain"`
	}
}

type revealOutput struct {
	Body struct {
		People []member `json:"people" doc:"Members, in plain"`
	}
}

type member struct {
	Relation  string `json:"relation" doc:"To the head"`
	Name      string `json:"name" doc:"Masked, unless revealed"`
	Number    string `json:"number" doc:"Resident number, masked unless revealed"`
	Phone     string `json:"phone" doc:"Masked, unless revealed"`
	Account   string `json:"bank_account" doc:"Bank account, masked unless revealed"`
	BirthYear int    `json:"birth_year,omitempty" doc:"Year of birth"`
	Sex       string `json:"sex" doc:"Code of the pack"`
	Labour    string `json:"labour" doc:"Labour status, code of the pack"`
	School    string `json:"school" doc:"School state, code of the pack"`
	Health    string `json:"health,omitempty" doc:"Health, code of the pack; only where the caller's work needs it"`
}

// roster is the dataset that names people.
func (s *Server) roster() string {
	for i := range s.app.Pack.Datasets {
		if d := &s.app.Pack.Datasets[i]; d.Role == "roster" {
			return d.ID
		}
	}
	return ""
}

func members(people []registry.Revealed) []member {
	out := []member{}
	for _, p := range people {
		m := member{Relation: p.Person.Relation, Name: p.Identity.Name, Number: p.Identity.Number, Phone: p.Identity.Phone, Account: p.Identity.BankAccount,
			Sex: p.Person.Sex, Labour: p.Person.Labour, School: p.Person.School, Health: p.Person.Health}
		if !p.Person.Birth.IsZero() {
			m.BirthYear = p.Person.Birth.Year()
		}
		out = append(out, m)
	}
	return out
}

func (s *Server) reveal(ctx context.Context, who account.Actor, in *revealInput) (*revealOutput, error) {
	if _, err := reasonFor("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	home, err := s.within(ctx, who, in.No)
	if err != nil {
		return nil, err
	}
	conn, err := s.app.Warehouse.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	people, err := registry.Reveal(ctx, conn, s.app.Keyring, s.roster(), home.ID, in.Body.Reason, func(ctx context.Context, _ int64, persons int, reason string) error {
		return s.app.Ledger.Write(ctx, s.now(), func(_ context.Context, tx *ledger.Tx) error {
			e := who.Event(audit.Reveal, "household", home.No, home.Division)
			e.Reason = reason
			e.Detail = map[string]int{"persons": persons}
			return audit.Record(tx, e)
		})
	})
	if err != nil {
		return nil, err
	}
	out := &revealOutput{}
	out.Body.People = members(people)
	return out, nil
}

// explain

type explainInput struct {
	HouseholdPath
	Rule string `query:"rule" maxLength:"80" doc:"Only this rule (id in the pack); default those that hit or cannot be told"`
	Run  int64  `query:"run" minimum:"0" doc:"Of this run; default the last"`
}

type explainOutput struct{ Body screening.Explanation }

func (s *Server) explain(ctx context.Context, who account.Actor, in *explainInput) (*explainOutput, error) {
	home, err := s.within(ctx, who, in.No)
	if err != nil {
		return nil, err
	}
	x, err := s.app.Screening().Explain(ctx, home.No, in.Rule, in.Run)
	return &explainOutput{Body: x}, err
}

// what-if

type whatIfInput struct {
	Body struct {
		Set      map[string]float64 `json:"set,omitempty" maxProperties:"50" doc:"Parameter id → value"`
		Rules    map[string]string  `json:"rules,omitempty" maxProperties:"50" doc:"Rule id → new expression"`
		Drop     []string           `json:"drop,omitempty" maxItems:"50" doc:"Rules that would no longer be there"`
		By       string             `json:"by,omitempty" enum:"county,township,village" default:"county" doc:"Level of the areas"`
		Division string             `json:"division,omitempty" maxLength:"12" doc:"Only households under it; default the caller's own"`
		List     int                `json:"list,omitempty" minimum:"0" maximum:"1000" doc:"Name up to so many entering and leaving households"`
	}
}

type whatIfOutput struct{ Body screening.Answer }

func (s *Server) whatIf(ctx context.Context, who account.Actor, in *whatIfInput) (*whatIfOutput, error) {
	code, err := s.area(who, in.Body.Division)
	if err != nil {
		return nil, err
	}
	if len(in.Body.Set)+len(in.Body.Rules)+len(in.Body.Drop) == 0 {
		return nil, fault("body", "没有说要改什么", "nothing to change")
	}
	a, err := s.app.Screening().WhatIf(ctx, screening.Question{Set: in.Body.Set, Rules: in.Body.Rules, Drop: in.Body.Drop, By: in.Body.By, Division: code, List: in.Body.List})
	return &whatIfOutput{Body: a}, err
}

// completeness and data requests

type completenessOutput struct {
	Body struct {
		Feeds []intake.Coverage `json:"feeds" doc:"One a dataset and county"`
	}
}

func (s *Server) completeness(ctx context.Context, who account.Actor, in *divisionInput) (*completenessOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	feeds, err := s.app.Intake().Completeness(ctx)
	if err != nil {
		return nil, err
	}
	department, bound := who.DepartmentOnly()
	out := &completenessOutput{}
	out.Body.Feeds = []intake.Coverage{}
	for _, f := range feeds {
		county, err := strconv.ParseInt(f.County, 10, 64)
		if err != nil {
			continue
		}
		c := division.Code(county * 1_000_000)
		if !overlap(code, c) || bound && s.departmentOf(f.Dataset) != department {
			continue
		}
		out.Body.Feeds = append(out.Body.Feeds, f)
	}
	return out, nil
}

// overlap reports whether one division contains the other.
func overlap(a, b division.Code) bool { return a.Contains(b) || b.Contains(a) }

func (s *Server) departmentOf(dataset string) string {
	if d := s.app.Pack.Dataset(dataset); d != nil {
		return d.Department
	}
	return ""
}

type requestsOutput struct {
	Body struct {
		Requests []screening.DataRequest `json:"requests" doc:"What rules lack, the most households first"`
	}
}

func (s *Server) dataRequests(ctx context.Context, who account.Actor, in *divisionInput) (*requestsOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	department, bound := who.DepartmentOnly()
	out := &requestsOutput{}
	out.Body.Requests = []screening.DataRequest{}
	sum, err := s.app.Screening().Last(ctx)
	if errs.KindOf(err) == errs.NotFound {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, r := range sum.Requests {
		if !code.Contains(division.Code(r.County)*1_000_000) || bound && r.Department != department {
			continue
		}
		out.Body.Requests = append(out.Body.Requests, r)
	}
	return out, nil
}

// policy

type policyOutput struct {
	Body struct {
		Name       string           `json:"name" doc:"Id of the pack"`
		Version    string           `json:"version" doc:"Version of the pack"`
		Title      policy.Text      `json:"title" doc:"Title of the pack"`
		Hash       string           `json:"hash" doc:"SHA-256 over the pack's files, hex"`
		Parameters []shownParameter `json:"parameters" doc:"With every dated value"`
		Rules      []shownRule      `json:"rules" doc:"Warning rules"`
		Risks      []shownRisk      `json:"risks" doc:"Risk types"`
		Datasets   []shownDataset   `json:"datasets" doc:"Data contracts"`
	}
}

type shownParameter struct {
	ID     string       `json:"id" doc:"Id in the pack"`
	Name   policy.Text  `json:"name" doc:"Name"`
	Unit   string       `json:"unit" doc:"Unit of the values"`
	Note   policy.Text  `json:"note" doc:"Why the value is what it is"`
	Values []shownValue `json:"values" doc:"Dated values, the region's own first"`
}

type shownValue struct {
	Division string  `json:"division" doc:"Division code that it is for"`
	From     string  `json:"from" doc:"First day"`
	To       string  `json:"to,omitempty" doc:"Last day; absent: open"`
	Value    float64 `json:"value" doc:"In the parameter's unit"`
	Document string  `json:"document" doc:"Document number, or default"`
	InForce  bool    `json:"in_force" doc:"Today"`
}

type shownRule struct {
	ID       string      `json:"id" doc:"Id in the pack"`
	Name     policy.Text `json:"name" doc:"Name"`
	Class    string      `json:"class" doc:"Class of the rule"`
	Risk     string      `json:"risk" doc:"Risk that it finds"`
	Level    string      `json:"level" doc:"Level of the warning"`
	When     string      `json:"when" doc:"The condition in the rule language"`
	Document string      `json:"document" doc:"Document number, or default"`
}

type shownRisk struct {
	ID   string      `json:"id" doc:"Id in the pack"`
	Code string      `json:"code" doc:"Code of the risk type"`
	Name policy.Text `json:"name" doc:"Name"`
}

type shownDataset struct {
	ID         string      `json:"id" doc:"Id in the pack"`
	Name       policy.Text `json:"name" doc:"Name"`
	Department policy.Text `json:"department" doc:"Who delivers it"`
	Due        string      `json:"due" doc:"How often it is due"`
	Columns    []string    `json:"columns" doc:"Headers as the department writes them"`
}

func (s *Server) policy(_ context.Context, _ account.Actor, _ *struct{}) (*policyOutput, error) {
	p := s.app.Pack
	out := &policyOutput{}
	b := &out.Body
	b.Name, b.Version, b.Title, b.Hash = p.Name, p.Version, p.Title, p.Hash
	today := day(s.now())
	for _, par := range p.Parameters {
		one := shownParameter{ID: par.ID, Name: par.Name, Unit: par.Unit, Note: par.Note, Values: []shownValue{}}
		for _, v := range par.Values {
			value := shownValue{Division: v.Division, From: v.From.Format(time.DateOnly), Value: v.Value, Document: v.Document, InForce: !v.From.After(today) && (v.To.IsZero() || !v.To.Before(today))}
			if !v.To.IsZero() {
				value.To = v.To.Format(time.DateOnly)
			}
			one.Values = append(one.Values, value)
		}
		b.Parameters = append(b.Parameters, one)
	}
	for _, r := range p.Rules {
		b.Rules = append(b.Rules, shownRule{ID: r.ID, Name: r.Name, Class: string(r.Class), Risk: r.Risk, Level: r.Level.String(), When: r.When.Source(), Document: r.Document})
	}
	for _, r := range p.Risks {
		b.Risks = append(b.Risks, shownRisk{ID: r.ID, Code: r.Code, Name: r.Name})
	}
	for i := range p.Datasets {
		d := &p.Datasets[i]
		one := shownDataset{ID: d.ID, Name: d.Name, Due: d.Due, Columns: []string{}}
		if dep := p.Department(d.Department); dep != nil {
			one.Department = dep.Name
		}
		for _, c := range d.Columns {
			one.Columns = append(one.Columns, c.Header)
		}
		b.Datasets = append(b.Datasets, one)
	}
	return out, nil
}

// day is the day of a moment in its own time zone, as the pack's dates are.
func day(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
