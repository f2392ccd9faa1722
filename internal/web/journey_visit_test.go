package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/config"
	"shouwang/internal/housecode"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
	"shouwang/internal/synth"
)

// fieldwork is a village with leads whose worker has a phone.
type fieldwork struct {
	*site
	homes []registry.Household // the first have a lead
}

// newVillageSite is a program of one village of sixty households, screened, with the demo's accounts: the world of the other tests has a few households a
// village only.
func newVillageSite(t *testing.T) *site {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	cfg, err := config.Config{Data: filepath.Join(dir, "data"), Threads: 2}.Resolve(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Create(ctx, today, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	files := filepath.Join(dir, "files")
	if _, err := synth.Generate(ctx, synth.Options{Out: files, Division: village, Households: 60, Seed: 3, AsOf: today, Pack: a.Pack, Tree: a.Tree}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Intake().Files(ctx, []string{filepath.Join(files, "files")}, intake.Options{Now: today}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Screening().Run(ctx, screening.Options{AsOf: today, Now: today, Full: true}); err != nil {
		t.Fatal(err)
	}
	a.SetAccounts(account.Options{SecondFactor: []account.Role{}})
	if err := MakeDemoAccounts(ctx, a.Ledger, a.Accounts(), today, village); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{App: a, Now: func() time.Time { return today }, Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	return &site{T: t, server: s, http: h, app: a}
}

// newFieldwork gives the first households of the demo's village a lead each and codes.
func newFieldwork(t *testing.T, s *site, leads int) *fieldwork {
	t.Helper()
	f := &fieldwork{site: s}
	ctx := t.Context()
	conn, err := s.app.Warehouse.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if f.homes, _, err = registry.UnderVillage(ctx, conn, s.app.Keyring, s.app.Pack.Roster().ID, village, 1000); err != nil || len(f.homes) < leads {
		t.Fatalf("%d households in the village: %v", len(f.homes), err)
	}
	cases, err := s.app.Casework()
	if err != nil {
		t.Fatal(err)
	}
	var list []casework.Signal
	for i, h := range f.homes[:leads] {
		list = append(list, casework.Signal{Household: h.ID, HouseholdNo: h.No, Division: h.Division, HouseholdType: h.Type, Channel: casework.Screening, Risk: "illness", Level: 3 - i%3, Rule: "illness_poverty", Run: 1, Key: fmt.Sprintf("journey-%s-%d", t.Name(), h.ID),
			Words: policy.Text{ZH: fmt.Sprintf("近12月合规自付医疗费 %d 元，超过上年人均可支配收入的一半，请入户核实。", 32000+i*1000), EN: fmt.Sprintf("Compliant self-paid medical costs of 12 months are %d yuan, more than half of a year's income a head; please visit.", 32000+i*1000)}})
	}
	if _, err := cases.Receive(ctx, account.SystemActor("test"), today, list, nil); err != nil {
		t.Fatal(err)
	}
	codes, err := housecode.New(s.app.Keyring)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.app.Ledger.Write(ctx, today, func(ctx context.Context, tx *ledger.Tx) error {
		if keys, err := codes.Keys(ctx, tx); err != nil || len(keys) == 0 {
			if _, err := codes.Rotate(ctx, tx, account.SystemActor("test"), housecode.Ed25519); err != nil {
				return err
			}
		}
		var holders []housecode.Holder
		for _, h := range f.homes {
			holders = append(holders, housecode.Holder{Household: h.ID, HouseholdNo: h.No, Village: h.Division})
		}
		_, err := codes.Issue(ctx, tx, account.SystemActor("test"), holders, today.AddDate(3, 0, 0))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return f
}

// dossier is the live case of a household.
func (f *fieldwork) dossier(household int64) *casework.Dossier {
	f.Helper()
	cases, err := f.app.Casework()
	if err != nil {
		f.Fatal(err)
	}
	list, err := cases.List(f.Context(), account.SystemActor("test"), today, casework.Filter{Household: household}, "", 0)
	if err != nil || len(list.Cases) == 0 {
		f.Fatalf("no case: %v", err)
	}
	d, err := cases.Dossier(f.Context(), account.SystemActor("test"), today, list.Cases[0].ID, "")
	if err != nil {
		f.Fatal(err)
	}
	return d
}

// handset is a browser that is a phone.
type handset struct {
	*browser
	f *fieldwork
}

// newHandset has the clock of the tests' day, which is not the machine's.
func newHandset(t *testing.T, f *fieldwork) *handset {
	p := &handset{browser: newBrowser(t, f.site), f: f}
	ctx, cancel := p.limited()
	defer cancel()
	clock := fmt.Sprintf(`(() => { const Real = Date, shift = %d - Real.now(); globalThis.Date = class extends Real { constructor(...a) { if (a.length) super(...a); else super(Real.now() + shift); } static now() { return Real.now() + shift; } }; })()`, today.UnixMilli())
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: clock}); err != nil {
		t.Fatal(err)
	}
	p.size(360, 740)
	p.look("zh", "light")
	return p
}

// until waits until an expression of the page is true.
func (p *handset) until(what, expression string) {
	p.Helper()
	for begin := time.Now(); time.Since(begin) < 25*time.Second; time.Sleep(100 * time.Millisecond) {
		if ask[bool](p.browser, `!!(`+expression+`)`) {
			return
		}
	}
	p.Fatalf("%s: not so after 25 s; the page says: %s", what, ask[string](p.browser, `document.body.innerText.slice(0, 1500)`))
}

// click brings a thing to the middle of the window, where no bar lies over it, and clicks it.
func (p *handset) click(selector string) {
	p.Helper()
	p.do(chromedp.WaitReady(selector))
	p.js(fmt.Sprintf(`document.querySelector(%q).scrollIntoView({block: "center", behavior: "instant"}); 0`, selector))
	p.do(chromedp.Click(selector))
}

// js runs what ends in a number.
func (p *handset) js(expression string) {
	p.Helper()
	ask[int](p.browser, expression)
}

// network is cut or there again.
func (p *handset) network(there bool) {
	p.Helper()
	ctx, cancel := p.limited()
	defer cancel()
	worker := true
	if _, err := chromedp.Call(ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{EmulateOfflineServiceWorker: &worker,
		MatchedNetworkConditions: []*network.Conditions{{Offline: !there, DownloadThroughput: -1, UploadThroughput: -1}}}); err != nil {
		p.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: !there, DownloadThroughput: -1, UploadThroughput: -1}); err != nil {
		p.Fatal(err)
	}
}

const secretCode = "雨天2026山路"

// begin signs in, opens the page and takes the village along.
func (p *handset) begin() {
	p.Helper()
	p.signIn("village")
	p.look("zh", "light")
	p.open("/phone")
	p.until("the first page", `document.documentElement.dataset.ready && document.getElementById("secret-again")`)
	p.do(chromedp.SendKeys("#secret", secretCode), chromedp.SendKeys("#secret-again", secretCode))
	p.click("main form button")
	p.until("the village is there", `document.getElementById("today")`)
	p.until("the worker", `document.documentElement.dataset.worker === "ready" && navigator.serviceWorker.controller`)
}

// unlock opens the page again.
func (p *handset) unlock() {
	p.Helper()
	p.do(chromedp.Navigate(p.http.URL + "/phone"))
	p.until("the page asks for the code", `document.documentElement.dataset.ready && document.getElementById("secret") && !document.getElementById("secret-again")`)
	p.do(chromedp.SendKeys("#secret", secretCode))
	p.click("main form button")
	p.until("unlocked", `document.getElementById("today")`)
}

// visit opens the form of a household with a companion.
func (p *handset) visit(h registry.Household) {
	p.Helper()
	p.js(fmt.Sprintf(`location.hash = "#/h/%d"; 0`, h.ID))
	p.until("the household", fmt.Sprintf(`document.querySelector("a[href='#/visit/%d']")`, h.ID))
	p.click(fmt.Sprintf(`a[href='#/visit/%d']`, h.ID))
	p.do(chromedp.WaitReady("form.visit-form"))
	if !ask[bool](p.browser, `!!document.getElementById("with-0")`) {
		p.click("#add-companion")
		p.do(chromedp.SendKeys("#with-0", "驻村张三"))
	}
}

// photo is a picture as a camera gives it: larger than what is kept.
func photo(t *testing.T) string {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 2400, 1800))
	for y := range 1800 {
		for x := range 2400 {
			m.Set(x, y, color.RGBA{uint8(x / 10), uint8(y / 8), uint8((x ^ y) / 9), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "photo.jpg")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kept is everything that IndexedDB and the caches hold, as text: bytes as Latin-1, so that what lies there in plain is found.
const kept = `(async () => {
	const db = await new Promise((y, n) => { const r = indexedDB.open("shouwang-phone"); r.onsuccess = () => y(r.result); r.onerror = () => n(r.error); });
	let out = "", records = 0;
	const put = v => {
		if (v instanceof ArrayBuffer) v = new Uint8Array(v);
		if (ArrayBuffer.isView(v)) { const b = new Uint8Array(v.buffer, v.byteOffset, v.byteLength); out += new TextDecoder("utf-8").decode(b) + "\n"; for (let i = 0; i < b.length; i += 4096) out += String.fromCharCode(...b.subarray(i, i + 4096)); }
		else if (v && typeof v === "object") for (const [k, x] of Object.entries(v)) { out += k + ":"; put(x); }
		else out += String(v);
		out += "\n";
	};
	for (const name of db.objectStoreNames) {
		const s = db.transaction(name).objectStore(name);
		const [keys, values] = await Promise.all([s.getAllKeys(), s.getAll()].map(r => new Promise((y, n) => { r.onsuccess = () => y(r.result); r.onerror = () => n(r.error); })));
		keys.forEach(put); values.forEach(put); records += keys.length;
	}
	db.close();
	for (const name of await caches.keys()) for (const r of await (await caches.open(name)).keys()) out += r.url + await (await caches.match(r)).text();
	out += JSON.stringify(localStorage) + JSON.stringify(sessionStorage);
	return JSON.stringify({records: records, text: out});
})()`

// TestVisitJourney: a village worker takes the village along, loses the signal, visits with photo and signature, closes the page, opens it, comes back, and the case
// has the visit, once. A second phone that was there, too, is caught; a field about which two phones differ is asked; signing out leaves nothing.
func TestVisitJourney(t *testing.T) {
	s := newVillageSite(t)
	f := newFieldwork(t, s, 6)
	p := newHandset(t, f)
	p.begin()
	p.until("the state line", `document.getElementById("phone-state").innerText.includes("已存本机")`)
	p.shots("visit-1-today")

	// A second phone takes the same village along before anything happens.
	second := newHandset(t, f)
	second.begin()

	p.network(false)
	p.unlock() // the page comes from the service worker
	p.until("off line", `document.getElementById("phone-state").innerText.includes("离线")`)
	p.shots("visit-2-offline")

	home := f.homes[0]
	p.js(fmt.Sprintf(`location.hash = "#/h/%d"; 0`, home.ID))
	p.until("the household", `document.getElementById("known-title")`)
	p.shots("visit-3-household")
	p.visit(home)
	p.do(chromedp.SetUploadFiles("#photos", []string{photo(t)}))
	p.until("the photo", `document.querySelector(".photos canvas")`)
	p.sign()
	p.click(`input[name="water_ok"]`)
	p.click("#add-dispute")
	p.until("a dispute", `document.getElementById("dispute-kind-0")`)
	p.choose("#dispute-kind-0", "land")
	p.choose("#dispute-outcome-0", "referred")
	p.do(chromedp.SendKeys("#dispute-parties-0", "与邻居争一块自留地"), chromedp.SendKeys("#dispute-to-0", "西山镇司法所"))
	p.click(`input[name="ending"][value="verify_known"]`)
	p.until("the reason", `document.getElementById("end-reason")`)
	p.do(chromedp.SendKeys("#end-reason", "组长说早在帮扶"))
	p.shots("visit-4-form")

	// Half way the page is closed: nothing typed is lost.
	time.Sleep(600 * time.Millisecond)
	p.do(chromedp.Navigate("about:blank"))
	p.unlock()
	p.js(fmt.Sprintf(`location.hash = "#/visit/%d"; 0`, home.ID))
	p.until("the draft", `document.getElementById("end-reason") && document.getElementById("end-reason").value.includes("组长说") && document.querySelector(".photos canvas")`)
	p.click("form.visit-form > .buttons button")
	p.until("it is queued", `document.getElementById("phone-state").innerText.includes("待发 1")`)
	p.do(chromedp.Navigate("about:blank"))
	p.unlock()
	p.until("the queue survives", `document.getElementById("phone-state").innerText.includes("待发 1")`)
	p.shots("visit-5-queued")

	// What the phone holds names nobody.
	people := f.people()
	raw := ask[string](p.browser, kept)
	var all struct {
		Records int
		Text    string
	}
	if err := json.Unmarshal([]byte(raw), &all); err != nil || all.Records < 5 {
		t.Fatalf("%d records: %v", all.Records, err)
	}
	for _, secret := range append(people, home.No, "自留地", "驻村张三", "组长说", "合规自付", "water_ok") {
		if strings.Contains(all.Text, secret) && !inFrame(secret) {
			t.Errorf("%q lies on the phone in plain", secret)
		}
	}

	p.network(true)
	p.js(`location.hash = "#/"; 0`)
	p.until("it is sent", `document.getElementById("today") && !document.getElementById("phone-state").innerText.includes("待发") && !document.getElementById("phone-state").innerText.includes("同步")`)
	d := f.dossier(home.ID)
	if len(d.Visits) != 1 || len(d.Visits[0].Photos) != 1 || d.Visits[0].Visitors != 2 || d.Case.State != "watching" {
		t.Fatalf("%d visits, state %s: %+v", len(d.Visits), d.Case.State, d.Visits)
	}
	file, _, err := s.app.Attachments().Get(d.Visits[0].Photos[0])
	if err != nil || file.Type != "image/jpeg" || file.Size > 600_000 {
		t.Errorf("the photo: %+v %v", file, err)
	}
	p.heard("first phone")

	// Who opens the case at a desk finds all of it; what the parties of the dispute said stays covered.
	desk := s.as(account.County).page("/cases/" + d.Case.ID)
	for _, word := range []string{"矛盾纠纷", "土地山林", "已上报移交", "西山镇司法所", "农户签字"} {
		if !strings.Contains(desk.text, word) {
			t.Errorf("the case's page lacks %q", word)
		}
	}
	if strings.Contains(desk.text, "自留地") {
		t.Error("the case's page shows what the parties said")
	}

	// The second phone made the same visit off line.
	second.network(false)
	second.visit(home)
	second.click("form.visit-form > .buttons button")
	second.until("queued on the second", `document.getElementById("phone-state").innerText.includes("待发 1")`)
	second.network(true)
	second.js(`App.sync(); location.hash = "#/queue"; 0`)
	second.until("the duplicate is caught", `document.querySelector(".item-duplicate")`)
	second.shots("visit-6-duplicate")
	if n := len(f.dossier(home.ID).Visits); n != 1 {
		t.Errorf("%d visits, want one", n)
	}
	second.click(".item-duplicate .btn-primary")
	second.until("dropped", `!document.querySelector(".item-duplicate")`)

	// Two phones say different things about the water of another household: the first on the day before.
	other := f.homes[1]
	f.record(other, map[string]any{"visited_on": today.AddDate(0, 0, -1).Format(time.DateOnly), "water_ok": false})
	second.network(false)
	second.js(`App.state.village.households.forEach(function (h) { if (h.id === "` + fmt.Sprint(other.ID) + `") h.case.steps = 1; }); 0`) // as it was before the other phone's visit
	second.visit(other)
	second.click(`input[name="water_ok"]`)
	second.click("form.visit-form > .buttons button")
	second.until("queued", `document.getElementById("phone-state").innerText.includes("待发 1")`)
	second.network(true)
	second.js(`App.sync(); location.hash = "#/queue"; 0`)
	second.until("the conflict is shown", `document.querySelector(".item-conflict fieldset.contested")`)
	second.shots("visit-7-conflict")
	second.click(`.item-conflict input[value="theirs"]`)
	second.click(".item-conflict .btn-primary")
	second.until("resolved", `!document.querySelector(".item-conflict") && !document.getElementById("phone-state").innerText.includes("待发")`)
	if d := f.dossier(other.ID); len(d.Visits) != 2 {
		t.Errorf("%d visits of the other household, want both", len(d.Visits))
	}

	// Look-up and codes.
	second.js(`location.hash = "#/all"; 0`)
	second.until("look-up", `document.querySelectorAll("#found li").length > 10`)
	second.shots("visit-8-look-up")
	second.code(f)
	second.shots("visit-9-code")
	second.heard("second phone")

	// Signing out leaves nothing.
	second.click("#phone-out")
	second.until("signed out", `location.pathname === "/sign-in"`)
	left := ask[string](second.browser, `Promise.all([indexedDB.databases(), caches.keys(), navigator.serviceWorker.getRegistrations()]).then(a => JSON.stringify([a[0].map(d => d.name), a[1], a[2].length, localStorage.length]))`)
	if left != `[[],[],0,0]` {
		t.Errorf("left behind: %s", left)
	}
}

// inFrame tells words that the page's own frame has, which is kept in plain and holds nothing of anybody.
func inFrame(s string) bool { return s == "water_ok" }

// people are all names and numbers of the village in plain.
func (f *fieldwork) people() []string {
	f.Helper()
	conn, err := f.app.Warehouse.Conn(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	defer conn.Close()
	var out []string
	for _, h := range f.homes {
		list, err := registry.Reveal(f.Context(), conn, f.app.Keyring, f.app.Pack.Roster().ID, h.ID, "test", nil)
		if err != nil {
			f.Fatal(err)
		}
		for _, r := range list {
			for _, s := range []string{r.Identity.Name, r.Identity.Number, r.Identity.Phone} {
				if len([]rune(s)) > 2 { // two signs may come about by chance
					out = append(out, s)
				}
			}
		}
		out = append(out, h.No)
	}
	return out
}

// record has somebody else record a visit.
func (f *fieldwork) record(h registry.Household, more map[string]any) {
	f.Helper()
	visit := map[string]any{"visitors": []any{map[string]any{"name": "李四", "post": "township"}, map[string]any{"name": "王五", "post": "team"}}}
	for k, v := range more {
		visit[k] = v
	}
	text, err := json.Marshal(map[string]any{"key": fmt.Sprintf("journey-%d-%d", h.ID, time.Now().UnixNano()), "household": fmt.Sprint(h.ID), "visit": visit})
	if err != nil {
		f.Fatal(err)
	}
	a := f.as(account.Village).json(phoneVisits, `{"edits":[`+string(text)+`]}`)
	if a.status != http.StatusOK || !strings.Contains(a.text, `"status":"done"`) {
		f.Fatalf("%d %s", a.status, a.text)
	}
}

// json posts JSON.
func (p *person) json(path, body string) answer {
	p.Helper()
	r, err := http.NewRequest(http.MethodPost, p.http.URL+path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	return p.do(r)
}

// choose sets a list as a person does.
func (p *handset) choose(selector, value string) {
	p.Helper()
	p.js(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); return 0; })()`, selector, value))
}

// sign draws on the field for the signature.
func (p *handset) sign() {
	p.Helper()
	p.js(`(() => {
		const c = document.getElementById("signature"); c.scrollIntoView({block: "center", behavior: "instant"}); const r = c.getBoundingClientRect(); c.setPointerCapture = () => {};
		const at = (type, x, y) => c.dispatchEvent(new PointerEvent(type, {bubbles: true, pointerId: 1, clientX: r.left + x, clientY: r.top + y}));
		at("pointerdown", 30, 40); for (let i = 0; i < 40; i++) at("pointermove", 30 + 5 * i, 60 + 30 * Math.sin(i / 3)); at("pointerup", 230, 60);
		return 0;
	})()`)
	p.until("the signature", `document.body.innerText.includes("已签")`)
}

// code types the number of a card, whole, in part and wrong; and reads a whole card.
func (p *handset) code(f *fieldwork) {
	p.Helper()
	codes, err := housecode.New(f.app.Keyring)
	if err != nil {
		p.Fatal(err)
	}
	var list []housecode.Code
	if err := f.app.Ledger.Read(f.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		list, err = codes.InVillage(ctx, tx, account.SystemActor("test"), village)
		return err
	}); err != nil || len(list) == 0 {
		p.Fatal(len(list), err)
	}
	p.js(`location.hash = "#/scan"; 0`)
	p.until("scan", `document.getElementById("code")`)
	check := func(text string) string {
		return ask[string](p.browser, fmt.Sprintf(`HouseCode.check(%q, App.state.village).then(v => v.verdict + " " + (v.household ? v.household.id : "") + " " + v.signed)`, text))
	}
	first := list[0]
	want := fmt.Sprintf("valid %d ", first.Household)
	id, err := housecode.ParseID(first.ID)
	if err != nil {
		p.Fatal(err)
	}
	for _, typed := range []string{id.String(), first.ID, first.ID[:12]} {
		if got := check(typed); !strings.HasPrefix(got, want) {
			p.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
	for typed, want := range map[string]string{"0000": "no_code", "你好": "no_code", "https://example.org/x": "no_code", "0000000000000000": "unknown"} {
		if got := check(typed); !strings.HasPrefix(got, want) {
			p.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
	p.do(chromedp.SendKeys("#code", first.ID[:10]))
	p.click("main form button")
	p.until("the household of the card", fmt.Sprintf(`location.hash === "#/h/%d"`, first.Household))
	p.js(`location.hash = "#/scan"; 0`)
	p.until("scan", `document.getElementById("code")`)
}

// shots keeps the page at both widths, and looks at it as every page is looked at.
func (p *handset) shots(name string) {
	p.Helper()
	for _, width := range []int64{1440, 360} {
		p.size(width, 800)
		time.Sleep(150 * time.Millisecond)
		p.picture(fmt.Sprintf("%s-%d", name, width))
		p.fits(fmt.Sprintf("%s-%d", name, width))
	}
	p.axe(name)
}
