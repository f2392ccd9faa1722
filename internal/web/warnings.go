package web

import (
	"fmt"
	"slices"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/export"
	"shouwang/internal/locale"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/web/view"
)

// warningsAPage is how many warnings one page shows.
const warningsAPage = 50

// listedChanges are the changes that a warning which stands can have.
var listedChanges = []string{screening.ChangeNew, screening.ChangeWorse, screening.ChangeBetter, screening.ChangeSame, screening.ChangeUnknown}

// filter reads the filter of an address, held to the reader's division.
func (s *Server) filter(v *visit) (screening.Filter, view.WarningFilter, error) {
	q := v.r.URL.Query()
	shown := view.WarningFilter{Level: q.Get("level"), Risk: q.Get("risk"), Rule: q.Get("rule"), Change: q.Get("change")}
	f := screening.Filter{Risk: shown.Risk, Rule: shown.Rule, Change: shown.Change}
	var err error
	if f.Division, err = s.within(v); err != nil {
		return f, shown, err
	}
	switch shown.Level {
	case "":
	case "red":
		f.Level = policy.Red
	case "yellow":
		f.Level = policy.Yellow
	case "blue":
		f.Level = policy.Blue
	default:
		return f, shown, errs.New(errs.Invalid, "没有这个级别。请在筛选栏里选红、黄或蓝。", "there is no such level. Choose red, yellow or blue in the filter.")
	}
	if shown.Risk != "" && s.app.Pack.Risk(shown.Risk) == nil {
		return f, shown, errs.New(errs.NotFound, "没有这个风险类型。请在筛选栏里选择。", "there is no such risk. Choose one in the filter.")
	}
	if shown.Rule != "" && s.app.Pack.Rule(shown.Rule) == nil {
		return f, shown, errs.New(errs.NotFound, "没有这条规则。请在筛选栏里选择。", "there is no such rule. Choose one in the filter.")
	}
	if shown.Change != "" && !slices.Contains(listedChanges, shown.Change) {
		return f, shown, errs.New(errs.NotFound, "没有这种变化。请在筛选栏里选择。", "there is no such change. Choose one in the filter.")
	}
	return f, shown, nil
}

// warnings is the list of warnings.
func (s *Server) warnings(v *visit) error {
	f, shown, err := s.filter(v)
	if err != nil {
		return err
	}
	after, err := screening.ParseCursor(v.r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	w := view.Warnings{Filter: shown, Crumbs: s.crumbs(v, "/warnings", f.Division), Place: s.app.Tree.Name(f.Division), First: after == screening.Cursor{}, Export: v.actor.May(account.CaseExport) == nil}
	if f.Division != v.actor.Division {
		w.Division = view.Code(f.Division)
	}
	if w.Count, w.Households, err = s.app.Screening().CountWarnings(v.context(), f); err != nil {
		return err
	}
	list, next, err := s.app.Screening().WarningsPage(v.context(), f, after, warningsAPage)
	if err != nil {
		return err
	}
	w.Next = next.String()
	last, err := s.app.Screening().Last(v.context())
	if err != nil {
		return err
	}
	w.AsOf = last.AsOf
	for _, x := range list {
		w.Rows = append(w.Rows, s.warningRow(v, x))
	}
	if err := s.warningCases(v, w.Rows); err != nil {
		return err
	}
	s.warningOptions(v, f, &w)
	return s.show(v, view.WarningsPage(s.frame(v, s.words.In(v.lang, "warnings.title"), "warnings"), w))
}

func (s *Server) warningRow(v *visit, x screening.Warning) view.WarningRow {
	row := view.WarningRow{Warning: x, Place: s.place(v, x.Division), Risk: s.riskName(x.Risk)}
	for _, id := range x.Rules {
		if r := s.app.Pack.Rule(id); r != nil {
			row.Names = append(row.Names, r.Name)
		}
	}
	return row
}

// warningCases says which of the warned households have a case, so that a click leads to it.
func (s *Server) warningCases(v *visit, rows []view.WarningRow) error {
	if s.app.Pack.Workflow == nil || !v.may(account.CaseRead) {
		return nil
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].HouseholdID
	}
	live, err := cases.LiveOf(v.context(), v.actor, ids)
	for i := range rows {
		rows[i].Case = live[rows[i].HouseholdID]
	}
	return err
}

func (s *Server) riskName(id string) policy.Text {
	if r := s.app.Pack.Risk(id); r != nil {
		return r.Name
	}
	return policy.Text{ZH: id, EN: id}
}

// warningOptions fills the lists of the filter.
func (s *Server) warningOptions(v *visit, f screening.Filter, w *view.Warnings) {
	t := func(key string) string { return s.words.In(v.lang, key) }
	all := view.Option{Label: t("filter.all")}
	w.Divisions = append(w.Divisions, view.Option{Value: view.Code(f.Division), Label: s.app.Tree.Name(f.Division), Chosen: true})
	if f.Division != v.actor.Division {
		up := f.Division.Parent()
		w.Divisions = append(w.Divisions, view.Option{Value: view.Code(up), Label: t("filter.up") + s.app.Tree.Name(up)})
	}
	for _, d := range s.app.Tree.Children(f.Division) {
		w.Divisions = append(w.Divisions, view.Option{Value: view.Code(d.Code), Label: d.Short()})
	}
	w.Levels = append(w.Levels, all)
	for _, l := range []string{"red", "yellow", "blue"} {
		w.Levels = append(w.Levels, view.Option{Value: l, Label: t("level." + l), Chosen: w.Filter.Level == l})
	}
	w.Risks = append(w.Risks, all)
	for _, r := range s.app.Pack.Risks {
		w.Risks = append(w.Risks, view.Option{Value: r.ID, Label: r.Name.In(v.lang), Chosen: w.Filter.Risk == r.ID})
	}
	w.Rules = append(w.Rules, all)
	for i := range s.app.Pack.Rules {
		r := &s.app.Pack.Rules[i]
		if r.Class != policy.ClassDoubt && (w.Filter.Risk == "" || r.Risk == w.Filter.Risk || r.ID == w.Filter.Rule) {
			w.Rules = append(w.Rules, view.Option{Value: r.ID, Label: r.Name.In(v.lang), Chosen: w.Filter.Rule == r.ID})
		}
	}
	w.Changes = append(w.Changes, all)
	for _, c := range listedChanges {
		w.Changes = append(w.Changes, view.Option{Value: c, Label: t("change." + c), Chosen: w.Filter.Change == c})
	}
}

// warningsExport writes the list as a file. The reason goes into the audit chain before the first row goes out.
func (s *Server) warningsExport(v *visit) error {
	f, _, err := s.filter(v)
	if err != nil {
		return err
	}
	reason, err := v.reason("请写明导出的事由，例如“西山镇十一月核实分派”。", "give the reason of the export, such as “assigning the November visits of Xishan”.")
	if err != nil {
		return err
	}
	n, _, err := s.app.Screening().CountWarnings(v.context(), f)
	if err != nil {
		return err
	}
	event := v.actor.Event("warnings.export", "warnings", view.Code(f.Division), f.Division)
	event.Reason, event.Detail = reason, map[string]any{"count": n, "filter": v.r.URL.Query().Encode()}
	if err := s.record(v, event); err != nil {
		return err
	}
	t := func(key string) string { return s.words.In(v.lang, key) }
	header := []string{t("level"), t("household"), t("place"), t("members"), t("risk"), t("warnings.why"), t("evidence"), t("warnings.change"), t("export.mark")}
	// The mark names who took the file out, and when: it stands in every row, so that a copied part still says it.
	mark := fmt.Sprintf("%s %s %s", s.now().UTC().Format("2006-01-02"), v.actor.Org, v.id)
	return s.file(v, v.r.PostFormValue("format"), "warnings-"+view.Code(f.Division), t("warnings.title"), header, func(w export.Writer) error {
		return s.app.Screening().Warnings(v.context(), f, func(x screening.Warning) error {
			row := s.warningRow(v, x)
			var names, values []string
			for i, n := range row.Names {
				names = append(names, n.In(v.lang))
				for _, e := range x.Evidence[i].Values {
					if e.Known {
						values = append(values, e.Name+" = "+locale.Number(e.Value, 2)+" "+e.Unit)
					}
				}
			}
			return w.Row(t("level."+x.Level), x.HouseholdNo, s.fullPlace(x.Division), x.Members, row.Risk.In(v.lang), strings.Join(names, "；"), strings.Join(values, "；"), t("change."+x.Change), mark)
		})
	})
}

// fullPlace names a village from the prefecture on.
func (s *Server) fullPlace(code division.Code) string {
	names := s.app.Tree.Path(code)
	if len(names) > 1 {
		names = names[1:]
	}
	return strings.Join(names, "")
}
