package web

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ethnic"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/residentid"
	"shouwang/internal/web/view"
)

// factsShown is how many rows of a dataset a household's page shows.
const factsShown = 20

// findPage asks for a number.
func (s *Server) findPage(v *visit) error {
	return s.show(v, view.FindPage(s.frame(v, s.words.In(v.lang, "find.title"), "households"), view.FindHousehold{}))
}

// find goes to the household with a number: its own, or a member's. The number comes in a form's body and never in an address, which logs and histories keep.
func (s *Server) find(v *visit) error {
	no, err := s.householdOf(v, strings.TrimSpace(v.r.PostFormValue("number")))
	if err == nil {
		return v.redirect("/households/" + no)
	}
	kind := errs.KindOf(err)
	if kind != errs.NotFound && kind != errs.Invalid {
		return err
	}
	p := s.frame(v, s.words.In(v.lang, "find.title"), "households")
	p.Here = "/households"
	return s.write(v, http.StatusUnprocessableEntity, view.FindPage(p, view.FindHousehold{Error: errs.Text(err, v.lang)}))
}

// longNumber is what an identity, a phone or an account looks like.
var longNumber = regexp.MustCompile(`\d{11}`)

// reason is why somebody does what is noted. It is kept for ever and read by auditors, so it may not hold anybody's number.
func (v *visit) reason(zh, en string) (string, error) {
	text := strings.TrimSpace(v.r.PostFormValue("reason"))
	switch {
	case text == "":
		return "", errs.New(errs.Invalid, zh, en)
	case len(text) > 800:
		return "", errs.New(errs.Invalid, "事由太长，请写在 200 字以内。", "the reason is too long; keep it under 200 characters.")
	case longNumber.MatchString(strings.NewReplacer(" ", "", "-", "").Replace(text)):
		return "", errs.New(errs.Invalid, "事由里不要写号码：它会一直留在审计记录里。", "leave numbers out of the reason: it stays in the audit chain.")
	}
	return text, nil
}

// householdOf finds the household number behind what was typed. What lies outside the reader's division is not there.
func (s *Server) householdOf(v *visit, typed string) (string, error) {
	conn, err := s.app.Warehouse.Conn(v.context())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	number, wrong := residentid.Parse(typed)
	if wrong != nil {
		h, err := registry.ByHouseholdNo(v.context(), conn, typed)
		if err != nil {
			return "", err
		}
		return h.No, v.actor.Sees(h.Division)
	}
	persons, err := registry.ByNumber(v.context(), conn, s.app.Keyring.PersonKey([]byte(number.Reveal())))
	if err != nil {
		return "", err
	}
	for _, person := range persons {
		h, err := registry.ByID(v.context(), conn, person.HouseholdID)
		if err == nil && v.actor.Sees(h.Division) == nil {
			return h.No, nil
		}
		if err != nil && errs.KindOf(err) != errs.NotFound {
			return "", err
		}
	}
	return "", account.NotThere()
}

// household is the page of one household, masked.
func (s *Server) household(v *visit) error {
	h, err := s.readHousehold(v, v.r.PathValue("no"))
	if err != nil {
		return err
	}
	if err := s.fillMembers(v, &h, ""); err != nil {
		return err
	}
	return s.showHousehold(v, h)
}

// reveal is the same page with names and numbers, once. The reason is in the audit chain before anything is decrypted.
func (s *Server) reveal(v *visit) error {
	reason, err := v.reason("请写明查看个人信息的事由，例如“入户核实前核对身份”。", "say why you need to see personal data, such as “checking identities before a visit”.")
	if err != nil {
		return err
	}
	h, err := s.readHousehold(v, v.r.PathValue("no"))
	if err != nil {
		return err
	}
	if err := s.fillMembers(v, &h, reason); err != nil {
		return err
	}
	h.Revealed = true
	return s.showHousehold(v, h)
}

func (s *Server) showHousehold(v *visit, h view.Household) error {
	p := s.frame(v, s.words.In(v.lang, "household.title")+" "+h.No, "households")
	if h.Life.Incomes != nil && len(h.Life.Incomes.Points) > 0 {
		p.Scripts = []string{"bars.js", "chart.js", "picture.js"}
	}
	p.Here = "/households/" + h.No // a revealed page is not come back to: it would have to be asked for again
	return s.show(v, view.HouseholdPage(p, h))
}

// readHousehold collects what the page shows, but for the members.
func (s *Server) readHousehold(v *visit, no string) (view.Household, error) {
	h := view.Household{Pack: s.app.Pack, MayReveal: v.actor.May(account.HouseholdReveal) == nil}
	var err error
	if h.Household, err = s.app.Screening().Household(v.context(), no); err != nil {
		if errs.KindOf(err) == errs.NotFound {
			return h, account.NotThere() // the same words as for a household outside the reader's division
		}
		return h, err
	}
	if err := v.actor.Sees(h.Division); err != nil {
		return h, err
	}
	h.Crumbs = append(s.crumbs(v, "/overview", h.Division), view.Crumb{Name: h.No})
	if roster := s.app.Pack.Roster(); roster != nil {
		h.Kind = codeName(roster, "household_type", h.Type).In(v.lang)
	}
	if h.RunShown, err = runOf(v); err != nil {
		return h, err
	}
	switch {
	case h.Run == 0:
	case h.RunShown == 0 || h.RunShown == h.Run:
		h.Explained, err = s.app.Screening().Told(v.context(), no)
	default:
		h.Explained, err = s.app.Screening().Explain(v.context(), no, "", h.RunShown)
	}
	if err != nil {
		return h, err
	}
	if h.Facts, err = s.app.Screening().Facts(v.context(), no, "", factsShown); err != nil {
		return h, err
	}
	return h, s.life(v, &h)
}

// why follows one rule's outcome for a household back to the rows of the files, deriving it again.
func (s *Server) why(v *visit) error {
	h := view.Household{Pack: s.app.Pack}
	conn, err := s.app.Warehouse.Conn(v.context())
	if err != nil {
		return err
	}
	defer conn.Close()
	home, err := registry.ByHouseholdNo(v.context(), conn, v.r.PathValue("no"))
	if errs.KindOf(err) == errs.NotFound {
		return account.NotThere()
	}
	if err != nil {
		return err
	}
	if err := v.actor.Sees(home.Division); err != nil {
		return err
	}
	if h.RunShown, err = runOf(v); err != nil {
		return err
	}
	h.Household.Household, h.Place = home, s.fullPlace(home.Division)
	h.Crumbs = append(s.crumbs(v, "/overview", h.Division), view.Crumb{Name: h.No, Href: "/households/" + h.No}, view.Crumb{Name: s.words.In(v.lang, "rule")})
	if h.Explained, err = s.app.Screening().Explain(v.context(), h.No, v.r.PathValue("rule"), h.RunShown); err != nil {
		return err
	}
	rule := h.Explained.Rules[0] // the one that was asked for, or an error
	return s.show(v, view.WhyPage(s.frame(v, rule.Name.In(v.lang), "households"), h, rule))
}

// runOf is the past screening that an address asks for; 0 = the newest.
func runOf(v *visit) (int64, error) {
	text := v.r.URL.Query().Get("run")
	if text == "" {
		return 0, nil
	}
	run, err := strconv.ParseInt(text, 10, 64)
	if err != nil || run < 1 {
		return 0, errs.New(errs.Invalid, "没有这次筛查。请从“历次预警”里点选。", "there is no such screening. Choose one from the past warnings.")
	}
	return run, nil
}

// fillMembers reads the members, masked without a reason and in plain with one.
func (s *Server) fillMembers(v *visit, h *view.Household, reason string) error {
	conn, err := s.app.Warehouse.Conn(v.context())
	if err != nil {
		return err
	}
	defer conn.Close()
	roster := s.app.Pack.Roster()
	var people []registry.Revealed
	if reason == "" {
		people, err = registry.Masked(v.context(), conn, s.app.Keyring, roster.ID, h.ID)
	} else {
		people, err = registry.Reveal(v.context(), conn, s.app.Keyring, roster.ID, h.ID, reason, func(_ context.Context, _ int64, persons int, reason string) error {
			event := v.actor.Event(audit.Reveal, "household", h.No, h.Division)
			event.Reason, event.Detail = reason, map[string]any{"persons": persons, "request": v.id}
			return s.record(v, event)
		})
	}
	if err != nil {
		return err
	}
	today := s.now()
	for i, person := range people {
		m := view.Member{Person: person.Person, No: i + 1, Identity: person.Identity, Age: -1}
		m.Relation, m.Sex = codeName(roster, "relation", person.Person.Relation), s.sexName(person.Person.Sex)
		m.Labour = codeName(roster, "labour", person.Person.Labour)
		m.Health, m.Education, m.School = codeName(roster, "health", person.Person.Health), codeName(roster, "education", person.Person.Education), codeName(roster, "school", person.Person.School)
		m.Ethnic = policy.Text{ZH: ethnic.NameIn(person.Person.Ethnic, "zh"), EN: ethnic.NameIn(person.Person.Ethnic, "en")}
		if b := person.Person.Birth; !b.IsZero() {
			m.Age = today.Year() - b.Year()
			if today.Month() < b.Month() || today.Month() == b.Month() && today.Day() < b.Day() {
				m.Age--
			}
		}
		if person.Person.Relation == "head" && reason == "" {
			h.HeadName = person.Identity.Name
		}
		h.Members = append(h.Members, m)
	}
	return nil
}

// codeName is the wording of a code of a contract's column.
func codeName(ds *policy.Dataset, column, code string) policy.Text {
	if c := ds.Column(column); c != nil {
		for _, known := range c.Codes {
			if known.ID == code {
				if known.Name.EN == "" {
					known.Name.EN = strings.ReplaceAll(code, "_", " ")
				}
				return known.Name
			}
		}
	}
	return policy.Text{ZH: code, EN: strings.ReplaceAll(code, "_", " ")}
}

// sexName is the wording of the roster's code, which is too short to be read in English.
func (s *Server) sexName(code string) policy.Text {
	if t, ok := s.words.Text("member.sex." + code); ok {
		return t
	}
	return policy.Text{}
}
