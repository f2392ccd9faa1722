package policy

import (
	"strings"
	"time"

	"shouwang/internal/expr"
)

func (l *loader) decodeRules(root node) {
	o, ok := root.object("rules")
	if !ok {
		l.broken[rulesDir] = true
		return
	}
	for _, v := range o.list("rules", true) {
		ro, ok := v.object("id", "name", "class", "risk", "level", "when", "on_unknown", "document", "wording", "examples")
		if !ok {
			continue
		}
		r := &Rule{
			ID: ro.id("id"), Name: ro.bilingual("name", true, true),
			Class:        Class(ro.oneOf("class", true, string(ClassRisk), string(ClassGuarantee), string(ClassSudden), string(ClassRelapse), string(ClassDoubt))),
			AskOnUnknown: ro.oneOf("on_unknown", true, "ask", "ignore") == "ask",
			Document:     ro.text("document", true), Wording: ro.bilingual("wording", true, true),
			File: v.file, Line: v.line(),
		}
		// A doubt rule never warns; its level says how soon the doubt should be looked into.
		r.Level = levelOf(ro.oneOf("level", true, "red", "yellow", "blue"))
		r.Risk = ro.text("risk", true)
		l.refer(ro, "risk", "risk", packFile, "风险类型", "risk")
		l.claim("rule", r.ID, v)
		l.claim("rule name", r.Name.ZH, v)
		r.Examples = l.decodeExamples(ro, true)
		when, ok := ro.need("when")
		l.wait(func() {
			if ok {
				r.When = l.compile(l.deriveEnv(), when, expr.Bool)
			}
			l.checkWording(ro, r.Wording)
		})
		l.rules = append(l.rules, r)
	}
}

func levelOf(s string) Level {
	for _, l := range []Level{Blue, Yellow, Red} {
		if l.String() == s {
			return l
		}
	}
	return NoLevel
}

func (l *loader) decodeChecks(root node) {
	o, ok := root.object("checks")
	if !ok {
		l.broken[checksDir] = true
		return
	}
	for _, v := range o.list("checks", true) {
		co, ok := v.object("id", "name", "severity", "when", "ask_department", "wording", "examples")
		if !ok {
			continue
		}
		c := &Check{
			ID: co.id("id"), Name: co.bilingual("name", true, true), Severity: co.oneOf("severity", true, "error", "doubt", "hint"),
			AskDepartment: co.text("ask_department", true), Wording: co.bilingual("wording", true, true), File: v.file, Line: v.line(),
		}
		l.refer(co, "ask_department", "department", packFile, "部门", "department")
		l.claim("check", c.ID, v)
		l.claim("check name", c.Name.ZH, v)
		c.Examples = l.decodeExamples(co, false)
		when, ok := co.need("when")
		l.wait(func() {
			if ok {
				c.When = l.compile(l.deriveEnv(), when, expr.Bool)
			}
			l.checkWording(co, c.Wording)
		})
		l.checks = append(l.checks, c)
	}
}

// checkWording makes sure that every {placeholder} is an indicator or a parameter.
func (l *loader) checkWording(o object, t Text) {
	if l.broken[indicatorsDir] || l.broken[parametersFile] {
		return
	}
	at, ok := o.fields["wording"]
	if !ok {
		return
	}
	for _, w := range []struct{ lang, text string }{{"zh", t.ZH}, {"en", t.EN}} {
		v := at
		v.path = join(at.path, w.lang)
		if child, ok := at.object("zh", "en"); ok {
			if c, ok := child.fields[w.lang]; ok {
				v = c
			}
		}
		names, ok := Placeholders(w.text)
		if !ok {
			v.fail("花括号不成对", "the braces are not in pairs")
		}
		for _, name := range names {
			if !l.known(name) {
				v.fail("占位符 {%[1]s} 不是指标，也不是参数（param.x）", "the placeholder {%[1]s} is neither an indicator nor a parameter (param.x)", clip(name))
			}
		}
	}
}

// known reports whether a placeholder names an indicator, a parameter or the screening day.
func (l *loader) known(name string) bool {
	if id, ok := strings.CutPrefix(name, "param."); ok {
		return l.has("parameter", id)
	}
	return name == "as_of" || l.has("indicator", name)
}

// Placeholders returns the names within {braces} of a wording, in order, repeats included; ok is false when a brace has
// no partner.
func Placeholders(wording string) (names []string, ok bool) {
	for {
		i := strings.IndexAny(wording, "{}")
		if i < 0 {
			return names, true
		}
		if wording[i] == '}' {
			return names, false
		}
		wording = wording[i+1:]
		end := strings.IndexAny(wording, "{}")
		if end < 0 || wording[end] == '{' {
			return names, false
		}
		names = append(names, strings.TrimSpace(wording[:end]))
		wording = wording[end+1:]
	}
}

// decodeExamples reads the tests of a rule or a check. Each needs one that hits and one that is clear; a rule also
// needs one where something is not known, because absence is not zero.
func (l *loader) decodeExamples(o object, unknown bool) []Example {
	list := o.list("examples", true)
	if len(list) == 0 {
		return nil
	}
	var out []Example
	seen := [3]bool{}
	names := map[string]bool{}
	judged := true
	for _, v := range list {
		eo, ok := v.object("name", "given", "division", "as_of", "params", "expect")
		if !ok {
			judged = false
			continue
		}
		e := Example{Name: eo.text("name", true), Division: l.p.Region, AsOf: l.p.ExamplesAsOf, Line: v.line()}
		if names[e.Name] && e.Name != "" {
			v.fail("例子“%[1]s”重名", "the example %[1]q is here twice", clip(e.Name))
		}
		names[e.Name] = true
		if at, ok := eo.get("division", false); ok {
			l.exampleDivision(at, &e)
		}
		if _, ok := eo.fields["as_of"]; ok {
			e.AsOf = eo.date("as_of", true)
		} else if e.AsOf.IsZero() && !l.broken[packFile] {
			v.fail("例子没有 as_of，pack.yaml 也没有 examples_as_of", "the example has no as_of and pack.yaml no examples_as_of")
		}
		switch eo.oneOf("expect", true, "hit", "clear", "unknown") {
		case "hit":
			e.Expect = Hit
		case "unknown":
			e.Expect = Unknown
		case "clear":
			e.Expect = Clear
		default:
			judged = false
		}
		seen[e.Expect] = true
		l.decodeGiven(eo, &e)
		out = append(out, e)
	}
	if !judged {
		return out
	}
	at := o.fields["examples"]
	for _, want := range []Outcome{Hit, Clear, Unknown} {
		if !seen[want] && (want != Unknown || unknown) {
			at.fail("缺少一个 expect: %[1]s 的例子", "there is no example with expect: %[1]s", want)
		}
	}
	return out
}

func (l *loader) exampleDivision(at node, e *Example) {
	s, ok := at.text()
	if !ok {
		return
	}
	code, ok := canonicalDivision(s)
	if !ok {
		at.fail("“%[1]s”不是区划代码（2、4、6、9 或 12 位数字）", "%[1]q is not a division code (2, 4, 6, 9 or 12 digits)", clip(s))
		return
	}
	region, _ := significant(l.p.Region)
	if region != "" && !strings.HasPrefix(code, region) {
		at.fail("区划 %[1]s 不在本政策包的地区 %[2]s 之内", "division %[1]s is not within the pack's region %[2]s", s, l.p.Region)
		return
	}
	e.Division = code
}

// decodeGiven reads the values and parameters of an example. Their names and types are judged when all files are read.
func (l *loader) decodeGiven(eo object, e *Example) {
	e.Given, e.Params = map[string]any{}, map[string]float64{}
	if v, ok := eo.get("given", false); ok {
		if g, ok := v.object(); ok {
			l.wait(func() {
				for _, id := range g.order {
					l.givenValue(g.fields[id], id, e.Given)
				}
			})
		}
	}
	v, ok := eo.get("params", false)
	if !ok {
		return
	}
	g, ok := v.object()
	if !ok {
		return
	}
	for _, id := range g.order {
		if f, ok := g.fields[id].number(); ok {
			e.Params[id] = f
		}
	}
	l.wait(func() {
		for _, id := range g.order {
			if !l.broken[parametersFile] && !l.has("parameter", id) {
				g.fields[id].fail("没有参数“%[1]s”", "no such parameter: %[1]q", clip(id))
			}
		}
	})
}

func (l *loader) givenValue(v node, id string, into map[string]any) {
	if l.broken[indicatorsDir] {
		return
	}
	ind := l.p.Indicator(id)
	if ind == nil {
		v.fail("没有指标“%[1]s”", "no such indicator: %[1]q", clip(id))
		return
	}
	switch ind.Type {
	case expr.Number:
		if f, ok := v.number(); ok {
			into[id] = f
		}
	case expr.Bool:
		if b, ok := v.truth(); ok {
			into[id] = b
		}
	case expr.Date:
		if t, ok := v.date(); ok {
			into[id] = t.Format(time.DateOnly)
		}
	}
}
