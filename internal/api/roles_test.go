package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"shouwang/internal/report"
)

// row says who may call an operation, and with what it is tried.
type row struct {
	allowed string                                 // callers, by name; "all" is everybody
	try     func(w *world, caller string) call     // a call that an allowed caller may make
	want    func(w *world, caller string) []int    // statuses of an allowed call; nil: 200 or 204
	plain   bool                                   // its purpose is to show personal data
	also    func(w *world) []call                  // calls about village B that a worker of A must be refused as if there were nothing
	outside func(w *world, caller string) []string // paths of the same in village B, which must not be found by a worker of A
}

// Callers by what they are, as the table writes them.
const (
	everybody = "nobody halfway province prefecture county township village department policy auditor admin token"
	whoSigned = "halfway province prefecture county township village department policy auditor admin"
	staffAll  = "province prefecture county township village department policy auditor admin"
	line      = "province prefecture county township village"
)

func get1(path string) func(*world, string) call {
	return func(*world, string) call { return call{method: "GET", path: "/api/v1" + path} }
}

func only(statuses ...int) func(*world, string) []int {
	return func(*world, string) []int { return statuses }
}

// aCase is a call about a case in village A.
func aCase(method, path string, body any) func(*world, string) call {
	return func(w *world, _ string) call {
		return call{method: method, path: "/api/v1/cases/" + w.made.casesA[0] + path, body: body}
	}
}

// aVillage is a call about village A.
func aVillage(path string) func(*world, string) call {
	return func(w *world, _ string) call {
		return call{method: "POST", path: "/api/v1/villages/" + w.a.String() + path}
	}
}

// aTask is a call about a task that is not there.
func aTask(method, path string, body any) func(*world, string) call {
	return func(*world, string) call {
		return call{method: method, path: "/api/v1/tasks/none" + path, header: map[string]string{"If-Match": `"1"`}, body: body}
	}
}

// aMeasure is a call about a measure that is not there.
func aMeasure(path string, body any) func(*world, string) call {
	return func(*world, string) call {
		return call{method: "POST", path: "/api/v1/measures/none" + path, header: map[string]string{"If-Match": `"1"`}, body: body}
	}
}

// aHome is a call about a household in village A.
func aHome(method, path string, body any) func(*world, string) call {
	return func(w *world, _ string) call {
		return call{method: method, path: "/api/v1/households/" + w.homeA + path, body: body}
	}
}

// seen: a department's officer gets through, and finds nothing that was not shared with the department.
func seen(_ *world, caller string) []int {
	if caller == "department" {
		return []int{404}
	}
	return []int{200}
}

// table is role × operation. It is written by hand: the program's own table of rights is not asked.
func table() map[string]row {
	return map[string]row{
		// Signing in. The calls carry nonsense: what counts is who gets as far as that.
		"signIn": {allowed: everybody, want: only(401), try: func(_ *world, caller string) call {
			return call{method: "POST", path: "/api/v1/session", body: map[string]any{"login": "no-such-" + caller, "password": "x"}}
		}},
		"second": {allowed: whoSigned, want: only(409), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/session/second", body: map[string]any{"code": "000000"}}
		}},
		"changePassword": {allowed: whoSigned, want: only(422), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/session/password", body: map[string]any{"old": "x", "new": "short"}}
		}},
		"enrol": {allowed: whoSigned, want: func(_ *world, caller string) []int {
			if caller == "halfway" {
				return []int{403} // the password comes first
			}
			return []int{200}
		}, try: func(*world, string) call { return call{method: "POST", path: "/api/v1/session/enrolment"} }},
		"confirmEnrolment": {allowed: whoSigned, want: only(422, 409, 403), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/session/enrolment/confirmation", body: map[string]any{"code": "000000"}}
		}},
		"me":      {allowed: staffAll + " token", try: get1("/me")},
		"signOut": {allowed: whoSigned, want: only(204), try: func(*world, string) call { return call{method: "DELETE", path: "/api/v1/session"} }},
		"sessions": {allowed: staffAll, try: get1("/sessions"), outside: func(w *world, _ string) []string {
			return []string{"/sessions?account=" + w.ids["village-b"]}
		}},
		"endSession": {allowed: staffAll, want: only(404), try: func(*world, string) call { return call{method: "DELETE", path: "/api/v1/sessions/none"} }},

		// Accounts.
		"listAccounts": {allowed: "province prefecture county township auditor admin", try: get1("/accounts")},
		"newAccount": {allowed: "admin", want: only(422), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/accounts", body: map[string]any{"login": "x y z", "name": "某某", "org": "522633", "roles": []string{"county"}}}
		}},
		"importStaff": {allowed: "admin", want: only(415), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/accounts/import", body: map[string]any{}}
		}},
		"getAccount": {allowed: staffAll, try: func(w *world, caller string) call {
			return call{method: "GET", path: "/api/v1/accounts/" + cmp.Or(w.ids[caller], "none")}
		},
			outside: func(w *world, _ string) []string { return []string{"/accounts/" + w.ids["village-b"]} }},
		"changeAccount": {allowed: "admin", want: only(428), try: func(w *world, _ string) call {
			return call{method: "PATCH", path: "/api/v1/accounts/" + w.ids["village"], body: map[string]any{"name": "某某"}}
		}},
		"resetPassword": {allowed: "admin", want: only(404), try: func(*world, string) call { return call{method: "POST", path: "/api/v1/accounts/none/password"} }},
		"removeSecond":  {allowed: "admin", want: only(404), try: func(*world, string) call { return call{method: "DELETE", path: "/api/v1/accounts/none/second"} }},
		"endSessions": {allowed: staffAll, want: only(403, 404), try: func(*world, string) call {
			return call{method: "DELETE", path: "/api/v1/accounts/none/sessions"}
		}},
		"listOrgs": {allowed: "province prefecture county township auditor admin", try: get1("/orgs")},
		"newOrg": {allowed: "admin", want: only(404, 422), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/orgs", body: map[string]any{"id": "999999"}}
		}},
		"listTokens": {allowed: "auditor admin", try: get1("/tokens")},
		"newToken": {allowed: "admin", want: only(422), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/tokens", body: map[string]any{"name": "x", "org": "522633", "actions": []string{"account.manage"}, "expires": "2026-12-01T00:00:00Z"}}
		}},
		"revokeToken": {allowed: "admin", want: only(404), try: func(*world, string) call { return call{method: "DELETE", path: "/api/v1/tokens/none"} }},

		// Audit.
		"auditEvents": {allowed: "auditor", try: get1("/audit/events")},
		"auditVerify": {allowed: "auditor admin", try: get1("/audit/verification")},
		"auditExport": {allowed: "auditor", try: get1("/audit/export")},

		// Screening.
		"completeness": {allowed: "province prefecture county department policy auditor token", try: get1("/completeness")},
		"dataRequests": {allowed: "province prefecture county department policy auditor token", try: get1("/data-requests")},
		"household": {allowed: line, try: func(w *world, _ string) call { return call{method: "GET", path: "/api/v1/households/" + w.homeA} },
			outside: func(w *world, _ string) []string { return []string{"/households/" + w.homeB} }},
		"explain": {allowed: line, try: func(w *world, _ string) call {
			return call{method: "GET", path: "/api/v1/households/" + w.homeA + "/explanation"}
		},
			outside: func(w *world, _ string) []string { return []string{"/households/" + w.homeB + "/explanation"} }},
		"whatIf": {allowed: "province prefecture county policy", try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/what-if", body: map[string]any{"set": map[string]float64{"line": 9000}}}
		}},
		"reveal": {allowed: line, plain: true, try: func(w *world, _ string) call {
			return call{method: "POST", path: "/api/v1/households/" + w.homeA + "/reveal", body: map[string]any{"reason": "入户核实"}}
		}},

		// Cases.
		"listCases": {allowed: line + " department auditor", try: get1("/cases"), outside: func(w *world, _ string) []string {
			return []string{"/cases?division=" + w.b.String(), "/cases?household=" + w.homeB}
		}},
		"countCases": {allowed: line + " department policy auditor", try: get1("/cases/counts"), outside: func(w *world, _ string) []string { return []string{"/cases/counts?division=" + w.b.String()} }},
		"getCase":    {allowed: line + " department auditor", want: seen, try: aCase("GET", "", nil), outside: func(w *world, _ string) []string { return []string{"/cases/" + w.made.casesB[0]} }},
		"dossier":    {allowed: line + " department auditor", want: seen, try: aCase("GET", "/dossier", nil), outside: func(w *world, _ string) []string { return []string{"/cases/" + w.made.casesB[0] + "/dossier"} }},
		"revealCase": {allowed: line, plain: true, try: aCase("POST", "/dossier", map[string]any{"reason": "入户核实"}),
			also: func(w *world) []call {
				return []call{{method: "POST", path: "/api/v1/cases/" + w.made.casesB[0] + "/dossier", body: map[string]any{"reason": "入户核实"}}}
			}},
		"offers": {allowed: line + " department auditor", want: seen, try: aCase("GET", "/offers", nil), outside: func(w *world, _ string) []string { return []string{"/cases/" + w.made.casesB[0] + "/offers"} }},
		// Whoever has no right to act is told by casework: a complete sign-in gets as far as that, and the version is asked for first.
		"act": {allowed: staffAll, want: func(_ *world, caller string) []int {
			switch caller {
			case "county", "township", "village":
				return []int{412}
			case "department":
				return []int{404}
			}
			return []int{403}
		}, try: func(w *world, _ string) call {
			return call{method: "POST", path: "/api/v1/cases/" + w.made.casesA[0] + "/actions/accept", header: map[string]string{"If-Match": `"999999"`}, body: map[string]any{}}
		}, also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/cases/" + w.made.casesB[0] + "/actions/accept", header: map[string]string{"If-Match": `"1"`}, body: map[string]any{}}}
		}},
		"report": {allowed: "county township village token", try: func(w *world, _ string) call {
			return call{method: "POST", path: "/api/v1/leads", header: map[string]string{"Idempotency-Key": "table-of-roles"}, body: map[string]any{"household": w.homeA, "channel": "visit", "words": "屋顶漏雨"}}
		}, also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/leads", body: map[string]any{"household": w.homeB, "channel": "visit", "words": "屋顶漏雨"}}}
		}},
		"tags": {allowed: line, want: seen, try: func(w *world, _ string) call {
			return call{method: "GET", path: "/api/v1/households/" + w.homeA + "/tags"}
		},
			outside: func(w *world, _ string) []string { return []string{"/households/" + w.homeB + "/tags"} }},
		"notices":   {allowed: line + " department auditor", try: get1("/notices"), outside: func(w *world, _ string) []string { return []string{"/notices?division=" + w.b.String()} }},
		"precision": {allowed: line + " department policy auditor", try: get1("/feedback/precision"), outside: func(w *world, _ string) []string { return []string{"/feedback/precision?division=" + w.b.String()} }},

		"listWarnings": {allowed: line + " token", try: get1("/warnings"), outside: func(w *world, _ string) []string { return []string{"/warnings?division=" + w.b.String()} }},
		"overview":     {allowed: line + " department policy auditor token", try: get1("/overview"), outside: func(w *world, _ string) []string { return []string{"/overview?division=" + w.b.String()} }},
		"screen": {allowed: "province prefecture county", try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/screening/runs", body: map[string]any{}}
		}},
		"dispatch": {allowed: "province prefecture county", try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/dispatch", body: map[string]any{}}
		}},
		"actAll": {allowed: "county township", try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/case-actions/accept", body: map[string]any{}}
		}},

		// Tasks and jobs.
		"inbox":          {allowed: line + " department", try: get1("/inbox"), outside: func(w *world, _ string) []string { return []string{"/inbox?division=" + w.b.String()} }},
		"listTasks":      {allowed: line + " department", try: get1("/tasks"), outside: func(w *world, _ string) []string { return []string{"/tasks?division=" + w.b.String()} }},
		"escalatedTasks": {allowed: line + " department", try: get1("/tasks/escalated")},
		"countTasks":     {allowed: line + " department", try: get1("/tasks/counts")},
		"digest":         {allowed: line + " department", try: get1("/digest")},
		"assignTask": {allowed: line + " department", want: only(404), try: aTask("POST", "/assignment", map[string]any{"account": ""}), also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/tasks/" + w.made.taskB + "/assignment", header: map[string]string{"If-Match": `"1"`}, body: map[string]any{"account": ""}}}
		}},
		"pauseTask":  {allowed: "county township", want: only(404), try: aTask("POST", "/pause", map[string]any{"reason": "等待材料"})},
		"resumeTask": {allowed: "county township", want: only(404), try: aTask("DELETE", "/pause", nil)},
		"listJobs":   {allowed: "province prefecture county policy auditor admin", try: get1("/jobs")},
		"getJob":     {allowed: "province prefecture county policy auditor admin", want: only(404), try: get1("/jobs/999999")},
		"cancelJob":  {allowed: "province county admin", want: only(404), try: func(*world, string) call { return call{method: "DELETE", path: "/api/v1/jobs/999999"} }},

		// Plans and orders. There is no plan yet; whoever may look gets as far as that.
		"propose":   {allowed: line + " department auditor", want: only(200, 404, 403), try: aCase("GET", "/proposal", nil), outside: func(w *world, _ string) []string { return []string{"/cases/" + w.made.casesB[0] + "/proposal"} }},
		"plan":      {allowed: line + " department auditor", want: only(404), try: aCase("GET", "/plan", nil), outside: func(w *world, _ string) []string { return []string{"/cases/" + w.made.casesB[0] + "/plan"} }},
		"revisions": {allowed: line + " department auditor", want: only(200, 404), try: aCase("GET", "/plan/revisions", nil), outside: func(w *world, _ string) []string { return []string{"/cases/" + w.made.casesB[0] + "/plan/revisions"} }},
		"proposeIntoPlan": {allowed: "county township village", want: only(200), try: aCase("POST", "/plan/proposal", nil), also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/cases/" + w.made.casesB[0] + "/plan/proposal"}}
		}},
		"decidePlan": {allowed: "county township village", want: only(404, 409, 412), try: func(w *world, _ string) call {
			return call{method: "POST", path: "/api/v1/cases/" + w.made.casesA[0] + "/plan/decisions", header: map[string]string{"If-Match": `"1"`}, body: map[string]any{"items": []any{map[string]any{"id": "x", "refuse": true, "reason": "不需要"}}}}
		}, also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/cases/" + w.made.casesB[0] + "/plan/decisions", header: map[string]string{"If-Match": `"1"`}, body: map[string]any{"items": []any{map[string]any{"id": "x", "refuse": true, "reason": "不需要"}}}}}
		}},
		"orderMeasure":   {allowed: "county township village", want: only(404), try: aMeasure("/order", nil)},
		"deliverMeasure": {allowed: "county township village", want: only(404), try: aMeasure("/delivery", map[string]any{"done": true})},
		"verifyMeasure":  {allowed: "county township village", want: only(404), try: aMeasure("/verification", map[string]any{"ok": true})},
		"stopMeasure":    {allowed: "county township village", want: only(404), try: aMeasure("/stop", map[string]any{"reason": "外出务工"})},
		"effect":         {allowed: "province prefecture county township policy auditor", want: only(200, 409, 404), try: get1("/effect"), outside: func(w *world, _ string) []string { return []string{"/effect?division=" + w.b.String()} }},
		"listOrders":     {allowed: line + " department auditor token", try: get1("/orders"), outside: func(w *world, _ string) []string { return []string{"/orders?division=" + w.b.String()} }},
		"getOrder":       {allowed: line + " department auditor token", want: only(404), try: get1("/orders/none")},
		"answerOrder": {allowed: "county township village department token", want: only(404), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/orders/none/answer", header: map[string]string{"If-Match": `"1"`}, body: map[string]any{"answer": "accept"}}
		}},

		// Papers.
		"papers": {allowed: staffAll, try: get1("/papers")},
		"casePaper": {allowed: line, plain: true, try: aCase("POST", "/papers/"+report.Forms()[0].ID, map[string]any{"reason": "归档"}), also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/cases/" + w.made.casesB[0] + "/papers/" + report.Forms()[0].ID, body: map[string]any{"reason": "归档"}}}
		}},
		"ledgerSheet": {allowed: "province prefecture county township", try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/ledgers/" + report.Ledgers()[0].ID, body: map[string]any{"masked": true, "format": "csv"}}
		}},
		"villageNotices": {allowed: line, want: only(200, 404), try: aVillage("/notices"), also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/villages/" + w.b.String() + "/notices"}}
		}},

		// Household codes.
		"villageCards": {allowed: "county township", want: only(200, 404, 409), try: aVillage("/cards")},
		"listCodes":    {allowed: line, try: aHome("GET", "/codes", nil), outside: func(w *world, _ string) []string { return []string{"/households/" + w.homeB + "/codes"} }},
		"issueCode":    {allowed: "county township", try: aHome("POST", "/codes", map[string]any{"expires": "2030-01-01"})},
		"reprintCode":  {allowed: "county township", try: aHome("POST", "/codes/reprint", map[string]any{"reason": "遗失", "expires": "2030-01-01"})},
		"revokeCode":   {allowed: "county township", want: only(200, 404, 409), try: aHome("POST", "/codes/revocation", map[string]any{"reason": "搬走"})},
		"onceCode": {allowed: line, want: only(200, 404, 409), try: aHome("POST", "/codes/once", nil), also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/households/" + w.homeB + "/codes/once"}}
		}},
		"scanAsStaff": {allowed: line, try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/codes/scan", body: map[string]any{"text": "HTTPS://X/C/ABC"}}
		}},
		"scan": {allowed: everybody, try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/public/codes/scan", body: map[string]any{"text": "HTTPS://X/C/ABC"}}
		}},
		"keyList": {allowed: everybody, try: get1("/public/codes/keys")},

		// For everybody.
		"apply": {allowed: everybody, want: only(422), try: func(w *world, _ string) call {
			return call{method: "POST", path: "/api/v1/public/applications", body: map[string]any{"name": "某某", "phone": "12", "village": int64(w.a), "difficulty": "x"}}
		}},
		"follow": {allowed: everybody, want: only(404), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/public/applications/progress", body: map[string]any{"code": "AAAA-BBBB-CCCC"}}
		}},
		"publicNotices": {allowed: everybody, try: func(w *world, _ string) call {
			return call{method: "GET", path: "/api/v1/public/notices?village=" + w.a.String()}
		}},
		"applications": {allowed: "county township village", try: get1("/applications")},
		"revealApplication": {allowed: "county township village", plain: true, try: func(w *world, _ string) call {
			return call{method: "POST", path: "/api/v1/applications/" + w.made.applicationA + "/reveal", body: map[string]any{"reason": "电话核实"}}
		}, also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/applications/" + w.made.applicationB + "/reveal", body: map[string]any{"reason": "电话核实"}}}
		}},
		"takeApplication": {allowed: "county township village", want: only(412), try: func(w *world, _ string) call {
			return call{method: "POST", path: "/api/v1/applications/" + w.made.applicationA + "/case", header: map[string]string{"If-Match": `"999"`}, body: map[string]any{"household": w.homeA}}
		}, also: func(w *world) []call {
			h := map[string]string{"If-Match": `"1"`}
			return []call{{method: "POST", path: "/api/v1/applications/" + w.made.applicationB + "/case", header: h, body: map[string]any{"household": w.homeA}},
				{method: "POST", path: "/api/v1/applications/" + w.made.applicationA + "/case", header: h, body: map[string]any{"household": w.homeB}}}
		}},
		"answerApplication": {allowed: "county township village", want: only(412), try: func(w *world, _ string) call {
			return call{method: "POST", path: "/api/v1/applications/" + w.made.applicationA + "/answer", header: map[string]string{"If-Match": `"999"`}, body: map[string]any{"reason": "不属于本村"}}
		}, also: func(w *world) []call {
			return []call{{method: "POST", path: "/api/v1/applications/" + w.made.applicationB + "/answer", header: map[string]string{"If-Match": `"1"`}, body: map[string]any{"reason": "不属于本村"}}}
		}},

		// Deliveries.
		"upload": {allowed: "province prefecture county department token", want: only(415), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/intake/files", body: map[string]any{}}
		}},
		"national": {allowed: "county", want: only(415), try: func(*world, string) call {
			return call{method: "POST", path: "/api/v1/intake/national", body: map[string]any{}}
		}},
		"receipts":        {allowed: "province prefecture county department auditor token", try: get1("/intake/receipts")},
		"rejects":         {allowed: "province prefecture county department token", want: only(404), try: get1("/intake/receipts/" + strings.Repeat("0", 64) + "/rejects?reason=test")},
		"verifyWarehouse": {allowed: "auditor admin", try: func(*world, string) call { return call{method: "POST", path: "/api/v1/verification"} }},

		"policy": {allowed: staffAll + " token", try: get1("/policy")},
	}
}

// TestRolesAndOperations holds the table to the program: every operation has a row, each allowed caller gets through, each other one is refused before
// anything is looked at.
func TestRolesAndOperations(t *testing.T) {
	w := newWorld(t)
	rows := table()
	seen := map[string]bool{}
	var last []func()
	operations(w.server.api.OpenAPI(), func(_, _ string, o *huma.Operation) {
		r, ok := rows[o.OperationID]
		if !ok {
			t.Errorf("the operation %s has no row: say who may call it", o.OperationID)
			return
		}
		seen[o.OperationID] = true
		run := func() {
			t.Run(o.OperationID, func(t *testing.T) {
				allowed := strings.Fields(r.allowed)
				for _, caller := range testCallers() {
					c := r.try(w, caller)
					got := w.send(t, caller, c)
					if !r.plain || !slices.Contains(allowed, caller) {
						w.check(t, caller, c, got)
					}
					if !slices.Contains(allowed, caller) {
						want := http.StatusForbidden
						if caller == "nobody" {
							want = http.StatusUnauthorized
						}
						if got.Code != want {
							t.Errorf("%s gives %d, want %d: %.200s", caller, got.Code, want, got.Body)
						}
						continue
					}
					want := []int{http.StatusOK, http.StatusNoContent}
					if r.want != nil {
						want = r.want(w, caller)
					}
					if !slices.Contains(want, got.Code) {
						t.Errorf("%s gives %d, want %v: %.300s", caller, got.Code, want, got.Body)
					}
				}
				if r.also != nil {
					for _, c := range r.also(w) {
						if got := w.do(t, "village", c); got.Code != http.StatusNotFound {
							t.Errorf("village B at %s %s gives %d: %.300s", c.method, c.path, got.Code, got.Body)
						}
					}
				}
				if r.outside != nil {
					for _, path := range r.outside(w, "village") {
						if got := w.do(t, "village", call{method: "GET", path: "/api/v1" + path}); got.Code != http.StatusNotFound && got.Code != http.StatusForbidden {
							t.Errorf("village B at %s gives %d: %.300s", path, got.Code, got.Body)
						}
					}
				}
			})
		}
		if o.OperationID == "signOut" || o.OperationID == "endSessions" {
			last = append(last, run)
			return
		}
		run()
	})
	for id := range rows {
		if !seen[id] {
			t.Errorf("the table has a row for %s, which is no operation", id)
		}
	}
	w.renew(t, last)
}
