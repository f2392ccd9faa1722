package report

import (
	"fmt"
	"strconv"
	"strings"

	"shouwang/internal/locale"
	"shouwang/internal/paper"
)

func (w *sheet) comparisons(f *File) {
	var rows [][]string
	for _, c := range f.Comparisons {
		rows = append(rows, []string{c.Department, c.Result, c.Explanation})
	}
	w.list([]float64{3, 2, 6}, []string{"部门", "结果", "说明"}, rows, 4, 1)
}

// noticeWords tells of the publicity in one line.
func noticeWords(n *Notice) string {
	if n == nil {
		return ""
	}
	place := ""
	if n.Place != "" {
		place = "，张贴于" + n.Place
	}
	return fmt.Sprintf("%s起公示，至%s期满%s", chineseDay(n.PostedOn), chineseDay(n.OverOn), place)
}

func appraisalWords(a *Appraisal) string {
	if a == nil {
		return ""
	}
	return fmt.Sprintf("%s召开，到会 %s，同意 %s，不同意 %s", chineseDay(a.HeldOn), or(count(a.Attendees, " 人"), "__ 人"), or(count(a.For, " 人"), "__ 人"), or(count(a.Against, " 人"), "__ 人"))
}

// yuan is an amount with fen only where there are any.
func yuan(amount float64) string { return strings.TrimSuffix(locale.Number(amount, 2), ".00") }

func writeDecision(w *sheet, f *File) {
	head := f.head()
	w.under(f.County+"防止返贫监测帮扶", "打印日期："+chineseDay(f.Made.Format("2006-01-02")))
	w.grid(append(pairs(
		"户主姓名", head.Name, "户编号", f.HouseholdNo,
		"住址", f.place(), "家庭人口", f.people(),
		"户类型", f.HouseholdType, "发现渠道", f.Channel,
		"线索接收日期", chineseDay(f.LeadOn), "人均参考收入", f.known("reference_income_per_head"),
	),
		[]paper.Cell{label("监测对象类别"), wide(ticks(f.Category, "脱贫不稳定户", "边缘易致贫户", "突发严重困难户"), 3, 0)},
		[]paper.Cell{label("致贫返贫风险"), wide(f.riskNames(), 3, 0)},
		[]paper.Cell{label("主要情况"), wide(f.Why, 3, 18)},
		[]paper.Cell{label("民主评议"), wide(appraisalWords(f.Appraisal), 3, 0)},
		[]paper.Cell{label("村内公示"), wide(noticeWords(f.Notice), 3, 0)},
	)...)
	w.Heading("部门信息比对")
	w.comparisons(f)
	w.Heading("审核认定")
	w.grid(
		[]paper.Cell{label("村委会意见"), {Text: "\n\n　　　　　　　　　　　　　　　　（盖章）　　　年　　月　　日", Span: 3, Height: 22}},
		opinionRow("乡镇审核意见", f.Review),
		opinionRow("县级审定意见", f.Decision),
	)
}

func writePlan(w *sheet, f *File) {
	head := f.head()
	w.under(f.place(), "制定日期："+chineseDay(f.Made.Format("2006-01-02")))
	w.grid(append(pairs(
		"户主姓名", head.Name, "户编号", f.HouseholdNo,
		"监测对象类别", f.Category, "识别时间", chineseDay(f.IdentifiedOn),
		"劳动力", f.LabourWords, "帮扶责任人", f.WorkerName,
	),
		[]paper.Cell{label("致贫返贫风险"), wide(f.riskNames(), 3, 0)},
	)...)
	w.Heading("一、家庭成员")
	w.members(f, false)
	w.Heading("二、帮扶措施")
	var rows [][]string
	sum := 0.0
	for i, m := range f.Measures {
		amount := ""
		if m.Amount > 0 {
			amount, sum = yuan(m.Amount), sum+m.Amount
		}
		rows = append(rows, []string{strconv.Itoa(i + 1), m.Block, m.Option, m.For, m.Owner, m.Due, amount, m.Source, m.State})
	}
	w.list([]float64{0.9, 1.6, 2.2, 1.5, 1.9, 1.8, 1.3, 1.5, 1.3}, []string{"序号", "类别", "措施", "针对风险", "责任单位或人", "完成期限", "金额/元", "资金来源", "状态"}, rows, 5, 0)
	if sum > 0 {
		w.Space(1)
		w.Paragraph("已列金额合计 "+yuan(sum)+" 元。", paper.Para{Size: 9.5, Align: paper.Right})
	}
	w.Heading("三、预期目标")
	w.text("每一项风险都有对应措施；有劳动能力的至少有一项产业或就业措施，没有劳动能力的落实兜底保障。计划落实后，家庭人均收入稳定超过当年监测范围" + map[bool]string{true: "（" + f.Line + "）", false: ""}[f.Line != ""] + "，“三保障”和饮水安全持续有保障。")
	w.signatures("户主（或代理人）签字：", "帮扶责任人签字：", "乡镇负责人签字：")
}

func writeClearing(w *sheet, f *File) {
	head := f.head()
	w.under(f.place(), "打印日期："+chineseDay(f.Made.Format("2006-01-02")))
	w.grid(append(pairs(
		"户主姓名", head.Name, "户编号", f.HouseholdNo,
		"监测对象类别", f.Category, "识别时间", chineseDay(f.IdentifiedOn),
		"家庭人口", f.people(), "劳动力", f.LabourWords,
	),
		[]paper.Cell{label("致贫返贫风险"), wide(f.riskNames(), 3, 0)},
		[]paper.Cell{label("风险消除方式"), wide(ticks(f.ClearWay, "帮扶消除", "自然消除"), 3, 0)},
		[]paper.Cell{label("风险稳定解除"), wide(tick(f.RisksResolved, "登记的风险均已稳定解除"), 3, 0)},
	)...)
	w.Heading("一、消除时的收入和支出（近 12 个月）")
	w.income(f)
	if f.Line != "" {
		w.Paragraph("当年监测范围："+f.Line+"。", paper.Para{Size: 9, Colour: paper.Muted})
	}
	w.Heading("二、“三保障”和饮水安全")
	w.guarantees(f)
	w.Heading("三、已落实的措施")
	var rows [][]string
	for i, m := range f.Measures {
		rows = append(rows, []string{strconv.Itoa(i + 1), m.Block, m.Option, m.For, m.State, m.Done})
	}
	w.list([]float64{0.8, 2, 3, 2, 1.6, 2.4}, []string{"序号", "类别", "措施", "针对风险", "状态", "完成时间"}, rows, 2, 0)
	w.Heading("四、评议、公示和审批")
	clear := f.ClearAppraisal
	w.grid(
		[]paper.Cell{label("民主评议"), wide(appraisalWords(clear), 3, 0)},
		[]paper.Cell{label("村内公示"), wide(noticeWords(f.ClearNotice), 3, 0)},
		opinionRow("乡镇审核意见", f.ClearReview),
		opinionRow("县级审定意见", f.ClearDecision),
	)
	w.Space(1.5)
	w.Paragraph(strings.Join([]string{"消除条件：识别监测满 6 个月；收入持续稳定超过当年监测范围；大额刚性支出稳定解决；“三保障”和饮水安全持续巩固；至少一项对应措施已落实。",
		"整户没有劳动能力的，落实保障后继续跟踪，暂不标注消除。"}, ""), paper.Para{Size: 9, Colour: paper.Muted, Align: paper.Justify})
}
