package api

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/intake"
	"shouwang/internal/measure"
	"shouwang/internal/report"
)

// A measure in the plan is given up with a reason; the plan keeps it as stopped, and the old version is told.
func TestAMeasureIsStopped(t *testing.T) {
	w := newWorld(t)
	path := "/api/v1/cases/" + w.made.casesA[1]
	proposed := w.do(t, "village", call{method: "POST", path: path + "/plan/proposal"})
	into[measure.Plan](t, proposed, 200)
	plan := into[measure.Plan](t, w.do(t, "village", call{method: "POST", path: path + "/plan/decisions", header: map[string]string{"If-Match": proposed.Header().Get("ETag")}, body: map[string]any{"items": []any{map[string]any{"measure": "temporary_aid", "reason": "突发困难"}, map[string]any{"measure": "farm_grant", "reason": "想养牛"}}}}), 200)
	at := slices.IndexFunc(plan.Measures, func(m measure.Measure) bool { return m.Option == "temporary_aid" })
	if at < 0 {
		t.Fatalf("the plan has no such measure: %+v", plan.Measures)
	}
	m := plan.Measures[at]
	stop := call{method: "POST", path: "/api/v1/measures/" + m.ID + "/stop", header: map[string]string{"If-Match": etag(m.Version)}, body: map[string]any{"reason": "已由亲属接走"}}
	if p := into[measure.Plan](t, w.do(t, "village", stop), 200); !slices.ContainsFunc(p.Measures, func(x measure.Measure) bool { return x.ID == m.ID && x.State == measure.Stopped }) {
		t.Errorf("%+v", p.Measures)
	}
	if got := w.do(t, "village", stop); got.Code != http.StatusPreconditionFailed {
		t.Errorf("the old version: %d %.200s", got.Code, got.Body)
	}
	stop.body = map[string]any{}
	if got := w.do(t, "village", stop); got.Code != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", got.Code)
	}
}

// An export of the national system comes in like a department's delivery: with a receipt, for one's own county only, and as an event.
func TestNationalFiles(t *testing.T) {
	w := newWorld(t)
	send := func(caller, name, query string) *httptest.ResponseRecorder {
		t.Helper()
		book := excelize.NewFile()
		defer book.Close()
		for i, row := range [][]any{{"全国防止返贫监测信息系统"}, {"导出时间：2026-11-14"}, {"户编号", "户主姓名", "姓名", "证件号码", "与户主关系", "监测对象类别", "识别监测时间", "风险消除时间", "致贫/返贫风险1"},
			{w.homeA, "韦测试名", "韦测试名", "", "户主", "边缘易致贫户", "202605", "", "因病"}, {"", "某某", "某某", "123", "户主", "没有这一类", "不是日期", "", "因病"}} {
			cell, err := excelize.CoordinatesToCellName(1, i+1)
			if err != nil {
				t.Fatal(err)
			}
			if err := book.SetSheetRow("Sheet1", cell, &row); err != nil {
				t.Fatal(err)
			}
		}
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("file", name)
		if err == nil {
			err = book.Write(part)
		}
		if err != nil {
			t.Fatal(err)
		}
		form.Close()
		return w.send(t, caller, call{method: "POST", path: "/api/v1/intake/national" + query, body: body.Bytes(), header: map[string]string{"Content-Type": form.FormDataContentType()}})
	}
	got := send("county", "监测对象信息.xlsx", "?period=202611")
	r := into[report.Imported](t, got, 200)
	if r.Kind != "monitored" || r.Rows != 2 || r.Receipt == nil || r.Receipt.State != intake.Accepted || r.Receipt.Accepted != 1 || r.Receipt.Rejected != 1 {
		t.Fatalf("%+v %+v", r, r.Receipt)
	}
	if strings.Contains(got.Body.String(), "韦测试名") {
		t.Error("the answer names a person")
	}
	if got := w.do(t, "auditor", call{method: "GET", path: "/api/v1/audit/events?action=intake.national"}); !strings.Contains(got.Body.String(), r.Receipt.Delivery) {
		t.Errorf("the chain does not tell of it: %s", got.Body)
	}
	for name, c := range map[string]struct {
		caller, file, query string
		want                int
	}{
		"another county by its name": {"county", "监测对象信息_522722_202611.xlsx", "", 403},
		"another county":             {"county", "监测对象信息.xlsx", "?scope=522722", 404},
		"a village":                  {"village", "监测对象信息.xlsx", "", 403},
		"a period":                   {"county", "监测对象信息.xlsx", "?period=never", 422},
		"a file without facts":       {"county", "行政村信息.xlsx", "", 200},
	} {
		if got := send(c.caller, c.file, c.query); got.Code != c.want || strings.Contains(got.Body.String(), "韦测试名") {
			t.Errorf("%s: %d, want %d: %.300s", name, got.Code, c.want, got.Body)
		}
	}
}
