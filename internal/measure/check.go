package measure

import (
	"context"
	"slices"
	"strings"
	"time"

	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
)

// Facts gives casework's guards what they need to know of a case's plan: measures_planned, measures_delivered, development_measure,
// matching_measure_planned, matching_measure_per_risk (each recorded risk has one delivered, by the pack's table, social security counting where
// that counts for clearing), and, where the transaction has a time (a step), months_without_development: whole months since identification, 0 once there is one.
// (That a household waits for its first measure is a deadline of the state, not a fact.)
func Facts(p *policy.Pack) casework.MeasureFacts {
	return func(ctx context.Context, tx *ledger.Tx, c *casework.Case) (workflow.Facts, error) {
		var list []Measure
		if err := tx.NewSelect().Model(&list).Where("case_id = ?", c.ID).Scan(ctx); err != nil {
			return nil, err
		}
		planned, done, development := 0, 0, false
		for i := range list {
			m := &list[i]
			if m.State.Planned() {
				planned++
				development = development || m.Nature == string(policy.Development)
			}
			if m.State.Done() {
				done++
			}
		}
		f := workflow.Facts{"measures_planned": expr.NumberValue(float64(planned)), "measures_delivered": expr.NumberValue(float64(done)), "development_measure": expr.BoolValue(development),
			"matching_measure_planned":  expr.BoolValue(matches(p, c.Risks, list, State.Planned, false)),
			"matching_measure_per_risk": expr.BoolValue(matches(p, c.Risks, list, State.Done, true))}
		if day, err := time.Parse(time.DateOnly, c.IdentifiedOn); err == nil && tx.Now != 0 {
			months := 0
			for today := casework.Civil(tx.Now.Go()); !day.AddDate(0, months+1, 0).After(today); months++ {
			}
			if development {
				months = 0
			}
			f["months_without_development"] = expr.NumberValue(float64(months))
		}
		return f, nil
	}
}

// matches tells whether every recorded risk has a measure of a block that the pack accepts for it.
func matches(p *policy.Pack, risks []casework.Risk, list []Measure, counts func(State) bool, clearing bool) bool {
	for _, r := range risks {
		a := p.Accepts(r.Risk)
		if !slices.ContainsFunc(list, func(m Measure) bool {
			return counts(m.State) && (a == nil || slices.Contains(a.Blocks, m.Block) || clearing && slices.Contains(a.Clearing, m.Block))
		}) {
			return false
		}
	}
	return true
}

// entryCheck refuses a measure that the plan has already, that conflicts with one in it, or that passes a group's limit. have are the planned
// measures of the household's live plans.
func (s *Service) entryCheck(have []Entry, add Entry) error {
	p := s.pack
	o := p.Measure(add.Option)
	if o == nil {
		return errs.Newf(errs.Invalid, "政策包里没有措施“%[1]s”", "the pack has no measure %[1]q", add.Option)
	}
	if (o.For == policy.ForHousehold) != (add.Person == "") {
		return errs.Newf(errs.Invalid, "“%[1]s”的对象不对：户的措施不指定成员，个人的措施要指定成员", "%[2]q: a measure for the household names no member, one for a person names the member", o.Name.ZH, o.Name.In("en"))
	}
	for _, x := range have {
		if x == add {
			return errs.Newf(errs.Conflict, "重复享受：“%[1]s”已在计划里", "double benefit: %[2]q is in the plan already", o.Name.ZH, o.Name.In("en"))
		}
		other := p.Measure(x.Option)
		if other == nil {
			continue // an older pack's
		}
		if slices.Contains(o.Conflicts, x.Option) || slices.Contains(other.Conflicts, add.Option) {
			return errs.Newf(errs.Conflict, "“%[1]s”与计划里的“%[2]s”不能同时享受", "%[3]q and %[4]q, which is in the plan, cannot be had together", o.Name.ZH, other.Name.ZH, o.Name.In("en"), other.Name.In("en"))
		}
	}
	for i := range p.Measures.Groups {
		g := &p.Measures.Groups[i]
		if !slices.Contains(g.Members, add.Option) {
			continue
		}
		var names []string
		for _, x := range have {
			if slices.Contains(g.Members, x.Option) && (!g.PerPerson || x.Person == add.Person) {
				if other := p.Measure(x.Option); other != nil {
					names = append(names, other.Name.ZH)
				}
			}
		}
		if len(names)+1 > g.AtMost {
			return errs.Newf(errs.Conflict, "%[1]s：最多 %[2]d 项，计划里已有 %[3]s", "%[4]s: at most %[2]d; the plan has %[5]d already", g.Name.ZH, g.AtMost, strings.Join(names, "、"), g.Name.In("en"), len(names))
		}
	}
	return nil
}

// refuseErrors makes one error of the findings that refuse a plan; doubts and hints are returned to be told.
func refuseErrors(found []Finding) ([]Finding, error) {
	out := []Finding{}
	var zh, en []string
	for _, f := range found {
		if f.Severity != "error" {
			out = append(out, f)
			continue
		}
		zh, en = append(zh, f.Text.ZH), append(en, f.Text.In("en"))
	}
	if len(zh) > 0 {
		return nil, errs.New(errs.Refused, "计划不符合规定："+strings.Join(zh, "；"), "the plan is against the rules: "+strings.Join(en, "; "))
	}
	return out, nil
}
