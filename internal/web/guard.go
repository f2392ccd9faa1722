package web

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"shouwang/internal/account"
	"shouwang/internal/errs"
	"shouwang/internal/locale"
	"shouwang/internal/web/view"
)

// policy of the pages: everything from this server, no script or style that is not a file, no frame around them.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// uploadPath and staffListPath take files, and bound them themselves; every other form is at most maxForm bytes.
const (
	uploadPath    = "/data/upload"
	staffListPath = "/admin/accounts/import"
	maxForm       = 64 << 10

	maxPackText = 4 << 20 // a file of the policy pack (at most 1 MiB), written as a form does
)

// visit is one request as the handlers see it.
type visit struct {
	w      http.ResponseWriter
	r      *http.Request
	id     string
	lang   string
	theme  string
	secure bool
	actor  account.Actor // the zero Actor before signing in
	stage  account.Stage // of the session; "" without one
	status int           // of the answer; 0 = 200
	large  bool          // in large type, for people who are no staff
}

// may tells whether the reader's roles allow an action.
func (v *visit) may(a account.Action) bool { return v.actor.May(a) == nil }

type handler func(v *visit) error

// guard is what stands before every page: headers, refusal of other sites' forms, recovery.
func (s *Server) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(s.open(func(*visit) error {
		return errs.New(errs.Refused, "这个请求是从别的网站发来的，已拒绝。请从本系统的页面操作。", "the request came from another site and is refused. Please use the pages of this system.")
	}))
	inner := origin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !takesFiles(r.URL.Path) {
			r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r.URL.Path))
		}
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "geolocation=(self), camera=(self), microphone=(self)")
		h.Set("Cache-Control", "no-store")
		inner.ServeHTTP(w, r)
	})
}

// open makes a handler of a page for everybody; an error of it is answered as a page.
func (s *Server) open(f handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := s.visit(w, r)
		defer s.recover(v)
		if err := s.identify(v); err != nil {
			s.fail(v, err)
			return
		}
		if err := f(v); err != nil {
			s.fail(v, err)
		}
	})
}

// page makes a handler of a page for signed-in readers whose role has the right.
func (s *Server) page(need account.Action, f handler) http.Handler {
	return s.open(func(v *visit) error {
		if v.stage != "" && v.stage != account.Full {
			return v.redirect(stagePage(v.stage))
		}
		if v.actor.Account == "" {
			back := ""
			if v.r.Method == http.MethodGet && v.r.URL.Path != "/" {
				back = v.r.URL.RequestURI()
			}
			return v.redirect(view.Link("/sign-in", "back", back))
		}
		if need != anybody {
			if err := v.actor.May(need); err != nil {
				return err
			}
		}
		return f(v)
	})
}

func (s *Server) visit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{w: w, r: r, id: w.Header().Get("X-Request-Id"), lang: locale.Chinese}
	if v.id == "" {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		v.id = hex.EncodeToString(b[:])
		w.Header().Set("X-Request-Id", v.id)
	}
	v.secure = r.TLS != nil || w.Header().Get("Strict-Transport-Security") != ""
	v.lang = acceptLanguage(r.Header.Get("Accept-Language"))
	if c, err := r.Cookie("lang"); err == nil && (c.Value == locale.Chinese || c.Value == locale.English) {
		v.lang = c.Value
	}
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		v.theme = c.Value
	}
	return v
}

// acceptLanguage is the first of our languages that the browser names; Chinese when it names neither.
func acceptLanguage(header string) string {
	for _, part := range strings.Split(header, ",") {
		tag, _, _ := strings.Cut(part, ";")
		switch tag = strings.ToLower(strings.TrimSpace(tag)); {
		case strings.HasPrefix(tag, "zh"):
			return locale.Chinese
		case strings.HasPrefix(tag, "en"):
			return locale.English
		}
	}
	return locale.Chinese
}

// t picks the wording in the reader's language.
func (v *visit) t(zh, en string) string {
	if v.lang == locale.English {
		return en
	}
	return zh
}

func (v *visit) redirect(to string) error {
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// recover answers a fault of the program: the log has the place, the reader a page, nobody a stack or a value.
func (s *Server) recover(v *visit) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // the documented sentinel value of a panic: the answer must break off
		panic(cause)
	}
	s.fail(v, fmt.Errorf("panic at %s", place()))
}

// place is the innermost place of this program's code on a panicking stack.
func place() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "shouwang/") && !strings.Contains(f.Function, ".recover") {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		if !more {
			return "?"
		}
	}
}

// statusOf an error's kind.
func statusOf(kind errs.Kind) int {
	switch kind {
	case errs.Invalid:
		return http.StatusUnprocessableEntity
	case errs.NotFound:
		return http.StatusNotFound
	case errs.Conflict:
		return http.StatusConflict
	case errs.Refused:
		return http.StatusForbidden
	case errs.Locked, errs.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// fail is the one place that answers an error: a page in the reader's language with the number of the request. What the program itself did wrong is
// told in the log only.
func (s *Server) fail(v *visit, err error) {
	kind := errs.KindOf(err)
	text := errs.Text(err, v.lang)
	status := statusOf(kind)
	if kind == errs.Internal {
		s.log.Error("a page failed", "request", v.id, "method", v.r.Method, "route", v.r.Pattern, "error", err.Error())
		text = s.words.In(v.lang, "error.internal")
	}
	p := s.frame(v, s.words.In(v.lang, "error.title."+kind.String()), "")
	if err := s.write(v, status, view.ErrorPage(p, text)); err != nil {
		s.log.Error("an error page failed", "request", v.id, "error", err.Error())
		http.Error(v.w, text, status)
	}
}

// show answers a page.
func (s *Server) show(v *visit, c templ.Component) error { return s.write(v, http.StatusOK, c) }

// write renders first and answers then, so that a page that fails half way is never half sent.
func (s *Server) write(v *visit, status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(v.r.Context(), &b); err != nil {
		return fmt.Errorf("web: render: %w", err)
	}
	v.status = status
	return s.send(v, "text/html; charset=utf-8", b.Bytes())
}

// send answers a text, compressed when it is worth it and the browser takes it.
func (s *Server) send(v *visit, kind string, body []byte) error {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	if len(body) > 1024 && strings.Contains(v.r.Header.Get("Accept-Encoding"), "gzip") {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(body); err == nil && w.Close() == nil {
			body = z.Bytes()
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	v.w.WriteHeader(cmp.Or(v.status, http.StatusOK))
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(body) // a reader that went away is told nothing
	}
	return nil
}

// frame is what every page gets.
func (s *Server) frame(v *visit, title, section string) view.Page {
	p := view.Page{Lang: v.lang, Theme: v.theme, Words: s.words, Title: title, Section: section, RequestID: v.id, Asset: s.assets.Address, MapNumber: s.config.MapNumber, Demo: s.config.Demo, Large: v.large && v.actor.Account == ""}
	p.Here = "/"
	if v.r.Method == http.MethodGet {
		p.Here = v.r.URL.RequestURI()
	}
	if v.actor.Account != "" {
		p.Reader = s.readerOf(v)
		p.Nav = s.navigation(v)
	}
	return p
}

// local is an address of this site, or "/": what a form says where to go back to is never followed to another site.
func local(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n\t") {
		return "/"
	}
	return u.RequestURI()
}

// preferences remembers language and theme in the browser.
func (s *Server) preferences(v *visit) error {
	for _, c := range []struct {
		name    string
		allowed []string
	}{{"lang", []string{locale.Chinese, locale.English}}, {"theme", []string{"light", "dark"}}} {
		for _, value := range c.allowed {
			if v.r.PostFormValue(c.name) == value {
				http.SetCookie(v.w, &http.Cookie{Name: c.name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode})
			}
		}
	}
	return v.redirect(local(v.r.PostFormValue("back")))
}

// nothing answers what no other address does.
func (s *Server) nothing(*visit) error {
	return errs.New(errs.NotFound, "没有这一页。地址可能写错了，或者内容已经移走。", "there is no such page. The address may be mistyped, or what it showed has moved.")
}

// context of the request.
func (v *visit) context() context.Context { return v.r.Context() }
