package expr

import (
	"math"
	"strconv"
	"strings"
)

// Words says the reason in one line, in Chinese ("zh") or English: the operands with labels, values and units, the relation
// that is true, and the margin.
//
//	近12月医疗自付 52 000 元 > 医疗预警线 14 817 元（高 37 183 元）
//	self-paid medical cost 52,000 yuan > medical warning line 14,817 yuan (37,183 yuan over)
func (r *Reason) Words(lang string) string {
	l := 0
	if lang == "en" {
		l = 1
	}
	if r.node == nil {
		return r.Source
	}
	n := r.node
	switch {
	case r.Unknown:
		return r.unknownWords(l)
	case n.Op == OpKnown:
		if r.Holds {
			return r.LeftText[l] + [2]string{"：有数据", ": is known"}[l]
		}
		return n.Args[0].labeled(lang) + [2]string{"：没有数据", ": is unknown"}[l]
	case n.Op == OpIn:
		is := [2]string{" 属于 ", " is one of "}
		if !r.Holds {
			is = [2]string{" 不属于 ", " is none of "}
		}
		return r.LeftText[l] + is[l] + r.RightText[l]
	case !n.Op.comparison():
		return r.LeftText[l]
	}
	if n.Args[0].typ == Bool {
		// "treated == false" reads "treated: no", like the bare variable.
		for i, v := range [2]Value{r.Left, r.Right} {
			if n.Args[1-i].Op == OpBool {
				return n.Args[i].labeled(lang) + [2]string{"：", ": "}[l] + formatValue(v, Bool, "", lang, -1)
			}
		}
	}
	op := n.Op
	if !r.Holds {
		op = opposite(op)
	}
	sign := map[Op]string{OpLess: "<", OpLessEq: "≤", OpMore: ">", OpMoreEq: "≥", OpEqual: "=", OpUnequal: "≠"}[op]
	s := r.LeftText[l] + " " + sign + " " + r.RightText[l]
	if m := r.marginWords(l); m != "" {
		return s + [2]string{"（" + m + "）", " (" + m + ")"}[l]
	}
	return s
}

// Sides takes a comparison apart for people: what stands on the left, its value, and the right operand as a whole. ok is
// false for an atom that compares nothing.
func (r *Reason) Sides(lang string) (label, left, right string, ok bool) {
	if r.node == nil || !r.node.Op.comparison() {
		return "", "", "", false
	}
	a, b := r.node.Args[0], r.node.Args[1]
	unit := a.unit()
	if unit == "" {
		unit = b.unit()
	}
	right = r.RightText[0]
	if lang == "en" {
		right = r.RightText[1]
	}
	return a.labeled(lang), formatValue(r.Left, a.typ, unit, lang, -1), right, true
}

func opposite(op Op) Op {
	switch op {
	case OpLess:
		return OpMoreEq
	case OpLessEq:
		return OpMore
	case OpMore:
		return OpLessEq
	case OpMoreEq:
		return OpLess
	case OpEqual:
		return OpUnequal
	}
	return OpEqual
}

func (r *Reason) unknownWords(l int) string {
	lang := [2]string{"zh", "en"}[l]
	var names []string
	for _, v := range r.Missing() {
		names = append(names, v.label(lang))
	}
	if len(names) == 0 {
		return r.node.labeled(lang) + [2]string{"：算不出（除数为零或结果过大）", ": cannot be computed (division by zero or too large)"}[l]
	}
	// A single variable needs no repetition of the comparison.
	return r.node.labeled(lang) + [2]string{"：未知，缺 " + strings.Join(names, "、"), ": unknown, missing " + strings.Join(names, ", ")}[l]
}

func (r *Reason) marginWords(l int) string {
	if r.Margin != r.Margin || r.Margin == 0 || r.node.Op == OpEqual && r.Holds {
		return ""
	}
	n, lang := r.node, [2]string{"zh", "en"}[l]
	if n.Args[0].typ == Date {
		days := formatAmount(math.Abs(r.Margin), "天", lang, -1)
		if r.Margin > 0 {
			return [2]string{"晚 " + days, days + " later"}[l]
		}
		return [2]string{"早 " + days, days + " earlier"}[l]
	}
	unit := n.Args[0].unit()
	if unit == "" {
		unit = n.Args[1].unit()
	}
	amount := formatAmount(math.Abs(r.Margin), unit, lang, -1)
	if r.Margin > 0 {
		return [2]string{"高 " + amount, amount + " over"}[l]
	}
	return [2]string{"低 " + amount, amount + " under"}[l]
}

// describe fills LeftText and RightText.
func (r *Reason) describe(row []Value) {
	n := r.node
	for l, lang := range [2]string{"zh", "en"} {
		switch {
		case n.Op.comparison():
			a, b := n.Args[0], n.Args[1]
			ua, ub := a.unit(), b.unit()
			if ua == "" {
				ua = ub
			}
			if ub == "" {
				ub = ua
			}
			decimals := -1
			if a.typ == Number && r.Left.Known && r.Right.Known && r.Left.Num != r.Right.Num &&
				formatAmount(r.Left.Num, "", lang, -1) == formatAmount(r.Right.Num, "", lang, -1) {
				decimals = 17 // rounding would make two different numbers look the same
			}
			r.LeftText[l] = a.spoken(row, r.Left, ua, lang, decimals)
			r.RightText[l] = b.spoken(row, r.Right, ub, lang, decimals)
		case n.Op == OpIn:
			r.LeftText[l] = n.Args[0].operand(r.Left, n.Args[0].unit(), lang, -1)
			var values []string
			for _, a := range n.Args[1:] {
				values = append(values, a.operand(a.eval(row), n.Args[0].unit(), lang, -1))
			}
			if lang == "zh" {
				r.RightText[l] = "（" + strings.Join(values, "、") + "）"
			} else {
				r.RightText[l] = "(" + strings.Join(values, ", ") + ")"
			}
		case n.Op == OpKnown:
			r.LeftText[l] = n.Args[0].operand(r.Left, n.Args[0].unit(), lang, -1)
		case n.typ == Bool && n.Op == OpName:
			r.LeftText[l] = n.labeled(lang) + [2]string{"：", ": "}[l] + formatValue(r.Left, Bool, "", lang, -1)
		default:
			r.LeftText[l] = n.spoken(row, r.Left, n.unit(), lang, -1)
		}
	}
}

// spoken is operand, but of "the first that is known" it names the one that it was; of a default it says what it stands for.
func (n *Node) spoken(row []Value, v Value, unit, lang string, decimals int) string {
	if n.Op != OpCoalesce || !v.Known {
		return n.operand(v, unit, lang, decimals)
	}
	l := 0
	if lang == "en" {
		l = 1
	}
	for _, a := range n.Args {
		if !a.eval(row).Known {
			continue
		}
		switch {
		case a.Op == OpNumber || a.Op == OpText || a.Op == OpBool || a.Op == OpDate:
			value := formatValue(v, n.typ, unit, lang, decimals)
			return n.Args[0].labeled(lang) + [2]string{"（未知，按 " + value + "计）", " (unknown, taken as " + value + ")"}[l]
		case a.typ == Bool && a.Op == OpName:
			return a.labeled(lang) + [2]string{"：", ": "}[l] + formatValue(v, Bool, "", lang, -1)
		}
		return a.spoken(row, v, unit, lang, decimals)
	}
	return n.operand(v, unit, lang, decimals)
}

// operand is the label and the value; a literal is its value alone.
func (n *Node) operand(v Value, unit, lang string, decimals int) string {
	value := formatValue(v, n.typ, unit, lang, decimals)
	switch n.Op {
	case OpNumber, OpText, OpBool, OpDate:
		return value
	case OpName:
		return n.labeled(lang) + " " + value
	}
	return n.labeled(lang) + " = " + value
}

// labeled is the expression with labels in the place of names and numbers as people write them.
func (n *Node) labeled(lang string) string {
	var b strings.Builder
	p := printer{b: &b, times: "×", zh: lang == "zh", number: func(f float64) string { return formatAmount(f, "", lang, 17) }, name: func(m *Node) string { return m.v.label(lang) }}
	p.print(n, 0)
	return b.String()
}

func formatValue(v Value, t Type, unit, lang string, decimals int) string {
	zh := lang != "en"
	switch {
	case !v.Known && zh:
		return "未知"
	case !v.Known:
		return "unknown"
	case t == Bool && zh && v.Num != 0:
		return "是"
	case t == Bool && zh:
		return "否"
	case t == Bool && v.Num != 0:
		return "yes"
	case t == Bool:
		return "no"
	case t == Date:
		return formatDate(v.Num)
	case t == Text && zh:
		return "“" + v.Text + "”"
	case t == Text:
		return `"` + v.Text + `"`
	}
	return formatAmount(v.Num, unit, lang, decimals)
}

// formatAmount writes a number with its unit. decimals < 0 chooses: two decimals, for magnitudes below 1 four digits; otherwise
// the shortest text with at most that many.
func formatAmount(f float64, unit, lang string, decimals int) string {
	var s string
	switch a := math.Abs(f); {
	case a >= 1e15 || a != 0 && a < 1e-9:
		s = strconv.FormatFloat(f, 'g', 6, 64)
		return withUnit(s, f, unit, lang)
	case decimals >= 0:
		s = strconv.FormatFloat(f, 'f', -1, 64)
	case a >= 1 || a == 0:
		s = strconv.FormatFloat(f, 'f', 2, 64)
	default:
		s = strconv.FormatFloat(f, 'f', 4+int(-math.Floor(math.Log10(a))-1), 64)
	}
	whole, fraction, _ := strings.Cut(s, ".")
	fraction = strings.TrimRight(fraction, "0")
	sep := " "
	if lang == "en" {
		sep = ","
	}
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + sep + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return withUnit(sign+whole, f, unit, lang)
}

func withUnit(s string, f float64, unit, lang string) string {
	if lang == "en" {
		unit = EnglishUnit(unit, f)
	}
	switch unit {
	case "":
		return s
	case "%":
		return s + "%"
	}
	return s + " " + unit
}

// EnglishUnit translates a unit of a policy pack for the amount f; one that it does not know stays as it is.
func EnglishUnit(unit string, f float64) string {
	parts := strings.Split(unit, "/")
	for i, p := range parts {
		one, many := "", ""
		switch p {
		case "元":
			one, many = "yuan", "yuan"
		case "万元":
			one, many = "×10,000 yuan", "×10,000 yuan"
		case "人":
			one, many = "person", "persons"
		case "人·年":
			one, many = "person and year", "person and year"
		case "户":
			one, many = "household", "households"
		case "岁":
			one, many = "year of age", "years of age"
		case "年":
			one, many = "year", "years"
		case "月", "个月":
			one, many = "month", "months"
		case "天", "日":
			one, many = "day", "days"
		case "次":
			one, many = "time", "times"
		case "件":
			one, many = "case", "cases"
		case "分钟":
			one, many = "minute", "minutes"
		case "公里":
			one, many = "km", "km"
		case "升":
			one, many = "liter", "liters"
		case "亩":
			one, many = "mu", "mu"
		case "平方米":
			one, many = "m²", "m²"
		case "千瓦时":
			one, many = "kWh", "kWh"
		case "倍":
			one, many = "times", "times"
		case "级":
			one, many = "grade", "grade"
		case "个", "套", "辆", "处":
			one, many = "", ""
		default:
			one, many = p, p
		}
		if i > 0 || f == 1 || f == -1 {
			many = one
		}
		if i == 0 {
			parts[i] = many
		} else {
			parts[i] = "per " + many
		}
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// unit infers the unit of an expression; "" where it has none or it cannot be told.
func (n *Node) unit() string {
	switch n.Op {
	case OpName:
		return n.v.Unit
	case OpNeg, OpAbs, OpRound:
		return n.Args[0].unit()
	case OpAdd, OpSub, OpMod, OpMin, OpMax, OpCoalesce:
		return sameUnit(n.Args)
	case OpCond:
		return sameUnit(n.Args[1:])
	case OpMul:
		// A factor without a unit, or one in per cent or times, leaves the other's unit.
		a, b := n.Args[0].unit(), n.Args[1].unit()
		switch {
		case plain(a):
			return b
		case plain(b):
			return a
		}
	case OpDiv:
		if a, b := n.Args[0].unit(), n.Args[1].unit(); plain(b) {
			return a
		}
	case OpDays:
		return "天"
	case OpMonths:
		return "个月"
	case OpYears:
		return "年"
	}
	return ""
}

func plain(unit string) bool { return unit == "" || unit == "倍" }

// sameUnit is the one unit of the operands that have one.
func sameUnit(args []*Node) string {
	unit := ""
	for _, a := range args {
		switch u := a.unit(); {
		case u == "" || u == unit:
		case unit == "":
			unit = u
		default:
			return ""
		}
	}
	return unit
}
