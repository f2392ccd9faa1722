package phone

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
	"shouwang/internal/task"
	"shouwang/internal/workflow"
)

// MostHouseholds of one village that are carried. The largest villages have about two thousand.
const MostHouseholds = 4000

// Village is the document that a phone keeps: everything that visits in one village need. Names, numbers and phones are masked.
type Village struct {
	Made        time.Time     `json:"made"`
	Day         string        `json:"day"` // civil day
	Code        division.Code `json:"code"`
	Place       string        `json:"place"`
	Worker      Worker        `json:"worker"`
	KeepDays    int           `json:"keep_days"`    // without a sync the phone forgets everything after so many days
	SecretLeast int           `json:"secret_least"` // least length of the code that unlocks it
	VisitorsMin int           `json:"visitors_min"` // a verification needs so many visitors
	Households  []Household   `json:"households"`   // with a live case, the most urgent first
	Others      []Other       `json:"others"`       // everybody else, for look-up, by household number
	Form        []Field       `json:"form"`         // of a visit
	Endings     []Ending      `json:"endings"`      // what a visit may come to
	Indicators  []Indicator   `json:"indicators"`   // that a visit confirms or corrects
	Risks       []Named       `json:"risks"`
	States      []Named       `json:"states"`
	Keys        []CodeKey     `json:"keys"`  // with which household codes are signed
	Ended       []string      `json:"ended"` // codes of the village that ended before their day
}

// Worker is who carries it.
type Worker struct {
	Account string `json:"account"`
	Name    string `json:"name"`
}

// Named is a code with its wording.
type Named struct {
	ID   string `json:"id"`
	Name Text   `json:"name"`
}

// Indicator is one value that a visit looks at.
type Indicator struct {
	ID   string `json:"id"`
	Name Text   `json:"name"`
	Unit string `json:"unit,omitempty"`
	Bool bool   `json:"bool,omitempty"` // 1 or 0
}

// CodeKey is a public key for checking codes without network.
type CodeKey struct {
	ID        string          `json:"id"` // four bytes, hexadecimal
	Suite     housecode.Suite `json:"suite"`
	Public    string          `json:"public"` // base64
	Withdrawn bool            `json:"withdrawn,omitempty"`
}

// Household is one that has a live case.
type Household struct {
	ID        int64           `json:"id,string"`
	No        string          `json:"no"`
	Head      string          `json:"head"`  // masked
	Phone     string          `json:"phone"` // masked; "" when not known
	Type      Text            `json:"type"`
	Code      string          `json:"code,omitempty"` // id of its code in force
	Members   []Member        `json:"members"`
	Case      Case            `json:"case"`
	Known     []Known         `json:"known"`
	Confirmed map[string]bool `json:"confirmed"` // what visits said about the 3+1, by the form's field
	Last      *Last           `json:"last,omitempty"`
	Disputes  []Dispute       `json:"disputes,omitempty"` // of earlier visits that were not resolved
}

// Member is one person of a household, masked.
type Member struct {
	Key      string `json:"key"` // pseudonymous
	Name     string `json:"name"`
	Relation Text   `json:"relation"`
	Age      int    `json:"age"` // -1: not known
	Health   string `json:"health,omitempty"`
	Labour   string `json:"labour,omitempty"`
	School   string `json:"school,omitempty"`
	HealthIn Text   `json:"health_in"`
	LabourIn Text   `json:"labour_in"`
}

// Case is the household's live case.
type Case struct {
	ID      string   `json:"id"`
	Version int64    `json:"version"`
	Steps   int      `json:"steps"` // taken so far: what comes later was not known to the phone
	State   string   `json:"state"`
	Level   int      `json:"level"`
	Why     Text     `json:"why"`
	LeadOn  string   `json:"lead_on"`
	Task    Text     `json:"task,omitzero"`
	Due     string   `json:"due,omitempty"` // last day
	Mine    bool     `json:"mine"`          // the task is the village's
	Visit   bool     `json:"visit"`         // a visit may be recorded
	Endings []string `json:"endings"`       // what a visit may come to, by action
}

// Known is one value as it stands: of the last run, or as a visit found it.
type Known struct {
	ID    string   `json:"id"`
	Value *float64 `json:"value"`
	Text  Text     `json:"text"`
	Visit bool     `json:"visit,omitempty"` // found by a visit
}

// Last is the newest visit.
type Last struct {
	On       string   `json:"on"`
	Visitors int      `json:"visitors"`
	Lat      *float64 `json:"lat,omitempty"`
	Lon      *float64 `json:"lon,omitempty"`
}

// Dispute is one that a visit left open.
type Dispute struct {
	On      string `json:"on"`
	Kind    string `json:"kind"`
	Outcome string `json:"outcome"`
}

// Other is a household without a live case.
type Other struct {
	ID       int64    `json:"id,string"`
	No       string   `json:"no"`
	Head     string   `json:"head"`
	Members  int      `json:"members"`
	Code     string   `json:"code,omitempty"`
	Level    int      `json:"level,omitempty"` // of a warning that is no case yet
	Warnings []string `json:"warnings,omitempty"`
}

// Ending is an action that says what a verification found.
type Ending struct {
	Action string  `json:"action"`
	Name   Text    `json:"name"`
	Label  string  `json:"label"` // true, false_alarm, known
	Form   []Field `json:"form"`
	Guards []Named `json:"guards"` // what must hold, in words
}

// Field of a form, as the pack has it.
type Field struct {
	ID       string           `json:"id"`
	Name     Text             `json:"name"`
	Hint     Text             `json:"hint,omitzero"`
	Type     policy.FieldType `json:"type"`
	Required bool             `json:"required,omitempty"`
	Many     bool             `json:"many,omitempty"`
	Min      *float64         `json:"min,omitempty"`
	Max      *float64         `json:"max,omitempty"`
	Unit     string           `json:"unit,omitempty"`
	Codes    []Named          `json:"codes,omitempty"`
	Fields   []Field          `json:"fields,omitempty"`
}

// Village gives the actor's own village and takes note in the audit chain that it was taken along. It needs account.HouseholdRead and
// account.CaseAct, and an actor of one village; others are errs.Refused.
func (s *Service) Village(ctx context.Context, actor account.Actor, now time.Time) (*Village, error) {
	for _, a := range []account.Action{account.HouseholdRead, account.CaseAct} {
		if err := actor.May(a); err != nil {
			return nil, err
		}
	}
	if actor.Division.Level() != division.Village {
		return nil, errs.New(errs.Refused, "手机走访按村携带数据，请用村级账号登录", "the phone carries the data of one village: sign in with an account of a village")
	}
	m := s.cases.Machine(actor.Division, now)
	v := &Village{Made: now.UTC().Truncate(time.Second), Day: casework.Civil(now).Format(time.DateOnly), Code: actor.Division, Place: strings.Join(s.tree.Path(actor.Division), ""),
		Worker: Worker{Account: actor.Account, Name: actor.Name}, Households: []Household{}, Others: []Other{}, Ended: []string{}, Keys: []CodeKey{}}
	for id, to := range map[string]*int{"phone_keep_days": &v.KeepDays, "phone_secret_least": &v.SecretLeast, "visitors_min": &v.VisitorsMin} {
		n, err := m.Param(id)
		if err != nil {
			return nil, err
		}
		*to = int(n)
	}
	s.terms(m, v)
	if err := s.households(ctx, actor, now, m, v); err != nil {
		return nil, err
	}
	return v, s.ledger.Write(ctx, now, func(_ context.Context, tx *ledger.Tx) error {
		event := actor.Event("phone.sync", "village", actor.Division.Prefix(), actor.Division)
		event.Detail = map[string]any{"households": len(v.Households), "others": len(v.Others)}
		return audit.Record(tx, event)
	})
}

// terms are the pack's part of the document.
func (s *Service) terms(m *workflow.Machine, v *Village) {
	v.Form = fields(casework.VisitAction(m.Flow()).Form)
	v.Endings = []Ending{}
	for _, a := range endings(m) {
		e := Ending{Action: a.ID, Name: a.Name, Label: a.Label, Form: fields(a.Form), Guards: []Named{}}
		for _, id := range a.Guards {
			g := m.Flow().Guard(id)
			e.Guards = append(e.Guards, Named{ID: id, Name: g.Wording})
		}
		v.Endings = append(v.Endings, e)
	}
	for i := range m.Flow().Facts {
		f := &m.Flow().Facts[i]
		ind := s.pack.Indicator(f.ID)
		if f.Source == policy.FromIndicator && ind != nil && ind.Derive == nil {
			v.Indicators = append(v.Indicators, indicatorOf(ind))
		}
	}
	for i := range s.pack.Risks {
		v.Risks = append(v.Risks, Named{ID: s.pack.Risks[i].ID, Name: s.pack.Risks[i].Name})
	}
	for i := range m.Flow().States {
		v.States = append(v.States, Named{ID: m.Flow().States[i].ID, Name: m.Flow().States[i].Name})
	}
}

// endings are the actions that say what a verification found, and that a village may take.
func endings(m *workflow.Machine) []*policy.Action {
	var out []*policy.Action
	flow := m.Flow()
	for i := range flow.Actions {
		if a := &flow.Actions[i]; a.Label != "" && slices.Contains(a.Roles, string(account.Village)) {
			out = append(out, a)
		}
	}
	return out
}

func fields(list []policy.Field) []Field {
	out := make([]Field, 0, len(list))
	for i := range list {
		f := &list[i]
		one := Field{ID: f.ID, Name: f.Name, Hint: f.Hint, Type: f.Type, Required: f.Required, Many: f.Many, Min: f.Min, Max: f.Max, Unit: f.Unit}
		for _, c := range f.Codes {
			one.Codes = append(one.Codes, Named{ID: c.ID, Name: c.Name})
		}
		if len(f.Fields) > 0 {
			one.Fields = fields(f.Fields)
		}
		out = append(out, one)
	}
	return out
}

// households fills in who lives in the village and what is known of them.
func (s *Service) households(ctx context.Context, actor account.Actor, now time.Time, m *workflow.Machine, v *Village) error {
	conn, err := s.warehouse.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	roster := s.pack.Roster()
	homes, members, err := registry.UnderVillage(ctx, conn, s.keyring, roster.ID, actor.Division, MostHouseholds)
	if err != nil {
		return err
	}
	rows, warned, err := s.screened(ctx, actor.Division)
	if err != nil {
		return err
	}
	carried, err := s.cases.Carry(ctx, actor, now, actor.Division, rows)
	if err != nil {
		return err
	}
	var cards map[int64]string
	if err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		cards, err = s.cards(ctx, tx, actor, now, v)
		return err
	}); err != nil {
		return err
	}
	home := map[int64]*registry.Household{}
	for i := range homes {
		home[homes[i].ID] = &homes[i]
	}
	withCase := map[int64]bool{}
	for i := range carried {
		c := &carried[i]
		withCase[c.Case.Household] = true
		h := Household{ID: c.Case.Household, No: c.Case.HouseholdNo, Code: cards[c.Case.Household], Members: []Member{}}
		if r := home[c.Case.Household]; r != nil {
			h.Type = codeName(roster, "household_type", r.Type)
		}
		h.members(roster, members[c.Case.Household], now)
		s.fill(m, c, v, &h)
		v.Households = append(v.Households, h)
	}
	for i := range homes {
		h := &homes[i]
		if withCase[h.ID] {
			continue
		}
		o := Other{ID: h.ID, No: h.No, Members: h.Members, Code: cards[h.ID]}
		if list := members[h.ID]; len(list) > 0 {
			o.Head = list[0].Identity.Name
		}
		for _, w := range warned[h.ID] {
			o.Level = max(o.Level, int(w.Level))
			o.Warnings = append(o.Warnings, w.Risk)
		}
		v.Others = append(v.Others, o)
	}
	return nil
}

// screened gives what the last run left of the village's households: their indicators and their warnings. Before the first run, and while the pack is
// newer than the last run, there is nothing to give.
func (s *Service) screened(ctx context.Context, village division.Code) (map[int64]workflow.Facts, map[int64][]screening.StandingWarning, error) {
	rows, warned := map[int64]workflow.Facts{}, map[int64][]screening.StandingWarning{}
	err := s.screening.States(ctx, screening.StateFilter{Division: village, All: true, Bare: true}, func(st screening.State) error {
		facts := workflow.Facts{}
		for i := range s.pack.Indicators {
			if st.Row[i].Known {
				facts[s.pack.Indicators[i].ID] = st.Row[i]
			}
		}
		rows[st.HouseholdID], warned[st.HouseholdID] = facts, st.Warnings
		return nil
	})
	if kind := errs.KindOf(err); kind == errs.NotFound || kind == errs.Conflict {
		err = nil
	}
	return rows, warned, err
}

// cards are the codes in force by household; the village's document gets the keys and the codes that ended.
func (s *Service) cards(ctx context.Context, tx *ledger.Tx, actor account.Actor, now time.Time, v *Village) (map[int64]string, error) {
	out := map[int64]string{}
	if may := actor.May(account.CodeRead) == nil; !may {
		return out, nil
	}
	keys, err := s.codes.Keys(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		public, err := base64.StdEncoding.DecodeString(k.Public)
		if err != nil {
			continue
		}
		v.Keys = append(v.Keys, CodeKey{ID: k.ID, Suite: k.Suite, Public: base64.StdEncoding.EncodeToString(public), Withdrawn: k.Withdrawn != 0})
	}
	list, err := s.codes.InVillage(ctx, tx, actor, actor.Division)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		switch {
		case c.State != housecode.Active:
			v.Ended = append(v.Ended, c.ID)
		case c.Expires > ledger.At(now):
			out[c.Household] = c.ID
		}
	}
	return out, nil
}

// members in the order of the register, the head first.
func (h *Household) members(roster *policy.Dataset, list []registry.Revealed, now time.Time) {
	day := casework.Civil(now)
	for _, r := range list {
		p := r.Person
		key := p.Key.Bytes()
		one := Member{Key: hex.EncodeToString(key[:]), Name: r.Identity.Name, Relation: codeName(roster, "relation", p.Relation), Age: -1, Health: p.Health, Labour: p.Labour, School: p.School,
			HealthIn: codeName(roster, "health", p.Health), LabourIn: codeName(roster, "labour", p.Labour)}
		if !p.Birth.IsZero() {
			one.Age = day.Year() - p.Birth.Year()
			if day.Month() < p.Birth.Month() || day.Month() == p.Birth.Month() && day.Day() < p.Birth.Day() {
				one.Age--
			}
		}
		if p.Relation == "head" || h.Head == "" {
			h.Head = r.Identity.Name
		}
		if h.Phone == "" {
			h.Phone = r.Identity.Phone
		}
		h.Members = append(h.Members, one)
	}
}

// fill adds the case and what is known.
func (s *Service) fill(m *workflow.Machine, c *casework.Carried, v *Village, h *Household) {
	h.Case = Case{ID: c.Case.ID, Version: c.Case.Version, Steps: c.Case.Steps, State: c.Case.State, Level: c.Case.Level, Why: Text{ZH: c.Case.ExplanationZH, EN: c.Case.ExplanationEN},
		LeadOn: casework.Civil(c.Case.LeadAt.Go()).Format(time.DateOnly), Endings: []string{}}
	if t := c.Task; t != nil {
		h.Case.Task = Text{ZH: t.ZH, EN: t.EN}
		h.Case.Due = task.Civil(t.Due.Go().Add(-time.Microsecond)).Format(time.DateOnly)
		h.Case.Mine = t.Org == account.OrgFor(account.Village, c.Case.Division, "")
	}
	way := wayToVisit(m, c.Case.State)
	h.Case.Visit = way.ok
	for _, a := range endings(m) {
		if way.ok && slices.Contains(a.From, way.state) {
			h.Case.Endings = append(h.Case.Endings, a.ID)
		}
	}
	visited := map[string]bool{}
	h.Confirmed = map[string]bool{}
	for i := len(c.Visits) - 1; i >= 0; i-- { // oldest first: the newest word counts
		found := foundBy(c.Visits[i].Form)
		for path := range found.values {
			if id, ok := strings.CutPrefix(path, factPath); ok {
				visited[id] = true
			}
		}
		for id, yes := range found.confirmed {
			h.Confirmed[id] = yes
		}
		for _, d := range found.disputes {
			if d.Outcome != "resolved" {
				h.Disputes = append(h.Disputes, Dispute{On: c.Visits[i].VisitedOn, Kind: d.Kind, Outcome: d.Outcome})
			}
		}
	}
	if len(c.Visits) > 0 {
		last := c.Visits[0]
		h.Last = &Last{On: last.VisitedOn, Visitors: last.Visitors, Lat: last.Lat, Lon: last.Lon}
		for _, x := range c.Visits { // the newest that has a position
			if x.Lat != nil {
				h.Last.Lat, h.Last.Lon = x.Lat, x.Lon
				break
			}
		}
	}
	h.Known = make([]Known, 0, len(v.Indicators))
	for _, ind := range v.Indicators {
		k := Known{ID: ind.ID, Visit: visited[ind.ID]}
		if f, ok := c.Facts[ind.ID]; ok && f.Known {
			n := f.Num
			k.Value, k.Text = &n, inWords(n, ind)
		}
		h.Known = append(h.Known, k)
	}
}

func indicatorOf(ind *policy.Indicator) Indicator {
	return Indicator{ID: ind.ID, Name: ind.Name, Unit: ind.Unit, Bool: ind.Type == expr.Bool}
}

// inWords is a value as people read it.
func inWords(n float64, ind Indicator) Text {
	if ind.Bool {
		if n != 0 {
			return Text{ZH: "是", EN: "yes"}
		}
		return Text{ZH: "否", EN: "no"}
	}
	t := strconv.FormatFloat(n, 'f', -1, 64)
	if cut := strings.IndexByte(t, '.'); cut >= 0 && len(t) > cut+3 {
		t = strconv.FormatFloat(n, 'f', 2, 64)
	}
	return Text{ZH: strings.TrimSpace(t + " " + ind.Unit), EN: strings.TrimSpace(t + " " + expr.EnglishUnit(ind.Unit, n))}
}

// codeName is the wording of a code of a contract's column.
func codeName(ds *policy.Dataset, column, code string) Text {
	if c := ds.Column(column); c != nil {
		for _, known := range c.Codes {
			if known.ID == code {
				if known.Name.EN == "" {
					known.Name.EN = strings.ReplaceAll(code, "_", " ")
				}
				return known.Name
			}
		}
	}
	return Text{ZH: code, EN: strings.ReplaceAll(code, "_", " ")}
}
