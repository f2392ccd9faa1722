// Package web is the pages: handlers that ask the program, and hand what they got to the components of package view.
//
// It owns addresses, forms, the reader's frame (language, theme, navigation), and how an error becomes a page. It never computes anything of the
// field, never writes SQL, and never shows a name or number that was not asked for with a reason.
package web

import (
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/jobs"
	"shouwang/internal/paper"
	"shouwang/internal/throttle"
	"shouwang/internal/web/assets"
	"shouwang/internal/web/view"
)

// Config of the pages.
type Config struct {
	App         *app.App
	Jobs        *jobs.Queue // nil: nobody can ask for a screening
	Now         func() time.Time
	Log         *slog.Logger
	MapFile     string // GeoJSON of county outlines (features with properties code and name); "" = the built-in sketch
	MapNumber   string // number of the reviewed map (审图号); without it every map says that it is a sketch
	Development bool   // opens the storybook
	Demo        bool   // the sign-in page lists the demo's accounts, and signs them in without a password
	MaxUpload   int64  // bytes of an uploaded file; 0 = 1 GiB

	SSO *account.SSOConfig // single sign-on; nil = none

	// Turns of people without an account, by network address; zero = the usual ones.
	Public throttle.Rate // pages
	Apply  throttle.Rate // applying, and asking with a code
}

// Server answers the pages. It is safe for concurrent use.
type Server struct {
	app      *app.App
	accounts *account.Service
	now      func() time.Time
	log      *slog.Logger
	words    *view.Words
	assets   *assets.Set
	shapes   *shapes
	config   Config
	handler  http.Handler
	provider provider

	loops    loops
	codes    *housecode.Codes
	font     func() (*paper.Font, error) // opened when the first paper is made
	visitors *throttle.Limiter
	applying *throttle.Limiter
}

// New makes the pages on an open program.
func New(c Config) (*Server, error) {
	s := &Server{app: c.App, accounts: c.App.Accounts(), now: c.Now, log: c.Log, config: c}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.config.MaxUpload == 0 {
		s.config.MaxUpload = 1 << 30
	}
	s.visitors, s.applying = throttle.New(rateOr(c.Public, publicBurst, publicEvery)), throttle.New(rateOr(c.Apply, applyBurst, applyEvery))
	var err error
	if s.codes, err = housecode.New(c.App.Keyring); err != nil {
		return nil, err
	}
	if s.words, err = view.LoadWords(); err != nil {
		return nil, err
	}
	if s.assets, err = assets.New(); err != nil {
		return nil, err
	}
	outlines, err := assets.Map()
	if err == nil && c.MapFile != "" {
		if outlines, err = os.ReadFile(c.MapFile); err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "读不了地图文件 "+c.MapFile, "cannot read the map file "+c.MapFile)
		}
	}
	if err != nil {
		return nil, err
	}
	if s.shapes, err = readShapes(outlines); err != nil {
		return nil, err
	}
	s.font = sync.OnceValues(paper.OpenFont)
	s.handler = s.routes()
	return s, nil
}

// Handler is all pages, with their guards.
func (s *Server) Handler() http.Handler { return s.handler }

// routes are all addresses of the pages.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", s.assets)

	// open to everybody
	mux.Handle("GET /sign-in", s.open(s.signInPage))
	mux.Handle("POST /sign-in", s.open(s.signIn))
	for _, stage := range []account.Stage{account.WantsSecond, account.WantsPassword, account.WantsEnrol} {
		mux.Handle("GET "+stagePage(stage), s.open(s.stepPage(stage)))
		mux.Handle("POST "+stagePage(stage), s.open(s.step(stage)))
	}
	if s.config.SSO != nil {
		mux.Handle("GET /sign-in/sso", s.open(s.ssoBegin))
		mux.Handle("GET "+SSOBack, s.open(s.ssoFinish))
	}
	mux.Handle("POST /sign-out", s.open(s.signOut))
	mux.Handle("POST /preferences", s.open(s.preferences))

	// for people without an account: large type, and turns
	mux.Handle("GET /apply", s.public(s.visitors, s.applyPage))
	mux.Handle("POST /apply", s.public(s.applying, s.apply))
	mux.Handle("GET /apply/follow", s.public(s.visitors, s.followPage))
	mux.Handle("POST /apply/follow", s.public(s.applying, s.follow))
	mux.Handle("GET /notices", s.public(s.visitors, s.noticesPage))
	mux.Handle("GET /notices/{division}", s.public(s.visitors, s.notices))
	for _, prefix := range []string{"/C/", "/c/"} { // cards have it in capitals; some programs lower it
		mux.Handle("GET "+prefix+"{code}", s.public(s.visitors, s.code))
		mux.Handle("POST "+prefix+"{code}", s.public(s.applying, s.code))
	}

	// signed in; what else is needed stands behind the address
	mux.Handle("GET /{$}", s.page(anybody, s.today))
	mux.Handle("GET /overview", s.page(account.StatsRead, s.overview))
	mux.Handle("GET /overview/cases", s.page(account.CaseRead, s.overviewCases))
	mux.Handle("GET /overview/export", s.page(account.StatsRead, s.overviewExport))
	mux.Handle("GET /map", s.page(account.StatsRead, s.mapShapes))
	mux.Handle("GET /warnings", s.page(account.WarningRead, s.warnings))
	mux.Handle("POST /warnings/export", s.page(account.CaseExport, s.warningsExport))
	mux.Handle("GET /households", s.page(account.HouseholdRead, s.findPage))
	mux.Handle("POST /households", s.page(account.HouseholdRead, s.find))
	mux.Handle("GET /households/{no}", s.page(account.HouseholdRead, s.household))
	mux.Handle("GET /households/{no}/why/{rule}", s.page(account.HouseholdRead, s.why))
	mux.Handle("POST /households/{no}/reveal", s.page(account.HouseholdReveal, s.reveal))
	mux.Handle("GET /cases", s.page(account.CaseRead, s.casesList))
	mux.Handle("POST /cases/export", s.page(account.CaseExport, s.casesExport))
	mux.Handle("POST /cases/assign", s.page(account.CaseAssign, s.casesAssign))
	mux.Handle("POST /cases/merge", s.page(account.CaseAssign, s.casesMerge))
	mux.Handle("GET /cases/handout", s.page(account.CaseAssign, s.handoutPage))
	mux.Handle("POST /cases/handout", s.page(account.CaseAssign, s.handout))
	mux.Handle("POST /case-filters", s.page(account.CaseRead, s.saveFilter))
	mux.Handle("POST /case-filters/{id}/drop", s.page(account.CaseRead, s.dropFilter))
	mux.Handle("GET /applications/{id}", s.page(account.ApplicationTake, s.application))
	mux.Handle("POST /applications/{id}/reveal", s.page(account.HouseholdReveal, s.applicationReveal))
	mux.Handle("POST /applications/{id}/take", s.page(account.ApplicationTake, s.applicationTake))
	mux.Handle("POST /applications/{id}/answer", s.page(account.ApplicationTake, s.applicationAnswer))
	mux.Handle("GET /cases/new", s.page(account.CaseOpen, s.caseNew))
	mux.Handle("POST /cases/new", s.page(account.CaseOpen, s.caseOpen))
	mux.Handle("GET /cases/{id}", s.page(account.CaseRead, s.caseShow))
	mux.Handle("POST /cases/{id}/act/{action}", s.page(account.CaseAct, s.caseAct))
	mux.Handle("POST /cases/{id}/reveal", s.page(account.HouseholdReveal, s.caseReveal))
	mux.Handle("POST /cases/{id}/papers/{form}", s.page(account.ReportMake, s.casePaper))
	mux.Handle("GET /cases/{id}/plan", s.page(account.PlanRead, s.planShow))
	mux.Handle("POST /cases/{id}/plan/propose", s.page(account.PlanWrite, s.planPropose))
	mux.Handle("POST /cases/{id}/plan/decide", s.page(account.PlanWrite, s.planDecide))
	mux.Handle("POST /cases/{id}/plan/measures/{measure}/{what}", s.page(account.PlanWrite, s.planMeasure))
	mux.Handle("GET /orders", s.page(account.OrderRead, s.ordersList))
	mux.Handle("GET /orders/{id}", s.page(account.OrderRead, s.orderShow))
	mux.Handle("POST /orders/{id}/{answer}", s.page(account.OrderReply, s.orderAnswer))
	mux.Handle("GET /cases/{id}/files/{hash}", s.page(account.CaseRead, s.caseFileOf))
	mux.Handle("GET /codes", s.page(account.CodeRead, s.villageCodes))
	mux.Handle("POST /codes/{division}", s.page(account.CodeIssue, s.issueVillage))
	mux.Handle("POST /print/cards/{division}", s.page(account.CodeIssue, s.printCards))
	mux.Handle("POST /print/notices/{division}", s.page(account.ReportMake, s.printNotices))
	mux.Handle("GET /households/{no}/codes", s.page(account.CodeRead, s.householdCodes))
	mux.Handle("POST /households/{no}/codes", s.page(account.CodeIssue, s.issueCode))
	mux.Handle("POST /households/{no}/codes/reprint", s.page(account.CodeIssue, s.reprintCode))
	mux.Handle("POST /households/{no}/codes/revoke", s.page(account.CodeRevoke, s.revokeCode))
	mux.Handle("POST /households/{no}/codes/once", s.page(account.CodeRead, s.onceCode))
	mux.Handle("GET /data", s.page(account.CoverageRead, s.calendar))
	mux.Handle("GET /data/receipts", s.page(account.IntakeRead, s.receipts))
	mux.Handle("GET /data/receipts/{delivery}", s.page(account.IntakeRead, s.receipt))
	mux.Handle("POST /data/receipts/{delivery}/rejects", s.page(account.IntakeUpload, s.rejects))
	mux.Handle("GET /data/upload", s.page(account.IntakeUpload, s.uploadPage))
	mux.Handle("POST "+uploadPath, s.page(account.IntakeUpload, s.upload))
	mux.Handle("GET /data/requests", s.page(account.CoverageRead, s.requests))
	mux.Handle("GET /data/screening", s.page(account.ScreenRun, s.screeningPage))
	mux.Handle("POST /data/screening", s.page(account.ScreenRun, s.screen))
	mux.Handle("GET /policy", s.page(account.PackRead, s.parameters))
	mux.Handle("GET /policy/rules", s.page(account.PackRead, s.rules))
	mux.Handle("GET /policy/rules/{id}", s.page(account.PackRead, s.rule))
	mux.Handle("GET /policy/indicators", s.page(account.PackRead, s.indicators))
	mux.Handle("GET /policy/whatif", s.page(account.WhatifRun, s.whatIf))
	mux.Handle("GET /admin", s.page(anybody, s.adminHome))
	mux.Handle("GET /admin/health", s.page(account.AuditVerify, s.health))
	mux.Handle("GET /admin/accounts", s.page(account.AccountRead, s.accountsPage))
	mux.Handle("POST /admin/accounts", s.page(account.AccountManage, s.newAccount))
	mux.Handle("GET /admin/accounts/new", s.page(account.AccountManage, s.newAccountPage))
	mux.Handle("GET "+staffListPath, s.page(account.AccountManage, s.importPage))
	mux.Handle("POST "+staffListPath, s.page(account.AccountManage, s.importAccounts))
	mux.Handle("GET /admin/accounts/{id}", s.page(account.AccountRead, s.accountPage))
	mux.Handle("POST /admin/accounts/{id}", s.page(account.AccountManage, s.changeAccount))
	mux.Handle("POST /admin/accounts/{id}/password", s.page(account.AccountManage, s.resetPassword))
	mux.Handle("POST /admin/accounts/{id}/second", s.page(account.AccountManage, s.removeSecond))
	mux.Handle("POST /admin/accounts/{id}/sessions", s.page(account.SessionEnd, s.endSessions))
	mux.Handle("GET /admin/orgs", s.page(account.AccountRead, s.orgsPage))
	mux.Handle("POST /admin/orgs", s.page(account.OrgManage, s.newOrg))
	mux.Handle("GET /admin/roles", s.page(account.AccountRead, s.rolesPage))
	mux.Handle("GET /admin/divisions", s.page(account.AccountRead, s.divisionsPage))
	mux.Handle("GET /admin/feeds", s.page(account.JobRead, s.feedsPage))
	mux.Handle("GET /admin/sessions", s.page(account.SessionRead, s.sessionsPage))
	mux.Handle("POST /admin/sessions/{id}/end", s.page(account.SessionEnd, s.endSession))
	mux.Handle("GET /admin/tokens", s.page(account.TokenRead, s.tokensPage))
	mux.Handle("POST /admin/tokens", s.page(account.TokenManage, s.newToken))
	mux.Handle("POST /admin/tokens/{id}/revoke", s.page(account.TokenManage, s.revokeToken))
	mux.Handle("GET /admin/jobs", s.page(account.JobRead, s.jobsPage))
	mux.Handle("POST /admin/jobs/{id}/cancel", s.page(account.JobCancel, s.cancelJob))
	mux.Handle("GET /admin/keys", s.page(account.CodeKey, s.keysPage))
	mux.Handle("POST /admin/keys", s.page(account.CodeKey, s.rotateKey))
	mux.Handle("POST /admin/keys/base", s.page(account.CodeKey, s.setBase))
	mux.Handle("POST /admin/keys/{id}/withdraw", s.page(account.CodeKey, s.withdrawKey))
	mux.Handle("GET /admin/audit", s.page(account.AuditRead, s.auditPage))
	mux.Handle("POST /admin/audit/verify", s.page(account.AuditVerify, s.auditVerify))
	mux.Handle("POST /admin/audit/export", s.page(account.AuditExport, s.auditExport))
	s.studioRoutes(func(pattern string, need account.Action, f handler) { mux.Handle(pattern, s.page(need, f)) })
	mux.Handle("GET /help", s.page(anybody, s.help))
	// on the phone: a frame that is kept, and its data
	mux.Handle("GET /phone", s.page(account.CaseAct, s.phonePage))
	mux.Handle("GET /phone/sw.js", s.open(s.phoneWorker))
	mux.Handle("GET /phone/manifest.webmanifest", s.open(s.phoneManifest))
	mux.Handle("GET /phone/sync", s.data(account.CaseAct, s.phoneSync))
	mux.Handle("POST "+phoneVisits, s.data(account.CaseAct, s.phoneVisit))
	mux.Handle("POST "+phoneFiles, s.data(account.CaseAct, s.phoneFile))
	if s.config.Development {
		mux.Handle("GET /dev/storybook", s.open(s.storybook))
		mux.Handle("GET /dev/storybook/{story}", s.open(s.story))
	}
	mux.Handle("/", s.open(s.nothing))
	return s.guard(mux)
}
