package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/phone"
	"shouwang/internal/web/view"
)

// Addresses of the phone's data, and how large what is sent to them may be, in bytes.
const (
	phoneVisits   = "/phone/visits"
	phoneFiles    = "/phone/files"
	maxPhoneVisit = 1 << 20
	maxPhoneFile  = 4 << 20
	editsAtOnce   = 50
)

// phoneAssets are the files of the page's frame, which the service worker keeps.
func phoneAssets() []string {
	return []string{"tabler.css", "app.css", "phone.css", "theme.js", "phone-store.js", "phone-code.js", "phone.js", "phone-form.js", "mark.svg", "icons.svg"}
}

// bodyLimit is how much the body of a request may hold.
func bodyLimit(path string) int64 {
	switch path {
	case phoneVisits:
		return maxPhoneVisit
	case phoneFiles:
		return maxPhoneFile
	}
	if strings.HasPrefix(path, "/policy/drafts/") && strings.HasSuffix(path, "/edit") {
		return maxPackText
	}
	return maxForm
}

// data makes a handler of an address that the phone's page asks: what goes wrong is answered as JSON, in both languages.
func (s *Server) data(need account.Action, f handler) http.Handler {
	return s.open(func(v *visit) error {
		if v.actor.Account == "" {
			return s.problem(v, http.StatusUnauthorized, errs.New(errs.Refused, "登录已结束，请重新登录", "the session has ended; sign in again"))
		}
		err := v.actor.May(need)
		if err == nil {
			err = f(v)
		}
		if err == nil {
			return nil
		}
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return s.problem(v, http.StatusRequestEntityTooLarge, errs.New(errs.Invalid, "一次发送的内容太大", "too much was sent at once"))
		}
		kind := errs.KindOf(err)
		if kind == errs.Internal {
			s.log.Error("the phone's data failed", "request", v.id, "route", v.r.Pattern, "error", err.Error())
			err = errs.New(errs.Internal, s.words.In("zh", "error.internal"), s.words.In("en", "error.internal"))
		}
		return s.problem(v, statusOf(kind), err)
	})
}

func (s *Server) problem(v *visit, status int, err error) error {
	v.status = status
	return s.answerJSON(v, map[string]string{"kind": errs.KindOf(err).String(), "zh": errs.Text(err, "zh"), "en": errs.Text(err, "en"), "request": v.id})
}

func (s *Server) answerJSON(v *visit, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return errs.Wrap(errs.Internal, err, "答复无法写出", "the answer cannot be written")
	}
	return s.send(v, "application/json", text)
}

// villageOnly refuses accounts that are not of one village: the phone carries one.
func villageOnly(v *visit) error {
	if v.actor.Division.Level() != division.Village {
		return errs.New(errs.Refused, "手机走访按村携带数据，请用村级账号登录。", "the phone carries the data of one village: sign in with an account of a village.")
	}
	return nil
}

// phonePage is the frame of the phone's page. It holds nothing of anybody, so that the service worker may keep it: data come by phoneSync and are kept
// encrypted.
func (s *Server) phonePage(v *visit) error {
	if err := villageOnly(v); err != nil {
		return err
	}
	least, err := s.app.Pack.Param("phone_secret_least", v.actor.Division, s.now())
	if err != nil {
		return err
	}
	p := s.frame(v, s.words.In(v.lang, "phone.title"), "phone")
	p.Here, p.Reader, p.Nav = "/phone", nil, nil
	return s.show(v, view.PhonePage(p, int(least.Value)))
}

// phoneWorker is the service worker: the file with the frame's addresses in front.
func (s *Server) phoneWorker(v *visit) error {
	files := []string{"/phone/manifest.webmanifest"}
	for _, name := range phoneAssets() {
		files = append(files, s.assets.Address(name))
	}
	list, err := json.Marshal(files)
	if err != nil {
		return errs.Wrap(errs.Internal, err, "答复无法写出", "the answer cannot be written")
	}
	text := s.assets.Text("phone-sw.js")
	version := strings.TrimSuffix(s.assets.Address("phone-sw.js")[len("/assets/phone-sw."):], ".js")
	var b bytes.Buffer
	b.WriteString("const VERSION = \"" + version + "\";\nconst FILES = ")
	b.Write(list)
	b.WriteString(";\n")
	b.Write(text)
	v.w.Header().Set("Service-Worker-Allowed", "/phone")
	return s.send(v, "text/javascript; charset=utf-8", b.Bytes())
}

// phoneManifest lets the page be installed.
func (s *Server) phoneManifest(v *visit) error {
	type icon struct {
		Src     string `json:"src"`
		Sizes   string `json:"sizes"`
		Type    string `json:"type"`
		Purpose string `json:"purpose"`
	}
	v.w.Header().Set("Cache-Control", "no-cache")
	text, err := json.Marshal(map[string]any{
		"id": "/phone", "name": s.words.In(v.lang, "phone.install_name"), "short_name": s.words.In(v.lang, "phone.brand"), "lang": v.lang, "start_url": "/phone", "scope": "/phone", "display": "standalone",
		"background_color": "#f6f8fb", "theme_color": "#0b7a75",
		"icons": []icon{{s.assets.Address("icon-192.png"), "192x192", "image/png", "any"}, {s.assets.Address("icon-512.png"), "512x512", "image/png", "any"}, {s.assets.Address("icon-512.png"), "512x512", "image/png", "maskable"}},
	})
	if err != nil {
		return errs.Wrap(errs.Internal, err, "答复无法写出", "the answer cannot be written")
	}
	return s.send(v, "application/manifest+json", text)
}

// phoneSync gives the reader's village.
func (s *Server) phoneSync(v *visit) error {
	service, err := s.app.Phone()
	if err != nil {
		return err
	}
	doc, err := service.Village(v.context(), v.actor, s.now())
	if err != nil {
		return err
	}
	return s.answerJSON(v, doc)
}

// phoneVisit takes visits that were made off line. Each is judged for itself; after an error the same ones may be sent again.
func (s *Server) phoneVisit(v *visit) error {
	if err := villageOnly(v); err != nil {
		return err
	}
	var in struct {
		Edits []phone.Edit `json:"edits"`
	}
	if err := json.NewDecoder(v.r.Body).Decode(&in); err != nil {
		return errs.Wrap(errs.Invalid, err, "发来的走访记录无法读取，请更新手机应用", "the visits cannot be read; update the phone's program")
	}
	if len(in.Edits) == 0 || len(in.Edits) > editsAtOnce {
		return errs.Newf(errs.Invalid, "一次发送 1 到 %[1]d 条走访记录", "1 to %[1]d visits are sent at once", editsAtOnce)
	}
	service, err := s.app.Phone()
	if err != nil {
		return err
	}
	answers := []phone.Answer{}
	for _, e := range in.Edits {
		a, err := service.Visit(v.context(), v.actor, s.now(), e)
		if err != nil {
			return err
		}
		answers = append(answers, a)
	}
	return s.answerJSON(v, map[string]any{"answers": answers})
}

// phoneFile keeps a photo, signature or sound that a visit will name by its hash.
func (s *Server) phoneFile(v *visit) error {
	if err := villageOnly(v); err != nil {
		return err
	}
	f, err := s.app.Attachments().Put(v.r.Body)
	if err != nil {
		return err
	}
	return s.answerJSON(v, map[string]any{"hash": f.Hash, "bytes": f.Size, "type": f.Type})
}
