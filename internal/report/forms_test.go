package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shouwang/internal/errs"
	"shouwang/internal/paper"
)

var day = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

func typeface(t testing.TB) *paper.Font {
	t.Helper()
	f, err := paper.OpenFont()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// full is a case with everything in it; all persons are made up.
func full() *File {
	return &File{
		Made: day, County: "从江县", Township: "西山镇", Village: "顶洞村", CaseNo: "019ab3c4-52de-7f01-9c11-0a55d3e7b001", HouseholdNo: "5226331052090137",
		HouseholdType: "脱贫户", Category: "脱贫不稳定户", State: "已有帮扶计划", Channel: "部门筛查预警", LeadOn: "2026-10-09",
		Why:          "▲红 因病：近 12 个月合规自付医疗费 52 000 元，超过门槛 16 900 元；人均参考收入 7 900 元，低于监测线 8 500 元/人·年。◆黄 因学：在校非义务教育 2 人，自付 11 200 元。",
		IdentifiedOn: "2026-10-30", MarkedMonth: "2026-10", ClearWay: "帮扶消除",
		Members: []Member{
			{Name: "杨䶮", Relation: "户主", Sex: "男", Number: "522633198103151238", Birth: "1981-03-15", Age: 45, Ethnic: "苗族", Education: "初中", Health: "患有大病", Labour: "弱劳动力或半劳动力", Phone: "13800138000", Head: true},
			{Name: "吴㛃花", Relation: "配偶", Sex: "女", Number: "522633198306202344", Age: 43, Ethnic: "侗族", Education: "小学", Health: "健康", Labour: "普通劳动力"},
			{Name: "杨喆", Relation: "子", Sex: "男", Number: "522633200808081119", Age: 18, Ethnic: "苗族", School: "中职", Health: "健康", Labour: "无劳动力"},
			{Name: "阿卜杜热合曼·买买提江", Relation: "父母", Sex: "男", Age: -1, Health: "长期慢性病", Labour: "丧失劳动力"},
		},
		Risks:      []Risk{{"illness", "01", "因病", ""}, {"schooling", "09", "因学", ""}, {"other", "99", "其他", "债务较重"}},
		Indicators: map[string]string{"wage_income": "42 000.00 元", "business_income": "8 600.00 元", "transfer_income": "3 200.00 元", "business_cost": "2 100.00 元", "income_net": "51 700.00 元", "income_per_head": "12 925.00 元", "compliant_self_paid_12m": "52 000.00 元", "reference_income_per_head": "7 900.00 元"},
		Guarantees: []Guarantee{{Name: "义务教育有保障", Met: "是"}, {Name: "基本医疗有保障", Met: "是"}, {Name: "住房安全有保障", Met: "未知"}, {Name: "饮水安全有保障", Met: "否", Risk: "water", Problems: []string{"饮水不安全"}}},
		Visits: []Visit{{On: "2026-10-11", Visitors: []string{"龙某某（驻村工作队）", "石某某（村干部）"}, Found: []string{"近12月合规自付：49 300 元（以票据为准）", "年缺水天数：45 天"}, Checks: []string{"义务教育：有保障", "饮水安全：有问题"},
			Remark: "户主 2026 年 6 月在贵阳住院手术，现仍需每月复查；长子就读中职二年级。"}},
		Authorisation:  &Authorisation{SignedOn: "2026-10-12", Signer: "户主", Handprint: true, Scope: []string{"户籍", "车辆", "社会保险", "民政核对"}},
		Comparisons:    []Comparison{{"民政局", "无异常", ""}, {"市场监督管理局", "存疑", "名下有个体工商户，已停业，入户核实属实"}, {"住房和城乡建设局", "无异常", ""}},
		Appraisal:      &Appraisal{HeldOn: "2026-10-16", Place: "村委会会议室", Host: "石某某", Attendees: 23, For: 21, Against: 1, Rest: 1, Remark: "与会人员一致反映该户住院花费大、收入减少的情况属实。"},
		Notice:         &Notice{PostedOn: "2026-10-17", OverOn: "2026-10-22", ExpiresOn: "2026-10-23", Place: "村务公开栏"},
		Review:         &Opinion{On: "2026-10-24", Text: "经复核，情况属实，公示无异议，同意上报。"},
		Decision:       &Opinion{On: "2026-10-30", Text: "同意纳入，类别：脱贫不稳定户。", DocumentNo: "从农防返〔2026〕31 号"},
		ClearAppraisal: &Appraisal{HeldOn: "2027-05-16", Place: "村委会", Host: "石某某", Attendees: 20, For: 20, Against: 0, Rest: 0},
		Measures: []Measure{
			{Block: "健康帮扶", Option: "医疗救助", For: "因病", Owner: "医疗保障局", Due: "2026-11-20", Source: "医疗救助资金", State: "已落实", Done: "2026-11-18", Amount: 18000},
			{Block: "就业帮扶", Option: "帮扶车间就近就业", For: "因病", Owner: "人力资源和社会保障局", Due: "2026-12-10", Source: "", State: "办理中"},
			{Block: "教育帮扶", Option: "雨露计划", For: "因学", Owner: "农业农村局", Due: "2026-12-31", Source: "衔接资金", State: "已交办", Amount: 3000},
		},
		Tags: []string{"最低生活保障对象"}, Line: "8 500 元/人·年", LabourWords: "2 人", WorkerName: "龙某某", RisksResolved: true,
	}
}

// bare is a lead of which next to nothing is known: every form must still be printable, to be filled in by hand.
func bare() *File {
	return &File{Made: day, County: "从江县", Township: "西山镇", Village: "顶洞村", CaseNo: "019ab3c4", HouseholdNo: "5226331052090138", LeadOn: "2026-11-20", Indicators: map[string]string{}}
}

// textOf reads a document back with poppler, or gives "" where there is none.
func textOf(t testing.TB, pdf []byte) string {
	t.Helper()
	program, err := exec.LookPath("pdftotext")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must install poppler-utils")
		}
		return ""
	}
	cmd := exec.Command(program, "-layout", "-", "-")
	cmd.Stdin = bytes.NewReader(pdf)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func pdf(t testing.TB, d *paper.Doc, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := d.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".pdf"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// squeezed drops the spaces and line ends that a page's layout puts in.
func squeezed(s string) string { return strings.Join(strings.Fields(s), "") }

func TestEveryForm(t *testing.T) {
	font := typeface(t)
	wants := map[string][]string{
		"information":   {"杨䶮", "吴㛃花", "522633198103151238", "因病", "债务较重", "未知", "☑脱贫不稳定户", "最低生活保障对象", "52000.00元"},
		"verification":  {"龙某某（驻村工作队）", "年缺水天数：45天", "2026年10月11日", "户主2026年6月在贵阳住院手术"},
		"authorisation": {"☑户籍", "☐存款", "杨喆", "捺印", "2026年10月12日由户主签字并捺印"},
		"minutes":       {"评议是否消除返贫致贫风险", "2027年5月16日", "同意20人"},
		"decision":      {"从农防返〔2026〕31号", "到会23人，同意21人", "2026年10月17日起公示，至2026年10月22日期满", "名下有个体工商户"},
		"plan":          {"雨露计划", "18000", "21000元", "龙某某"},
		"clearing":      {"☑帮扶消除", "☑登记的风险均已稳定解除", "2026-11-18"},
	}
	for _, form := range Forms() {
		for name, f := range map[string]*File{"full": full(), "bare": bare()} {
			d, err := Write(font, form.ID, f)
			if err != nil {
				t.Fatalf("%s: %v", form.ID, err)
			}
			if got := d.Missing(); len(got) > 0 {
				t.Errorf("%s: the font lacks %q", form.ID, string(got))
			}
			raw := textOf(t, pdf(t, d, form.ID+"-"+name))
			if raw == "" {
				continue
			}
			text := squeezed(raw)
			for _, want := range []string{form.No + "第1版", f.HouseholdNo, squeezed(form.Title.ZH)} {
				if !strings.Contains(text, want) {
					t.Errorf("%s, %s lacks %q", form.ID, name, want)
				}
			}
			if name == "full" {
				for _, want := range wants[form.ID] {
					if !strings.Contains(text, want) {
						t.Errorf("%s lacks %q in\n%s", form.ID, want, raw)
					}
				}
			}
		}
	}
	if _, err := Write(font, "nonsense", full()); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an unknown form: %v", err)
	}
}

// TestThePublicNoticeSaysNothingPersonal: everything about the household that is not white-listed is searched for on the page.
func TestThePublicNoticeSaysNothingPersonal(t *testing.T) {
	f := full()
	n := &PublicNotice{County: f.County, Township: f.Township, Village: f.Village, PostedOn: "2026-10-17", OverOn: "2026-10-22", ExpiresOn: "2026-10-23", Hotline: "12317", Made: day,
		Rows: []PublicRow{{Head: "杨*", Members: 4, Category: f.Category, Risk: publicRisk(f.Risks)}, {Head: "吴**", Members: 2, Category: "突发严重困难户", Risk: publicRisk([]Risk{{ID: "disaster"}, {ID: "disability"}})}}}
	d, err := WriteNotice(typeface(t), n)
	if err != nil {
		t.Fatal(err)
	}
	raw := textOf(t, pdf(t, d, "notice"))
	text := squeezed(raw)
	if raw != "" {
		for _, want := range []string{"杨*", "4人", "脱贫不稳定户", "支出较大或收入不足", "2026年10月17日起，至2026年10月21日止", "2026年10月23日前撤下", "受灾、支出较大或收入", "顶洞村民委员会（盖章）"} {
			if !strings.Contains(text, want) {
				t.Errorf("the notice lacks %q in\n%s", want, raw)
			}
		}
	}
	forbidden := []string{"䶮", "㛃", "5226331", "13800138000", "因病", "病", "残", "大病", "住院", "债务", "因学", "52000", "劳动力"}
	for _, s := range forbidden {
		if strings.Contains(text, s) {
			t.Errorf("the notice tells %q", s)
		}
	}
	for _, bad := range []*PublicNotice{{Rows: n.Rows, PostedOn: "2026-10-17", OverOn: "2026-10-22"}, {PostedOn: "2026-10-17", OverOn: "2026-10-22", ExpiresOn: "2026-10-23"}} {
		if _, err := WriteNotice(typeface(t), bad); err == nil {
			t.Errorf("%+v is printed", bad)
		}
	}
}
