package api

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shouwang/internal/intake"
	"shouwang/internal/residentid"
)

// deliver uploads a file.
func (w *world) deliver(t *testing.T, caller, name, query, text string) *httptest.ResponseRecorder {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "x")
	if err != nil {
		t.Fatal(err)
	}
	part.Write([]byte(text))
	form.Close()
	// The library would clean the name: an attacker's does not.
	raw := strings.Replace(body.String(), `filename="x"`, `filename="`+name+`"`, 1)
	return w.send(t, caller, call{method: "POST", path: "/api/v1/intake/files" + query, body: []byte(raw), header: map[string]string{"Content-Type": form.FormDataContentType()}})
}

// settlements are rows of medical settlements, the last with a wrong amount.
func settlements(month, who string) string {
	n := "52263319800101001"
	n += string(residentid.CheckDigit([]byte(n)))
	return "结算单号,姓名,身份证号码,出生日期,医疗类别,入院日期,结算日期,医疗总费用,个人自付\n" +
		fmt.Sprintf("S%[1]s1,%[2]s,%[3]s,1980-01-01,住院,2026-%[1]s-01,2026-%[1]s-03,1000.50,300.25\nS%[1]s2,%[2]s,%[3]s,1980-01-01,住院,2026-%[1]s-01,2026-%[1]s-04,1000.50,很多\n", month, who, n)
}

func TestDeliveries(t *testing.T) {
	w := newWorld(t)
	const somebody = "韦测试名"
	// A name that wants out of its folder ends up as its last part, and nothing is written anywhere but where deliveries go.
	before := listing(t, filepath.Dir(w.app.Config.Data))
	got := w.deliver(t, "token", `../../../医保结算_522633_202609.csv`, "", settlements("09", somebody))
	r := into[intake.Receipt](t, got, 200)
	if r.State != intake.Accepted || r.File != "医保结算_522633_202609.csv" || r.Rejected != 1 || r.Accepted != 1 {
		t.Fatalf("%+v", r)
	}
	if strings.Contains(got.Body.String(), somebody) {
		t.Error("the receipt names a person")
	}
	for path := range listing(t, filepath.Dir(w.app.Config.Data)) {
		if !before[path] && !strings.HasPrefix(path, "data/archive/") && !strings.HasPrefix(path, "data/receipts/") && !strings.HasPrefix(path, "data/rejects/") {
			t.Errorf("a new file %s", path)
		}
	}
	// The same again.
	if r := into[intake.Receipt](t, w.deliver(t, "token", "医保结算_522633_202609.csv", "", settlements("09", somebody)), 200); r.State != intake.Already {
		t.Errorf("again: %s", r.State)
	}
	// Another county's; another department's; no file; no form.
	for name, c := range map[string]struct {
		caller, file, query, text string
		want                      int
	}{
		"another county":           {"token", "医保结算_522722_202609.csv", "", settlements("08", somebody), 403},
		"scope outside":            {"token", "医保结算.csv", "?scope=522722", settlements("08", somebody), 404},
		"another department":       {"token", "农户花名册_522633_202609.csv", "", "户编号,行政村代码,与户主关系,姓名,证件号码,联系电话,出生日期,户类型\n1,522633105209,户主,某某,,,,一般农户\n", 403},
		"a county may, for itself": {"county", "医保结算_522633_202608.csv", "", settlements("08", somebody), 200},
		"nonsense":                 {"token", "医保结算_522633_202607.csv", "", "\x00\x01\x02", 200},
		"no name":                  {"token", "..", "", settlements("08", somebody), 422},
		"period":                   {"token", "医保结算_522633.csv", "?period=never", settlements("08", somebody), 422},
	} {
		got := w.deliver(t, c.caller, c.file, c.query, c.text)
		if got.Code != c.want || strings.Contains(got.Body.String(), somebody) {
			t.Errorf("%s: %d, want %d: %.300s", name, got.Code, c.want, got.Body)
		}
	}
	if got := w.send(t, "token", call{method: "POST", path: "/api/v1/intake/files", body: []byte("--x\r\n"), header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}}); got.Code != 400 && got.Code != 422 {
		t.Errorf("a cut form: %d %s", got.Code, got.Body)
	}
	// The rejected rows go back to the department, with a reason, and that is an event.
	path := "/api/v1/intake/receipts/" + r.Delivery + "/rejects"
	if got := w.send(t, "token", call{method: "GET", path: path}); got.Code != 422 {
		t.Errorf("without a reason: %d", got.Code)
	}
	got = w.send(t, "token", call{method: "GET", path: path + "?reason=correct"})
	if got.Code != 200 || !strings.Contains(got.Body.String(), somebody) || !strings.HasPrefix(got.Header().Get("Content-Type"), "text/csv") || !strings.Contains(got.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("rejects: %d %v %.200s", got.Code, got.Header(), got.Body)
	}
	for _, caller := range []string{"village", "auditor", "policy"} {
		if got := w.do(t, caller, call{method: "GET", path: path + "?reason=correct"}); got.Code != 403 {
			t.Errorf("rejects for %s: %d", caller, got.Code)
		}
	}
	if got := w.do(t, "auditor", call{method: "GET", path: "/api/v1/audit/events?action=intake.rejects"}); !strings.Contains(got.Body.String(), r.Delivery) {
		t.Errorf("the chain does not tell that rejected rows were taken away: %s", got.Body)
	}
}

// TestUploadsAreBounded: a file that is larger than the limit is refused whether its length is said or not, and leaves nothing behind.
func TestUploadsAreBounded(t *testing.T) {
	w := newWorld(t)
	small := *w
	small.server = mustServer(t, w.app, Options{Now: w.server.now, Limits: Limits{Upload: 2000}})
	got := small.deliver(t, "token", "医保结算_522633_202609.csv", "", strings.Repeat("x", 3000))
	if got.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large file: %d %.200s", got.Code, got.Body)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("file", "医保结算_522633_202609.csv")
	part.Write(bytes.Repeat([]byte("x"), 3000))
	form.Close()
	r := httptest.NewRequest("POST", "/api/v1/intake/files", struct{ *bytes.Buffer }{&body}) // no length
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+w.secrets["token"])
	out := httptest.NewRecorder()
	small.server.Handler().ServeHTTP(out, r)
	if out.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large file of unknown length: %d %.200s", out.Code, out.Body)
	}
	left, err := filepath.Glob(filepath.Join(w.app.Config.Temp(), "upload-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// listing is every file below dir.
func listing(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out[rel] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
