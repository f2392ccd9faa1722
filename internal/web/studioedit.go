package web

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/amendment"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
)

// parametersFile is where a pack keeps the values of parameters.
const parametersFile = "parameters.yaml"

// newValue is parameters.yaml with another value of a parameter.
func (s *Server) newValue(_ *visit, files map[string][]byte, id, where, from, value, document string) ([]byte, error) {
	day, err := time.Parse(time.DateOnly, from)
	if err != nil {
		return nil, errs.New(errs.Invalid, "请填从哪一天起生效（年-月-日）。", "give the day from which the value holds (year-month-day).")
	}
	number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		return nil, errs.New(errs.Invalid, "新的数值应是一个数，例如 9000。", "the new value must be a number, such as 9000.")
	}
	if strings.TrimSpace(document) == "" {
		return nil, errs.New(errs.Invalid, "请填依据的文号。", "give the number of the document that orders it.")
	}
	return policy.SetValue(files[parametersFile], id, where, day, number, document)
}

// draftEdit opens a part of an amendment: a parameter, rule or indicator in a form, or a file as text.
func (s *Server) draftEdit(v *visit) error {
	d, err := s.app.Amendments().Get(v.context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	e, err := s.editOf(v, d, v.r.URL.Query().Get)
	if err != nil {
		return err
	}
	if value := v.r.URL.Query().Get("value"); value != "" {
		e.Fields["value"] = value
	}
	return s.show(v, view.AmendmentEditPage(s.frame(v, d.Title, "policy"), e))
}

// editOf lays out what the form names: parameter, rule, indicator or file.
func (s *Server) editOf(v *visit, d *amendment.Draft, get func(string) string) (view.AmendmentEdit, error) {
	e := view.AmendmentEdit{Tabs: s.policyTabs(v, "drafts"), Draft: d, Pack: d.Over, Version: d.Version, Fields: map[string]string{}, Names: s.divisionName, Today: s.now()}
	if !d.Open() {
		return e, errs.New(errs.Conflict, "这份修订已经提交，不能再改。请先退回，或另起一份。", "this amendment was submitted and can't be changed. Have it returned, or begin another.")
	}
	pack, err := s.app.Amendments().Pack(d)
	faults := policy.Errors(err)
	if err != nil && len(faults) == 0 {
		return e, err
	}
	if err == nil {
		e.Pack = pack
	}
	unknown := errs.New(errs.NotFound, "政策包里没有这一项。请从修订页点选。", "the policy pack has no such thing. Choose it from the amendment's page.")
	switch {
	case get("parameter") != "":
		if e.Parameter = e.Pack.Parameter(get("parameter")); e.Parameter == nil {
			return e, unknown
		}
		e.Divisions = s.divisionOptions(v, e.Pack, get("division"))
		e.Fields["from"] = firstOf(nil, s.now())
		if e.File = parametersFile; get("from") != "" {
			e.Fields["from"] = get("from")
		}
	case get("rule") != "":
		if e.Rule = e.Pack.Rule(get("rule")); e.Rule == nil {
			return e, unknown
		}
		e.File = e.Rule.File
		e.Levels = s.levelOptions(v, e.Rule.Level.String())
	case get("indicator") != "":
		i := slices.IndexFunc(e.Pack.Indicators, func(x policy.Indicator) bool { return x.ID == get("indicator") })
		if i < 0 {
			return e, unknown
		}
		e.Indicator = &e.Pack.Indicators[i]
		e.File = e.Indicator.File
	default:
		e.File = get("file")
		text, ok := d.Files[e.File]
		if !ok {
			return e, unknown
		}
		e.Text = string(text)
	}
	for _, f := range faults {
		if f.File == e.File {
			e.Faults = append(e.Faults, view.FaultsOf([]*policy.Error{f}, d.Files)...)
		}
	}
	return e, nil
}

func (s *Server) levelOptions(v *visit, chosen string) (out []view.Option) {
	for _, l := range []policy.Level{policy.Red, policy.Yellow, policy.Blue} {
		out = append(out, view.Option{Value: l.String(), Label: s.words.In(v.lang, "level."+l.String()), Chosen: l.String() == chosen})
	}
	return out
}

// divisionOptions are for whom a value may be set: the region, then its prefectures with their counties, within the officer's area.
func (s *Server) divisionOptions(v *visit, pack *policy.Pack, chosen string) []view.Option {
	region, err := division.Parse(pack.Region)
	if err != nil {
		return nil
	}
	var out []view.Option
	add := func(code division.Code, value, label string) {
		if v.actor.Within(code) {
			out = append(out, view.Option{Value: value, Label: label, Chosen: value == chosen})
		}
	}
	add(region, "", s.app.Tree.Name(region))
	for _, prefecture := range s.app.Tree.Children(region) {
		add(prefecture.Code, prefecture.Code.Prefix(), prefecture.Name)
		for _, county := range s.app.Tree.Children(prefecture.Code) {
			add(county.Code, county.Code.Prefix(), prefecture.Short()+" · "+county.Name)
		}
	}
	return out
}

// draftSave keeps a change. A text with faults is kept, too: they are shown in place and it can't be submitted. When somebody else saved meanwhile, what is there now is shown
// beside what was typed, which stays in the form.
func (s *Server) draftSave(v *visit) error {
	form := v.r.PostFormValue
	amendments := s.app.Amendments()
	d, err := amendments.Get(v.context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	e, err := s.editOf(v, d, form)
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(form("version"), 10, 64)
	if err != nil {
		version = 0
	}
	text, err := s.typed(v, d, &e)
	saved := d
	if err == nil {
		saved, err = amendments.Save(v.context(), v.actor, s.now(), d.ID, version, e.File, text)
	}
	if err != nil {
		return s.draftFault(v, err, func(status int) error {
			e.Error = errs.Text(err, v.lang)
			if errs.KindOf(err) == errs.Conflict && version != 0 && version != d.Version {
				// The form is for the newest version now: saving it again is meant.
				e.Theirs = policy.Hunks(policy.DiffLines(d.Files[e.File], text), 2)
			}
			return s.write(v, status, view.AmendmentEditPage(s.frame(v, d.Title, "policy"), e))
		})
	}
	_, loads := amendments.Pack(saved)
	if slices.ContainsFunc(policy.Errors(loads), func(f *policy.Error) bool { return f.File == e.File }) {
		// Stay with the text, to mend it.
		return v.redirect(view.Link("/policy/drafts/"+d.ID+"/edit", "file", e.File))
	}
	return v.redirect("/policy/drafts/" + d.ID)
}

// typed is the file's text with what the form says, and keeps in e what was typed.
func (s *Server) typed(v *visit, d *amendment.Draft, e *view.AmendmentEdit) ([]byte, error) {
	form := v.r.PostFormValue
	text := d.Files[e.File]
	set := func(list, id string, keys ...string) (err error) {
		for _, key := range keys {
			value := strings.TrimSpace(form(key))
			e.Fields[key] = value
			if value == "" {
				return errs.New(errs.Invalid, "每一项都要填写。", "every field has to be filled in.")
			}
			if text, err = policy.SetField(text, list, id, key, value, key == "fresh_days"); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case e.Parameter != nil:
		for _, key := range []string{"from", "value", "document"} {
			e.Fields[key] = form(key)
		}
		where := form("division")
		if where == "" {
			where = s.ownDivision(v)
		}
		return s.newValue(v, d.Files, e.Parameter.ID, where, form("from"), form("value"), form("document"))
	case e.Rule != nil:
		e.Levels = s.levelOptions(v, form("level"))
		return text, set("rules", e.Rule.ID, "level", "document", "wording.zh", "wording.en", "when")
	case e.Indicator != nil && e.Indicator.Derive != nil:
		return text, set("derived", e.Indicator.ID, "name.zh", "name.en", "derive")
	case e.Indicator != nil:
		return text, set("indicators", e.Indicator.ID, "name.zh", "name.en", "fresh_days")
	}
	e.Text = strings.ReplaceAll(form("text"), "\r\n", "\n")
	return []byte(e.Text), nil
}
