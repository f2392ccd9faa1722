package expr_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/expr"
)

// TestOutcomes: values worked out by hand. x = 7, y = −2.5, z = 0, u unknown; p true, q false, w unknown; t = "低保", s unknown;
// d = 2024-01-31, e = 2026-11-01, f unknown.
func TestOutcomes(t *testing.T) {
	env, err := expr.NewEnv([]expr.Var{
		{Name: "x", Alias: []string{"医疗自付"}, Type: expr.Number, Slot: 0}, {Name: "y", Type: expr.Number, Slot: 1}, {Name: "z", Type: expr.Number, Slot: 2},
		{Name: "u", Alias: []string{"收入.人均"}, Type: expr.Number, Slot: 3}, {Name: "p", Alias: []string{"监测中"}, Type: expr.Bool, Slot: 4}, {Name: "q", Type: expr.Bool, Slot: 5},
		{Name: "w", Type: expr.Bool, Slot: 6}, {Name: "t", Type: expr.Text, Slot: 7}, {Name: "s", Type: expr.Text, Slot: 8},
		{Name: "d", Type: expr.Date, Slot: 9}, {Name: "e", Type: expr.Date, Slot: 10}, {Name: "f", Type: expr.Date, Slot: 11}, {Name: "far", Type: expr.Number, Slot: 99},
	})
	if err != nil {
		t.Fatal(err)
	}
	row := []expr.Value{num(7), num(-2.5), num(0), {}, expr.BoolValue(true), expr.BoolValue(false), {}, expr.TextValue("低保"), {}, expr.DateValue(2024, 1, 31), expr.DateValue(2026, 11, 1), {}}
	for src, want := range map[string]string{
		// Kleene's tables.
		"p and w": "?", "q and w": "false", "w and q": "false", "w and w": "?", "p or w": "true", "w or p": "true", "q or w": "?", "not w": "?", "not q": "true",
		"p && q || p": "true", "p or q and q": "true", "(p or q) and q": "false", "!q and p": "true", "not q == p": "true", "not not p": "true",
		// Comparisons.
		"x > 7": "false", "x >= 7": "true", "x < 7": "false", "x <= 7": "true", "x == 7": "true", "x != 7": "false", "u > 7": "?", "u == u": "?", "far > 1": "?",
		"t == '低保'": "true", `t != "特困"`: "true", "s == t": "?", "s != t": "?", "p == q": "false", "w == w": "?", "p != q": "true", "d < e": "true", "d == date('2024-01-31')": "true",
		// In.
		"x in [1, 7]": "true", "x in [1, 2]": "false", "x in [1, u]": "?", "x in [7, u]": "true", "u in [1]": "?", "x not in [1]": "true", "t in ['低保', s]": "true", "d in [e, f]": "?", "p in [q, w]": "?",
		"x 属于 [7]": "true",
		// Arithmetic.
		"x + y": "4.5", "x - y": "9.5", "x * y": "-17.5", "x / y": "-2.8", "x % 4": "3", "-x % 4": "-3", "x % y": "2", "-x": "-7", "- -x": "7", "x / z": "?", "x % z": "?", "z / z": "?", "x + u": "?",
		"2 + 3 * 4": "14", "(2 + 3) * 4": "20", "10 - 2 - 3": "5", "100 / 10 / 2": "5", "1e308 * 10": "?", "-1e308 - 1e308": "?", "1e308 * 10 - 1e308 * 10": "?", "1 / (1e308 * 10)": "?",
		"1e-200 * 1e-200": "0", ".5 + 1.5e1": "15.5",
		// Functions.
		"known(x)": "true", "known(u)": "false", "known(x / z)": "false", "known(s)": "false", "coalesce(u, 3)": "3", "coalesce(u, u)": "?", "coalesce(w, p)": "true", "coalesce(s, t)": "低保",
		"min(x, y, z)": "-2.5", "max(x, y, z)": "7", "max(x, u)": "?", "min(u, x)": "?", "max(x)": "7", "min(d, e) == d": "true", "abs(y)": "2.5", "abs(u)": "?",
		"round(2.5)": "3", "round(-2.5)": "-3", "round(0.49999999999999994)": "0", "round(1234.5678, 2)": "1234.57", "round(1250, -2)": "1300", "round(-1250, -2)": "-1300", "round(1.005, 2)": "1", "round(u)": "?",
		// Dates: a month is whole when its day has been reached.
		"months_between(date('2024-01-31'), date('2024-02-29'))": "0", "months_between(date('2024-01-31'), date('2024-03-01'))": "1", "months_between(date('2024-01-31'), date('2024-03-31'))": "2",
		"months_between(date('2024-03-01'), date('2024-01-31'))": "-1", "months_between(date('2024-02-29'), date('2024-01-31'))": "0", "months_between(date('2023-12-15'), date('2024-01-14'))": "0",
		"months_between(date('2023-12-15'), date('2024-01-15'))": "1", "years_between(date('2008-02-29'), date('2024-02-28'))": "15", "years_between(date('2008-02-29'), date('2023-02-28'))": "14",
		"years_between(date('2008-02-29'), date('2023-03-01'))": "15", "years_between(date('2010-11-02'), e)": "15", "years_between(date('2010-11-01'), e)": "16", "years_between(e, date('2010-11-01'))": "-16",
		"days_between(d, e)": "1005", "days_between(e, d)": "-1005", "days_between(d, f)": "?", "months_between(f, d)": "?", "days_between(date('0001-01-01'), date('9999-12-31'))": "3652058",
		// The conditional.
		"p ? 1 : 2": "1", "q ? 1 : 2": "2", "w ? 1 : 1": "?", "q ? 1 : p ? 2 : 3": "2", "p ? u : 2": "?", "p ? t : s": "低保", "(p ? d : e) == d": "true", "p ? w : q": "?", "(w ? p : q) or p": "true",
		// Chinese.
		"医疗自付 > 5 且 非 q": "true", "医疗自付＞５ 且（监测中 或 q）": "true", "医疗自付≥7": "true", "医疗自付 ≠ 7": "false", "收入.人均 < 8000": "?", "已知(医疗自付)": "true", "最大（医疗自付，１）": "7", "t == “低保”": "true", "t == ‘低保’": "true",
		"医疗自付 × 2 ÷ 4 － 1": "2.5", "真 且 非 假": "true", "t 属于 【“低保”，“特困”】": "true", "相隔年数(日期(\"2010-11-01\"), e)": "16",
		// Texts.
		`'a\'b' == "a'b"`: "true", `"\\" == '\\'`: "true", `"\t" == "	"`: "true",
	} {
		c, err := env.Check(src, expr.Invalid)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		for how, v := range map[string]expr.Value{"Eval": c.Eval(row), "Compile": c.Compile()(row)} {
			got := "?"
			switch {
			case !v.Known:
			case c.Type() == expr.Bool:
				got = map[float64]string{0: "false", 1: "true"}[v.Num]
			case c.Type() == expr.Text:
				got = v.Text
			default:
				got = strconv.FormatFloat(v.Num, 'f', -1, 64)
			}
			if got != want {
				t.Errorf("%s (%s): %s, want %s", src, how, got, want)
			}
		}
	}
}

// TestErrors: what people get to read, with the place.
func TestErrors(t *testing.T) {
	env, err := expr.NewEnv([]expr.Var{
		{Name: "medical_self_paid_12m", Alias: []string{"近12月医疗自付"}, Type: expr.Number}, {Name: "income", Alias: []string{"人均纯收入"}, Type: expr.Number, Slot: 1},
		{Name: "is_monitored", Alias: []string{"监测中"}, Type: expr.Bool, Slot: 2}, {Name: "kind", Type: expr.Text, Slot: 3}, {Name: "started", Type: expr.Date, Slot: 4},
		{Name: "param.line", Alias: []string{"参数.监测线"}, Type: expr.Number, Param: true, Slot: 5},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ src, place, zh, en string }{
		{"", "", "表达式是空的", "the expression is empty"},
		{"medical_selfpaid_12m > 1", "medical_selfpaid_12m", "是不是“medical_self_paid_12m”", `did you mean "medical_self_paid_12m"`},
		{"医疗自付 > 1", "医疗自付", "是不是“近12月医疗自付”", `did you mean "近12月医疗自付"`},
		{"income < param.lien", "param.lien", "是不是“param.line”", `"param.line"`},
		{"income < zzzz", "zzzz", "没有名为“zzzz”的指标、参数或列", "there is no indicator, parameter or column"},
		{"income = 5", "=", "==", "two equals signs"},
		{"income => 5", "=>", ">=", ">="},
		{"income <> 5", "<>", "!=", "!="},
		{"1 < income < 5", "<", "比较不能连写", "cannot be chained"},
		{"kind == income", "income", "“kind”是文字，“income”是数值", `"kind" is a text, "income" is a number`},
		{"kind < 'a'", "kind < 'a'", "文字不能比较大小", "has no order"},
		{"is_monitored > false", "is_monitored > false", "是否不能比较大小", "has no order"},
		{"started > '2026-01-01'", "'2026-01-01'", `日期写成 date("2026-11-01")`, `date("2026-11-01")`},
		{"started > date('2026-02-29')", "'2026-02-29'", "这一天要存在", "a day that exists"},
		{"income > '5'", "'5'", "数字不加引号", "take no quotes"},
		{"started + 1 > started", "started", "days_between", "days_between"},
		{"income and is_monitored", "income", "请写出比较", "write a comparison"},
		{"income + 1", "income + 1", "整个表达式的结果是数值", "the whole expression gives a number"},
		{"is_monitored == 1", "1", "与 true 或 false 比较", "compare a yes/no with true or false"},
		{"income > 52,000", ",", "大数字不要分节", "without separators"},
		{"income > 50%", "%", "不是百分号", "not per cent"},
		{"income > 8000元", "元", "单位不写", "leave out units"},
		{"income > 8000且监测中", "且监测中", "前后要有空格", "put spaces"},
		{"is_monitored 并且 income > 1", "并且", "请写成“且”", "write and"},
		{"is_monitored AND income > 1", "AND", "请用小写 and", "lower case"},
		{"人均纯收入 低于 8000", "低于", "请写成 <", "write <"},
		{"is_monitored & true", "&", "&&", "&&"},
		{"kind in ['a'、'b']", "、", "顿号“、”请改成逗号", "change the enumeration comma"},
		{"income > 1。", "。", "请删去", "delete it"},
		{"kind == 《a》", "《", "引号", "quotes"},
		{"kind == 'a", "'a", "引号没有配对", "not closed"},
		{"kind == “a", "“a", "引号没有配对", "not closed"},
		{"(income > 1", "(", "没有配对的右括号", "never closed"},
		{"income > 1)", ")", "没有配对的左括号", "never opened"},
		{"income >", "", "没有写完", "ends too early"},
		{"income > > 1", ">", "缺少一个值", "a value is missing"},
		{"income 5", "5", "缺少运算符", "an operator"},
		{"kind in 'a'", "'a'", "方括号", "square brackets"},
		{"kind in []", "[]", "至少要有一个值", "at least one value"},
		{"maxx(1, 2) > 1", "maxx", "是不是“max”", `did you mean "max"`},
		{"known > 1", "known", "是函数", "is a function"},
		{"years_between(started) > 1", "years_between(started)", "要 2 个参数", "needs 2 argument(s)"},
		{"round(income, income) > 1", "income", "-9 到 9", "from -9 to 9"},
		{"is_monitored ? true", "?", "缺少“:”", "a : is missing"},
		{"kind == 'a\\x'", `\x`, "反斜杠", "backslash"},
		{"income > 1e999", "1e999", "数字太大", "too large"},
		{"income > 5.", "5.", "小数点后面", "decimal point"},
		{"income > 1 \x00", "\x00", "看不懂字符", "cannot read the character"},
		{"income > \xff", "\xff", "UTF-8", "UTF-8"},
		{strings.Repeat("(", 70) + "true" + strings.Repeat(")", 70), "(", "嵌套太深", "too deeply"},
		{"income" + strings.Repeat(" + 1", 200) + " > 1", "", "连得太长", "too long"},
		{strings.Repeat("is_monitored or ", 2000) + "true", "", "太长", "too long"},
	} {
		_, err := env.Check(c.src, expr.Bool)
		var e *expr.Error
		if !errors.As(err, &e) {
			t.Errorf("%.60q: error %v", c.src, err)
			continue
		}
		if !strings.Contains(e.ZH, c.zh) || !strings.Contains(e.EN, c.en) {
			t.Errorf("%.60q: %s / %s; want %s / %s", c.src, e.ZH, e.EN, c.zh, c.en)
		}
		if got := c.src[e.Pos.Offset:e.End]; c.place != "" && got != c.place {
			t.Errorf("%.60q: the place is %q, want %q", c.src, got, c.place)
		}
		if !strings.Contains(err.Error(), e.EN) || !strings.Contains(e.In("zh"), e.ZH) {
			t.Errorf("%.60q: the texts are not shown: %v", c.src, err)
		}
	}
}

func TestErrorMark(t *testing.T) {
	env, err := expr.NewEnv([]expr.Var{{Name: "income", Alias: []string{"人均纯收入"}, Type: expr.Number}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = env.Check("人均纯收入 < 8000\n  and 人均收入 > 0", expr.Bool)
	var e *expr.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	want := "第 2 行第 7 个字：没有名为“人均收入”的指标、参数或列，是不是“人均纯收入”\n" +
		"      and 人均收入 > 0\n" +
		"          ^^^^^^^^"
	if d := cmp.Diff(want, e.In("zh")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if want := (expr.Position{Offset: strings.LastIndex("人均纯收入 < 8000\n  and 人均收入 > 0", "人均"), Line: 2, Column: 7}); e.Pos != want {
		t.Errorf("position %+v, want %+v", e.Pos, want)
	}
}

func TestCanonical(t *testing.T) {
	env := newEnv()
	for src, want := range map[string]string{
		"自付 > 参数.监测线 且 非 b0":                          "n0 > param.line && !b0",
		"not (b0 or b1) and (b2 and b0)":              "!(b0 || b1) && b2 && b0",
		"((n0))-(n1-n2) > (n0*n1)/n2":                 "n0 - (n1 - n2) > n0 * n1 / n2",
		"not n0 > 1":                                  "!(n0 > 1)",
		"n0 not in [1,2]":                             "!(n0 in [1, 2])",
		"b0 ? (b1 ? b0 : b1) : b2 ? b0 : b1":          "b0 ? (b1 ? b0 : b1) : b2 ? b0 : b1",
		"(b0 ? b1 : b2) or b0":                        "(b0 ? b1 : b2) || b0",
		"(n0 > 1) == (n1 > 2)":                        "(n0 > 1) == (n1 > 2)",
		"-(-5) < - n0":                                "-(-5) < -n0",
		"n0 > 1e20 and n0 < 0.0000001 or n0 == 1e3":   "n0 > 1e+20 && n0 < 1e-07 || n0 == 1000",
		`t0 in ['a"b', "c\\"]`:                        `t0 in ["a\"b", "c\\"]`,
		`months_between(d0, 筛查日) >= 12`:               "months_between(d0, as_of) >= 12",
		`d0 > 日期('2026-11-01') and 已知(n0)`:            `d0 > date("2026-11-01") && known(n0)`,
		"最小(n0, n1) % 3 == 四舍五入(n2, -2) * 绝对值(n3)":    "min(n0, n1) % 3 == round(n2, -2) * abs(n3)",
		"！b0 ＆＆ (n0 ＋ 1) ≥ 2":                         "!b0 && n0 + 1 >= 2",
		"b0 and not b1 == b2":                         "b0 && !(b1 == b2)",
		"(b0 == b1) == b2":                            "(b0 == b1) == b2",
		"n0 + (n1 + n2) > 1 and n0 / (n1 * n2) > 1":   "n0 + (n1 + n2) > 1 && n0 / (n1 * n2) > 1",
		"-(n0 + n1) > 0 and -n0 + n1 > 0 and - -n0>0": "-(n0 + n1) > 0 && -n0 + n1 > 0 && --n0 > 0",
	} {
		c, err := env.Check(src, expr.Bool)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if c.String() != want {
			t.Errorf("%s prints %s, want %s", src, c, want)
		}
		again, err := env.Check(c.String(), expr.Bool)
		if err != nil || again.String() != want {
			t.Errorf("%s is read back as %v (%v)", want, again, err)
		}
		if c.Source() != src {
			t.Errorf("the source of %s became %s", src, c.Source())
		}
	}
}

func TestVars(t *testing.T) {
	c := mustCheck(t, newEnv(), "n1 > 2 and (自付 < param.line or n1 < n0)")
	var got []string
	for _, v := range c.Vars() {
		got = append(got, v.Name)
	}
	if d := cmp.Diff([]string{"n1", "n0", "param.line"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestNewEnvRefuses(t *testing.T) {
	for name, vars := range map[string][]expr.Var{
		"a reserved word":         {{Name: "and", Type: expr.Number}},
		"a Chinese reserved word": {{Name: "a", Alias: []string{"且"}, Type: expr.Number}},
		"a space":                 {{Name: "a b", Type: expr.Number}},
		"a digit first":           {{Name: "1a", Type: expr.Number}},
		"an empty name":           {{Type: expr.Number}},
		"an empty part":           {{Name: "a.", Type: expr.Number}},
		"brackets":                {{Name: "a", Alias: []string{"收入（元）"}, Type: expr.Number}},
		"the same name twice":     {{Name: "a", Type: expr.Number}, {Name: "b", Alias: []string{"a"}, Type: expr.Number}},
		"no type":                 {{Name: "a"}},
		"a negative slot":         {{Name: "a", Type: expr.Number, Slot: -1}},
		"a limit below one":       {{Name: "a", Type: expr.Number, Limit: 0.5}},
	} {
		if _, err := expr.NewEnv(vars); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestSQLLiterals: what an officer types into a text can never leave the SQL literal.
func TestSQLLiterals(t *testing.T) {
	ref := func(v *expr.Var) string { return v.Name }
	c := mustCheck(t, newEnv(), `t0 == "'; DROP TABLE facts; --"`)
	if got, want := c.SQL(expr.DuckDB, ref), `(t0 = '''; DROP TABLE facts; --')`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Within declared limits no guard is written, with or without a constant divisor.
	c = mustCheck(t, newEnv(), "100 * n0 / max(n1, 1) >= 40 and n0 > param.line * 1.5")
	if got, want := c.SQL(expr.DuckDB, ref), "((((1e+02 * n0) / (CASE WHEN n1 IS NOT NULL THEN greatest(n1, 1e+00) END)) >= 4e+01) AND (n0 > (param.line * 1.5e+00)))"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCompileAllocatesNothing(t *testing.T) {
	env := newEnv()
	row := []expr.Value{num(52000), num(4), num(7900), num(3), num(8500), expr.BoolValue(true), expr.BoolValue(false), {}, expr.TextValue("低保"), expr.TextValue("a"), expr.DateValue(2024, 1, 31), {}, expr.DateValue(2026, 11, 1)}
	for _, src := range typicalRules {
		f := mustCheck(t, env, src).Compile()
		if n := testing.AllocsPerRun(100, func() { f(row) }); n != 0 {
			t.Errorf("%s allocates %v times", src, n)
		}
	}
}

var typicalRules = []string{
	"n2 < param.line and n0 >= 40 and (n0 > 1.0 * 14817 or (b0 and n0 > 0.5 * 14817))",
	"n2 < param.line * 0.7 and not b1 and n3 == 0",
	"n3 >= 1 and n1 == 0 and n2 == 0 and n0 < param.line and b2",
	"b0 and (n3 >= 1 or n1 >= 1)",
	"100 * n0 / max(n2, 1) >= 40",
	"t0 in [\"低保\", \"特困\"] and n2 < param.line",
	"not known(d1) or months_between(d1, as_of) < 1",
	"years_between(d0, as_of) >= 16 and years_between(d0, as_of) < 60",
	"(n0 - n1) / n3 < param.line",
	"coalesce(b2, false) or n0 > 1 and n1 > 1 and n2 > 1 and n3 > 1",
}

// BenchmarkCompiled decides ten typical rules a round.
func BenchmarkCompiled(b *testing.B) {
	env := newEnv()
	row := []expr.Value{num(52000), num(4), num(7900), num(3), num(8500), expr.BoolValue(true), expr.BoolValue(false), {}, expr.TextValue("低保"), expr.TextValue("a"), expr.DateValue(2024, 1, 31), {}, expr.DateValue(2026, 11, 1)}
	var fs []func([]expr.Value) expr.Value
	for _, src := range typicalRules {
		c, err := env.Check(src, expr.Bool)
		if err != nil {
			b.Fatal(err)
		}
		fs = append(fs, c.Compile())
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range fs {
			f(row)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(fs)), "ns/rule")
}

func BenchmarkExplain(b *testing.B) {
	env := newEnv()
	row := []expr.Value{num(52000), num(4), num(7900), num(3), num(8500), expr.BoolValue(true), expr.BoolValue(false), {}, expr.TextValue("低保"), expr.TextValue("a"), expr.DateValue(2024, 1, 31), {}, expr.DateValue(2026, 11, 1)}
	c, err := env.Check(typicalRules[0], expr.Bool)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Explain(row)
	}
}
