package web

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/amendment"
	"shouwang/internal/app"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/evaluate"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
)

// divisionName names a division code of the pack.
func (s *Server) divisionName(code string) string {
	if c, err := division.Parse(code); err == nil {
		return s.app.Tree.Name(c)
	}
	return code
}

// studioRoutes are the addresses of amendments and of the pack's versions.
func (s *Server) studioRoutes(handle func(pattern string, need account.Action, f handler)) {
	handle("GET /policy/drafts", account.PackChange, s.drafts)
	handle("POST /policy/drafts", account.PackChange, s.draftBegin)
	handle("GET /policy/drafts/{id}", account.PackRead, s.draft)
	handle("GET /policy/drafts/{id}/text", account.PackRead, s.draftText)
	handle("GET /policy/drafts/{id}/edit", account.PackChange, s.draftEdit)
	handle("POST /policy/drafts/{id}/edit", account.PackChange, s.draftSave)
	for _, verb := range []string{"rename", "renew", "test", "submit", "withdraw"} {
		handle("POST /policy/drafts/{id}/"+verb, account.PackChange, s.draftDo(verb))
	}
	for _, verb := range []string{"approve", "return"} {
		handle("POST /policy/drafts/{id}/"+verb, account.PackApprove, s.draftDo(verb))
	}
	handle("GET /policy/history", account.PackRead, s.policyHistory)
	handle("GET /policy/history/compare", account.PackRead, s.policyCompare)
}

// drafts lists the amendments, and begins one.
func (s *Server) drafts(v *visit) error { return s.showDrafts(v, 200, nil) }

func (s *Server) showDrafts(v *visit, status int, cause error) error {
	list, err := s.app.Amendments().List(v.context(), v.actor)
	if err != nil {
		return err
	}
	x := view.Amendments{Tabs: s.policyTabs(v, "drafts"), Today: amendment.Day(s.now()), Title: v.r.PostFormValue("title"), Number: v.r.PostFormValue("document")}
	if cause != nil {
		x.Fault = errs.Text(cause, v.lang)
	}
	var ids []string
	for _, a := range list {
		ids = append(ids, a.Author)
	}
	names, err := s.staff(v, ids)
	if err != nil {
		return err
	}
	for _, a := range list {
		x.Rows = append(x.Rows, view.AmendmentRow{Amendment: a, Who: whoOf(s, v, names, a.Author)})
	}
	return s.write(v, status, view.AmendmentsPage(s.frame(v, s.words.In(v.lang, "policy.drafts"), "policy"), x))
}

// draftBegin begins an amendment; with a parameter and a value, as a what-if question asked, it holds that change.
func (s *Server) draftBegin(v *visit) error {
	form := func(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }
	texts := map[string][]byte{}
	if id := form("parameter"); id != "" {
		text, err := s.newValue(v, s.app.Pack.Files, id, s.ownDivision(v), form("from"), form("value"), form("document"))
		if err != nil {
			return s.draftFault(v, err, func(status int) error { return s.showDrafts(v, status, err) })
		}
		texts[parametersFile] = text
	}
	d, err := s.app.Amendments().Begin(v.context(), v.actor, s.now(), form("title"), form("document"), nil)
	if err == nil && len(texts) > 0 {
		var text []byte
		if text, err = s.newValue(v, d.Files, form("parameter"), s.ownDivision(v), form("from"), form("value"), form("document")); err == nil {
			d, err = s.app.Amendments().Save(v.context(), v.actor, s.now(), d.ID, d.Version, parametersFile, text)
		}
	}
	if err != nil {
		return s.draftFault(v, err, func(status int) error { return s.showDrafts(v, status, err) })
	}
	return v.redirect("/policy/drafts/" + d.ID)
}

// draftFault shows a page again with what is wrong when the reader can mend it; other errors are the error page's.
func (s *Server) draftFault(_ *visit, err error, again func(status int) error) error {
	if kind := errs.KindOf(err); kind == errs.Invalid || kind == errs.Conflict || kind == errs.Refused {
		return again(statusOf(kind))
	}
	return err
}

// ownDivision is for whom an officer sets values: "" for the whole region, otherwise the officer's own area.
func (s *Server) ownDivision(v *visit) string {
	if region, err := division.Parse(s.app.Pack.Region); err == nil && v.actor.Within(region) {
		return ""
	}
	return v.actor.Division.Prefix()
}

// draft is one amendment.
func (s *Server) draft(v *visit) error {
	d, err := s.app.Amendments().Get(v.context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showDraft(v, 200, d, nil)
}

func (s *Server) showDraft(v *visit, status int, d *amendment.Draft, cause error) error {
	a, err := s.draftPage(v, d)
	if err != nil {
		return err
	}
	if cause != nil {
		a.Error = errs.Text(cause, v.lang)
	}
	return s.write(v, status, view.OneAmendmentPage(s.frame(v, d.Title, "policy"), a))
}

func (s *Server) draftPage(v *visit, d *amendment.Draft) (view.AmendmentPage, error) {
	a := view.AmendmentPage{Tabs: s.policyTabs(v, "drafts"), Draft: d, Pack: d.Over, Today: amendment.Day(s.now()), Own: d.EditedBy(v.actor.Account),
		Change: v.actor.May(account.PackChange) == nil, Approve: v.actor.May(account.PackApprove) == nil, Names: s.divisionName}
	pack, err := s.app.Amendments().Pack(d)
	if faults := policy.Errors(err); err != nil && len(faults) == 0 {
		return a, err
	} else if err != nil {
		a.Faults = view.FaultsOf(faults, d.Files)
	} else {
		a.Pack, a.Changes = pack, policy.Compare(d.Over, pack)
	}
	if d.Tested != 0 && d.Test != "" {
		a.Report = &evaluate.TestReport{}
		if err := json.Unmarshal([]byte(d.Test), a.Report); err != nil {
			return a, err
		}
	}
	if s.config.Jobs != nil && d.Open() {
		page, err := s.config.Jobs.List(v.context(), jobs.Filter{Kind: app.TestJob, Limit: 1})
		if err != nil {
			return a, err
		}
		if len(page.Jobs) > 0 {
			switch j := &page.Jobs[0]; {
			case j.State == "waiting" || j.State == "running":
				a.Job = j
			case j.State == "failed" && a.Report == nil:
				a.Error = v.t(j.ErrorZH, j.ErrorEN)
			}
		}
	}
	a.Effective = d.Effective
	if a.Effective < a.Today {
		a.Effective = firstOf(a.Changes, s.now())
	}
	ids := append([]string{d.Author, d.SubmittedBy, d.DecidedBy}, strings.Fields(d.Editors)...)
	names, err := s.staff(v, ids)
	if err != nil {
		return a, err
	}
	a.Author, a.Submitter, a.Decider = whoOf(s, v, names, d.Author), whoOf(s, v, names, d.SubmittedBy), whoOf(s, v, names, d.DecidedBy)
	return a, nil
}

// firstOf is the day that a form proposes to begin with: when the first new value does, otherwise tomorrow.
func firstOf(changes []policy.Difference, now time.Time) string {
	day := ""
	for _, d := range changes {
		if from := d.From.Format(time.DateOnly); d.Of == policy.OfValue && from > amendment.Day(now) && (day == "" || from < day) {
			day = from
		}
	}
	if day == "" {
		day = amendment.Day(now.Add(24 * time.Hour))
	}
	return day
}

// draftText shows the changed lines.
func (s *Server) draftText(v *visit) error {
	d, err := s.app.Amendments().Get(v.context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	a := view.AmendmentPage{Tabs: s.policyTabs(v, "drafts"), Draft: d}
	return s.show(v, view.AmendmentTextPage(s.frame(v, d.Title, "policy"), a, view.DiffsOf(d.Over.Files, d.Files)))
}

// draftDo does one thing with an amendment as the reader saw it; what stands in the way is shown on its page.
func (s *Server) draftDo(verb string) handler {
	return func(v *visit) error {
		ctx, now, amendments := v.context(), s.now(), s.app.Amendments()
		id, form := v.r.PathValue("id"), v.r.PostFormValue
		version, err := strconv.ParseInt(form("version"), 10, 64)
		if err != nil {
			version = 0 // is told as missing
		}
		switch verb {
		case "rename":
			_, err = amendments.Rename(ctx, v.actor, now, id, version, form("title"), form("document"))
		case "renew":
			_, err = amendments.Renew(ctx, v.actor, now, id, version)
		case "test":
			err = s.draftTest(v, id)
		case "submit":
			_, err = amendments.Submit(ctx, v.actor, now, id, version, form("effective"))
		case "approve":
			_, err = amendments.Approve(ctx, v.actor, now, id, version)
		case "return":
			_, err = amendments.Return(ctx, v.actor, now, id, version, form("reason"))
		case "withdraw":
			_, err = amendments.Withdraw(ctx, v.actor, now, id, version, form("reason"))
		}
		if err == nil {
			return v.redirect("/policy/drafts/" + id)
		}
		return s.draftFault(v, err, func(status int) error {
			d, gone := amendments.Get(ctx, v.actor, id)
			if gone != nil {
				return gone
			}
			return s.showDraft(v, status, d, err)
		})
	}
}

// draftTest tests an amendment: as a job where the server has jobs, because trying it on the past takes about as long as two screenings.
func (s *Server) draftTest(v *visit, id string) error {
	d, err := s.app.Amendments().Get(v.context(), v.actor, id)
	if err != nil {
		return err
	}
	if _, err := s.app.Amendments().Pack(d); err != nil {
		return errs.Newf(errs.Invalid, "修订后的政策包有 %[1]d 处错误，请先改正", "the amended pack has %[1]d errors: mend them first", len(policy.Errors(err)))
	}
	if s.config.Jobs == nil {
		_, err := s.app.TestAmendment(v.context(), v.actor, s.now(), id, nil)
		return err
	}
	return s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		_, err := s.config.Jobs.Enqueue(ctx, tx, v.actor.Account, app.TestJob, app.TestArgs{Amendment: id})
		return err
	})
}

// policyHistory lists the versions of the pack with the screenings that used them.
func (s *Server) policyHistory(v *visit) error {
	versions, err := s.app.Amendments().Versions(v.context(), v.actor)
	if err != nil {
		return err
	}
	runs, err := s.app.Screening().Runs(v.context(), 1000)
	if err != nil {
		return err
	}
	h := view.PolicyHistory{Tabs: s.policyTabs(v, "history"), Today: amendment.Day(s.now()), Compared: len(versions) > 1}
	var ids []string
	for _, x := range versions {
		if x.Amendment != nil {
			ids = append(ids, x.Amendment.Author, x.Amendment.DecidedBy)
		}
	}
	names, err := s.staff(v, ids)
	if err != nil {
		return err
	}
	for _, x := range versions {
		row := view.PolicyVersion{Version: x, Title: s.app.Amendments().Base().Title, Now: x.Place == s.app.Place()}
		if x.Amendment != nil {
			row.Who, row.Approved = whoOf(s, v, names, x.Amendment.Author), whoOf(s, v, names, x.Amendment.DecidedBy)
		}
		for _, r := range runs {
			if r.PackHash == x.Digest {
				row.Runs = append(row.Runs, r)
			}
		}
		h.Rows = append(h.Rows, row)
	}
	return s.show(v, view.PolicyHistoryPage(s.frame(v, s.words.In(v.lang, "policy.history"), "policy"), h))
}

// policyCompare compares two versions: by default the newest with the one before.
func (s *Server) policyCompare(v *visit) error {
	versions, err := s.app.Amendments().Versions(v.context(), v.actor)
	if err != nil {
		return err
	}
	newest := versions[0].Place
	place := func(name string, otherwise int64) int64 {
		n, err := strconv.ParseInt(v.r.URL.Query().Get(name), 10, 64)
		if err != nil {
			return max(0, otherwise)
		}
		return n
	}
	from, to := place("from", newest-1), place("to", newest)
	a, err := s.app.Amendments().At(v.context(), v.actor, from)
	if err != nil {
		return err
	}
	b, err := s.app.Amendments().At(v.context(), v.actor, to)
	if err != nil {
		return err
	}
	c := view.Comparison{Tabs: s.policyTabs(v, "history"), Changes: policy.Compare(a, b), Files: view.DiffsOf(a.Files, b.Files), Names: s.divisionName}
	for _, x := range slices.Backward(versions) {
		label := s.words.In(v.lang, "studio.as_delivered")
		if x.Amendment != nil {
			label = x.Amendment.Effective + " " + x.Amendment.Title
		}
		value := strconv.FormatInt(x.Place, 10)
		c.From = append(c.From, view.Option{Value: value, Label: label, Chosen: x.Place == from})
		c.To = append(c.To, view.Option{Value: value, Label: label, Chosen: x.Place == to})
	}
	return s.show(v, view.ComparePage(s.frame(v, s.words.In(v.lang, "studio.compare"), "policy"), c))
}
