package web

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/api"
)

// served is the pages as the program serves them: behind the guards of the interface's server, with limits that a test can wait for.
func served(t *testing.T, limits api.Limits) *site {
	t.Helper()
	s := newSite(t, nil)
	limits.SignIn = api.Rate{Burst: 1000, Every: time.Millisecond}
	server, err := api.New(s.app, api.Options{Now: func() time.Time { return today }, Pages: s.server.Handler(), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server.Handler())
	t.Cleanup(h.Close)
	s.http = h
	return s
}

// TestSlowUploads: an upload that stops coming, and one that drips, are given up in time, with an answer that is no fault of the program, and leave nothing behind.
func TestSlowUploads(t *testing.T) {
	s := served(t, api.Limits{BodyStall: 300 * time.Millisecond, BodyRate: 1000})
	p := s.as(account.Department)
	u, err := url.Parse(s.http.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookie := ""
	for _, c := range p.client.Jar.Cookies(u) {
		cookie += c.Name + "=" + c.Value + "; "
	}
	head := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"医保结算_522633_202610.csv\"\r\n\r\n"
	for name, pause := range map[string]time.Duration{"stops": time.Hour, "drips": 40 * time.Millisecond} {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /data/upload HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n%s", u.Host, cookie, head)
		answered := make(chan struct{})
		go func() {
			for {
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
				select {
				case <-time.After(pause):
				case <-answered:
					return
				}
			}
		}()
		begun := time.Now()
		conn.SetReadDeadline(begun.Add(20 * time.Second))
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("an upload that %s is never answered: %v", name, err)
		}
		// 503 says that the request was stopped: its connection is given up while the page with the words is still being made.
		if r.StatusCode < 400 || r.StatusCode >= 500 && r.StatusCode != http.StatusServiceUnavailable || time.Since(begun) > 10*time.Second {
			t.Errorf("an upload that %s: %d after %v", name, r.StatusCode, time.Since(begun))
		}
		r.Body.Close()
		close(answered)
		conn.Close()
	}
	s.nothingLeft()
}

// TestOversizeUploads: more than the server takes is refused, whether its length is said or not, and leaves nothing behind.
func TestOversizeUploads(t *testing.T) {
	s := served(t, api.Limits{Upload: 20_000})
	p := s.as(account.Department)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "医保结算_522633_202610.csv")
	if err == nil {
		_, err = part.Write(bytes.Repeat([]byte("x"), 50_000))
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, reader := range map[string]io.Reader{"said": bytes.NewReader(body.Bytes()), "not said": io.MultiReader(bytes.NewReader(body.Bytes()))} {
		r, err := http.NewRequest(http.MethodPost, s.http.URL+"/data/upload", reader)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", form.FormDataContentType())
		if a := p.do(r); a.status != http.StatusRequestEntityTooLarge && (a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text, "文件超过")) {
			t.Errorf("50 kB, its length %s: %d", name, a.status)
		}
	}
	s.nothingLeft()
}

// nothingLeft fails when an upload that was refused has left a file behind.
func (s *site) nothingLeft() {
	s.Helper()
	for range 50 { // the handler may still be tidying
		left, err := filepath.Glob(filepath.Join(s.app.Config.Temp(), "upload-*"))
		if err != nil {
			s.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Error("an upload that was refused has left a file behind")
}

// posts are the addresses that change something, as they stand in the table of addresses, so that none can be forgotten here.
func posts(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("web.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`mux\.Handle\("POST ("\s*\+\s*\w+|[^"]+")`).FindAllStringSubmatch(string(text), -1) {
		path := strings.Trim(m[1], `"`)
		if strings.Contains(path, "+") {
			path = map[string]string{"uploadPath": uploadPath}[strings.TrimSpace(strings.Trim(path, `"+ `))]
		}
		if path != "" {
			out = append(out, regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "x"))
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d addresses were found in web.go", len(out))
	}
	return out
}

// TestOtherSitesForms: no address that changes something takes a form of another site, whoever's browser it comes from.
func TestOtherSitesForms(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	for _, path := range posts(t) {
		for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}} {
			r, err := http.NewRequest(http.MethodPost, s.http.URL+path, strings.NewReader("reason=x"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for k, v := range header {
				r.Header.Set(k, v)
			}
			if a := p.do(r); a.status != http.StatusForbidden {
				t.Errorf("%s with %v: %d", path, header, a.status)
			}
		}
	}
}

// TestPathTraversal: no address gives a file of the disk, however it is written.
func TestPathTraversal(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.Department)
	for _, path := range []string{"/data/receipts/..%2f..%2fkeyring", "/data/receipts/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/data/receipts/..%5c..%5ckeyring", "/assets/..%2fweb.go", "/assets/%2e%2e/%2e%2e/keyring", "/cases/x/files/..%2f..%2fkeyring"} {
		if a := p.get(path); a.status == http.StatusOK || a.status >= 500 || strings.Contains(a.text, "root:") {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := p.post("/data/receipts/..%2f..%2fkeyring/rejects", url.Values{}); a.status < 400 || a.status >= 500 {
		t.Errorf("rejects of a path: %d", a.status)
	}
}

// TestFormulasInRejects: what a department's file holds is not run by a spreadsheet when its rejected rows are downloaded.
func TestFormulasInRejects(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.Department)
	text := "结算单号,姓名,身份证号码,医疗类别,结算日期,医疗总费用,个人自付\n" + `F0001,"=HYPERLINK(""http://x"")",52263319800101001X,住院,2026-02-30,1000,200` + "\n" + `F0002,@SUM(1),52263319800101001X,住院,2026-02-31,1000,-200` + "\n"
	p.upload("医保结算_522633_202606_formula.csv", text, nil)
	href, ok := p.page("/data/receipts").doc.Find("a:contains('_formula.csv')").Attr("href")
	if !ok {
		t.Fatal("there is no receipt")
	}
	a := p.post(href+"/rejects", nil)
	if a.status != http.StatusOK || !strings.Contains(a.text, "'=HYPERLINK") || !strings.Contains(a.text, "'@SUM") || strings.Contains(a.text, ",=HYPERLINK") || strings.Contains(a.text, `"=HYPERLINK`) {
		t.Errorf("%d %s", a.status, a.text)
	}
}
