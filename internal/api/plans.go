package api

import (
	"context"
	"errors"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/matching"
	"shouwang/internal/measure"
)

// Plans: what a household is to get. Matching proposes, staff decide, departments are ordered to deliver and answer.

type planOutput struct {
	ETag string `header:"ETag" doc:"Version of the plan, for If-Match"`
	Body *measure.Plan
}

func planAnswer(p *measure.Plan, err error) (*planOutput, error) {
	var stale *ledger.Stale
	switch {
	case errors.As(err, &stale):
		return nil, problemOf(err)
	case err != nil:
		return nil, err
	}
	return &planOutput{ETag: etag(p.Version), Body: p}, nil
}

func (s *Server) plan(ctx context.Context, who account.Actor, in *CasePath) (*planOutput, error) {
	return planAnswer(s.plans.Plan(ctx, who, in.ID))
}

type revisionsOutput struct {
	Body struct {
		Revisions []measure.Revision `json:"revisions" doc:"What the plan was after each change"`
	}
}

func (s *Server) revisions(ctx context.Context, who account.Actor, in *CasePath) (*revisionsOutput, error) {
	out := &revisionsOutput{}
	var err error
	out.Body.Revisions, err = s.plans.Revisions(ctx, who, in.ID)
	if out.Body.Revisions == nil {
		out.Body.Revisions = []measure.Revision{}
	}
	return out, err
}

type proposalOutput struct{ Body matching.Proposal }

// propose looks only: nothing is written until somebody puts it into the plan.
func (s *Server) propose(ctx context.Context, who account.Actor, in *CasePath) (*proposalOutput, error) {
	x, err := s.proposal(ctx, who, in.ID)
	return &proposalOutput{Body: x}, err
}

func (s *Server) proposal(ctx context.Context, who account.Actor, id string) (matching.Proposal, error) {
	var c *casework.Case
	err := s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		c, err = s.cases.Get(ctx, tx, who, id)
		return err
	})
	if err != nil {
		return matching.Proposal{}, err
	}
	return s.app.Matching().Case(ctx, who, s.cases, s.plans, c)
}

type proposeInput struct {
	CasePath
	Once
}

func (s *Server) proposeIntoPlan(ctx context.Context, who account.Actor, in *proposeInput) (*planOutput, error) {
	x, err := s.proposal(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	version := int64(0)
	old, err := s.plans.Plan(ctx, who, in.ID)
	switch {
	case err == nil:
		version = old.Version
	case errs.KindOf(err) != errs.NotFound:
		return nil, err
	}
	return planAnswer(s.plans.Propose(ctx, who, s.now(), measure.Propose{Case: in.ID, Version: version, Key: in.Key, Items: matching.Suggestions(x)}))
}

// decision is what is decided about one measure.
type decision struct {
	Measure    string  `json:"id,omitempty" maxLength:"60" doc:"Id of a proposed measure; empty to add one"`
	Option     string  `json:"measure,omitempty" maxLength:"60" doc:"To add: measure, id in the pack"`
	Person     string  `json:"person,omitempty" maxLength:"40" doc:"To add: key of the member; empty: the household"`
	Refuse     bool    `json:"refuse,omitempty" doc:"It is refused, with a reason"`
	Amount     *int64  `json:"amount_fen,omitempty" minimum:"0" doc:"Amount in fen; absent: as proposed"`
	Department *string `json:"department,omitempty" maxLength:"60" doc:"Who delivers it (id in the pack); absent: as proposed"`
	Owner      *string `json:"owner,omitempty" maxLength:"60" doc:"Account that sees to it"`
	Deadline   *string `json:"deadline,omitempty" format:"date" doc:"Last day for the delivery; absent: the usual days from today"`
	Reason     string  `json:"reason,omitempty" maxLength:"500" doc:"Needed to refuse, to change amount or department, and to add; kept sealed"`
}

type decideInput struct {
	CasePath
	Once
	IfMatch
	Body struct {
		Items []decision `json:"items" minItems:"1" maxItems:"100" doc:"What is decided about proposed measures, and measures that are added"`
	}
}

func (s *Server) decidePlan(ctx context.Context, who account.Actor, in *decideInput) (*planOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	items := make([]measure.Decision, len(in.Body.Items))
	for i, d := range in.Body.Items {
		items[i] = measure.Decision(d)
	}
	return planAnswer(s.plans.Decide(ctx, who, s.now(), measure.Decide{Case: in.ID, Version: version, Key: in.Key, Items: items}))
}

// MeasurePath names a measure.
type MeasurePath struct {
	ID string `path:"measure" minLength:"1" maxLength:"60" doc:"Id of the measure in the plan"`
}

type sendInput struct {
	MeasurePath
	Once
	IfMatch
}

func (s *Server) orderMeasure(ctx context.Context, who account.Actor, in *sendInput) (*planOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return planAnswer(s.plans.Send(ctx, who, s.now(), measure.Send{Measure: in.ID, Version: version, Key: in.Key}))
}

type deliverInput struct {
	MeasurePath
	Once
	IfMatch
	Body struct {
		Done     bool            `json:"done,omitempty" doc:"It has been delivered; otherwise it has begun"`
		Evidence []measure.Proof `json:"evidence,omitempty" maxItems:"50" doc:"Evidence, as the pack asks for it"`
		Note     string          `json:"note,omitempty" maxLength:"500" doc:"Remark; kept sealed"`
	}
}

func (s *Server) deliverMeasure(ctx context.Context, who account.Actor, in *deliverInput) (*planOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return planAnswer(s.plans.Deliver(ctx, who, s.now(), measure.Deliver{Measure: in.ID, Version: version, Key: in.Key, Done: in.Body.Done, Evidence: in.Body.Evidence, Note: in.Body.Note}))
}

type verifyInput struct {
	MeasurePath
	Once
	IfMatch
	Body struct {
		OK     bool   `json:"ok" doc:"What was reported is really there"`
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"Needed when it is not; kept sealed"`
	}
}

func (s *Server) verifyMeasure(ctx context.Context, who account.Actor, in *verifyInput) (*planOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return planAnswer(s.plans.Verify(ctx, who, s.now(), measure.Verify{Measure: in.ID, Version: version, Key: in.Key, OK: in.Body.OK, Reason: in.Body.Reason}))
}

type stopInput struct {
	MeasurePath
	Once
	IfMatch
	Body struct {
		Reason string `json:"reason" minLength:"2" maxLength:"500" doc:"Why it is given up; kept sealed"`
	}
}

func (s *Server) stopMeasure(ctx context.Context, who account.Actor, in *stopInput) (*planOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return planAnswer(s.plans.Stop(ctx, who, s.now(), measure.Stop{Measure: in.ID, Version: version, Key: in.Key, Reason: in.Body.Reason}))
}

type effectInput struct {
	Division string `query:"division" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
	Block    string `query:"block" maxLength:"60" doc:"Only this block of measures (id in the pack)"`
	From     int64  `query:"from" minimum:"0" doc:"Run to start from; default the newest that is early enough"`
	To       int64  `query:"to" minimum:"0" doc:"Run to end with; default the last"`
}

type effectOutput struct{ Body matching.Effect }

func (s *Server) effect(ctx context.Context, who account.Actor, in *effectInput) (*effectOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	if in.Block != "" && s.app.Pack.Block(in.Block) == nil {
		return nil, fault("query.block", "政策包里没有这一类措施", "the pack has no such block of measures")
	}
	e, err := s.app.Matching().Effect(ctx, who, s.plans, matching.EffectAsk{Division: code, Block: in.Block, From: in.From, To: in.To})
	return &effectOutput{Body: e}, err
}

// Orders.

type ordersInput struct {
	Paging
	Division   string `query:"division" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
	Department string `query:"department" maxLength:"60" doc:"Only to this department (id in the pack)"`
	Org        string `query:"org" maxLength:"60" doc:"Only to this organisation"`
	Case       string `query:"case" maxLength:"60" doc:"Only of this case"`
	State      string `query:"state" enum:"sent,accepted,rejected,done,withdrawn" doc:"Only in this state; default sent and accepted"`
	Before     string `query:"due" format:"date" doc:"Due on or before this day"`
}

type ordersOutput struct{ Body measure.OrderPage }

func (s *Server) listOrders(ctx context.Context, who account.Actor, in *ordersInput) (*ordersOutput, error) {
	f := measure.OrderFilter{Department: in.Department, Org: in.Org, Case: in.Case, State: in.State, After: in.After, Limit: in.Limit, Before: in.Before}
	var err error
	if in.Division != "" {
		if f.Under, err = s.area(who, in.Division); err != nil {
			return nil, err
		}
	}
	p, err := s.plans.Orders(ctx, who, f)
	if p.Orders == nil {
		p.Orders = []measure.Order{}
	}
	return &ordersOutput{Body: p}, err
}

// OrderPath names an order.
type OrderPath struct {
	ID string `path:"order" minLength:"1" maxLength:"60" doc:"Id of the order"`
}

type orderOutput struct {
	ETag string `header:"ETag" doc:"Version, for If-Match"`
	Body *measure.Order
}

func orderAnswer(o *measure.Order, err error) (*orderOutput, error) {
	if err != nil {
		return nil, err
	}
	return &orderOutput{ETag: etag(o.Version), Body: o}, nil
}

func (s *Server) getOrder(ctx context.Context, who account.Actor, in *OrderPath) (*orderOutput, error) {
	return orderAnswer(s.plans.Order(ctx, who, in.ID))
}

type answerInput struct {
	OrderPath
	Once
	IfMatch
	Body struct {
		Answer   string          `json:"answer" enum:"accept,reject,done" doc:"What the department says"`
		Reason   string          `json:"reason,omitempty" maxLength:"500" doc:"Needed to reject; kept sealed"`
		Evidence []measure.Proof `json:"evidence,omitempty" maxItems:"50" doc:"Needed for done, as the pack asks for it"`
	}
}

func (s *Server) answerOrder(ctx context.Context, who account.Actor, in *answerInput) (*orderOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return orderAnswer(s.plans.Answer(ctx, who, s.now(), measure.Answer{Order: in.ID, Version: version, Key: in.Key, Answer: in.Body.Answer, Reason: in.Body.Reason, Evidence: in.Body.Evidence}))
}
