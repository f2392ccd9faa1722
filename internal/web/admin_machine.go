package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/web/view"
)

// Rows of a page.
const (
	sessionsAPage = 200
	jobsAPage     = 50
	eventsAPage   = 50
)

func (s *Server) sessionsPage(v *visit) error {
	p, tabs := s.admin(v, "sessions", "/admin/sessions")
	x := view.Sessions{Tabs: tabs, End: v.actor.May(account.SessionEnd) == nil, Own: v.actor.Session}
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		x.Rows, err = s.accounts.OpenSessions(ctx, tx, v.actor, s.now(), sessionsAPage)
		return err
	}); err != nil {
		return err
	}
	return s.show(v, view.SessionsPage(p, x))
}

func (s *Server) endSession(v *visit) error {
	if err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		return s.accounts.EndSession(ctx, tx, v.actor, v.r.PathValue("id"))
	}); err != nil {
		return err
	}
	return v.redirect("/admin/sessions")
}

func (s *Server) tokensPage(v *visit) error { return s.showTokens(v, http.StatusOK, "", "") }

func (s *Server) showTokens(v *visit, status int, secret, wrong string) error {
	p, tabs := s.admin(v, "tokens", "/admin/tokens")
	x := view.Tokens{Tabs: tabs, Manage: v.actor.May(account.TokenManage) == nil, Secret: secret, Error: wrong, Now: s.now(), Expires: s.now().AddDate(1, 0, 0).Format(time.DateOnly)}
	for _, a := range account.TokenActions() {
		x.Actions = append(x.Actions, view.Option{Value: string(a), Label: v.t(a.Title())})
	}
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		x.Rows, err = s.accounts.Tokens(ctx, tx, v.actor)
		return err
	}); err != nil {
		return err
	}
	return s.write(v, status, view.TokensPage(p, x))
}

// newToken makes a token and shows its secret, once.
func (s *Server) newToken(v *visit) error {
	expires, err := time.Parse(time.DateOnly, v.r.PostFormValue("expires"))
	if err != nil {
		return s.showTokens(v, http.StatusUnprocessableEntity, "", v.t("请填写到期日期。", "say when it ends."))
	}
	_ = v.r.ParseForm() // what does not parse allows nothing, which is refused
	var actions []account.Action
	for _, a := range v.r.PostForm["action"] {
		actions = append(actions, account.Action(a))
	}
	var secret string
	err = s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		_, secret, err = s.accounts.NewToken(ctx, tx, v.actor, v.r.PostFormValue("name"), v.r.PostFormValue("org"), actions, expires)
		return err
	})
	switch errs.KindOf(err) {
	case 0:
		return s.showTokens(v, http.StatusOK, secret, "")
	case errs.Invalid, errs.NotFound, errs.Refused:
		return s.showTokens(v, statusOf(errs.KindOf(err)), "", errs.Text(err, v.lang))
	}
	return err
}

func (s *Server) revokeToken(v *visit) error {
	if err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		return s.accounts.RevokeToken(ctx, tx, v.actor, v.r.PathValue("id"))
	}); err != nil {
		return err
	}
	return v.redirect("/admin/tokens")
}

// seesJob: one's own; those who look after the machine see all, but not what a job about households gave back.
func seesJob(who account.Actor, j *jobs.Job) bool {
	if j.Actor == who.Account {
		return true
	}
	j.Result = nil
	return slices.ContainsFunc([]account.Role{account.Admin, account.Auditor, account.Province}, who.Has)
}

func (s *Server) jobsPage(v *visit) error {
	p, tabs := s.admin(v, "jobs", "/admin/jobs")
	x := view.Jobs{Tabs: tabs, Cancel: v.actor.May(account.JobCancel) == nil, State: v.r.URL.Query().Get("state"), Runs: s.config.Jobs != nil}
	if s.config.Jobs != nil {
		if !slices.Contains([]string{"", "waiting", "running", "done", "failed", "cancelled"}, x.State) {
			return errs.New(errs.NotFound, "没有这种状态。", "there is no such state.")
		}
		before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64) // anything else is the first page
		page, err := s.config.Jobs.List(v.context(), jobs.Filter{State: x.State, Before: max(before, 0), Limit: jobsAPage})
		if err != nil {
			return err
		}
		var ids []string
		for i := range page.Jobs {
			if seesJob(v.actor, &page.Jobs[i]) {
				x.Rows = append(x.Rows, page.Jobs[i])
				ids = append(ids, page.Jobs[i].Actor)
			}
		}
		if page.Next != 0 {
			x.Next = strconv.FormatInt(page.Next, 10)
		}
		if x.Names, err = s.names(v, ids); err != nil {
			return err
		}
	}
	return s.show(v, view.JobsPage(p, x))
}

// names gives the names of accounts for the screen.
func (s *Server) names(v *visit, ids []string) (names map[string]string, err error) {
	err = s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		names, err = account.Names(ctx, tx, ids)
		return err
	})
	return names, err
}

func (s *Server) cancelJob(v *visit) error {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil || s.config.Jobs == nil {
		return account.NotThere()
	}
	j, err := s.config.Jobs.Get(v.context(), id)
	if errs.KindOf(err) == errs.NotFound || err == nil && !seesJob(v.actor, &j) {
		return account.NotThere()
	}
	if err != nil {
		return err
	}
	if err := s.config.Jobs.Cancel(v.context(), id); err != nil {
		return err
	}
	return v.redirect("/admin/jobs")
}

func (s *Server) keysPage(v *visit) error { return s.showKeys(v, http.StatusOK, "", "") }

func (s *Server) showKeys(v *visit, status int, done, wrong string) error {
	p, tabs := s.admin(v, "keys", "/admin/keys")
	x := view.Keys{Tabs: tabs, Done: done, Error: wrong}
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		if x.Rows, err = s.codes.Keys(ctx, tx); err == nil {
			x.Base, err = s.codes.Base(ctx, tx)
		}
		return err
	}); err != nil {
		return err
	}
	return s.write(v, status, view.KeysPage(p, x))
}

func (s *Server) rotateKey(v *visit) error {
	suite := housecode.Suite(v.r.PostFormValue("suite"))
	if suite != housecode.Ed25519 && suite != housecode.SM2 {
		return errs.New(errs.Invalid, "请选择签名套件。", "choose a suite.")
	}
	if err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		_, err := s.codes.Rotate(ctx, tx, v.actor, suite)
		return err
	}); err != nil {
		return err
	}
	return v.redirect("/admin/keys")
}

func (s *Server) withdrawKey(v *visit) error {
	reason, err := v.reason("请写明作废密钥的原因。", "say why the key is withdrawn.")
	if err != nil {
		return err
	}
	var voided int
	if err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		voided, err = s.codes.Withdraw(ctx, tx, v.actor, v.r.PathValue("id"), reason)
		return err
	}); err != nil {
		return err
	}
	return s.showKeys(v, http.StatusOK, s.words.In(v.lang, "admin.voided", view.Int(voided)), "")
}

func (s *Server) setBase(v *visit) error {
	err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		return s.codes.SetBase(ctx, tx, v.actor, strings.TrimSpace(v.r.PostFormValue("base")))
	})
	switch errs.KindOf(err) {
	case 0:
		return v.redirect("/admin/keys")
	case errs.Invalid:
		return s.showKeys(v, http.StatusUnprocessableEntity, "", errs.Text(err, v.lang))
	}
	return err
}

// auditFilter is what the reader chooses, within their own area; a province's auditor also sees what happened nowhere.
func (s *Server) auditFilter(v *visit, get func(string) string) (audit.Filter, view.AuditFilter, error) {
	shown := view.AuditFilter{Actor: strings.TrimSpace(get("actor")), Action: strings.TrimSpace(get("action")), Object: strings.TrimSpace(get("object")), ObjectID: strings.TrimSpace(get("object_id")), From: get("from"), To: get("to")}
	f := audit.Filter{Within: v.actor.Division, Actor: shown.Actor, Action: shown.Action, Object: shown.Object, ObjectID: shown.ObjectID, Limit: eventsAPage}
	if f.Within.Level() == division.Province {
		f.Within = 0
	}
	for text, at := range map[string]*ledger.Time{shown.From: &f.From, shown.To: &f.To} {
		if text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return f, shown, errs.New(errs.Invalid, "日期应写成 2026-11-24。", "write a day as 2026-11-24.")
		}
		*at = ledger.At(day.Add(-8 * time.Hour)) // midnight in China
	}
	if f.To != 0 {
		f.To = f.To.Add(24 * time.Hour) // the whole last day
	}
	return f, shown, nil
}

func (s *Server) auditPage(v *visit) error { return s.showAudit(v, nil) }

func (s *Server) showAudit(v *visit, report *audit.Report) error {
	p, tabs := s.admin(v, "audit", "/admin/audit")
	f, shown, err := s.auditFilter(v, v.r.URL.Query().Get)
	if err != nil {
		return err
	}
	f.Before, _ = strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64) // anything else is the first page
	f.Before = max(f.Before, 0)
	x := view.Audit{Tabs: tabs, Filter: shown, Report: report, First: f.Before == 0, Verify: v.actor.May(account.AuditVerify) == nil, Export: v.actor.May(account.AuditExport) == nil}
	// A login or a name finds its account, so that nobody has to know ids.
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		if f.Actor != "" && v.actor.May(account.AccountRead) == nil {
			if found, err := s.accounts.List(ctx, tx, v.actor, account.Filter{Login: f.Actor, Limit: 1}); err == nil && len(found.Accounts) == 1 {
				f.Actor = found.Accounts[0].ID
			}
		}
		page, err := audit.Show(ctx, tx, f)
		if err != nil {
			return err
		}
		x.Rows, x.Next = page.Events, ""
		if page.Next != 0 {
			x.Next = strconv.FormatInt(page.Next, 10)
		}
		var ids []string
		for i := range page.Events {
			ids = append(ids, page.Events[i].Actor)
		}
		x.Names, err = account.Names(ctx, tx, ids)
		return err
	}); err != nil {
		return err
	}
	x.Places = map[int64]string{}
	for i := range x.Rows {
		if x.Rows[i].Division != 0 {
			x.Places[x.Rows[i].Seq] = s.app.Tree.Name(x.Rows[i].Division)
		}
	}
	return s.show(v, view.AuditPage(p, x))
}

// auditVerify walks the chain.
func (s *Server) auditVerify(v *visit) error {
	var known []audit.Head
	if seq, err := strconv.ParseInt(v.r.PostFormValue("seq"), 10, 64); err == nil && seq > 0 {
		known = append(known, audit.Head{Seq: seq, Hash: strings.ToLower(strings.TrimSpace(v.r.PostFormValue("hash")))})
	}
	report, err := audit.Verify(v.context(), s.app.Ledger, known...)
	if err != nil {
		return err
	}
	if v.actor.May(account.AuditRead) == nil {
		return s.showAudit(v, &report)
	}
	p, tabs := s.admin(v, "health", "/admin/health")
	return s.show(v, view.VerifiedPage(p, tabs, report))
}

// auditExport writes the chosen events as a file. That somebody took them away is an event, too, written before the file.
func (s *Server) auditExport(v *visit) error {
	f, _, err := s.auditFilter(v, v.r.PostFormValue)
	if err != nil {
		return err
	}
	format := v.r.PostFormValue("format")
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "json": "application/json"}[format]
	if kind == "" {
		return errs.New(errs.Invalid, "文件格式只能是 csv、xlsx 或 json。", "the format is csv, xlsx or json.")
	}
	event := v.actor.Event("audit.export", "audit", "", v.actor.Division)
	event.Detail = map[string]string{"format": format} // not the filter: it may hold whatever somebody typed
	if err := s.record(v, event); err != nil {
		return err
	}
	h := v.w.Header()
	out := &lazy{ResponseWriter: v.w, begin: func() {
		h.Set("Content-Type", kind)
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "audit-"+casework.Civil(s.now()).Format(time.DateOnly)+"."+format))
	}}
	return out.end(s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		_, err := audit.Export(ctx, tx, out, format, v.lang, f)
		return err
	}))
}
