package report

import (
	"fmt"
	"strconv"
	"strings"

	"shouwang/internal/paper"
)

// incomeRows are the income block of the national survey, in its order: the household's net income is the four kinds less the cost of business, and the reference
// adds claims received and takes off compliant self-paid spending.
func incomeRows() [][2]string {
	return [][2]string{
		{"工资性收入", "wage_income"}, {"生产经营性收入", "business_income"}, {"财产性收入", "property_income"}, {"转移性收入", "transfer_income"},
		{"生产经营性支出", "business_cost"}, {"家庭纯收入", "income_net"}, {"家庭人均纯收入", "income_per_head"}, {"家庭理赔收入", "claims"},
		{"合规自付支出", "compliant_self_paid_12m"}, {"参考收入（总）", "reference_income_total"}, {"参考收入（人均）", "reference_income_per_head"},
	}
}

// known gives an indicator in words; what nobody told is 未知, never 0.
func (f *File) known(id string) string {
	if v := f.Indicators[id]; v != "" {
		return v
	}
	return "未知"
}

func (w *sheet) members(f *File, numbers bool) {
	var rows [][]string
	for i, m := range f.Members {
		age := count(m.Age, "")
		row := []string{strconv.Itoa(i + 1), m.Name, m.Relation, m.Sex, age}
		if numbers {
			row = append(row, m.Number)
		}
		rows = append(rows, append(row, or(m.School, m.Education), m.Health, m.Labour))
	}
	if numbers {
		w.list([]float64{10, 22, 14, 10, 11, 38, 22, 20, 27}, []string{"序号", "姓名", "关系", "性别", "年龄", "证件号码", "在校或文化", "健康状况", "劳动技能"}, rows, 1, 0, 2, 3, 4)
		return
	}
	w.list([]float64{10, 26, 15, 11, 11, 26, 27, 48}, []string{"序号", "姓名", "关系", "性别", "年龄", "在校或文化", "健康状况", "劳动技能"}, rows, 1, 0, 2, 3, 4)
}

func (w *sheet) income(f *File) {
	var fields []string
	for _, r := range incomeRows() {
		fields = append(fields, r[0], f.known(r[1]))
	}
	w.grid(pairs(fields...)...)
}

func (w *sheet) guarantees(f *File) {
	all := f.Guarantees
	if len(all) == 0 {
		all = guarantees()
	}
	var fields []string
	for _, g := range all {
		fields = append(fields, g.Name, ticks(g.Met, "是", "否", "未知"))
	}
	w.grid(pairs(fields...)...)
}

func writeInformation(w *sheet, f *File) {
	head := f.head()
	w.under("填表单位："+f.Township+committee(f.Village), "填表日期："+chineseDay(f.Made.Format("2006-01-02")))
	w.Heading("一、基本情况")
	w.grid(append(pairs(
		"户主姓名", head.Name, "户编号", f.HouseholdNo,
		"证件号码", head.Number, "联系电话", head.Phone,
		"住址", f.place(), "家庭人口", f.people(),
		"户类型", f.HouseholdType, "民族", head.Ethnic,
	),
		[]paper.Cell{label("监测对象类别"), wide(ticks(f.Category, "脱贫不稳定户", "边缘易致贫户", "突发严重困难户"), 3, 0)},
		[]paper.Cell{label("低收入人口类别"), wide(or(strings.Join(f.Tags, "、"), "（无登记）"), 3, 0)},
		[]paper.Cell{label("识别监测时间"), value(chineseDay(f.IdentifiedOn)), label("发现渠道"), value(f.Channel)},
	)...)
	w.Heading("二、家庭成员")
	w.members(f, true)
	w.Heading("三、致贫返贫风险")
	var rows [][]string
	for i := range max(len(f.Risks), 1) {
		r := Risk{}
		if i < len(f.Risks) {
			r = f.Risks[i]
		}
		rows = append(rows, []string{fmt.Sprintf("风险 %d", i+1), r.Code, r.Name, r.Remark})
	}
	w.list([]float64{1.2, 1, 3, 5}, []string{"序号", "代码", "风险类型", "备注"}, rows, 1, 0, 1)
	w.Heading("四、收入和支出（近 12 个月）")
	w.income(f)
	if f.Line != "" {
		w.Paragraph("当年监测范围（参考）："+f.Line+"。收入是重要参考，不是唯一依据；未知的项目由入户人员核实后填写。", paper.Para{Size: 9, Colour: paper.Muted, After: 1})
	}
	w.Heading("五、“三保障”和饮水安全")
	w.guarantees(f)
	w.signatures("户主（或代理人）签字：", "采集人签字：")
}

func writeVerification(w *sheet, f *File) {
	head := f.head()
	w.under("核查单位："+f.Township, "线索接收日期："+chineseDay(f.LeadOn))
	w.Heading("一、线索")
	w.grid(append(pairs("户主姓名", head.Name, "户编号", f.HouseholdNo, "住址", f.place(), "家庭人口", f.people(), "发现渠道", f.Channel, "户类型", f.HouseholdType),
		[]paper.Cell{label("为什么核查"), wide(f.Why, 3, 16)})...)
	w.Heading("二、系统已掌握的情况（只核对，不同的写在后面）")
	w.income(f)
	w.Space(3)
	w.guarantees(f)
	w.Heading("三、入户核实")
	var v Visit
	if len(f.Visits) > 0 {
		v = f.Visits[len(f.Visits)-1]
	}
	w.grid(
		[]paper.Cell{label("入户日期"), value(chineseDay(v.On)), label("入户人员"), value(or(strings.Join(v.Visitors, "、"), "（不少于 2 人）"))},
		[]paper.Cell{label("与系统不同之处"), wide(strings.Join(v.Found, "\n"), 3, 16)},
		[]paper.Cell{label("现场确认"), wide(strings.Join(v.Checks, "　"), 3, 0)},
		[]paper.Cell{label("核实说明"), wide(v.Remark, 3, 16)},
		[]paper.Cell{label("核实结论"), wide("☐ 属实，拟纳入监测　　☐ 误报（写明原因）　　☐ 已知情况，继续关注", 3, 0)},
		[]paper.Cell{label("原因或建议"), wide("", 3, 12)},
	)
	w.signatures("核查人签字（一）：", "核查人签字（二）：", "户主（或代理人）签字：")
}

func writeAuthorisation(w *sheet, f *File) {
	head := f.head()
	w.text(fmt.Sprintf("%s：", or(f.Township, "__________乡镇")+"人民政府"))
	w.text(fmt.Sprintf("本人 %s，系 %s 农户户主（户编号 %s），家庭人口 %s。因家庭出现返贫致贫风险，现申请纳入防止返贫监测对象，并代表全体共同生活的家庭成员作出以下承诺和授权：",
		or(head.Name, "__________"), f.place(), f.HouseholdNo, or(f.people(), "____ 人")))
	w.Paragraph("一、申请事由", paper.Para{Size: 11.5, Bold: true, After: 1})
	w.grid([]paper.Cell{label("家庭困难情况"), {Text: f.riskNames(), Span: 3, Height: 24, Top: true}})
	w.Space(2)
	w.Paragraph("二、承诺", paper.Para{Size: 11.5, Bold: true, After: 1})
	w.text("所报告的家庭人口、收入、支出、财产和困难情况真实、完整；情况发生变化时及时告知村委会。如有隐瞒或者虚报，愿意退回已享受的帮扶，并承担相应责任。")
	w.Paragraph("三、授权查询", paper.Para{Size: 11.5, Bold: true, After: 1})
	w.text("同意县、乡镇人民政府及其有关部门，为核对防止返贫监测对象的认定和帮扶条件，查询本户下列信息。所得信息只用于上述目的，依法保密：")
	scope := []string{"户籍", "车辆", "不动产", "工商登记", "社会保险", "存款", "纳税", "民政核对"}
	given := map[string]bool{}
	if f.Authorisation != nil {
		for _, s := range f.Authorisation.Scope {
			given[s] = true
		}
	}
	line := make([]string, len(scope))
	for i, s := range scope {
		line[i] = tick(given[s], s)
	}
	w.Paragraph(strings.Join(line, "　"), paper.Para{Size: 11, After: 1.5})
	w.text("本授权自签字之日起生效，至风险消除并停止监测时终止；可以书面撤回，撤回不影响此前已经进行的查询。")
	w.Paragraph("四、家庭成员签字（捺印）", paper.Para{Size: 11.5, Bold: true, After: 1.5})
	var rows [][]string
	for i, m := range f.Members {
		rows = append(rows, []string{strconv.Itoa(i + 1), m.Name, m.Relation, "", ""})
	}
	t := paper.Table{Columns: []float64{0.8, 2, 2, 3, 3}, Header: [][]paper.Cell{{label("序号"), label("姓名"), label("与户主关系"), label("签字或捺印"), label("监护人代签（未成年人）")}}}
	for len(rows) < 3 {
		rows = append(rows, make([]string, 5))
	}
	for _, r := range rows {
		cells := []paper.Cell{{Text: r[0], Align: paper.Centre, Height: 9}}
		for _, s := range r[1:] {
			cells = append(cells, paper.Cell{Text: s, Align: paper.Centre})
		}
		t.Rows = append(t.Rows, cells)
	}
	w.Table(t)
	w.Space(2)
	w.Paragraph("不识字的，由村干部或亲属代写并当面宣读、解释，本人捺印。代写人：________　见证人：________", paper.Para{Size: 9.5, Colour: paper.Muted})
	if a := f.Authorisation; a != nil {
		w.Paragraph(fmt.Sprintf("系统登记：%s 由%s签字%s。", chineseDay(a.SignedOn), a.Signer, map[bool]string{true: "并捺印", false: ""}[a.Handprint]), paper.Para{Size: 9.5, Colour: paper.Muted})
	}
	w.signatures("户主（或代理人）签字、捺印：")
}

func writeMinutes(w *sheet, f *File) {
	a, purpose := f.Appraisal, "评议是否纳入防止返贫监测对象"
	if f.ClearAppraisal != nil {
		a, purpose = f.ClearAppraisal, "评议是否消除返贫致贫风险"
	}
	if a == nil {
		a = &Appraisal{Attendees: -1, For: -1, Against: -1, Rest: -1}
	}
	head := f.head()
	w.under(f.County+f.Township+committee(f.Village), or(chineseDay(a.HeldOn), "　　　年　　月　　日"))
	w.grid(
		[]paper.Cell{label("议题"), wide(purpose, 3, 0)},
		[]paper.Cell{label("时间"), value(chineseDay(a.HeldOn)), label("地点"), value(a.Place)},
		[]paper.Cell{label("主持人"), value(a.Host), label("记录人"), value("")},
		[]paper.Cell{label("应到人数"), value(""), label("实到人数"), value(count(a.Attendees, " 人"))},
		[]paper.Cell{label("评议对象"), value(head.Name), label("家庭人口"), value(f.people())},
		[]paper.Cell{label("情况介绍"), {Text: f.Why, Span: 3, Height: 24, Top: true}},
		[]paper.Cell{label("讨论记录"), {Text: a.Remark, Span: 3, Height: 38, Top: true}},
		[]paper.Cell{label("表决结果"), wide(fmt.Sprintf("同意 %s　不同意 %s　弃权 %s", or(count(a.For, " 人"), "____ 人"), or(count(a.Against, " 人"), "____ 人"), or(count(a.Rest, " 人"), "____ 人")), 3, 0)},
		[]paper.Cell{label("评议结论"), wide(ticks("", "同意", "不同意")+"　　以上评议只进行一次，不再由村民小组另行表决。", 3, 0)},
	)
	w.Heading("签到")
	t := paper.Table{Columns: []float64{1, 1, 1, 1, 1, 1}, Header: [][]paper.Cell{{label("姓名"), label("身份"), label("签字"), label("姓名"), label("身份"), label("签字")}}}
	for range max(8, (max(a.Attendees, 0)+1)/2) {
		t.Rows = append(t.Rows, []paper.Cell{{Height: 7.5}, {}, {}, {}, {}, {}})
	}
	w.Table(t)
	w.signatures("主持人签字：", "记录人签字：")
}
