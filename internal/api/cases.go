package api

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
)

// CaseFilter chooses cases. Repeated values are separated by commas.
type CaseFilter struct {
	Division string `query:"division" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
	States   string `query:"states" maxLength:"400" doc:"Only in these states (ids in the pack, separated by commas)"`
	Phases   string `query:"phases" maxLength:"100" doc:"Only in these phases: lead, identify, support, clear, watch, closed (separated by commas); default all but closed"`
	MinLevel int    `query:"min_level" minimum:"0" maximum:"3" doc:"At least this level: 3 red, 2 yellow, 1 blue"`
	Risk     string `query:"risk" maxLength:"40" doc:"Only with this risk (id in the pack)"`
	Rule     string `query:"rule" maxLength:"80" doc:"Only with a warning of this rule (id in the pack)"`
	Channel  string `query:"channel" enum:"screening,application,visit,hotline,disaster" doc:"Only those that came in this way"`
	Owner    string `query:"owner" maxLength:"60" doc:"Only those of this account"`
	MinDays  int    `query:"min_days" minimum:"0" maximum:"36500" doc:"Only those whose clock began so many days ago"`
	InState  int    `query:"state_days" minimum:"0" maximum:"36500" doc:"Only those that have been in their state for so many days"`
	Green    bool   `query:"green" doc:"Only the green channel"`
	Home     string `query:"household" maxLength:"40" doc:"Only of this household (its number)"`
}

func (s *Server) caseFilter(ctx context.Context, who account.Actor, in CaseFilter) (casework.Filter, error) {
	f := casework.Filter{States: list(in.States), Phases: list(in.Phases), MinLevel: in.MinLevel, Risk: in.Risk, Rule: in.Rule, Channel: casework.Channel(in.Channel),
		Owner: in.Owner, MinDays: in.MinDays, StateDays: in.InState, Green: in.Green}
	var err error
	if in.Division != "" {
		if f.Under, err = s.area(who, in.Division); err != nil {
			return f, err
		}
	}
	if in.Home != "" {
		home, err := s.within(ctx, who, in.Home)
		if err != nil {
			return f, err
		}
		f.Household = home.ID
	}
	return f, nil
}

// list reads values separated by commas.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

type casesInput struct {
	CaseFilter
	Paging
}

type casesOutput struct{ Body casework.Page }

func (s *Server) listCases(ctx context.Context, who account.Actor, in *casesInput) (*casesOutput, error) {
	f, err := s.caseFilter(ctx, who, in.CaseFilter)
	if err != nil {
		return nil, err
	}
	p, err := s.cases.List(ctx, who, s.now(), f, in.After, in.Limit)
	return &casesOutput{Body: p}, err
}

type countsInput struct{ CaseFilter }

type countsOutput struct {
	Body struct {
		Counts []casework.Count `json:"counts" doc:"By state and level"`
		At     ledger.Time      `json:"counted_at" doc:"When they were counted: for areas above a county some minutes ago"`
	}
}

func (s *Server) countCases(ctx context.Context, who account.Actor, in *countsInput) (*countsOutput, error) {
	f, err := s.caseFilter(ctx, who, in.CaseFilter)
	if err != nil {
		return nil, err
	}
	out := &countsOutput{}
	out.Body.At = ledger.At(s.now())
	if reflect.DeepEqual(f, casework.Filter{Under: f.Under}) { // nothing but an area
		t, err := s.cases.Tally(ctx, who, s.now(), f.Under)
		out.Body.At, out.Body.Counts = t.At, slices.DeleteFunc(t.Counts, func(c casework.Count) bool { return c.Phase == string(policy.PhaseClosed) })
		return out, err
	}
	out.Body.Counts, err = s.cases.Counts(ctx, who, s.now(), f)
	return out, err
}

// CasePath names a case.
type CasePath struct {
	ID string `path:"case" minLength:"1" maxLength:"60" doc:"Id of the case"`
}

type caseOutput struct {
	ETag string `header:"ETag" doc:"Version, for If-Match"`
	Body *casework.Case
}

func (s *Server) getCase(ctx context.Context, who account.Actor, in *CasePath) (*caseOutput, error) {
	out := &caseOutput{}
	err := s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body, err = s.cases.Get(ctx, tx, who, in.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.ETag = etag(out.Body.Version)
	return out, nil
}

type dossierOutput struct {
	ETag string `header:"ETag" doc:"Version, for If-Match"`
	Body *casework.Dossier
}

func (s *Server) dossier(ctx context.Context, who account.Actor, in *CasePath) (*dossierOutput, error) {
	return s.dossierFor(ctx, who, in.ID, "")
}

type revealCaseInput struct {
	CasePath
	Body struct {
		Reason string `json:"reason" minLength:"2" maxLength:"200" doc:"What for; it is kept in the audit chain"`
	}
}

func (s *Server) revealCase(ctx context.Context, who account.Actor, in *revealCaseInput) (*dossierOutput, error) {
	if _, err := reasonFor("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	return s.dossierFor(ctx, who, in.ID, in.Body.Reason)
}

func (s *Server) dossierFor(ctx context.Context, who account.Actor, id, reason string) (*dossierOutput, error) {
	d, err := s.cases.Dossier(ctx, who, s.now(), id, reason)
	if err != nil {
		return nil, err
	}
	return &dossierOutput{ETag: etag(d.Case.Version), Body: d}, nil
}

// offers

type offersOutput struct {
	ETag string `header:"ETag" doc:"Version of the case, for If-Match"`
	Body struct {
		State  string  `json:"state" doc:"State of the case"`
		Offers []offer `json:"offers" doc:"Actions that start in this state"`
	}
}

type offer struct {
	Action    string             `json:"action" doc:"Id in the pack"`
	Name      policy.Text        `json:"name" doc:"Name"`
	Group     string             `json:"group,omitempty" doc:"Actions of one group are one choice"`
	To        string             `json:"to,omitempty" doc:"State that it leads to; absent: the state stays"`
	Allowed   bool               `json:"allowed" doc:"It may be taken now"`
	NeedsForm bool               `json:"needs_form" doc:"What stands in its way can only be told once the form is filled in"`
	Refusals  []workflow.Refusal `json:"refusals" doc:"Conditions that stand in its way"`
	Flags     []workflow.Refusal `json:"flags" doc:"Conditions that the step would be flagged with"`
	Form      []formField        `json:"form" doc:"What the action's data hold"`
}

type formField struct {
	ID       string      `json:"id" doc:"Key in the data"`
	Name     policy.Text `json:"name" doc:"Name"`
	Hint     policy.Text `json:"hint" doc:"Hint"`
	Type     string      `json:"type" doc:"text, number, integer, money, bool, date, month, code, risk, department, division, household, person, account, case, attachment, position, indicator, rows"`
	Required bool        `json:"required" doc:"It must be given"`
	Many     bool        `json:"many" doc:"A list of values"`
	Min      *float64    `json:"min,omitempty" doc:"Least value, length or number"`
	Max      *float64    `json:"max,omitempty" doc:"Greatest value, length or number"`
	Unit     string      `json:"unit,omitempty" doc:"Unit"`
	Sealed   bool        `json:"sealed" doc:"Personal content: kept as ciphertext"`
	Codes    []codeValue `json:"codes,omitempty" doc:"Values, for type code"`
	Fields   []formField `json:"fields,omitempty" doc:"Columns, for type rows"`
}

type codeValue struct {
	ID   string      `json:"id" doc:"Value"`
	Name policy.Text `json:"name" doc:"Name"`
}

func (s *Server) offers(ctx context.Context, who account.Actor, in *CasePath) (*offersOutput, error) {
	c, err := s.getCase(ctx, who, in)
	if err != nil {
		return nil, err
	}
	found, err := s.cases.Offers(ctx, who, s.now(), in.ID)
	if err != nil {
		return nil, err
	}
	out := &offersOutput{ETag: c.ETag}
	out.Body.State, out.Body.Offers = c.Body.State, []offer{}
	for _, o := range found {
		one := offer{Action: o.Action.ID, Name: o.Action.Name, Group: o.Action.Group, To: o.Action.To, Allowed: o.Allowed, NeedsForm: o.NeedsForm,
			Refusals: o.Refusals, Flags: o.Flags, Form: formFields(o.Action.Form)}
		if one.Refusals == nil {
			one.Refusals = []workflow.Refusal{}
		}
		if one.Flags == nil {
			one.Flags = []workflow.Refusal{}
		}
		out.Body.Offers = append(out.Body.Offers, one)
	}
	return out, nil
}

func formFields(fields []policy.Field) []formField {
	out := []formField{}
	for i := range fields {
		f := &fields[i]
		one := formField{ID: f.ID, Name: f.Name, Hint: f.Hint, Type: string(f.Type), Required: f.Required, Many: f.Many, Min: f.Min, Max: f.Max, Unit: f.Unit, Sealed: f.Sealed}
		for _, c := range f.Codes {
			one.Codes = append(one.Codes, codeValue{c.ID, c.Name})
		}
		if len(f.Fields) > 0 {
			one.Fields = formFields(f.Fields)
		}
		out = append(out, one)
	}
	return out
}

// act

type actInput struct {
	CasePath
	Once
	IfMatch
	Action string `path:"action" minLength:"1" maxLength:"60" doc:"Id of the action in the pack"`
	Body   struct {
		Data map[string]any `json:"data,omitempty" doc:"The action's form, as the offers describe it"`
	}
}

type actOutput struct {
	ETag string `header:"ETag" doc:"Version of the case now"`
	Body casework.Acted
}

func (s *Server) act(ctx context.Context, who account.Actor, in *actInput) (*actOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	done, err := s.cases.Act(ctx, who, s.now(), casework.Act{Case: in.ID, Action: in.Action, Version: version, Key: in.Key, Data: in.Body.Data})
	if err != nil {
		return nil, s.raced(ctx, who, in.ID, err)
	}
	return &actOutput{ETag: etag(done.Case.Version), Body: done}, nil
}

// raced adds the state that a case has now to the answer for somebody who came second.
func (s *Server) raced(ctx context.Context, who account.Actor, id string, err error) error {
	var stale *ledger.Stale
	if !errors.As(err, &stale) {
		return err
	}
	p := problemOf(err)
	now, nowErr := s.getCase(ctx, who, &CasePath{ID: id})
	if nowErr != nil {
		return err // the first answer says enough
	}
	p.Current = &Current{Version: now.Body.Version, State: now.Body.State}
	return p
}

// report

type reportInput struct {
	Once
	Body struct {
		Household string `json:"household" minLength:"1" maxLength:"40" doc:"Household number"`
		Channel   string `json:"channel" enum:"visit,hotline,disaster" doc:"How it became known"`
		Risk      string `json:"risk,omitempty" maxLength:"40" doc:"Risk (id in the pack), when it can be told"`
		Level     int    `json:"level,omitempty" minimum:"1" maximum:"3" default:"2" doc:"3 red, 2 yellow, 1 blue"`
		Words     string `json:"words" minLength:"2" maxLength:"500" doc:"What was found; no names and no numbers of persons"`
		Happened  string `json:"happened,omitempty" format:"date" doc:"Day that it happened"`
	}
}

type receivedOutput struct{ Body casework.Received }

func (s *Server) report(ctx context.Context, who account.Actor, in *reportInput) (*receivedOutput, error) {
	home, err := s.within(ctx, who, in.Body.Household)
	if err != nil {
		return nil, err
	}
	if in.Body.Risk != "" && s.app.Pack.Risk(in.Body.Risk) == nil {
		return nil, fault("body.risk", "政策包里没有这个风险类型", "the pack has no such risk")
	}
	one := casework.Signal{Household: home.ID, HouseholdNo: home.No, Division: home.Division, HouseholdType: home.Type, Channel: casework.Channel(in.Body.Channel), Risk: in.Body.Risk,
		Level: in.Body.Level, Words: policy.Text{ZH: in.Body.Words, EN: in.Body.Words}, Happened: in.Body.Happened}
	if in.Key != "" {
		one.Key = "report|" + who.Account + "|" + in.Key
	}
	got, err := s.cases.Receive(ctx, who, s.now(), []casework.Signal{one}, nil)
	return &receivedOutput{Body: got}, err
}

// tags

type tagsInput struct {
	HouseholdPath
	Day string `query:"day" format:"date" doc:"On this day; default today"`
}

type tagsOutput struct {
	Body struct {
		Tags []casework.Tag `json:"tags" doc:"Low-income classes of civil affairs that hold; several may"`
	}
}

func (s *Server) tags(ctx context.Context, who account.Actor, in *tagsInput) (*tagsOutput, error) {
	home, err := s.within(ctx, who, in.No)
	if err != nil {
		return nil, err
	}
	on, err := s.dayOr(in.Day)
	if err != nil {
		return nil, err
	}
	out := &tagsOutput{}
	out.Body.Tags, err = s.cases.TagsOn(ctx, who, home.ID, on)
	return out, err
}

func (s *Server) dayOr(text string) (time.Time, error) {
	if text == "" {
		return casework.Civil(s.now()), nil
	}
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return d, fault("query.day", "应为日期，如 2026-11-24", "must be a day such as 2026-11-24")
	}
	return d, nil
}

// notices

type noticesOutput struct {
	Body struct {
		Notices []casework.Notice `json:"notices" doc:"Notices that hang now"`
	}
}

func (s *Server) notices(ctx context.Context, who account.Actor, in *divisionInput) (*noticesOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	out := &noticesOutput{}
	out.Body.Notices, err = s.cases.PublicNotices(ctx, who, code, casework.Civil(s.now()))
	return out, err
}

// precision

type precisionInput struct {
	Division string    `query:"division" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
	From     time.Time `query:"from" doc:"Verified not before"`
	To       time.Time `query:"to" doc:"Verified before"`
}

type precisionOutput struct {
	Body struct {
		Precision []casework.Precision `json:"precision" doc:"By rule, county and dataset"`
	}
}

func (s *Server) precision(ctx context.Context, who account.Actor, in *precisionInput) (*precisionOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	out := &precisionOutput{}
	out.Body.Precision, err = s.cases.Precision(ctx, who, code, in.From, in.To)
	if out.Body.Precision == nil {
		out.Body.Precision = []casework.Precision{}
	}
	return out, err
}
