package policy

import (
	"slices"
	"time"
)

// finishWorkflow looks at the machine as a whole, when every file is read: names, reachability, and the national minimum in every
// variant. The guards' environment was built before.
func (l *loader) finishWorkflow(s *workflowSource, root object) {
	w := s.w
	if l.broken[workflowFile] {
		return
	}
	for _, st := range w.States {
		if st.Start {
			if w.Start != "" {
				s.at["state "+st.ID].fail("只能有一个 start: true 的状态（已有 %[1]s）", "only one state can have start: true (there is %[1]s)", w.Start)
			}
			w.Start = st.ID
		}
	}
	if w.Start == "" {
		if at, ok := root.fields["states"]; ok {
			at.fail("没有一个状态写着 start: true", "no state has start: true")
		}
		return
	}
	ok := true
	for i := range w.Actions {
		ok = l.checkActionStates(w, &w.Actions[i], s.at["action "+w.Actions[i].ID]) && ok
		ok = l.checkFormFacts(w, &w.Actions[i], s.at["action "+w.Actions[i].ID]) && ok
	}
	w.expandAll()
	if !ok {
		return
	}
	l.checkMachine(s, w, root.node)
	l.checkLeast(s)
	for i := range w.Variants {
		l.checkVariant(s, &w.Variants[i])
	}
	l.p.Workflow = w
}

func (l *loader) checkActionStates(w *Workflow, a *Action, at node) bool {
	ok := true
	for _, f := range a.written {
		if !w.names(f) {
			at.fail("动作 %[2]s 的 from 里没有这个状态：“%[1]s”", "action %[2]s leaves no such state: %[1]q", clip(f), a.ID)
			ok = false
		}
	}
	if a.To != "" && w.State(a.To) == nil {
		at.fail("动作 %[2]s 的 to 不是状态：“%[1]s”", "action %[2]s leads to no such state: %[1]q", clip(a.To), a.ID)
		ok = false
	}
	return ok
}

// checkFormFacts: a guard that reads the form can only stand at actions whose form has the field, of a fitting type. Otherwise the
// action could never be taken.
func (l *loader) checkFormFacts(w *Workflow, a *Action, at node) bool {
	ok := true
	for _, id := range a.Guards {
		g := w.Guard(id)
		if g == nil || g.Must == nil {
			continue
		}
		for _, v := range g.Must.Vars() {
			f, slot := w.Fact(v.Name)
			if slot < 0 || f.Source != FromForm {
				continue
			}
			field := a.Field(f.ID)
			if field == nil || field.Many || fieldExprType(field.Type) != f.Type {
				at.fail("条件 %[1]s 要看表单字段 %[2]s，动作 %[3]s 的表单没有类型相符的这个字段", "guard %[1]s reads the form's field %[2]s, and the form of action %[3]s has none of that type", id, f.ID, a.ID)
				ok = false
			}
		}
	}
	return ok
}

// checkMachine: every state can be reached, every state that is not closed can be left for good, closed ones never, and the
// national minimum holds.
func (l *loader) checkMachine(s *workflowSource, w *Workflow, at node) {
	reached := w.reachable(w.Start, "")
	for _, st := range w.States {
		place, has := s.at["state "+st.ID]
		if !has {
			place = at
		}
		// A division that drops an action may leave a final state without a way to it; that harms nobody.
		if !reached[st.ID] && (has || st.Phase != PhaseClosed) {
			place.fail("从 %[2]s 走不到状态 %[1]s", "state %[1]s cannot be reached from %[2]s", st.ID, w.Start)
		}
		leaves := false
		for i := range w.Actions {
			a := &w.Actions[i]
			if slices.Contains(a.From, st.ID) {
				leaves = leaves || a.To != "" && a.To != st.ID
				if st.Phase == PhaseClosed {
					place.fail("状态 %[1]s 已结束，动作 %[2]s 却从它出发", "state %[1]s is closed, yet action %[2]s leaves it", st.ID, a.ID)
				}
			}
		}
		if !leaves && st.Phase != PhaseClosed {
			place.fail("没有动作离开状态 %[1]s；结束的状态写 phase: closed", "no action leaves state %[1]s; a final one says phase: closed", st.ID)
		}
	}
	for _, m := range w.Minimum {
		l.checkMinimum(w, &m, at)
	}
}

// reachable are the states that can be reached from one, without the action named.
func (w *Workflow) reachable(from, without string) map[string]bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for i := range w.Actions {
			a := &w.Actions[i]
			if a.ID != without && a.To != "" && !seen[a.To] && slices.Contains(a.From, queue[0]) {
				seen[a.To] = true
				queue = append(queue, a.To)
			}
		}
	}
	return seen
}

// checkMinimum: without one action of the chain the next one cannot be taken, without the last the target cannot be reached. So every path
// goes through all of them, in order.
func (l *loader) checkMinimum(w *Workflow, m *Minimum, at node) {
	for _, id := range append([]string{m.From}, m.Target) {
		if w.State(id) == nil {
			at.fail("最低要求里没有这个状态：“%[1]s”", "the minimum names no such state: %[1]q", clip(id))
			return
		}
	}
	for i, id := range m.Path {
		if w.Action(id) == nil {
			at.fail("“%[1]s”是最低要求“%[2]s”中的一步，不能去掉（%[3]s）", "%[1]q is a step of the minimum %[4]q and cannot be left out (%[3]s)", clip(id), m.Name.ZH, actionList(m.Path), m.Name.EN)
			continue
		}
		seen := w.reachable(m.From, id)
		next, by := m.Target, seen[m.Target]
		if i+1 < len(m.Path) {
			next, by = m.Path[i+1], false
			if a := w.Action(next); a != nil {
				by = slices.ContainsFunc(a.From, func(f string) bool { return seen[f] })
			}
		}
		if by {
			at.fail("不经过 %[1]s 也能走到 %[2]s：违反最低要求“%[3]s”（%[4]s）", "%[2]s can be reached without %[1]s: against the minimum %[5]q (%[4]s)", id, next, m.Name.ZH, actionList(m.Path), m.Name.EN)
		}
	}
	for id, guards := range m.Guards {
		a := w.Action(id)
		for _, g := range guards {
			guard := w.Guard(g)
			if a == nil || guard == nil || guard.Effect != Refuse || !slices.Contains(a.Guards, g) {
				at.fail("动作 %[1]s 必须有条件 %[2]s（最低要求“%[3]s”）", "action %[1]s must have guard %[2]s (minimum %[4]q)", id, g, m.Name.ZH, m.Name.EN)
			}
		}
	}
}

// checkLeast: no value of a parameter, of any division at any time, is below the national minimum.
func (l *loader) checkLeast(s *workflowSource) {
	for _, m := range s.w.Minimum {
		at := s.at["minimum "+m.Target]
		for id, least := range m.Least {
			par := l.p.Parameter(id)
			if par == nil {
				if !l.broken[parametersFile] {
					at.fail("没有参数“%[1]s”", "no such parameter: %[1]q", clip(id))
				}
				continue
			}
			for _, v := range par.Values {
				if v.Value < least {
					l.report(par.File, par.Line, 0, "parameters["+par.ID+"].values", "区划 %[1]s 自 %[2]s 的取值 %[3]g 低于国家最低要求 %[4]g", "the value %[3]g of division %[1]s from %[2]s is below the national minimum of %[4]g",
						v.Division, v.From.Format(time.DateOnly), v.Value, least)
				}
			}
		}
	}
}

// checkVariant looks at the machine of a division as it is with its variant.
func (l *loader) checkVariant(s *workflowSource, v *Variant) {
	at := s.at["division "+v.Division+v.From.String()]
	for _, id := range v.Drop {
		if s.w.Action(id) == nil {
			at.fail("没有动作“%[1]s”可以去掉", "there is no action %[1]q to drop", clip(id))
		}
	}
	w := s.w.In(divisionCode(v.Division), v.From)
	ok := true
	for i := range v.Actions {
		ok = l.checkActionStates(w, &v.Actions[i], at) && ok
		ok = l.checkFormFacts(w, &v.Actions[i], at) && ok
	}
	if ok {
		l.checkMachine(&workflowSource{w: w, at: map[string]node{}}, w, at)
	}
}
