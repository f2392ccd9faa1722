package matching

import (
	"fmt"
	"slices"

	"shouwang/internal/expr"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
)

// CheckPlan judges a whole plan by what is known of the household: the pack's checks of plans, the limits of groups with what departments have
// given already (error), and measures that the household or the member may not have by the data (doubt: staff may know better; unknown eligibility is
// a hint that names what is missing).
func (m *Matcher) CheckPlan(h Household, plan []measure.Entry) []measure.Finding {
	p := m.pack
	h.Held = nil
	pr := m.base(&h)
	out := []measure.Finding{}
	var ids []string
	for _, e := range plan {
		ids = append(ids, e.Option)
	}
	row := slices.Clone(pr.base)
	p.CountPlan(row, ids)
	for i := range p.Measures.Checks {
		c := &p.Measures.Checks[i]
		if v := c.When.Eval(row); v.Known && v.Num != 0 {
			out = append(out, measure.Finding{ID: c.ID, Severity: c.Severity, Text: fill(p, c.Wording, row)})
		}
	}
	for _, e := range plan {
		o := p.Measure(e.Option)
		if o == nil {
			continue
		}
		one := slices.Clone(pr.base)
		if e.Person != "" {
			k := slices.IndexFunc(h.Members, func(x Member) bool { return x.Key == e.Person })
			if k < 0 {
				out = append(out, measure.Finding{ID: "member", Severity: "doubt", Text: policy.Text{ZH: "“" + o.Name.ZH + "”的成员不在花名册里", EN: "the member of “" + o.Name.In("en") + "” is not in the register"}})
				continue
			}
			p.SetMember(one, h.Members[k].Facts)
		}
		switch v := o.Eligible.Eval(one); {
		case !v.Known:
			zh, en := "", ""
			for _, r := range o.Eligible.Explain(one).Reasons {
				for _, x := range r.Missing() {
					zh, en = zh+"、"+x.Label[0], en+", "+x.Label[1]
				}
			}
			if zh != "" {
				zh, en = zh[len("、"):], en[2:]
			}
			out = append(out, measure.Finding{ID: "ask_" + o.ID, Severity: "hint", Text: policy.Text{ZH: "“" + o.Name.ZH + "”的资格要先问清：" + zh, EN: "eligibility for “" + o.Name.In("en") + "” lacks: " + en}})
		case v.Num == 0:
			out = append(out, measure.Finding{ID: "ineligible_" + o.ID, Severity: "doubt", Text: policy.Text{ZH: "按数据不符合“" + o.Name.ZH + "”的条件：" + reasons(o.Eligible, one, "zh"), EN: "by the data not eligible for “" + o.Name.In("en") + "”: " + reasons(o.Eligible, one, "en")}})
		}
	}
	return append(out, pr.groupFindings(plan)...)
}

// groupFindings counts the plan and what is held by the data against the groups' limits.
func (pr *problem) groupFindings(plan []measure.Entry) []measure.Finding {
	p := pr.m.pack
	var out []measure.Finding
	for i := range p.Measures.Groups {
		g := &p.Measures.Groups[i]
		if g.Held == nil {
			continue // what the plan itself shows, the plan checks
		}
		count := map[string]int{}
		for _, e := range plan {
			if slices.Contains(g.Members, e.Option) {
				key := ""
				if g.PerPerson {
					key = e.Person
				}
				count[key]++
			}
		}
		for k := range pr.house.Members {
			n := count[pr.house.Members[k].Key]
			if !g.PerPerson || n == 0 {
				continue
			}
			row := slices.Clone(pr.base)
			p.SetMember(row, pr.house.Members[k].Facts)
			if v := g.Held.Eval(row); v.Known && int(v.Num)+n > g.AtMost {
				out = append(out, groupFinding(g, int(v.Num)))
			}
		}
		if v := g.Held.Eval(pr.base); !g.PerPerson && count[""] > 0 && v.Known && int(v.Num)+count[""] > g.AtMost {
			out = append(out, groupFinding(g, int(v.Num)))
		}
	}
	return out
}

func groupFinding(g *policy.Group, held int) measure.Finding {
	return measure.Finding{ID: g.ID, Severity: "error", Text: policy.Text{ZH: fmt.Sprintf("%s：按部门数据已有 %d 项", g.Name.ZH, held), EN: fmt.Sprintf("%s: %d already by the departments' data", g.Name.In("en"), held)}}
}

func reasons(c *expr.Checked, row []expr.Value, lang string) string {
	text := ""
	for i, r := range c.Explain(row).Reasons {
		if i > 0 {
			text += "; "
		}
		text += r.Words(lang)
	}
	return text
}
