package report

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ethnic"
	"shouwang/internal/ledger"
	"shouwang/internal/locale"
	"shouwang/internal/paper"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/residentid"
	"shouwang/internal/screening"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// Desk makes papers. Measures gives the measures of a case's plan in words; without it a plan has empty lines to write on.
type Desk struct {
	Pack      *policy.Pack
	Tree      *division.Tree
	Warehouse *warehouse.Warehouse
	Keyring   *secret.Keyring
	Ledger    *ledger.Ledger
	Cases     *casework.Service
	Screening *screening.Service
	Font      *paper.Font
	Hotline   string
	Measures  func(ctx context.Context, actor account.Actor, caseID string) ([]Measure, error)
}

// Paper makes one form of a case as a PDF. It names the household's members and shows what visitors wrote, so it needs a reason, account.ReportMake
// and account.HouseholdReveal; both looks are audit events.
func (d *Desk) Paper(ctx context.Context, actor account.Actor, now time.Time, caseID, form, reason string) (*paper.Doc, error) {
	if form == noticeForm {
		return d.Notice(ctx, actor, now, caseID, reason)
	}
	if _, err := formByID(form); err != nil {
		return nil, err
	}
	f, err := d.File(ctx, actor, now, caseID, reason)
	if err != nil {
		return nil, err
	}
	return Write(d.Font, form, f)
}

// Notice makes the public notice of a case's latest publicity: white-listed fields, the head's name masked.
func (d *Desk) Notice(ctx context.Context, actor account.Actor, now time.Time, caseID, reason string) (*paper.Doc, error) {
	f, err := d.File(ctx, actor, now, caseID, reason)
	if err != nil {
		return nil, err
	}
	n := &PublicNotice{County: f.County, Township: f.Township, Village: f.Village, Hotline: d.Hotline, Made: f.Made}
	posted := f.Notice
	if f.ClearNotice != nil {
		posted, n.Clearing = f.ClearNotice, true
	}
	if posted != nil {
		n.PostedOn, n.OverOn, n.ExpiresOn = posted.PostedOn, posted.OverOn, posted.ExpiresOn
	}
	n.Rows = []PublicRow{{Head: residentid.MaskName(f.head().Name), Members: len(f.Members), Category: f.Category, Risk: publicRisk(f.Risks)}}
	return WriteNotice(d.Font, n)
}

// File collects everything about one case for its papers.
func (d *Desk) File(ctx context.Context, actor account.Actor, now time.Time, caseID, reason string) (*File, error) {
	if err := actor.May(account.ReportMake); err != nil {
		return nil, err
	}
	if strings.TrimSpace(reason) == "" {
		return nil, errs.New(errs.Invalid, "表格含有姓名等个人信息，请写明用途", "the paper names persons: say what it is for")
	}
	dossier, err := d.Cases.Dossier(ctx, actor, now, caseID, reason)
	if err != nil {
		return nil, err
	}
	c := dossier.Case
	f := d.outline(c, now)
	for _, t := range dossier.Tags {
		if t.UntilOn == "" || t.UntilOn >= f.Made.Format(time.DateOnly) {
			f.Tags = append(f.Tags, d.formWord("set_tags", "tag", t.Tag))
		}
	}
	if err := d.papers(f, dossier); err != nil {
		return nil, err
	}
	if err := d.members(ctx, actor, now, f, c, reason); err != nil {
		return nil, err
	}
	if err := d.situation(ctx, f, c); err != nil {
		return nil, err
	}
	if line, err := d.Pack.Param("line", c.Division, f.Made); err == nil {
		f.Line = locale.Number(line.Value, 0) + " 元/人·年"
	}
	if d.Measures != nil {
		if f.Measures, err = d.Measures(ctx, actor, caseID); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// outline is what the case's own row says.
func (d *Desk) outline(c *casework.Case, now time.Time) *File {
	f := &File{
		Made: casework.Civil(now), CaseNo: c.ID, HouseholdNo: c.HouseholdNo, Green: c.Green, IdentifiedOn: c.IdentifiedOn, MarkedMonth: c.MarkedMonth, ClearedOn: c.ClearedOn,
		LeadOn: casework.Civil(c.LeadAt.Go()).Format(time.DateOnly), Why: c.ExplanationZH, Indicators: map[string]string{}, Values: map[string]float64{}, Contacts: d.Hotline,
	}
	f.County, f.Township, f.Village = d.Tree.Name(c.Division.At(division.County)), d.Tree.Name(c.Division.At(division.Township)), d.Tree.Name(c.Division)
	f.Channel, _ = c.Channel.Title()
	f.HouseholdType = d.rosterWord("household_type", c.HouseholdType)
	f.Category, f.ClearWay = d.formWord("decide", "category", c.Category), d.formWord("propose_clearing", "clear_way", c.ClearWay)
	if st := d.Pack.Workflow.State(c.State); st != nil {
		f.State = st.Name.ZH
	}
	for _, r := range c.Risks {
		line := Risk{ID: r.Risk, Code: r.Sub, Remark: r.Remark}
		if known := d.Pack.Risk(r.Risk); known != nil {
			line.Name = known.Name.ZH
			if line.Code == "" {
				line.Code = known.Code
			}
		}
		f.Risks = append(f.Risks, line)
	}
	return f
}

// rosterWord is the word for a code of the roster.
func (d *Desk) rosterWord(column, code string) string {
	roster := d.Pack.Roster()
	for i := range roster.Columns {
		if roster.Columns[i].ID == column {
			return wordIn(roster.Columns[i].Codes, code)
		}
	}
	return code
}

func wordIn(codes []policy.Code, id string) string {
	for _, c := range codes {
		if c.ID == id {
			return c.Name.ZH
		}
	}
	return id
}

// formWord is the word for a code in an action's form, also inside its rows.
func (d *Desk) formWord(action, field, code string) string {
	a := d.Pack.Workflow.Action(action)
	if a == nil {
		return code
	}
	for _, f := range a.Form {
		if f.ID == field {
			return wordIn(f.Codes, code)
		}
		for _, sub := range f.Fields {
			if sub.ID == field {
				return wordIn(sub.Codes, code)
			}
		}
	}
	return code
}

// answers is the content of a step's form.
type answers map[string]any

func (a answers) text(id string) string { s, _ := a[id].(string); return s }

func (a answers) yes(id string) bool { b, _ := a[id].(bool); return b }

func (a answers) count(id string) int {
	if n, ok := a[id].(float64); ok {
		return int(n)
	}
	return -1
}

func (a answers) rows(id string) []answers {
	var out []answers
	list, _ := a[id].([]any)
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func (a answers) texts(id string) []string {
	var out []string
	list, _ := a[id].([]any)
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// papers reads the steps, the latest of each kind.
func (d *Desk) papers(f *File, dossier *casework.Dossier) error {
	notices := map[string]casework.Notice{}
	for _, n := range dossier.Notices {
		notices[n.ID] = n
	}
	for i := range dossier.Steps {
		st := &dossier.Steps[i]
		var a answers
		if st.Data != "" {
			if err := json.Unmarshal([]byte(st.Data), &a); err != nil {
				return errs.Wrap(errs.Internal, err, "个案记录无法读取", "a step of the case cannot be read")
			}
		}
		clearing := false
		if from := d.Pack.Workflow.State(st.FromState); from != nil {
			clearing = from.Phase == policy.PhaseClear
		}
		for _, does := range st.Does {
			switch does {
			case "visit":
				f.Visits = append(f.Visits, d.visit(a))
			case "authorisation":
				f.Authorisation = &Authorisation{SignedOn: a.text("signed_on"), Signer: d.formWord(st.Action, "signer", a.text("signer")), Handprint: a.yes("handprint")}
				for _, s := range a.texts("scope") {
					f.Authorisation.Scope = append(f.Authorisation.Scope, d.formWord(st.Action, "scope", s))
				}
			case "comparison":
				d.compare(f, st.Action, a)
			case "appraisal":
				m := &Appraisal{HeldOn: a.text("held_on"), Place: a.text("place"), Host: a.text("host"), Attendees: a.count("attendees"), For: a.count("votes_for"), Against: a.count("votes_against"), Rest: -1, Remark: a.text("remark")}
				if m.Attendees >= 0 && m.For >= 0 && m.Against >= 0 {
					m.Rest = m.Attendees - m.For - m.Against
				}
				if clearing {
					f.ClearAppraisal = m
				} else {
					f.Appraisal = m
				}
			case "publicity":
				row := notices[st.ID]
				n := &Notice{PostedOn: row.PostedOn, OverOn: row.OverOn, ExpiresOn: row.ExpiresOn, Place: a.text("place")}
				if clearing {
					f.ClearNotice = n
				} else {
					f.Notice = n
				}
			case "decision":
				f.Decision = &Opinion{On: a.text("decided_on"), Text: "同意纳入，类别：" + f.Category + "。" + a.text("remark"), DocumentNo: a.text("document_no")}
			case "clear_decision":
				f.ClearDecision = &Opinion{On: a.text("decided_on"), Text: "同意消除。" + a.text("remark"), DocumentNo: a.text("document_no")}
			case "clearing":
				f.RisksResolved = a.yes("risks_resolved")
			}
		}
		switch on := casework.Civil(st.At.Go()).Format(time.DateOnly); st.Action {
		case "township_review":
			f.Review = &Opinion{On: on, Text: a.text("opinion")}
		case "review_clearing":
			f.ClearReview = &Opinion{On: on, Text: a.text("opinion")}
		}
	}
	return nil
}

func (d *Desk) visit(a answers) Visit {
	v := Visit{On: a.text("visited_on"), Remark: a.text("remark")}
	for _, row := range a.rows("visitors") {
		v.Visitors = append(v.Visitors, or(row.text("name"), row.text("account"))+"（"+d.formWord("record_visit", "post", row.text("post"))+"）")
	}
	for _, row := range a.rows("facts") {
		name, unit := row.text("indicator"), ""
		typ := ""
		if ind := d.Pack.Indicator(name); ind != nil {
			name, unit, typ = ind.Name.ZH, ind.Unit, fmt.Sprint(ind.Type)
		}
		n, _ := row["value"].(float64)
		shown := locale.Number(n, 2)
		if typ == "bool" {
			shown = map[bool]string{true: "是", false: "否"}[n != 0]
		}
		shown = strings.TrimSuffix(shown, ".00")
		line := name + "：" + shown + " " + unit
		if r := row.text("remark"); r != "" {
			line += "（" + r + "）"
		}
		v.Found = append(v.Found, strings.TrimSpace(line))
	}
	for _, check := range [][2]string{{"义务教育", "schooling_ok"}, {"基本医疗", "insurance_ok"}, {"住房安全", "housing_ok"}, {"饮水安全", "water_ok"}} {
		if ok, told := a[check[1]].(bool); told {
			v.Checks = append(v.Checks, check[0]+"："+map[bool]string{true: "有保障", false: "有问题"}[ok])
		}
	}
	return v
}

// compare keeps the latest answer of each department.
func (d *Desk) compare(f *File, action string, a answers) {
	for _, row := range a.rows("results") {
		id := row.text("department")
		c := Comparison{Department: id, Result: d.formWord(action, "result", row.text("result")), Explanation: row.text("explanation")}
		if dep := d.Pack.Department(id); dep != nil {
			c.Department = dep.Name.ZH
		}
		if i := slices.IndexFunc(f.Comparisons, func(o Comparison) bool { return o.Department == c.Department }); i >= 0 {
			f.Comparisons[i] = c
		} else {
			f.Comparisons = append(f.Comparisons, c)
		}
	}
}

// members joins the household's members from the register, with names, for a reason that is logged.
func (d *Desk) members(ctx context.Context, actor account.Actor, now time.Time, f *File, c *casework.Case, reason string) error {
	conn, err := d.Warehouse.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	people, err := registry.Reveal(ctx, conn, d.Keyring, d.Pack.Roster().ID, c.Household, reason, func(ctx context.Context, _ int64, persons int, reason string) error {
		return d.Ledger.Write(ctx, now, func(_ context.Context, tx *ledger.Tx) error {
			e := actor.Event(audit.Reveal, "household", c.HouseholdNo, c.Division)
			e.Reason, e.Detail = reason, map[string]int{"persons": persons}
			return audit.Record(tx, e)
		})
	})
	if err != nil {
		return err
	}
	d.fillMembers(f, people)
	return nil
}

// fillMembers puts the members' words into the file, the head first.
func (d *Desk) fillMembers(f *File, people []registry.Revealed) {
	able := 0
	for _, p := range people {
		m := Member{Name: p.Identity.Name, Number: p.Identity.Number, Phone: p.Identity.Phone, Age: -1, Head: p.Person.Relation == "head",
			Relation: d.rosterWord("relation", p.Person.Relation), Sex: d.rosterWord("sex", p.Person.Sex), Ethnic: ethnic.Name(p.Person.Ethnic),
			Education: d.rosterWord("education", p.Person.Education), Health: d.rosterWord("health", p.Person.Health), Labour: d.rosterWord("labour", p.Person.Labour)}
		if s := p.Person.School; s != "" && s != "no" {
			m.School = d.rosterWord("school", s)
		}
		if !p.Person.Birth.IsZero() {
			m.Birth, m.Age = p.Person.Birth.Format(time.DateOnly), age(p.Person.Birth, f.Made)
		}
		if p.Person.Labour == "ordinary" || p.Person.Labour == "skilled" || p.Person.Labour == "weak" {
			able++
		}
		f.Members = append(f.Members, m)
	}
	slices.SortStableFunc(f.Members, func(a, b Member) int {
		switch {
		case a.Head == b.Head:
			return 0
		case a.Head:
			return -1
		}
		return 1
	})
	if f.LabourWords = fmt.Sprintf("%d 人", able); able == 0 {
		f.LabourWords = "整户无劳动能力"
	}
}

func age(birth, day time.Time) int {
	n := day.Year() - birth.Year()
	if day.Month() < birth.Month() || day.Month() == birth.Month() && day.Day() < birth.Day() {
		n--
	}
	return max(n, 0)
}

// situation fills in indicators and guarantees as the last run left them.
func (d *Desk) situation(ctx context.Context, f *File, c *casework.Case) error {
	h, err := d.Screening.Situation(ctx, c.HouseholdNo)
	if errs.KindOf(err) == errs.NotFound {
		return nil // the household has left the register: its papers are still made
	}
	if err != nil {
		return err
	}
	for _, v := range h.Indicators {
		if v.Value != nil {
			f.Indicators[v.ID], f.Values[v.ID] = v.Text.ZH, *v.Value
		}
	}
	if h.Run == 0 {
		return nil // never screened: nothing is known
	}
	for _, g := range guarantees() {
		for _, r := range h.Guarantees {
			if r.Risk != g.Risk {
				continue
			}
			switch {
			case r.Outcome == policy.Hit.String():
				g.Met, g.Problems = "否", append(g.Problems, r.Name.ZH)
			case r.Outcome == policy.Unknown.String() && g.Met != "否":
				g.Met = "未知"
			}
		}
		g.Met = or(g.Met, "是")
		f.Guarantees = append(f.Guarantees, g)
	}
	return nil
}
