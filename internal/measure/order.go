package measure

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/task"
)

// Send orders a department to deliver an adopted measure.
type Send struct {
	Measure string `json:"id"`
	Version int64  `json:"version"` // of the measure
	Key     string `json:"-"`
}

// Send makes the order and the task of answering it within the pack's working days (order_answer_days). The department sees the case from
// then on, and the first order begins the help where the case waits for it. It needs account.PlanWrite.
func (s *Service) Send(ctx context.Context, actor account.Actor, now time.Time, x Send) (*Plan, error) {
	return s.changeMeasure(ctx, actor, now, x.Measure, x.Version, x.Key, x, "order", func(ctx context.Context, tx *ledger.Tx, c *casework.Case, m *Measure) error {
		if m.State != Adopted {
			return wrongState(m.State, "order")
		}
		due, err := s.answerBy(c, tx.Now.Go())
		if err != nil {
			return err
		}
		o := &Order{ID: ledger.NewID(tx.Now.Go()), Version: 1, MeasureID: m.ID, CaseID: m.CaseID, Division: m.Division, Department: m.Department, Org: account.OrgFor(account.Department, m.Division, m.Department),
			OpenKey: m.ID, State: "sent", SentAt: tx.Now, SentBy: actor.Account, Due: due.Format(time.DateOnly)}
		if _, err := tx.NewInsert().Model(o).Exec(ctx); err != nil {
			if ledger.Taken(err) {
				return errs.Wrap(errs.Conflict, err, "这项措施已有未答复的交办单", "the measure has an open order already")
			}
			return err
		}
		if err := s.openTask(ctx, tx, c, o, "answer", due); err != nil {
			return err
		}
		if err := s.cases.Share(ctx, tx, c.ID, m.Department); err != nil {
			return err
		}
		if err := s.move(ctx, tx, actor, m, Ordered, "order", ""); err != nil {
			return err
		}
		return s.beginHelp(ctx, tx, actor, c)
	})
}

// beginHelp takes the case's own step when the first measure is on its way. Where the pack's workflow has no such step from the case's
// state there is nothing to take.
func (s *Service) beginHelp(ctx context.Context, tx *ledger.Tx, actor account.Actor, c *casework.Case) error {
	if c.State != "planned" {
		return nil
	}
	_, err := s.cases.ActIn(ctx, tx, actor, c.ID, "start_help", nil)
	var e *errs.Error
	if errors.As(err, &e) && e.Kind == errs.NotFound {
		return nil // another workflow
	}
	return err
}

// answerBy is the last day to answer an order.
func (s *Service) answerBy(c *casework.Case, now time.Time) (time.Time, error) {
	today := casework.Civil(now)
	v, err := s.pack.Param("order_answer_days", c.Division, today)
	if err != nil {
		return time.Time{}, err
	}
	return task.Deadline(s.calendar, today, int(v.Value), true)
}

func (s *Service) openTask(ctx context.Context, tx *ledger.Tx, c *casework.Case, o *Order, kind string, due time.Time) error {
	name := s.pack.Measure(s.optionOf(ctx, tx, o.MeasureID))
	zh, en := "答复交办单", "Answer the order"
	if kind == "deliver" {
		zh, en = "落实措施", "Deliver the measure"
	}
	if name != nil {
		zh, en = zh+"："+name.Name.ZH, en+": "+name.Name.In("en")
	}
	_, err := task.Open(ctx, tx, task.New{Object: "order", ObjectID: o.ID, Kind: kind, ZH: zh, EN: en, Division: o.Division, Org: o.Org, Urgent: c.Level, Due: due, Escalate: due})
	return err
}

func (s *Service) optionOf(ctx context.Context, tx *ledger.Tx, id string) string {
	var option string
	if err := tx.NewSelect().TableExpr("measure").Column("option_id").Where("id = ?", id).Scan(ctx, &option); err != nil {
		return ""
	}
	return option
}

// Answer is a department's answer to an order.
type Answer struct {
	Order    string  `json:"order"`
	Version  int64   `json:"version"` // of the order
	Key      string  `json:"-"`
	Answer   string  `json:"answer"` // accept, reject (with a reason), done (with evidence)
	Reason   string  `json:"reason"`
	Evidence []Proof `json:"evidence"`
}

// Proof is evidence as it is handed in.
type Proof struct {
	Kind string `json:"kind"` // photo, document, signature
	Hash string `json:"hash"` // SHA-256 of the attachment, hex
}

// Answer accepts an order (the department then delivers by the measure's deadline), rejects it with a reason (the measure is adopted again and waits for
// staff), or reports it done with every kind of evidence that the pack asks for. It needs account.OrderReply; a department's officer
// answers the orders of their own department only, others those of their own organisation, the county any.
func (s *Service) Answer(ctx context.Context, actor account.Actor, now time.Time, x Answer) (*Order, error) {
	if err := actor.May(account.OrderReply); err != nil {
		return nil, err
	}
	var out *Order
	err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		out = &Order{}
		done, err := tx.Once(ctx, actor.Account, x.Key, x, out)
		if err != nil || done {
			return err
		}
		o, m, c, err := s.loadOrder(ctx, tx, actor, x.Order)
		if err != nil {
			return err
		}
		if err := ledger.CheckVersion(x.Version, o.Version); err != nil {
			return err
		}
		switch x.Answer {
		case "accept":
			err = s.accept(ctx, tx, actor, c, o, m)
		case "reject":
			err = s.reject(ctx, tx, actor, o, m, x.Reason)
		case "done":
			err = s.report(ctx, tx, actor, o, m, x)
		default:
			err = errs.New(errs.Invalid, "答复应为 accept、reject 或 done", "the answer must be accept, reject or done")
		}
		if err != nil {
			return err
		}
		if err := s.reviseFor(ctx, tx, actor, m.CaseID, "answer"); err != nil {
			return err
		}
		o.Reason = x.Reason
		o.Option, o.Person, o.Deadline, o.Amount = m.Option, m.Person, m.Deadline, m.Amount
		*out = *o
		return tx.Remember(ctx, actor.Account, x.Key, x, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) accept(ctx context.Context, tx *ledger.Tx, actor account.Actor, c *casework.Case, o *Order, m *Measure) error {
	if o.State != "sent" || m.State != Ordered {
		return orderState(o)
	}
	o.State, o.AnsweredAt, o.AnsweredBy = "accepted", tx.Now, actor.Account
	if err := ledger.Update(ctx, tx, o, &o.Version, "state", "answered_at", "answered_by"); err != nil {
		return err
	}
	if _, err := task.Close(ctx, tx, "order", o.ID, "accept"); err != nil {
		return err
	}
	due, err := time.Parse(time.DateOnly, m.Deadline)
	if err != nil {
		due = casework.Civil(tx.Now.Go()).AddDate(0, 0, 30)
	}
	if today := casework.Civil(tx.Now.Go()); due.Before(today) {
		due = today
	}
	if err := s.openTask(ctx, tx, c, o, "deliver", due); err != nil {
		return err
	}
	return s.move(ctx, tx, actor, m, Answered, "accept", "")
}

func (s *Service) reject(ctx context.Context, tx *ledger.Tx, actor account.Actor, o *Order, m *Measure, reason string) error {
	if o.State != "sent" && o.State != "accepted" {
		return orderState(o)
	}
	if strings.TrimSpace(reason) == "" {
		return errs.New(errs.Invalid, "退回交办单要写明原因", "an order is rejected with a reason")
	}
	o.State, o.AnsweredAt, o.AnsweredBy, o.OpenKey = "rejected", tx.Now, actor.Account, ""
	o.Sealed = s.seal("measure_order.reason", o.ID, reason)
	if err := ledger.Update(ctx, tx, o, &o.Version, "state", "answered_at", "answered_by", "open_key", "reason"); err != nil {
		return err
	}
	if _, err := task.Close(ctx, tx, "order", o.ID, "reject"); err != nil {
		return err
	}
	return s.move(ctx, tx, actor, m, Adopted, "reject", reason)
}

func (s *Service) report(ctx context.Context, tx *ledger.Tx, actor account.Actor, o *Order, m *Measure, x Answer) error {
	if o.State != "sent" && o.State != "accepted" {
		return orderState(o)
	}
	if err := s.prove(ctx, tx, actor, m, x.Evidence, true); err != nil {
		return err
	}
	if o.AnsweredAt == 0 {
		o.AnsweredAt, o.AnsweredBy = tx.Now, actor.Account
	}
	o.State, o.DoneAt, o.OpenKey = "done", tx.Now, ""
	if err := ledger.Update(ctx, tx, o, &o.Version, "state", "answered_at", "answered_by", "done_at", "open_key"); err != nil {
		return err
	}
	if _, err := task.Close(ctx, tx, "order", o.ID, "done"); err != nil {
		return err
	}
	m.DeliveredAt, m.DeliveredBy = tx.Now, actor.Account
	return s.move(ctx, tx, actor, m, Delivered, "deliver", x.Reason, "delivered_at", "delivered_by")
}

func orderState(o *Order) error {
	return errs.Newf(errs.Conflict, "交办单现在的状态是 %[1]s，不能这样答复", "the order is %[1]s now and cannot be answered like that", o.State)
}

// prove keeps evidence; whole asks for every kind that the pack names for the measure.
func (s *Service) prove(ctx context.Context, tx *ledger.Tx, actor account.Actor, m *Measure, proofs []Proof, whole bool) error {
	var have []Evidence
	if err := tx.NewSelect().Model(&have).Where("measure_id = ?", m.ID).Scan(ctx); err != nil {
		return err
	}
	if len(proofs)+len(have) > 100 {
		return errs.New(errs.Invalid, "一项措施最多 100 份证明材料", "a measure has at most 100 pieces of evidence")
	}
	kinds := map[string]bool{}
	for _, e := range have {
		kinds[e.Kind] = true
	}
	for _, p := range proofs {
		hash := strings.ToLower(p.Hash)
		if raw, err := hex.DecodeString(hash); err != nil || len(raw) != 32 || !slices.Contains([]string{"photo", "document", "signature"}, p.Kind) {
			return errs.New(errs.Invalid, "证明材料要有类别（photo、document、signature）和附件的 SHA-256", "evidence needs its kind (photo, document, signature) and the SHA-256 of the attachment")
		}
		kinds[p.Kind] = true
		if slices.ContainsFunc(have, func(e Evidence) bool { return e.Hash == hash }) {
			continue
		}
		e := Evidence{ID: ledger.NewID(tx.Now.Go()), MeasureID: m.ID, Kind: p.Kind, Hash: hash, At: tx.Now, Actor: actor.Account}
		if _, err := tx.NewInsert().Model(&e).Exec(ctx); err != nil {
			return err
		}
		have = append(have, e)
	}
	o := s.pack.Measure(m.Option)
	if !whole || o == nil {
		return nil
	}
	zh := map[string]string{"photo": "照片", "document": "文件", "signature": "签字"}
	var lackZH, lackEN []string
	for _, kind := range o.Evidence {
		if !kinds[kind] {
			lackZH, lackEN = append(lackZH, zh[kind]), append(lackEN, kind)
		}
	}
	if len(lackZH) > 0 {
		return errs.Newf(errs.Invalid, "“%[1]s”的落实还缺证明材料：%[2]s", "evidence is missing for %[3]q: %[4]s", o.Name.ZH, strings.Join(lackZH, "、"), o.Name.In("en"), strings.Join(lackEN, ", "))
	}
	return nil
}

func (s *Service) loadOrder(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string) (*Order, *Measure, *casework.Case, error) {
	o := &Order{}
	where, args := actor.Scope("o.division")
	q := tx.NewSelect().Model(o).Where("o.id = ?", id).Where(where, args...)
	if own := bound(actor); own != "" {
		q = q.Where("o.department = ?", own)
	}
	if err := q.Scan(ctx); err != nil {
		if ledger.Missing(err) {
			return nil, nil, nil, account.NotThere()
		}
		return nil, nil, nil, err
	}
	if bound(actor) == "" && actor.Org != o.Org && !actor.Has(account.County) && !actor.Has(account.System) {
		return nil, nil, nil, errs.New(errs.Refused, "这张交办单由部门或县里答复", "the order is answered by its department or by the county")
	}
	m := &Measure{}
	if err := tx.NewSelect().Model(m).Where("id = ?", o.MeasureID).Scan(ctx); err != nil {
		return nil, nil, nil, err
	}
	c, err := s.cases.Get(ctx, tx, actor, o.CaseID)
	return o, m, c, err
}

// Order gives one order in the actor's scope, which is theirs to see. It needs account.OrderRead.
func (s *Service) Order(ctx context.Context, actor account.Actor, id string) (*Order, error) {
	if err := actor.May(account.OrderRead); err != nil {
		return nil, err
	}
	o := &Order{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("o.division")
		q := tx.NewSelect().Model(o).ColumnExpr("o.*").ColumnExpr("m.option_id, m.person, m.deadline, m.amount").Join("JOIN measure AS m ON m.id = o.measure_id").Where("o.id = ?", id).Where(where, args...)
		if own := bound(actor); own != "" {
			q = q.Where("o.department = ?", own)
		}
		err := q.Scan(ctx)
		if ledger.Missing(err) {
			return account.NotThere()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	o.Reason, err = s.unseal("measure_order.reason", o.ID, o.Sealed)
	return o, err
}

// OrderFilter chooses orders. Zero fields choose everything in the actor's scope.
type OrderFilter struct {
	Under      division.Code
	Department string
	Org        string
	Case       string
	State      string // sent, accepted, rejected, done, withdrawn; "" = sent and accepted
	After      string // the Next of the page before
	Limit      int    // 1 to 500; 0 means 100
	Before     string // due on or before this day
}

// OrderPage is one page of orders, the earliest due first.
type OrderPage struct {
	Orders []Order `json:"orders"`
	Next   string  `json:"next"`
}

// Orders lists orders in the actor's scope; a department's officer sees their own department's. It needs account.OrderRead.
func (s *Service) Orders(ctx context.Context, actor account.Actor, f OrderFilter) (OrderPage, error) {
	page := OrderPage{Orders: []Order{}}
	if err := actor.May(account.OrderRead); err != nil {
		return page, err
	}
	if f.Limit <= 0 || f.Limit > 500 {
		f.Limit = 100
	}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("o.division")
		q := tx.NewSelect().Model(&page.Orders).ColumnExpr("o.*").ColumnExpr("m.option_id, m.person, m.deadline, m.amount").
			Join("JOIN measure AS m ON m.id = o.measure_id").Where(where, args...).OrderExpr("o.due, o.id").Limit(int64(f.Limit) + 1)
		if own := bound(actor); own != "" {
			q = q.Where("o.department = ?", own)
		}
		if f.Under != 0 {
			lo, hi := f.Under.Range()
			q = q.Where("o.division BETWEEN ? AND ?", lo, hi)
		}
		if f.Department != "" {
			q = q.Where("o.department = ?", f.Department)
		}
		if f.Org != "" {
			q = q.Where("o.org = ?", f.Org)
		}
		if f.Case != "" {
			q = q.Where("o.case_id = ?", f.Case)
		}
		if f.State != "" {
			q = q.Where("o.state = ?", f.State)
		} else {
			q = q.Where("o.state IN ('sent', 'accepted')")
		}
		if f.Before != "" {
			q = q.Where("o.due <= ?", f.Before)
		}
		if due, id, ok := strings.Cut(f.After, " "); ok {
			q = q.Where("(o.due > ? OR (o.due = ? AND o.id > ?))", due, due, id)
		}
		return q.Scan(ctx)
	})
	if err != nil {
		return page, err
	}
	if len(page.Orders) > f.Limit {
		page.Orders = page.Orders[:f.Limit]
		last := page.Orders[f.Limit-1]
		page.Next = last.Due + " " + last.ID
	}
	for i := range page.Orders {
		o := &page.Orders[i]
		if o.Reason, err = s.unseal("measure_order.reason", o.ID, o.Sealed); err != nil {
			return page, err
		}
	}
	return page, nil
}
