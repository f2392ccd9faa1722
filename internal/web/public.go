package web

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/throttle"
	"shouwang/internal/web/view"
)

// Turns of people without an account, by network address, when the settings name none: looking at pages, and applying or asking with a code.
const (
	publicBurst, publicEvery = 60, time.Second
	applyBurst, applyEvery   = 10, 10 * time.Second
)

// placesFound is how many places a search by name offers.
const placesFound = 60

func rateOr(r throttle.Rate, burst int, every time.Duration) throttle.Rate {
	if r.Burst == 0 {
		return throttle.Rate{Burst: burst, Every: every}
	}
	return r
}

// network is where the request comes from, as far as turns are counted.
func (v *visit) network() string {
	at, err := netip.ParseAddrPort(v.r.RemoteAddr)
	if err != nil {
		return "?"
	}
	return throttle.Network(at.Addr())
}

// public makes a handler of a page for everybody, in large type, and with a turn to take.
func (s *Server) public(turns *throttle.Limiter, f handler) http.Handler {
	return s.open(func(v *visit) error {
		v.large = true
		if ok, wait := turns.Allow(v.network(), s.now()); !ok {
			v.w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			p := s.frame(v, s.words.In(v.lang, "public.busy"), "")
			p.Here = "/"
			return s.write(v, http.StatusTooManyRequests, view.ErrorPage(p, s.words.In(v.lang, "public.busy_text")))
		}
		return f(v)
	})
}

// region is the province that the pack is for.
func (s *Server) region() division.Code {
	code, err := division.Parse(s.app.Pack.Region)
	if err != nil {
		return 0
	}
	return code
}

// places is where somebody finds their village: by name, or level by level. path is the page that it is for.
func (s *Server) places(v *visit, path string) (view.Places, error) {
	region := s.region()
	p := view.Places{Path: path, At: region, Search: strings.TrimSpace(v.r.URL.Query().Get("place"))}
	if text := v.r.URL.Query().Get("division"); text != "" {
		code, err := division.Parse(text)
		if _, known := s.app.Tree.Get(code); err != nil || !known || !region.Contains(code) {
			return p, account.NotThere()
		}
		p.At = code
	}
	for l := division.Province; l <= p.At.Level(); l++ {
		if d, ok := s.app.Tree.Get(p.At.At(l)); ok {
			p.Crumbs = append(p.Crumbs, view.Crumb{Name: d.Short(), Href: view.Link(path, "division", view.Code(d.Code))})
		}
	}
	if p.Search != "" {
		for _, d := range s.app.Tree.Candidates(p.Search, region) {
			if d.Level < division.County || len(p.Items) == placesFound {
				continue
			}
			p.Items = append(p.Items, view.Place{Code: d.Code, Name: s.fullPlace(d.Code), Village: d.Level == division.Village})
		}
		return p, nil
	}
	for _, d := range s.app.Tree.Children(p.At) {
		p.Items = append(p.Items, view.Place{Code: d.Code, Name: d.Short(), Village: d.Level == division.Village})
	}
	return p, nil
}

// applyPage asks first for the village, then for what is hard.
func (s *Server) applyPage(v *visit) error {
	p, err := s.places(v, "/apply")
	if err != nil {
		return err
	}
	frame := s.frame(v, s.words.In(v.lang, "apply.title"), "")
	if p.At.Level() != division.Village || p.Search != "" {
		return s.show(v, view.ApplyPlacePage(frame, p))
	}
	return s.show(v, view.ApplyPage(frame, view.Apply{Village: p.At, Place: s.fullPlace(p.At)}))
}

// apply takes a self-application. What is wrong is said, and what was typed stays; nothing of it comes into an address.
func (s *Server) apply(v *visit) error {
	a := view.Apply{Name: v.r.PostFormValue("name"), Phone: v.r.PostFormValue("phone"), Difficulty: v.r.PostFormValue("difficulty")}
	village, err := division.Parse(v.r.PostFormValue("village"))
	if err != nil || village.Level() != division.Village {
		return v.redirect("/apply")
	}
	a.Village, a.Place = village, s.fullPlace(village)
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	got, err := cases.Apply(v.context(), s.now(), v.network(), casework.ApplicationForm{Name: a.Name, Phone: a.Phone, Division: village, Difficulty: strings.ReplaceAll(a.Difficulty, "\r\n", "\n")})
	p := s.frame(v, s.words.In(v.lang, "apply.title"), "")
	p.Here = view.Link("/apply", "division", view.Code(village))
	switch errs.KindOf(err) {
	case 0:
		p.Here = "/apply/follow" // the code is shown once: what switches the language does not come back to it
		p.Title = s.words.In(v.lang, "apply.done")
		return s.show(v, view.AppliedPage(p, got))
	case errs.Invalid, errs.Refused:
		a.Error = errs.Text(err, v.lang)
		status := http.StatusUnprocessableEntity
		if errs.KindOf(err) == errs.Refused {
			status = http.StatusTooManyRequests
		}
		return s.write(v, status, view.ApplyPage(p, a))
	}
	return err
}

func (s *Server) followPage(v *visit) error {
	return s.show(v, view.FollowPage(s.frame(v, s.words.In(v.lang, "follow.title"), ""), view.Follow{}))
}

// follow says how far an application is. The code comes in the form's body: addresses end up in logs and histories.
func (s *Server) follow(v *visit) error {
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	got, err := cases.Follow(v.context(), v.r.PostFormValue("code"))
	p := s.frame(v, s.words.In(v.lang, "follow.title"), "")
	p.Here = "/apply/follow"
	switch errs.KindOf(err) {
	case 0:
		return s.show(v, view.FollowPage(p, view.Follow{Progress: &got}))
	case errs.NotFound:
		return s.write(v, http.StatusNotFound, view.FollowPage(p, view.Follow{Error: errs.Text(err, v.lang)}))
	}
	return err
}

// noticesPage is where somebody finds the notice board of a village.
func (s *Server) noticesPage(v *visit) error {
	p, err := s.places(v, "/notices")
	if err != nil {
		return err
	}
	if p.At.Level() == division.Village && p.Search == "" {
		return v.redirect("/notices/" + p.At.Prefix())
	}
	return s.show(v, view.NoticePlacePage(s.frame(v, s.words.In(v.lang, "notices.title"), ""), p))
}

// notices is a village's board for everybody: white-listed fields, and gone on the day that each notice names.
func (s *Server) notices(v *visit) error {
	village, err := division.Parse(v.r.PathValue("division"))
	if err != nil || village.Prefix() != v.r.PathValue("division") {
		return account.NotThere()
	}
	desk, err := s.desk()
	if err != nil {
		return err
	}
	list, err := desk.Board(v.context(), account.SystemActor("public"), s.now(), village)
	if err != nil {
		return err
	}
	n := view.Notices{Village: village, Name: s.app.Tree.Name(village), Place: s.fullPlace(village), Hotline: desk.Hotline, List: list}
	n.Print = v.actor.Account != "" && v.actor.May(account.ReportMake) == nil && v.actor.Within(village)
	return s.show(v, view.NoticesPage(s.frame(v, s.words.In(v.lang, "notices.title")+" "+n.Name, ""), n))
}
