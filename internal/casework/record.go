package casework

import (
	"context"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
)

// VisitRow is a visit as lists show it; the whole form is in its step.
type VisitRow struct {
	bun.BaseModel `bun:"table:visit" json:"-"`

	ID        string        `bun:",pk" json:"id"` // of its step
	CaseID    string        `json:"case"`
	Household int64         `bun:"household_id" json:"household,string"`
	Division  division.Code `json:"division"`
	VisitedOn string        `json:"visited_on"`
	Visitors  int           `json:"visitors"`
	Known     bool          `json:"known"` // the household's situation was known already
	Lat       *float64      `json:"lat"`
	Lon       *float64      `json:"lon"`
	Photos    []string      `json:"photos"` // SHA-256 of the files
	At        ledger.Time   `json:"at"`
	Actor     string        `json:"actor"`
}

// Correction is what a visit found otherwise than the data said.
type Correction struct {
	bun.BaseModel `bun:"table:correction" json:"-"`

	ID        string      `bun:",pk" json:"id"`
	CaseID    string      `json:"case"`
	VisitID   string      `json:"visit"`
	Household int64       `bun:"household_id" json:"household,string"`
	Indicator string      `json:"indicator"`
	Value     float64     `json:"value"`
	FoundOn   string      `json:"found_on"`
	At        ledger.Time `json:"at"`
}

// Notice is a public notice. Only these fields may be shown in public, with the head's masked name from the register: never a number, phone,
// account, illness or risk.
type Notice struct {
	bun.BaseModel `bun:"table:notice" json:"-"`

	ID        string        `bun:",pk" json:"id"`
	CaseID    string        `json:"case"`
	Household int64         `bun:"household_id" json:"household,string"`
	Division  division.Code `json:"division"`
	Kind      string        `json:"kind"`     // identify, clear
	Members   int           `json:"members"`  // 0: not known
	Category  string        `json:"category"` // kind of monitored object; "" before the decision
	PostedOn  string        `json:"posted_on"`
	OverOn    string        `json:"over_on"`    // first day after the publicity
	ExpiresOn string        `json:"expires_on"` // it must be gone by this day
	At        ledger.Time   `json:"at"`
}

// Tag is a low-income class of civil affairs, dated; several may hold at once.
type Tag struct {
	bun.BaseModel `bun:"table:tag" json:"-"`

	ID        string        `bun:",pk" json:"id"`
	Household int64         `bun:"household_id" json:"household,string"`
	CaseID    string        `json:"case"`
	Division  division.Code `json:"division"`
	Tag       string        `json:"tag"` // l1 … l5
	FromOn    string        `json:"from"`
	UntilOn   string        `json:"until"` // last day; "" for open
	At        ledger.Time   `json:"at"`
	Actor     string        `json:"actor"`
}

// Link is a case that belongs to another: split or merge.
type Link struct {
	bun.BaseModel `bun:"table:case_link" json:"-"`

	ID     string      `bun:",pk" json:"-"`
	CaseID string      `json:"case"`
	Kind   string      `json:"kind"` // split: other is the new household's; merge: other goes on
	Other  string      `json:"other"`
	At     ledger.Time `json:"at"`
}

// record writes what an action records beside its step, and changes c accordingly. It gives the id of a case that was made.
func (s *Service) record(ctx context.Context, tx *ledger.Tx, actor account.Actor, m *workflow.Machine, c *Case, st *Step, a *policy.Action, form workflow.Form) (made string, err error) {
	if err := future(form, m.Today(), "visited_on", "held_on", "posted_on", "decided_on", "announced_on", "told_on", "signed_on", "happened_on", "moved_on", "received_on"); err != nil {
		return "", err
	}
	for _, does := range a.Does {
		switch does {
		case "visit":
			err = s.recordVisit(ctx, tx, c, st, form)
		case "green":
			c.Green = true
		case "comparison":
			err = s.recordComparison(ctx, tx, actor, c, form)
		case "publicity":
			err = s.recordNotice(ctx, tx, m, c, st, form)
		case "decision":
			c.Category, c.IdentifiedOn = text(form, "category"), text(form, "decided_on")
		case "announcement":
			c.MarkedMonth = text(form, "marked_month")
		case "clearing":
			c.ClearWay = text(form, "clear_way")
		case "clear_decision":
			c.ClearedOn = text(form, "decided_on")
		case "roll_back":
			c.ClearWay, c.ClearedOn = "", ""
		case "risks":
			rows, _ := form["risks"].([]any)
			c.Risks = risksOf(rows)
			c.addRisks()
		case "tags":
			err = s.recordTags(ctx, tx, actor, c, form)
		case "assign":
			err = s.recordOwner(ctx, tx, c, form)
		case "move":
			err = s.recordMove(ctx, tx, c, form)
		case "split":
			made, err = s.recordSplit(ctx, tx, actor, c, form)
		case "merge":
			err = s.recordMerge(ctx, tx, actor, c, form)
		case "told":
			err = s.answerApplications(ctx, tx, c.ID)
		}
		if err != nil {
			return "", err
		}
	}
	return made, nil
}

func text(form workflow.Form, id string) string {
	s, _ := form[id].(string)
	return s
}

func texts(form workflow.Form, id string) []string {
	out := []string{}
	list, _ := form[id].([]any)
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func rowsOf(form workflow.Form, id string) []map[string]any {
	var out []map[string]any
	list, _ := form[id].([]any)
	for _, v := range list {
		if row, ok := v.(map[string]any); ok {
			out = append(out, row)
		}
	}
	return out
}

func (s *Service) recordVisit(ctx context.Context, tx *ledger.Tx, c *Case, st *Step, form workflow.Form) error {
	visitors, _ := form["visitors"].([]any)
	known, _ := form["already_known"].(bool)
	v := &VisitRow{
		ID: st.ID, CaseID: c.ID, Household: c.Household, Division: c.Division, VisitedOn: text(form, "visited_on"), Visitors: distinct(visitors),
		Known: known, Photos: texts(form, "photos"), At: tx.Now, Actor: st.Actor,
	}
	if p, ok := form["position"].(map[string]any); ok {
		lat, _ := p["lat"].(float64)
		lon, _ := p["lon"].(float64)
		v.Lat, v.Lon = &lat, &lon
	}
	if err := insertRow(ctx, tx, v); err != nil {
		return err
	}
	var all []Correction
	for _, row := range rowsOf(form, "facts") {
		id, _ := row["indicator"].(string)
		value, _ := row["value"].(float64)
		all = append(all, Correction{ID: s.nextID(tx.Now), CaseID: c.ID, VisitID: st.ID, Household: c.Household, Indicator: id, Value: value, FoundOn: v.VisitedOn, At: tx.Now})
	}
	return ledger.InsertAll(ctx, tx, all)
}

// recordComparison lets the departments that were asked see the case; a department answers for itself only.
func (s *Service) recordComparison(ctx context.Context, tx *ledger.Tx, actor account.Actor, c *Case, form workflow.Form) error {
	own, only := actor.DepartmentOnly()
	for _, row := range rowsOf(form, "results") {
		department, _ := row["department"].(string)
		if only && department != own {
			return errs.New(errs.Refused, "部门只能登记本部门的比对结果", "a department records its own result only")
		}
		if err := s.Share(ctx, tx, c.ID, department); err != nil {
			return err
		}
	}
	return nil
}

// noticeStays is how many days after the publicity a notice may stay before it has expired: the day it is over, and the next.
const noticeStays = 1

func (s *Service) recordNotice(ctx context.Context, tx *ledger.Tx, m *workflow.Machine, c *Case, st *Step, form workflow.Form) error {
	n, err := m.Param("publicity_days")
	if err != nil {
		return err
	}
	posted, err := time.Parse(time.DateOnly, text(form, "posted_on"))
	if err != nil {
		return errs.Wrap(errs.Internal, err, "公示日期无法读取", "the day of the notice cannot be read")
	}
	kind := "identify"
	if c.Phase == string(policy.PhaseClear) {
		kind = "clear"
	}
	over := posted.AddDate(0, 0, int(n))
	row := &Notice{
		ID: st.ID, CaseID: c.ID, Household: c.Household, Division: c.Division, Kind: kind, Category: c.Category,
		PostedOn: posted.Format(time.DateOnly), OverOn: over.Format(time.DateOnly), ExpiresOn: over.AddDate(0, 0, noticeStays).Format(time.DateOnly), At: tx.Now,
	}
	return insertRow(ctx, tx, row)
}

func (s *Service) recordTags(ctx context.Context, tx *ledger.Tx, actor account.Actor, c *Case, form workflow.Form) error {
	var all []Tag
	for _, row := range rowsOf(form, "tags") {
		tag, _ := row["tag"].(string)
		from, _ := row["from"].(string)
		until, _ := row["until"].(string)
		// The same class from the same day is the same tag: its end is recorded.
		done, err := tx.NewUpdate().Model((*Tag)(nil)).Set("until_on = ?", until).Set("at = ?", tx.Now).Set("actor = ?", actor.Account).
			Where("household_id = ?", c.Household).Where("tag = ?", tag).Where("from_on = ?", from).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n > 0 {
			if err != nil {
				return err
			}
			continue
		}
		all = append(all, Tag{ID: s.nextID(tx.Now), Household: c.Household, CaseID: c.ID, Division: c.Division, Tag: tag, FromOn: from, UntilOn: until, At: tx.Now, Actor: actor.Account})
	}
	return ledger.InsertAll(ctx, tx, all)
}

// recordOwner gives the case to a person whose subtree holds it.
func (s *Service) recordOwner(ctx context.Context, tx *ledger.Tx, c *Case, form workflow.Form) error {
	who, err := s.accounts.Get(ctx, tx, account.SystemActor("casework"), text(form, "owner"))
	if errs.KindOf(err) == errs.NotFound || err == nil && (!who.Active || !who.Division.Contains(c.Division)) {
		return bad("责任人没有这个账号，或其管辖范围不含该户所在的村", "the owner has no account, or the household's village is not in their area")
	}
	if err != nil {
		return err
	}
	c.Owner = who.ID
	return nil
}

func (s *Service) recordMove(ctx context.Context, tx *ledger.Tx, c *Case, form workflow.Form) error {
	to, err := division.Parse(text(form, "to_division"))
	if err != nil || to == c.Division {
		return bad("迁入村不对，或就是现在的村", "the village moved to is wrong, or the one it is in")
	}
	c.Division, c.Owner = to, ""
	for _, table := range []string{"signal", "notice", "visit", "tag"} {
		if _, err := tx.NewUpdate().Table(table).Set("division = ?", to).Where("case_id = ?", c.ID).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// recordSplit makes a lead for the household that split off, and links the two.
func (s *Service) recordSplit(ctx context.Context, tx *ledger.Tx, actor account.Actor, c *Case, form workflow.Form) (string, error) {
	if s.hooks.Household == nil {
		return "", errs.New(errs.Internal, "程序没有接入户编号的识别", "the program was not given how household numbers are read")
	}
	id, normal, ok := s.hooks.Household(text(form, "new_household"))
	to, err := division.Parse(text(form, "new_division"))
	if !ok || err != nil || id == c.Household {
		return "", bad("新户编号或所在村不对", "the number or village of the new household is wrong")
	}
	sig := Signal{
		Household: id, HouseholdNo: normal, Division: to, HouseholdType: c.HouseholdType, Channel: Visit, Level: max(c.Level, 1), Happened: dayText(tx.Now.Go()), // of no risk yet: so it is always looked at
		Words: policy.Text{ZH: "由监测户分户而来，请核实。", EN: "Split off from a watched household; please verify."}, Key: "split:" + c.ID + ":" + strconv.FormatInt(id, 10),
	}
	if _, err := s.receive(ctx, tx, actor, []Signal{sig}); err != nil {
		return "", err
	}
	made := new(Case)
	if err := tx.NewSelect().Model(made).Where("c.open_key = ?", openKey(id)).Scan(ctx); err != nil {
		return "", err
	}
	return made.ID, insertRow(ctx, tx, &Link{ID: s.nextID(tx.Now), CaseID: c.ID, Kind: "split", Other: made.ID, At: tx.Now})
}

// recordMerge hands the signals on to the case that goes on, which must be live and in the actor's scope.
func (s *Service) recordMerge(ctx context.Context, tx *ledger.Tx, actor account.Actor, c *Case, form workflow.Form) error {
	into, err := s.load(ctx, tx, actor, text(form, "into"))
	if err != nil {
		return err
	}
	if into.ID == c.ID || !into.Live() {
		return bad("要并入的须是另一个未办结的个案", "it must be merged into another case that is not closed")
	}
	if _, err := tx.NewUpdate().Table("signal").Set("case_id = ?", into.ID).Set("division = ?", into.Division).Where("case_id = ?", c.ID).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewUpdate().Table("application").Set("case_id = ?", into.ID).Where("case_id = ?", c.ID).Exec(ctx); err != nil {
		return err
	}
	if err := s.explain(ctx, tx, into); err != nil {
		return err
	}
	if err := ledger.Update(ctx, tx, into, &into.Version, caseColumns()...); err != nil {
		return err
	}
	return insertRow(ctx, tx, &Link{ID: s.nextID(tx.Now), CaseID: c.ID, Kind: "merge", Other: into.ID, At: tx.Now})
}
