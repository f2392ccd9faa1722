package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/web/view"
)

// reportChannels are how staff come to know of a household.
func reportChannels() []casework.Channel {
	return []casework.Channel{casework.Visit, casework.Hotline, casework.Disaster}
}

// caseNew is the form with which staff report a household.
func (s *Server) caseNew(v *visit) error {
	values := url.Values{"number": {v.r.URL.Query().Get("household")}, "channel": {string(casework.Visit)}, "level": {"2"}}
	return s.showNew(v, http.StatusOK, values, nil)
}

func (s *Server) showNew(v *visit, status int, values url.Values, cause error) error {
	t := func(key string) string { return s.words.In(v.lang, key) }
	page := view.NewCase{Form: view.Form{Action: "/cases/new", Submit: t("newcase.do"), Icon: "check", Hidden: []view.Hidden{{Name: "key", Value: newKey()}}}}
	if cause != nil {
		page.Form.Faults = []string{errs.Text(cause, v.lang)}
	}
	chosen := func(list []view.Option, value string) []view.Option {
		for i := range list {
			list[i].Chosen = list[i].Value == value
		}
		return list
	}
	var channels, risks, levels []view.Option
	for _, c := range reportChannels() {
		channels = append(channels, view.Option{Value: string(c), Label: v.t(c.Title())})
	}
	risks = append(risks, view.Option{Label: t("newcase.risk_unknown")})
	for i := range s.app.Pack.Risks {
		risks = append(risks, view.Option{Value: s.app.Pack.Risks[i].ID, Label: s.app.Pack.Risks[i].Name.In(v.lang)})
	}
	for _, l := range []int{3, 2, 1} {
		levels = append(levels, view.Option{Value: strconv.Itoa(l), Label: t("level."+levelID(l)) + " · " + t("level."+levelID(l)+".ask")})
	}
	page.Form.Fields = []view.FormField{
		{Name: "number", Label: t("newcase.number"), Hint: t("newcase.number.hint"), Kind: view.KindText, Required: true, Max: 40, Value: values.Get("number")},
		{Name: "channel", Label: t("newcase.channel"), Kind: view.KindChoice, Required: true, Options: chosen(channels, values.Get("channel")), Hint: t("newcase.channel.hint")},
		{Name: "risk", Label: t("risk"), Kind: view.KindChoice, Options: chosen(risks, values.Get("risk"))},
		{Name: "level", Label: t("level"), Kind: view.KindChoice, Required: true, Options: chosen(levels, values.Get("level"))},
		{Name: "happened", Label: t("newcase.happened"), Kind: view.KindDate, Value: values.Get("happened")},
		{Name: "words", Label: t("newcase.words"), Hint: t("newcase.words.hint"), Kind: view.KindLong, Required: true, Max: 500, Value: values.Get("words")},
	}
	if no := values.Get("number"); no != "" && status == http.StatusOK {
		found, err := s.foundHome(v, no)
		if err != nil && errs.KindOf(err) != errs.NotFound {
			return err
		}
		page.Found = found
	}
	p := s.frame(v, t("newcase.title"), "cases")
	p.Here = "/cases/new"
	return s.write(v, status, view.NewCasePage(p, page))
}

// foundHome tells which household a number belongs to, masked, and whether it has a live case.
func (s *Server) foundHome(v *visit, no string) (*view.FoundHome, error) {
	h, err := s.homeOf(v, no)
	if err != nil {
		return nil, err
	}
	out := &view.FoundHome{No: h.No, Place: s.fullPlace(h.Division)}
	if roster := s.app.Pack.Roster(); roster != nil && h.Type != "" {
		out.Kind = codeName(roster, "household_type", h.Type).In(v.lang)
	}
	c, err := s.liveCase(v.context(), v.actor, h.ID)
	if c != nil {
		out.CaseHref = "/cases/" + c.ID
		cases, err := s.app.Casework()
		if err != nil {
			return nil, err
		}
		if st := cases.Machine(c.Division, s.now()).State(c.State); st != nil {
			out.CaseState = st.Name.In(v.lang)
		}
	}
	return out, err
}

// homeOf is a household of the reader's area by its own number or a member's.
func (s *Server) homeOf(v *visit, typed string) (registry.Household, error) {
	no, err := s.householdOf(v, typed)
	if err != nil {
		return registry.Household{}, err
	}
	conn, err := s.app.Warehouse.Conn(v.context())
	if err != nil {
		return registry.Household{}, err
	}
	defer conn.Close()
	return registry.ByHouseholdNo(v.context(), conn, no)
}

// liveCase is the household's case that is not closed; nil for none.
func (s *Server) liveCase(ctx context.Context, actor account.Actor, household int64) (*casework.Case, error) {
	cases, err := s.app.Casework()
	if err != nil {
		return nil, err
	}
	page, err := cases.List(ctx, actor, s.now(), casework.Filter{Household: household, Phases: []string{string(policy.PhaseLead), string(policy.PhaseIdentify), string(policy.PhaseSupport), string(policy.PhaseClear), string(policy.PhaseWatch)}}, "", 1)
	if err != nil || len(page.Cases) == 0 {
		return nil, err
	}
	return &page.Cases[0], nil
}

// parseDay reads a day that has come.
func (s *Server) parseDay(text string) error {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.After(casework.Civil(s.now())) || day.Year() < 1990 {
		return errs.New(errs.Invalid, "发生日期应是今天或以前的日期。", "the day that it happened must be today or before.")
	}
	return nil
}

// caseOpen takes a report in: it opens a case, or joins the one that the household has.
func (s *Server) caseOpen(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return errs.New(errs.Invalid, "表单太大，或没有收完整，请重试。", "the form is too large or did not come whole; try again.")
	}
	values := v.r.PostForm
	id, err := s.takeReport(v, values)
	if kind := errs.KindOf(err); err != nil && (kind == errs.Invalid || kind == errs.NotFound) {
		return s.showNew(v, http.StatusUnprocessableEntity, values, err)
	}
	if err != nil {
		return err
	}
	return v.redirect("/cases/" + id)
}

func (s *Server) takeReport(v *visit, values url.Values) (string, error) {
	get := func(key string) string { return strings.TrimSpace(values.Get(key)) }
	h, err := s.homeOf(v, get("number"))
	if err != nil {
		return "", err
	}
	level, err := strconv.Atoi(get("level"))
	if err != nil || level < 1 || level > 3 {
		return "", errs.New(errs.Invalid, "请选择级别。", "choose a level.")
	}
	channel := casework.Channel("")
	for _, c := range reportChannels() {
		if string(c) == get("channel") {
			channel = c
		}
	}
	words := get("words")
	switch {
	case channel == "":
		return "", errs.New(errs.Invalid, "请选择线索来源。", "choose how it became known.")
	case len([]rune(words)) < 2 || len([]rune(words)) > 500:
		return "", errs.New(errs.Invalid, "请写明发现的情况（2 到 500 字）。", "say what was found, in 2 to 500 characters.")
	case longNumber.MatchString(strings.NewReplacer(" ", "", "-", "").Replace(words)):
		return "", errs.New(errs.Invalid, "情况说明里不要写证件号码、电话或账号。", "leave numbers of persons, phones and accounts out of what was found.")
	case get("risk") != "" && s.app.Pack.Risk(get("risk")) == nil:
		return "", errs.New(errs.Invalid, "政策包里没有这个风险类型。", "the pack has no such risk.")
	}
	if day := get("happened"); day != "" {
		if err := s.parseDay(day); err != nil {
			return "", err
		}
	}
	cases, err := s.app.Casework()
	if err != nil {
		return "", err
	}
	one := casework.Signal{Household: h.ID, HouseholdNo: h.No, Division: h.Division, HouseholdType: h.Type, Channel: channel, Risk: get("risk"), Level: level, Words: policy.Text{ZH: words, EN: words}, Happened: get("happened")}
	if key := get("key"); key != "" {
		one.Key = "report|" + v.actor.Account + "|" + key
	}
	if _, err := cases.Receive(v.context(), v.actor, s.now(), []casework.Signal{one}, nil); err != nil {
		return "", err
	}
	c, err := s.liveCase(v.context(), v.actor, h.ID)
	if err != nil {
		return "", err
	}
	if c == nil { // it was taken in by a case that has ended since
		return "", account.NotThere()
	}
	return c.ID, nil
}
