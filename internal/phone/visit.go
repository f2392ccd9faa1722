package phone

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/workflow"
)

// Edit is one visit that was made off line.
type Edit struct {
	Key       string            `json:"key"` // of its own, made on the phone: the same edit again gives the first answer
	Household int64             `json:"household,string"`
	Case      string            `json:"case"`  // that the phone knew of; "" for none
	Steps     int               `json:"steps"` // of it, as the phone knew it
	Visit     map[string]any    `json:"visit"` // the form of the visit
	Base      map[string]any    `json:"base"`  // what the phone knew of the members, by path
	Ending    *Taken            `json:"ending,omitempty"`
	Lead      *Lead             `json:"lead,omitempty"`     // a risk that nobody knew of
	Resolved  map[string]string `json:"resolved,omitempty"` // by path: mine or theirs; "visit": "second" for two visits on one day that are both true
}

// Taken is an action with its form.
type Taken struct {
	Action string         `json:"action"`
	Data   map[string]any `json:"data"`
}

// Lead is a risk that a visit found.
type Lead struct {
	Risk  string `json:"risk"` // of the pack; "" when it can't be told
	Level int    `json:"level"`
	Words string `json:"words"` // no name and no number of a person
}

// Status is what became of an edit.
type Status string

// The statuses. Only done and merged have changed anything.
const (
	Done      Status = "done"
	Merged    Status = "merged"    // others changed other fields meanwhile; both are kept
	Conflict  Status = "conflict"  // others say something else about the same field: whose counts must be said
	Duplicate Status = "duplicate" // somebody recorded a visit to the household on the same day
	Refused   Status = "refused"   // by a guard, the form, or because there is nothing to record it in
)

// Answer to an edit.
type Answer struct {
	Key      string      `json:"key"`
	Status   Status      `json:"status"`
	Case     string      `json:"case,omitempty"`
	Words    Text        `json:"words,omitzero"`
	Fields   []Contested `json:"fields,omitempty"` // of a conflict or duplicate
	Kept     []Text      `json:"kept,omitempty"`   // of merged: what others changed
	By       Text        `json:"by,omitzero"`      // whose other visit it is
	At       time.Time   `json:"at,omitzero"`      // when that was recorded
	Ending   Status      `json:"ending,omitempty"` // done or refused; "" when there was none
	EndWords Text        `json:"end_words,omitzero"`
	Lacking  []string    `json:"lacking,omitempty"` // hashes of attachments to be sent first
}

// Contested is one field with both values in words.
type Contested struct {
	Path   string `json:"path"`
	Name   Text   `json:"name"`
	Mine   Text   `json:"mine"`
	Theirs Text   `json:"theirs"`
}

// keyForm is what keys of edits look like.
var keyForm = regexp.MustCompile(`^[A-Za-z0-9-]{16,64}$`)

// longNumber is what an identity, a phone or an account looks like.
var longNumber = regexp.MustCompile(`\d{11}`)

// errNothing ends a transaction that has nothing to write.
var errNothing = errors.New("nothing to write")

// Visit takes one edit: all of it in one transaction, or nothing. What stands in its way is an answer, not an error; an error says that the program could
// not work, and the same edit may be sent again. It needs account.CaseAct, and the household in the actor's area.
func (s *Service) Visit(ctx context.Context, actor account.Actor, now time.Time, e Edit) (Answer, error) {
	if err := actor.May(account.CaseAct); err != nil {
		return Answer{}, err
	}
	if !keyForm.MatchString(e.Key) {
		return Answer{}, errs.New(errs.Invalid, "走访记录没有合格的编号，请更新手机应用", "the visit has no proper key; update the phone's program")
	}
	home, err := s.home(ctx, actor, e.Household)
	if err != nil {
		return refusal(e, err)
	}
	indicators, err := s.cases.Indicators(ctx, e.Household)
	if err != nil {
		return Answer{}, err
	}
	for try := 0; ; try++ {
		var out Answer
		taken := false
		err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
			out = Answer{}
			done, err := tx.Once(ctx, actor.Account, "phone|"+e.Key, e, &out)
			if err != nil || done {
				return err
			}
			if out, err = s.visit(ctx, tx, actor, home, e, indicators); err != nil {
				taken = ledger.Taken(err)
				return err
			}
			if out.Status != Done && out.Status != Merged {
				return errNothing
			}
			return tx.Remember(ctx, actor.Account, "phone|"+e.Key, e, out)
		})
		switch {
		case err == nil, errors.Is(err, errNothing):
			return out, nil
		case taken && try < 5: // somebody opened a case of the household at the same moment
			continue
		}
		return refusal(e, err)
	}
}

// refusal makes an answer of what the person can mend, and leaves the rest an error.
func refusal(e Edit, err error) (Answer, error) {
	switch errs.KindOf(err) {
	case errs.Invalid, errs.Refused, errs.NotFound, errs.Conflict:
		return Answer{Key: e.Key, Status: Refused, Words: words(err)}, nil
	}
	return Answer{}, err
}

func words(err error) Text { return Text{ZH: errs.Text(err, "zh"), EN: errs.Text(err, "en")} }

// home is the household in the register, in the actor's area.
func (s *Service) home(ctx context.Context, actor account.Actor, household int64) (registry.Household, error) {
	conn, err := s.warehouse.Conn(ctx)
	if err != nil {
		return registry.Household{}, err
	}
	defer conn.Close()
	home, err := registry.ByID(ctx, conn, household)
	if errs.KindOf(err) == errs.NotFound {
		return home, account.NotThere()
	}
	if err != nil {
		return home, err
	}
	return home, actor.Sees(home.Division)
}

// visit judges an edit and carries it out. It writes nothing unless the answer is done or merged.
func (s *Service) visit(ctx context.Context, tx *ledger.Tx, actor account.Actor, home registry.Household, e Edit, indicators workflow.Facts) (Answer, error) {
	out := Answer{Key: e.Key, Status: Done}
	var lacking []string
	for _, h := range attachments(s.cases.Machine(home.Division, tx.Now.Go()), e.Visit) {
		if !s.files.Has(h) {
			lacking = append(lacking, h)
		}
	}
	if len(lacking) > 0 {
		out.Status, out.Lacking = Refused, lacking
		out.Words = Text{ZH: "照片、签字或录音还没有传上来，会自动重传", EN: "photos, signature or sound have not arrived yet; they will be sent again"}
		return out, nil
	}
	c, err := s.cases.LiveIn(ctx, tx, actor, home.ID)
	if errs.KindOf(err) == errs.NotFound {
		c, err = nil, nil
	}
	if err != nil {
		return out, err
	}
	if c == nil && !opens(e) {
		out.Status = Refused
		out.Words = Text{ZH: "这一户没有在办的个案。没有发现新的风险或纠纷，就不需要登记；有新情况请填“发现新风险”。", EN: "the household has no open case. Without a new risk or dispute there is nothing to record; fill in “a new risk” if there is one."}
		return out, nil
	}
	merged := merged{form: e.Visit}
	if c != nil {
		var stop bool
		if merged, stop, err = s.beside(ctx, tx, actor, c, e, &out); err != nil || stop {
			return out, err
		}
	}
	if e.Lead != nil || c == nil {
		if err := s.lead(ctx, tx, actor, home, e); err != nil {
			return out, err
		}
		if c, err = s.cases.LiveIn(ctx, tx, actor, home.ID); err != nil {
			return out, err
		}
	}
	out.Case = c.ID
	return out, s.record(ctx, tx, actor, c, merged.form, e.Ending, indicators, &out)
}

// opens reports whether an edit has something to open a case for.
func opens(e Edit) bool { return e.Lead != nil || len(rows(e.Visit, "disputes")) > 0 }

// beside holds an edit against the visits that its maker did not know of. stop means that the answer stands and nothing is to be written.
func (s *Service) beside(ctx context.Context, tx *ledger.Tx, actor account.Actor, c *casework.Case, e Edit, out *Answer) (merged, bool, error) {
	steps, err := s.cases.StepsIn(ctx, tx, c)
	if err != nil {
		return merged{}, false, err
	}
	known := e.Steps
	if e.Case != c.ID {
		known = 0 // another case of the household, or none: everything in this one is new to the phone
	}
	var others []found
	var same *casework.Step
	on, _ := e.Visit["visited_on"].(string)
	for i := range steps {
		st := &steps[i]
		if !slices.Contains(st.Does, "visit") || st.Seq <= known {
			continue
		}
		f := foundBy(st.Data)
		others = append(others, f)
		if f.on == on {
			same = st
		}
	}
	m := s.cases.Machine(c.Division, tx.Now.Go())
	got := merge(e.Visit, e.Base, others, e.Resolved)
	for _, d := range got.conflicts {
		out.Fields = append(out.Fields, s.contested(m, d))
	}
	if same != nil {
		out.By, out.At = s.by(actor, same), same.At.Go()
	} else if len(others) > 0 {
		for i := range steps {
			if st := &steps[i]; st.Seq > known && slices.Contains(st.Does, "visit") {
				out.By, out.At = s.by(actor, st), st.At.Go()
			}
		}
	}
	switch {
	case same != nil && e.Resolved["visit"] != "second":
		out.Status = Duplicate
		out.Words = Text{ZH: "同一天已经登记过这一户的入户。请核对：是同一次走访，还是两次都算。", EN: "a visit to this household on the same day is recorded already. Say whether it is the same visit, or both count."}
		return got, true, nil
	case len(got.conflicts) > 0:
		out.Status = Conflict
		out.Words = Text{ZH: "您离线期间，别人登记了不同的情况。请逐项选择以谁为准。", EN: "while you were off line, somebody recorded something else. Choose field by field whose counts."}
		return got, true, nil
	case len(got.kept) > 0:
		out.Status = Merged
		for _, path := range got.kept {
			out.Kept = append(out.Kept, s.nameOf(m, path))
		}
		out.Words = Text{ZH: "别人改过的其他项目也都保留了", EN: "what others changed in other fields is kept, too"}
	}
	return got, false, nil
}

// by says whose step it is, without a name.
func (s *Service) by(actor account.Actor, st *casework.Step) Text {
	if st.Actor == actor.Account {
		return Text{ZH: "您自己（另一台设备或网页）", EN: "you yourself (another device, or the pages)"}
	}
	d, department, err := account.ParseOrg(st.Org)
	if err != nil {
		return Text{ZH: "他人", EN: "somebody else"}
	}
	name := s.tree.Name(d)
	if dep := s.pack.Department(department); dep != nil {
		return Text{ZH: name + dep.Name.ZH, EN: name + " " + dep.Name.EN}
	}
	return Text{ZH: name + "的工作人员", EN: "staff of " + name}
}

// lead takes in the risk that a visit found, or the dispute that it opens a case for.
func (s *Service) lead(ctx context.Context, tx *ledger.Tx, actor account.Actor, home registry.Household, e Edit) error {
	on, _ := e.Visit["visited_on"].(string)
	sig := casework.Signal{Household: home.ID, HouseholdNo: home.No, Division: home.Division, HouseholdType: home.Type, Channel: casework.Visit, Level: int(policy.Blue), Happened: on, Key: "visit|" + actor.Account + "|" + e.Key,
		Words: Text{ZH: "走访发现矛盾纠纷，请核实对生活的影响。", EN: "The visit found a dispute; please see how it bears on their living."}}
	if e.Lead != nil {
		said := strings.TrimSpace(e.Lead.Words)
		if n := len([]rune(said)); n < 2 || n > 500 {
			return errs.New(errs.Invalid, "请用 2 到 500 字写明发现的新风险", "say in 2 to 500 characters what the new risk is")
		}
		if longNumber.MatchString(strings.NewReplacer(" ", "", "-", "").Replace(said)) {
			return errs.New(errs.Invalid, "新风险的说明里不要写证件号码、电话或账号", "leave numbers, phones and accounts out of the words about a new risk")
		}
		sig.Risk, sig.Level, sig.Words = e.Lead.Risk, e.Lead.Level, Text{ZH: said, EN: said}
	}
	_, err := s.cases.ReceiveIn(ctx, tx, actor, []casework.Signal{sig})
	return err
}

// record takes the case to where a visit may be recorded, records it, and then what it came to. An ending that is refused does not undo the visit: it did
// take place.
func (s *Service) record(ctx context.Context, tx *ledger.Tx, actor account.Actor, c *casework.Case, form map[string]any, end *Taken, indicators workflow.Facts, out *Answer) error {
	m := s.cases.Machine(c.Division, tx.Now.Go())
	way := wayToVisit(m, c.State)
	if !way.ok {
		state := c.State
		if st := m.State(c.State); st != nil {
			return errs.Newf(errs.Conflict, "个案现在是“%[1]s”，不能登记入户", "the case is now %[2]q, where no visit is recorded", st.Name.ZH, st.Name.EN)
		}
		return errs.Newf(errs.Internal, "流程里没有状态 %[1]s", "the workflow has no state %[1]s", state)
	}
	for _, a := range way.first {
		done, err := s.cases.ActWith(ctx, tx, actor, casework.Act{Case: c.ID, Action: a.ID, Version: c.Version}, indicators)
		if err != nil {
			return err
		}
		c = done.Case
	}
	done, err := s.cases.ActWith(ctx, tx, actor, casework.Act{Case: c.ID, Action: casework.VisitAction(m.Flow()).ID, Version: c.Version, Data: form}, indicators)
	if err != nil {
		return err
	}
	if end == nil || end.Action == "" {
		return nil
	}
	if !slices.ContainsFunc(endings(m), func(a *policy.Action) bool { return a.ID == end.Action }) {
		return errs.New(errs.Invalid, "没有这种结论", "there is no such conclusion")
	}
	_, err = s.cases.ActWith(ctx, tx, actor, casework.Act{Case: c.ID, Action: end.Action, Version: done.Case.Version, Data: end.Data}, indicators)
	switch errs.KindOf(err) {
	case errs.Refused, errs.Invalid, errs.Conflict:
		if err != nil {
			out.Ending, out.EndWords = Refused, words(err)
			return nil
		}
	}
	if err == nil {
		out.Ending = Done
	}
	return err
}

// attachments are the hashes that a form names.
func attachments(m *workflow.Machine, form map[string]any) []string {
	var out []string
	add := func(v any) {
		if h, ok := v.(string); ok && h != "" {
			out = append(out, strings.ToLower(h))
		}
	}
	for _, f := range casework.VisitAction(m.Flow()).Form {
		if f.Type != policy.FieldAttachment {
			continue
		}
		if list, ok := form[f.ID].([]any); ok {
			for _, v := range list {
				add(v)
			}
		}
		add(form[f.ID])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// contested puts a difference into words.
func (s *Service) contested(m *workflow.Machine, d differ) Contested {
	return Contested{Path: d.path, Name: s.nameOf(m, d.path), Mine: s.valueOf(m, d.path, d.mine), Theirs: s.valueOf(m, d.path, d.theirs)}
}

// column is the field of the visit's form that a path of a member names.
func column(m *workflow.Machine, path string) *policy.Field {
	members := casework.VisitAction(m.Flow()).Field("members")
	if members == nil {
		return nil
	}
	id := path[strings.LastIndexByte(path, '.')+1:]
	i := slices.IndexFunc(members.Fields, func(f policy.Field) bool { return f.ID == id })
	if i < 0 {
		return nil
	}
	return &members.Fields[i]
}

func (s *Service) nameOf(m *workflow.Machine, path string) Text {
	if id, ok := strings.CutPrefix(path, factPath); ok {
		if ind := s.pack.Indicator(id); ind != nil {
			return ind.Name
		}
	}
	if strings.HasPrefix(path, memberPath) {
		if f := column(m, path); f != nil {
			return f.Name
		}
	}
	if f := casework.VisitAction(m.Flow()).Field(path); f != nil {
		return f.Name
	}
	return Text{ZH: path, EN: path}
}

func (s *Service) valueOf(m *workflow.Machine, path string, v any) Text {
	if yes, ok := v.(bool); ok {
		if yes {
			return Text{ZH: "是", EN: "yes"}
		}
		return Text{ZH: "否", EN: "no"}
	}
	if n, ok := number(v); ok {
		ind := Indicator{}
		if p := s.pack.Indicator(strings.TrimPrefix(path, factPath)); p != nil {
			ind = indicatorOf(p)
		}
		return inWords(n, ind)
	}
	code, _ := v.(string)
	if f := column(m, path); f != nil && strings.HasPrefix(path, memberPath) {
		for _, c := range f.Codes {
			if c.ID == code {
				return c.Name
			}
		}
	}
	return Text{ZH: code, EN: code}
}
