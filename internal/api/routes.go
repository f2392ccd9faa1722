package api

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/docs"
	"shouwang/internal/account"
	"shouwang/internal/errs"
	"shouwang/internal/task"
	"shouwang/internal/throttle"
)

// routes are all routes of the program.
func (s *Server) routes() {
	s.mux.HandleFunc("GET /healthz", s.healthy)
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.HandleFunc("GET /api/openapi.json", s.describe)
	s.mux.HandleFunc("/api/", s.nothing)
	if s.pages != nil {
		s.mux.Handle("/", s.page(s.pages))
	} else {
		s.mux.HandleFunc("/", s.nothing)
	}
	s.operations()
}

// operations are all operations of the interface, one a line.
func (s *Server) operations() {
	const v = "/api/v1"
	staff := func(a account.Action) access { return access{kind: signedIn, action: a} }

	programs := func(a account.Action) access { return access{kind: program, action: a} }
	begin := access{kind: anybody, limiter: s.signIn}
	unfinished := access{kind: halfway, limiter: s.signIn}
	mine := access{kind: halfway}

	// Signing in.
	op(s, "POST", v+"/session", "signIn", "Sign-in", "Sign in", "Begins a session. Every failure is the same answer, whether there is such an account or not; after some failures the login has to wait.", begin, s.doSignIn)
	op(s, "POST", v+"/session/second", "second", "Sign-in", "Give the second factor's code", "Completes a session that lacks it.", unfinished, s.second)
	op(s, "POST", v+"/session/password", "changePassword", "Sign-in", "Change one's password", "Ends the account's other sessions.", unfinished, s.changePassword)
	op(s, "POST", v+"/session/enrolment", "enrol", "Sign-in", "Enrol a second factor", "Gives the key for an authenticator. It counts once it has been confirmed.", unfinished, s.enrol)
	op(s, "POST", v+"/session/enrolment/confirmation", "confirmEnrolment", "Sign-in", "Confirm a second factor", "Takes the authenticator's first code and gives recovery codes.", unfinished, s.confirm)
	op(s, "DELETE", v+"/session", "signOut", "Sign-in", "Sign out", "Ends the session.", mine, s.signOut)
	op(s, "GET", v+"/me", "me", "Sign-in", "Who am I", "The caller's account, area, roles and what they may do.", access{kind: program}, s.me)
	op(s, "GET", v+"/sessions", "sessions", "Sign-in", "List open sessions", "One's own; others' by right.", access{kind: signedIn}, s.sessions)
	op(s, "DELETE", v+"/sessions/{session}", "endSession", "Sign-in", "End a session", "One's own; others' by right.", access{kind: signedIn}, s.endSession)

	// Accounts, organisations, tokens.
	op(s, "GET", v+"/accounts", "listAccounts", "Accounts", "List accounts", "Accounts in the caller's area.", staff(account.AccountRead), s.listAccounts)
	op(s, "POST", v+"/accounts", "newAccount", "Accounts", "Make an account", "With a one-time password that must be changed at the first sign-in.", staff(account.AccountManage), s.newAccount)
	op(s, "POST", v+"/accounts/import", "importStaff", "Accounts", "Make accounts from a staff list", "An XLSX. A row with a mistake is told with its column and reason, the others are made, each with a one-time password.", access{kind: signedIn, action: account.AccountManage, upload: staffBody()}, s.importStaff)
	op(s, "GET", v+"/accounts/{account}", "getAccount", "Accounts", "One account", "One's own always; others' by right and area.", access{kind: signedIn}, s.getAccount)
	op(s, "PATCH", v+"/accounts/{account}", "changeAccount", "Accounts", "Change an account", "Other roles, another organisation, or disabling it ends its sessions.", staff(account.AccountManage), s.changeAccount)
	op(s, "POST", v+"/accounts/{account}/password", "resetPassword", "Accounts", "Reset a password", "Gives a one-time password and ends the account's sessions.", staff(account.AccountManage), s.resetPassword)
	op(s, "DELETE", v+"/accounts/{account}/second", "removeSecond", "Accounts", "Remove a second factor", "For somebody who has lost the authenticator.", staff(account.AccountManage), s.removeSecond)
	op(s, "DELETE", v+"/accounts/{account}/sessions", "endSessions", "Accounts", "End all sessions of an account", "One's own; others' by right.", access{kind: signedIn}, s.endSessions)
	op(s, "GET", v+"/orgs", "listOrgs", "Accounts", "List organisations", "Organisations in the caller's area.", staff(account.AccountRead), s.listOrgs)
	op(s, "POST", v+"/orgs", "newOrg", "Accounts", "Make an organisation", "Gives the one that is there already, if there is.", staff(account.OrgManage), s.newOrg)
	op(s, "GET", v+"/tokens", "listTokens", "Accounts", "List tokens", "Tokens of departments' programs in the caller's area, without their secrets.", staff(account.TokenRead), s.listTokens)
	op(s, "POST", v+"/tokens", "newToken", "Accounts", "Make a token", "For a department's program, for some actions, for some time.", staff(account.TokenManage), s.newToken)
	op(s, "DELETE", v+"/tokens/{token}", "revokeToken", "Accounts", "Revoke a token", "It lets nobody in any more.", staff(account.TokenManage), s.revokeToken)

	// The audit chain.
	op(s, "GET", v+"/audit/events", "auditEvents", "Audit", "Read the chain", "Events in the caller's area, newest first.", staff(account.AuditRead), s.auditEvents)
	op(s, "GET", v+"/audit/verification", "auditVerify", "Audit", "Verify the chain", "Walks the whole chain and says where it breaks.", staff(account.AuditVerify), s.auditVerify)
	opFile(s, "GET", v+"/audit/export", "auditExport", "Audit", "Export the chain", "Chosen events with their hashes, oldest first.", staff(account.AuditExport), []string{"csv", "xlsx", "json"}, s.auditExport)

	// What the screening knows.
	op(s, "GET", v+"/warnings", "listWarnings", "Screening", "List warnings", "Warnings as they stand in the caller's area, worst first.", programs(account.WarningRead), s.listWarnings)
	op(s, "GET", v+"/overview", "overview", "Screening", "Sums of an area", "Counts of households and warnings, of the area and of the areas right below it. No household is named.", programs(account.StatsRead), s.overview)
	op(s, "POST", v+"/screening/runs", "screen", "Screening", "Run a screening", "A job: everybody, or what changed since the last run.", staff(account.ScreenRun), s.screen)
	op(s, "GET", v+"/completeness", "completeness", "Screening", "Completeness of data", "Which dataset covers which county and month.", programs(account.CoverageRead), s.completeness)
	op(s, "GET", v+"/data-requests", "dataRequests", "Screening", "What rules lack", "Data requests of the last run.", programs(account.CoverageRead), s.dataRequests)
	op(s, "GET", v+"/households/{household}", "household", "Households", "One household", "Everything known about one household, identities masked.", staff(account.HouseholdRead), s.household)
	op(s, "GET", v+"/households/{household}/explanation", "explain", "Households", "Why a household is warned of", "Derives the outcome of the rules again and says what forces each.", staff(account.HouseholdRead), s.explain)
	op(s, "POST", v+"/households/{household}/reveal", "reveal", "Households", "See a household's people in plain", "Names, numbers, phones and accounts of the members. The reason goes into the audit chain before anything is shown.", staff(account.HouseholdReveal), s.reveal)
	op(s, "POST", v+"/what-if", "whatIf", "Screening", "Ask a what-if question", "Who would enter and leave the warnings if parameters or rules were changed. Nothing is changed.", staff(account.WhatifRun), s.whatIf)
	// Cases, from lead to cleared.
	op(s, "GET", v+"/cases", "listCases", "Cases", "List cases", "Cases and leads in the caller's area (a department's officer: those shared with the department), the most urgent first.", staff(account.CaseRead), s.listCases)
	op(s, "GET", v+"/cases/counts", "countCases", "Cases", "Count cases", "By state and level.", access{kind: signedIn}, s.countCases)
	op(s, "GET", v+"/cases/{case}", "getCase", "Cases", "One case", "State, level, risks and clock of a case.", staff(account.CaseRead), s.getCase)
	op(s, "GET", v+"/cases/{case}/dossier", "dossier", "Cases", "Everything about a case", "Signals, steps, visits, corrections, notices, tags and links. Personal content is masked.", staff(account.CaseRead), s.dossier)
	op(s, "POST", v+"/cases/{case}/dossier", "revealCase", "Cases", "Everything about a case, in plain", "The dossier with personal content of forms in plain. The reason goes into the audit chain.", staff(account.HouseholdReveal), s.revealCase)
	op(s, "GET", v+"/cases/{case}/offers", "offers", "Cases", "What may be done next", "Actions that start in the case's state, with their forms and with what stands in their way.", staff(account.CaseRead), s.offers)
	op(s, "POST", v+"/cases/{case}/actions/{action}", "act", "Cases", "Take an action", "The one door through which a case changes: visits, decisions, assignment, merging and all other steps. A refusal says which condition and which fact.", access{kind: signedIn}, s.act)
	op(s, "POST", v+"/leads", "report", "Cases", "Report a household", "A visit, a hotline call or a disaster becomes a signal: it joins the household's open case or makes a lead.", access{kind: program, action: account.CaseOpen}, s.report)
	op(s, "GET", v+"/households/{household}/tags", "tags", "Households", "A household's low-income classes", "Dated classes of civil affairs.", staff(account.HouseholdRead), s.tags)
	op(s, "GET", v+"/notices", "notices", "Cases", "List notices", "Public notices that hang now in the caller's area.", staff(account.CaseRead), s.notices)
	op(s, "GET", v+"/feedback/precision", "precision", "Screening", "How often warnings were right", "Verified warnings by rule, county and dataset.", staff(account.StatsRead), s.precision)

	op(s, "POST", v+"/dispatch", "dispatch", "Cases", "Make leads of warnings", "A job: all warnings of a household become one lead, or join what is there. It can be run again.", staff(account.DispatchRun), s.dispatch)
	op(s, "POST", v+"/case-actions/{action}", "actAll", "Cases", "Act on many cases", "A job: takes one action, that needs no form and has no guards, on every case that the filter chooses.", staff(account.CaseAct), s.actAll)

	// What is to be done.
	op(s, "GET", v+"/inbox", "inbox", "Tasks", "What one has to do", "One's own tasks and those of the organisation that are nobody's yet, the earliest due first.", staff(account.TaskRead), s.tasksBy(task.Inbox))
	op(s, "GET", v+"/tasks", "listTasks", "Tasks", "List open tasks", "Everything open in the caller's area, the earliest due first.", staff(account.TaskRead), s.tasksBy(task.List))
	op(s, "GET", v+"/tasks/escalated", "escalatedTasks", "Tasks", "List what one was told of", "Tasks of organisations below that are overdue.", staff(account.TaskRead), s.tasksBy(task.Told))
	op(s, "GET", v+"/tasks/counts", "countTasks", "Tasks", "Count open tasks", "By organisation.", staff(account.TaskRead), s.taskCounts)
	op(s, "GET", v+"/digest", "digest", "Tasks", "The day's digest", "What one has to do, as of this morning.", staff(account.TaskRead), s.digest)
	op(s, "POST", v+"/tasks/{task}/assignment", "assignTask", "Tasks", "Take or hand on a task", "Everybody may take a task of their organisation; handing on needs the right to.", staff(account.TaskRead), s.assignTask)
	op(s, "POST", v+"/tasks/{task}/pause", "pauseTask", "Tasks", "Stop a task's clock", "With a reason.", staff(account.TaskPause), s.pauseTask)
	op(s, "DELETE", v+"/tasks/{task}/pause", "resumeTask", "Tasks", "Let a task's clock go on", "The deadline moves by as long as it was paused.", staff(account.TaskPause), s.resumeTask)
	op(s, "GET", v+"/jobs", "listJobs", "Jobs", "List jobs", "One's own; those who look after the machine see all.", staff(account.JobRead), s.listJobs)
	op(s, "GET", v+"/jobs/{job}", "getJob", "Jobs", "One job", "State, progress and result.", staff(account.JobRead), s.getJob)
	op(s, "DELETE", v+"/jobs/{job}", "cancelJob", "Jobs", "Cancel a job", "What its steps have written stays.", staff(account.JobCancel), s.cancelJob)

	// Plans, measures and orders.
	op(s, "GET", v+"/cases/{case}/proposal", "propose", "Measures", "Propose measures", "The smallest bundle of measures that answers every open risk, and for each why and what it changes. Nothing is written.", staff(account.PlanRead), s.propose)
	op(s, "GET", v+"/cases/{case}/plan", "plan", "Measures", "The plan of a case", "Measures with orders, evidence and steps. A department's officer sees their own measures.", staff(account.PlanRead), s.plan)
	op(s, "GET", v+"/cases/{case}/plan/revisions", "revisions", "Measures", "What a plan was", "After each change.", staff(account.PlanRead), s.revisions)
	op(s, "POST", v+"/cases/{case}/plan/proposal", "proposeIntoPlan", "Measures", "Put proposed measures into the plan", "In the place of earlier ones that nobody has decided.", staff(account.PlanWrite), s.proposeIntoPlan)
	op(s, "POST", v+"/cases/{case}/plan/decisions", "decidePlan", "Measures", "Decide about measures", "Accept, change, refuse with a reason, add. Double benefit and conflicts refuse all of it.", staff(account.PlanWrite), s.decidePlan)
	op(s, "POST", v+"/measures/{measure}/order", "orderMeasure", "Measures", "Order a department to deliver", "It must answer.", staff(account.PlanWrite), s.orderMeasure)
	op(s, "POST", v+"/measures/{measure}/delivery", "deliverMeasure", "Measures", "Report a delivery", "Of a measure that staff deliver themselves.", staff(account.PlanWrite), s.deliverMeasure)
	op(s, "POST", v+"/measures/{measure}/verification", "verifyMeasure", "Measures", "Verify a delivery", "Whether what was reported is really there.", staff(account.PlanWrite), s.verifyMeasure)
	op(s, "POST", v+"/measures/{measure}/stop", "stopMeasure", "Measures", "Stop a measure", "With a reason. An open order is withdrawn; what was delivered stays in the steps.", staff(account.PlanWrite), s.stopMeasure)
	op(s, "GET", v+"/effect", "effect", "Measures", "Effect of measures", "How households that were given a block of measures between two runs changed, against similar ones without. A difference is not proof of a cause.", staff(account.EffectRead), s.effect)
	op(s, "GET", v+"/orders", "listOrders", "Measures", "List orders", "In the caller's area; a department sees its own. The earliest due first.", programs(account.OrderRead), s.listOrders)
	op(s, "GET", v+"/orders/{order}", "getOrder", "Measures", "One order", "With its answer.", programs(account.OrderRead), s.getOrder)
	op(s, "POST", v+"/orders/{order}/answer", "answerOrder", "Measures", "Answer an order", "Accept, reject with a reason, or report it done with evidence.", programs(account.OrderReply), s.answerOrder)

	// Papers and ledgers.
	op(s, "GET", v+"/papers", "papers", "Papers", "What papers there are", "Forms of a case, and ledgers of an area.", staff(account.PackRead), s.papers)
	opFile(s, "POST", v+"/cases/{case}/papers/{form}", "casePaper", "Papers", "A paper of a case", "As PDF. It names the household's members, so that a reason is needed; the public notice holds white-listed fields only.", staff(account.ReportMake), []string{"pdf"}, s.casePaper)
	opFile(s, "POST", v+"/ledgers/{ledger}", "ledgerSheet", "Papers", "A ledger of an area", "In the national system's column order; masked, or with names for a reason.", staff(account.CaseExport), []string{"xlsx", "csv", "pdf"}, s.ledgerSheet)

	opFile(s, "POST", v+"/villages/{village}/notices", "villageNotices", "Papers", "A village's notices to hang up", "As PDF: every notice that hangs now, households of the same days on one sheet. White-listed fields only.", staff(account.ReportMake), []string{"pdf"}, s.villageNotices)

	// Household codes.
	op(s, "GET", v+"/households/{household}/codes", "listCodes", "Codes", "A household's codes", "All that were issued, the newest first.", staff(account.CodeRead), s.listCodes)
	op(s, "POST", v+"/households/{household}/codes", "issueCode", "Codes", "Issue a code", "A household that has a valid one keeps it.", staff(account.CodeIssue), s.issueCode)
	op(s, "POST", v+"/households/{household}/codes/reprint", "reprintCode", "Codes", "Replace a lost card", "The lost card is told as replaced.", staff(account.CodeIssue), s.reprintCode)
	op(s, "POST", v+"/households/{household}/codes/revocation", "revokeCode", "Codes", "Revoke a card", "Without a new one.", staff(account.CodeRevoke), s.revokeCode)
	op(s, "POST", v+"/households/{household}/codes/once", "onceCode", "Codes", "Make one-time digits", "With which the household opens its own page, once and within ten minutes.", staff(account.CodeRead), s.onceCode)
	opFile(s, "POST", v+"/villages/{village}/cards", "villageCards", "Codes", "A village's cards to cut", "As PDF: the cards of all codes in force, ten on a sheet of A4.", staff(account.CodeIssue), []string{"pdf"}, s.villageCards)
	op(s, "POST", v+"/codes/scan", "scanAsStaff", "Codes", "Scan a code as staff", "In scope everything, and it is logged; outside nothing.", staff(account.CodeRead), s.scanAsStaff)
	op(s, "POST", v+"/public/codes/scan", "scan", "Public", "Scan a code", "That it is valid and of which village. With the household's one-time digits its own facts.", access{kind: anybody, limiter: s.public}, s.scan)
	op(s, "GET", v+"/public/codes/keys", "keyList", "Public", "Keys for checks without network", "Public keys, and the codes that ended before their day.", access{kind: anybody, limiter: s.public}, s.keyList)

	// Self-applications and notices, for everybody.
	op(s, "POST", v+"/public/applications", "apply", "Public", "Apply", "Four fields, no account. The answer holds a code to follow it with.", access{kind: anybody, limiter: s.apply}, s.applyFor)
	op(s, "POST", v+"/public/applications/progress", "follow", "Public", "Follow an application", "By its code, which travels in the body: addresses end up in logs.", access{kind: anybody, limiter: s.apply}, s.follow)
	op(s, "GET", v+"/public/notices", "publicNotices", "Public", "Notices of a village", "Notices that hang now: white-listed fields only.", access{kind: anybody, limiter: s.public}, s.publicNotices)
	op(s, "GET", v+"/applications", "applications", "Applications", "List self-applications", "Applications in the caller's area, oldest first, masked.", staff(account.ApplicationTake), s.applications)
	op(s, "POST", v+"/applications/{application}/reveal", "revealApplication", "Applications", "See an application in plain", "To find the household and to call. The reason goes into the audit chain.", staff(account.ApplicationTake), s.revealApplication)
	op(s, "POST", v+"/applications/{application}/case", "takeApplication", "Applications", "Make a case of an application", "It becomes a signal of the household that staff found for it.", staff(account.ApplicationTake), s.takeApplication)
	op(s, "POST", v+"/applications/{application}/answer", "answerApplication", "Applications", "Answer an application", "For one that cannot become a case, with a reason that the applicant reads.", staff(account.ApplicationTake), s.answerApplication)

	// Departments' deliveries.
	op(s, "POST", v+"/intake/files", "upload", "Deliveries", "Deliver a file", "Takes one file in and gives its receipt; its state says whether it was accepted. The same file again changes nothing. A department delivers its own datasets, for its own area.", access{kind: program, action: account.IntakeUpload, upload: uploadBody()}, s.upload)
	op(s, "POST", v+"/intake/national", "national", "Deliveries", "Take in a file of the national system", "One of its Excel exports (header on row 3): its facts are checked, linked and archived like a department's delivery. A file without facts of households is told as such.", access{kind: signedIn, action: account.ReportImport, upload: uploadBody()}, s.national)
	op(s, "GET", v+"/intake/receipts", "receipts", "Deliveries", "List receipts", "What became of each delivery in the caller's area; a department sees its own.", programs(account.IntakeRead), s.receipts)
	opFile(s, "GET", v+"/intake/receipts/{delivery}/rejects", "rejects", "Deliveries", "Download rejected rows", "The rejected rows in the department's own columns, with the reason. It holds personal data in plain.", programs(account.IntakeUpload), []string{"csv"}, s.rejects)
	op(s, "POST", v+"/verification", "verifyWarehouse", "Deliveries", "Verify the warehouse", "Holds the warehouse against the archive and against itself.", staff(account.AuditVerify), s.verifyWarehouse)

	op(s, "GET", v+"/policy", "policy", "Policy", "The policy pack", "Parameters with their values, rules, risks and data contracts in force.", programs(account.PackRead), s.policy)
}

// takesFiles reports whether the route takes a file.
func (s *Server) takesFiles(r *http.Request) bool {
	_, pattern := s.mux.Handler(r)
	return s.fileRoutes[pattern] || s.pages != nil && pattern == "/"
}

// page answers pages behind the guards. Signing in takes its turns from the same bucket as the interface's. Pages see the caller's own address, not the proxy's.
func (s *Server) page(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := about(r.Context())
		q.route = "page"
		if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/sign-in") {
			if ok, wait := s.signIn.Allow(throttle.Network(q.addr), s.now()); !ok {
				w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
				s.answer(w, r, tooMany())
				return
			}
		}
		r.RemoteAddr = netip.AddrPortFrom(q.addr, 0).String() // r is the guard's own copy
		next.ServeHTTP(w, r)
	})
}

// healthy says that the process answers.
func (s *Server) healthy(w http.ResponseWriter, r *http.Request) {
	about(r.Context()).route = "GET /healthz"
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says that the stores answer and the server is not stopping.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	about(r.Context()).route = "GET /readyz"
	err := s.app.Ready(r.Context())
	if err != nil || s.stopping.Load() {
		if err != nil {
			s.log.Error("not ready", "error", err.Error())
		}
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// describe gives the description of the interface.
func (s *Server) describe(w http.ResponseWriter, r *http.Request) {
	about(r.Context()).route = "GET /api/openapi.json"
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	_, _ = w.Write(docs.OpenAPI) // a caller that went away is told nothing
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that went away is told nothing
}

// nothing answers what no route does: 405 when the path exists for another method.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "" && pattern != "/" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		s.answer(w, r, problem(http.StatusNotFound, "no_route", errs.New(errs.NotFound, "没有这个地址", "there is no such address")))
		return
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.answer(w, r, problem(http.StatusMethodNotAllowed, "method", errs.New(errs.Invalid, "这个地址不支持这种请求方法", "the address does not take this method")))
}
