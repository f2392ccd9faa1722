package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/errs"
	"shouwang/internal/matching"
	"shouwang/internal/policy"
)

type matchOptions struct {
	no       string
	division string
	capacity string
	limit    int
}

// matchDocument is the JSON document of match for one household.
type matchDocument struct {
	matching.Proposal
	pack *policy.Pack
}

// matchAllDocument is the JSON document of match for a division.
type matchAllDocument struct {
	matching.Allocation
	pack  *policy.Pack
	limit int
}

func newMatchCommand(e *env) *cobra.Command {
	var o matchOptions
	cmd := e.command("match [HOUSEHOLD_NO]", words{
		zh: "为一户（或一个区划的全部预警户）提出帮扶措施", en: "propose measures for a household, or for every warned household of a division",
		longZH: `按政策包里的措施，从上次筛查的结果提出最小的一组措施：对应每一项风险，使不达标的指标达标，说明每项措施为什么提、改变什么。资格缺信息的不算有也不算没有，列为“先问清”。
写户编号是一户；写 --division 是这个区划里所有有预警的户，--capacity 给出有限名额（CSV：pool,division,places），按风险轻重分配，一户最多一个名额。
不需要先有案件；只提建议，不写任何计划。`,
		longEN: `Proposes, from the last run and the pack's measures, the smallest bundle that answers every risk and clears the failing indicators, and says for each measure why and what it changes. Where
eligibility lacks a fact the measure is neither granted nor hidden: it is to be asked about first. A household number is one household; --division is every warned household in it, and --capacity
names limited places (CSV: pool,division,places), which go by severity, one a household at most. No case is needed, and no plan is written.`,
		example: "shouwang match --data ./county 5226330010001\nshouwang match --data ./county --division 522633 --capacity places.csv --json",
	}, cobra.MaximumNArgs(1), func(ctx context.Context, args []string) (result, error) {
		if len(args) > 0 {
			o.no = args[0]
		}
		return runMatch(ctx, e, o)
	})
	f := cmd.Flags()
	f.StringVar(&o.division, "division", "", e.t("这个区划里的全部预警户（代码或名称）", "every warned household of this division (code or name)"))
	f.StringVar(&o.capacity, "capacity", "", e.t("有限名额的 CSV 文件", "CSV file of limited places"))
	f.IntVar(&o.limit, "limit", 20, e.t("屏幕上最多列出多少户", "at most so many households on screen"))
	return cmd
}

func runMatch(ctx context.Context, e *env, o matchOptions) (result, error) {
	if (o.no == "") == (o.division == "") {
		return nil, usagef("请写户编号，或用 --division 指定区划，二者选一", "give a household number or --division, one of the two")
	}
	if o.capacity != "" && o.division == "" {
		return nil, usagef("--capacity 要和 --division 一起用", "--capacity goes with --division")
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	s := a.Matching()
	if o.no != "" {
		x, err := s.Propose(ctx, o.no)
		if err != nil {
			return nil, err
		}
		return &matchDocument{x, a.Pack}, nil
	}
	code, err := parseDivision(a.Tree, o.division)
	if err != nil {
		return nil, err
	}
	var places []matching.Places
	if o.capacity != "" {
		file, err := os.Open(e.path(o.capacity))
		if err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "打不开名额文件 "+o.capacity, "cannot open the file of places "+o.capacity)
		}
		defer file.Close()
		if places, err = matching.ReadPlaces(file, a.Pack); err != nil {
			return nil, err
		}
	}
	x, err := s.ProposeAll(ctx, code, places)
	if err != nil {
		return nil, err
	}
	return &matchAllDocument{x, a.Pack, o.limit}, nil
}

func (d *matchDocument) text(w *page) {
	w.linef(w.t("户 %s，按 %s 的筛查", "household %s, by the screening of %s"), d.HouseholdNo, d.AsOf)
	w.heading("未消除的风险", "Open risks")
	if len(d.Risks) == 0 {
		w.linef("%s", w.t("没有", "none"))
	}
	for _, r := range d.Risks {
		by := strings.Join(measureNames(d.pack, r.By, w.lang), w.t("、", ", "))
		if by == "" {
			by = w.t("没有对应的措施", "nothing answers it")
		}
		w.linef("%s  %s  ← %s", levelMark(w, r.Level), r.Name.In(w.lang), by)
	}
	w.heading("建议的措施", "Proposed measures")
	if len(d.Measures) == 0 {
		w.linef("%s", w.t("没有", "none"))
	}
	for i, m := range d.Measures {
		head := fmt.Sprintf("%d. %s · %s", i+1, m.BlockName.In(w.lang), m.Name.In(w.lang))
		if m.Who.ZH != "" {
			head += w.t("（"+m.Who.ZH+"）", " ("+m.Who.EN+")")
		}
		if m.Amount > 0 {
			head += "  " + yuan(m.Amount) + w.t(" 元", " yuan")
		}
		w.linef("%s", head)
		for _, y := range m.Why {
			w.linef("   · %s", y.In(w.lang))
		}
		for _, c := range m.Changes {
			w.linef("   → %s", c.Text.In(w.lang))
		}
		dep := m.Department
		if x := d.pack.Department(dep); x != nil {
			dep = x.Name.In(w.lang)
		}
		w.linef(w.t("   %s，%s，%d 天内", "   %s, %s, within %d days"), dep, m.Fund.In(w.lang), m.Days)
		if len(m.Instead) > 0 {
			var names []string
			for _, x := range m.Instead {
				names = append(names, x.Name.In(w.lang))
			}
			w.linef(w.t("   也可以：%s", "   or: %s"), strings.Join(names, w.t("、", ", ")))
		}
	}
	if len(d.AskFirst) > 0 {
		w.heading("先问清（资格缺信息，不算有也不算没有）", "Ask first (eligibility lacks a fact: neither granted nor ruled out)")
		for _, a := range d.AskFirst {
			var missing []string
			for _, f := range a.Missing {
				missing = append(missing, f.Name.In(w.lang))
			}
			w.linef("%s ← %s", a.Name.In(w.lang), strings.Join(missing, w.t("、", ", ")))
		}
	}
	if len(d.Uncleared) > 0 {
		w.heading("仍未达标", "Still failing")
		for _, u := range d.Uncleared {
			w.linef("%s  %s", levelMark(w, u.Level), u.Name.In(w.lang))
			w.linef("   %s", u.Why.In(w.lang))
		}
	}
	for _, r := range d.Requirements {
		if !r.Met {
			w.linef(w.t("未满足：%s", "not met: %s"), r.Why.In(w.lang))
		}
	}
	if !d.Proven {
		w.linef("%s", w.t("搜索达到上限：这是找到的最好的一组，未证明没有更好的", "the search met its limit: the best bundle found, not proven to be the best"))
	}
}

func (d *matchAllDocument) text(w *page) {
	w.linef(w.t("%s 户有预警，%s 户需要有限名额，%s 户分到", "%s households with a warning, a limited place would help %s, %s get one"), count(d.Households), count(d.Wanting), count(d.Served))
	if len(d.Places) > 0 {
		var rows [][]string
		for _, p := range d.Places {
			name := p.Pool
			if x := d.pack.Pool(p.Pool); x != nil {
				name = x.Name.In(w.lang)
			}
			where := p.Division.Prefix()
			if p.Division == 0 {
				where = w.t("全部", "all")
			}
			rows = append(rows, []string{name, where, count(p.Places.Places), count(p.Taken)})
		}
		w.table([]string{w.t("名额", "places"), w.t("区划", "division"), w.t("数量", "number"), w.t("分出", "taken")}, rows)
	}
	w.linef(w.t("未对应的风险（红/黄/蓝）%v，仍未达标的指标 %v，财政和社会支出 %s 元", "risks unanswered (red/yellow/blue) %v, indicators still failing %v, cost %s yuan"), d.Unanswered, d.Failing, yuan(d.CostFen))
	if d.Unproven > 0 {
		w.linef(w.t("%s 户的搜索达到上限", "the search of %s households met its limit"), count(d.Unproven))
	}
	var rows [][]string
	for i, x := range d.Proposals {
		if i == d.limit {
			break
		}
		var names []string
		for _, m := range x.Measures {
			names = append(names, m.Name.In(w.lang))
		}
		var risks []string
		for _, r := range x.Risks {
			risks = append(risks, levelMark(w, r.Level)+r.Name.In(w.lang))
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), x.HouseholdNo, strings.Join(risks, " "), strings.Join(names, w.t("、", ", "))})
	}
	w.table([]string{w.t("次序", "rank"), w.t("户编号", "household"), w.t("风险", "risks"), w.t("措施", "measures")}, rows)
	if len(d.Proposals) > d.limit {
		w.linef(w.t("共 %s 户，全部见 --json", "%s in all; --json has every one"), count(len(d.Proposals)))
	}
	for i, u := range d.Unserved {
		if i == 10 {
			w.linef(w.t("……共 %s 户没有分到名额", "… %s in all get no place"), count(len(d.Unserved)))
			break
		}
		w.linef(w.t("次序 %d 的户 %s 没有分到名额", "household %[2]s of rank %[1]d gets no place"), u.Rank, u.HouseholdNo)
	}
}

func measureNames(p *policy.Pack, ids []string, lang string) []string {
	var out []string
	for _, id := range ids {
		if m := p.Measure(id); m != nil {
			id = m.Name.In(lang)
		}
		out = append(out, id)
	}
	return out
}

// yuan writes fen as yuan with grouped thousands.
func yuan(fen int64) string {
	s := count(fen / 100)
	if rest := fen % 100; rest != 0 {
		s += fmt.Sprintf(".%02d", rest)
	}
	return s
}
