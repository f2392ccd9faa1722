// Visits on the phone: unlock, today's visits, look-up, the household, sending and receiving. Everything is drawn from data as text, never as markup.
"use strict";
const App = (function () {
  const root = document.documentElement;
  const words = JSON.parse(document.getElementById("phone-words").textContent);
  const icons = document.body.dataset.icons;
  const pageLang = root.lang.startsWith("en") ? "en" : "zh";
  const app = { village: null, queue: [], lang: pageLang, busy: false, say: null };
  const LOCK_AFTER = 15 * 60 * 1000; // milliseconds out of sight

  // T is a text of the page, its arguments filled in; In one of the pack.
  function T(key) {
    const args = Array.prototype.slice.call(arguments, 1);
    const t = words["phone." + key];
    return (t ? t[app.lang] : key).replace(/%\[(\d)\]s/g, function (_, n) { return args[n - 1]; });
  }
  function In(t) { return t ? t[app.lang] || t.zh || "" : ""; }

  // h makes an element: attributes, listeners (on…), children as text or elements.
  function h(tag, attributes) {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(attributes || {})) {
      if (v === null || v === undefined || v === false) continue;
      if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
      else if (k in { value: 1, checked: 1, disabled: 1, hidden: 1, selected: 1 }) e[k] = v;
      else e.setAttribute(k, v === true ? "" : v);
    }
    for (const c of Array.prototype.slice.call(arguments, 2).flat(Infinity)) {
      if (c !== null && c !== undefined && c !== false) e.append(c);
    }
    return e;
  }
  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon"); svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", icons + "#" + name);
    svg.append(use);
    return svg;
  }
  function level(n) {
    const l = ["", "blue", "yellow", "red"][n];
    return l ? h("span", { class: "level level-" + l }, h("span", { "aria-hidden": "true" }, { red: "▲", yellow: "◆", blue: "●" }[l]), " ", T("level." + l)) : null;
  }
  function today() { return new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10); } // China's one time zone
  function day(iso) {
    const [y, m, d] = iso.split("-").map(Number);
    return app.lang === "en" ? new Date(Date.UTC(y, m - 1, d)).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }) : y + "年" + m + "月" + d + "日";
  }
  function moment(t) { return new Date(t).toLocaleString(app.lang === "en" ? "en-GB" : "zh-CN", { dateStyle: "medium", timeStyle: "short", timeZone: "Asia/Shanghai" }); }
  function id() { return crypto.randomUUID(); }

  // ---- what is kept
  async function load() {
    app.village = await Store.read("village");
    app.queue = [];
    for (const name of await Store.names("queue:")) app.queue.push(await Store.read(name));
    app.queue.sort(function (a, b) { return a.at - b.at; });
    count();
  }
  function count() { localStorage.setItem("phone-queue", String(app.queue.length)); }
  async function keep(item) {
    await Store.write("queue:" + item.edit.key, item);
    if (!app.queue.includes(item)) app.queue.push(item);
    count();
  }
  async function drop(item) {
    await Store.remove("queue:" + item.edit.key);
    for (const f of item.files) await Store.remove(f.record);
    app.queue = app.queue.filter(function (q) { return q !== item; });
    count();
  }

  // ---- sending and receiving
  class SignedOut extends Error {}
  async function ask(path, options) {
    const answer = await fetch(path, Object.assign({ credentials: "same-origin", cache: "no-store", redirect: "error" }, options));
    if (answer.status === 401) throw new SignedOut();
    const body = await answer.json();
    if (!answer.ok) throw new Error(body[app.lang] || T("sync.failed"));
    return body;
  }
  async function sync() {
    if (app.busy || !Store.unlocked()) return;
    app.busy = true;
    app.say = null;
    state();
    try {
      await send();
      await receive();
      app.say = { kind: "ok", text: T("sync.done") };
    } catch (e) {
      if (e instanceof SignedOut) app.say = { kind: "signin", text: T("sync.signed_out") };
      else if (e instanceof TypeError || !navigator.onLine) app.say = { kind: "off", text: T("sync.offline") };
      else app.say = { kind: "bad", text: e.message || T("sync.failed") };
    }
    app.busy = false;
    if (location.hash.startsWith("#/visit/")) state(); // nobody's form is drawn anew under their hands
    else show();
  }
  async function send() {
    for (const item of app.queue.filter(function (q) { return q.status === "queued"; })) {
      for (const f of item.files) {
        if (f.sent) continue;
        const content = await Store.read(f.record);
        const bytes = Uint8Array.from(atob(content.base64), function (c) { return c.charCodeAt(0); });
        const kept = await ask("/phone/files", { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: bytes });
        if (kept.hash !== f.hash) throw new Error(T("sync.failed"));
        f.sent = true;
        await keep(item);
      }
      const got = (await ask("/phone/visits", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ edits: [item.edit] }) })).answers[0];
      if (got.lacking && got.lacking.length) {
        item.files.forEach(function (f) { if (got.lacking.includes(f.hash)) f.sent = false; });
        await keep(item);
        throw new Error(In(got.words));
      }
      if (got.status === "done" || got.status === "merged") {
        if (got.ending === "refused" || got.status === "merged") { // recorded; there is something to read
          item.status = got.ending === "refused" ? "ending" : "merged";
          item.answer = got;
          for (const f of item.files) await Store.remove(f.record);
          item.files = [];
          await keep(item);
        } else await drop(item);
      } else {
        item.status = got.status;
        item.answer = got;
        await keep(item);
      }
    }
  }
  async function receive() {
    const v = await ask("/phone/sync");
    const lock = await Store.lock();
    if (v.worker.account !== lock.account) throw new Error(T("sync.other_account"));
    await Store.write("village", v);
    await Store.setTimes({ synced: Date.now(), keep: v.keep_days, seen: Date.now() });
    app.village = v;
    app.left = await old();
  }

  // old tells what the clock says: "gone" after the days without a sync, "clock" when it was turned back, otherwise the days that are left.
  async function old() {
    const t = await Store.times();
    if (!t) return Infinity;
    if (Date.now() < t.seen - 24 * 3600e3) return "clock";
    if (Date.now() > t.synced + t.keep * 24 * 3600e3) return "gone";
    if (Date.now() > t.seen) { t.seen = Date.now(); await Store.setTimes(t); }
    return Math.ceil((t.synced + t.keep * 24 * 3600e3 - Date.now()) / (24 * 3600e3));
  }

  // ---- the line that says where we are
  function state() {
    const bar = document.getElementById("phone-state");
    const parts = [h("span", { class: navigator.onLine ? "on" : "off" }, navigator.onLine ? T("state.online") : T("state.offline"))];
    if (app.village) {
      parts.push(h("span", null, "● " + T("state.kept")));
      const waiting = app.queue.filter(function (q) { return q.status === "queued"; }).length, open = app.queue.length - waiting;
      if (waiting) parts.push(h("a", { href: "#/queue", class: "queued" }, T("state.queued", waiting)));
      if (open) parts.push(h("a", { href: "#/queue", class: "attention" }, T("state.conflicts", open)));
      if (app.left <= 3) parts.push(h("span", { class: "attention" }, T("state.left", app.left)));
    }
    if (app.busy) parts.push(h("span", null, T("state.syncing")));
    bar.replaceChildren(...parts);
  }

  // ---- pages
  function main() {
    const e = document.getElementById("content");
    e.replaceChildren.apply(e, Array.prototype.slice.call(arguments).flat(Infinity).filter(Boolean));
    state();
    const nav = document.getElementById("phone-nav");
    nav.hidden = !app.village;
    for (const a of nav.querySelectorAll("a")) {
      a.querySelector("span").textContent = T("nav." + a.dataset.name);
      if ((location.hash || "#/") === a.getAttribute("href")) a.setAttribute("aria-current", "page"); else a.removeAttribute("aria-current");
    }
    document.getElementById("phone-lang").textContent = app.lang === "en" ? "中文" : "English";
    document.getElementById("phone-out").setAttribute("aria-label", T("sign_out"));
    document.getElementById("phone-out").setAttribute("title", T("sign_out"));
    root.lang = app.lang === "en" ? "en" : "zh-CN";
    document.title = T("title") + " · " + T("brand");
  }
  function head(title, answer) { return h("div", { class: "head" }, h("div", null, h("h1", null, title), answer ? h("p", { class: "answer" }, answer) : null)); }
  function notice() {
    if (!app.say || app.say.kind === "ok") return null;
    return h("p", { class: "notice " + (app.say.kind === "off" ? "" : "attention"), role: "status" }, app.say.text, " ", app.say.kind === "signin" ? h("a", { href: "/sign-in?back=%2Fphone" }, T("sync.sign_in")) : null);
  }
  function secretForm(title, why, least, twice, go) {
    const one = h("input", { type: "password", id: "secret", class: "form-control", autocomplete: "off", minlength: least, required: true });
    const two = twice ? h("input", { type: "password", id: "secret-again", class: "form-control", autocomplete: "off", minlength: least, required: true }) : null;
    const bad = h("p", { class: "notice bad", role: "alert", hidden: true });
    const button = h("button", { class: "btn btn-primary" }, twice ? T("begin.go") : T("unlock.go"));
    const form = h("form", { class: "form-stack card card-body", onsubmit: async function (event) {
      event.preventDefault();
      bad.hidden = true;
      const wrong = one.value.length < least ? T("begin.short", least) : two && one.value !== two.value ? T("begin.differ") : "";
      button.disabled = true;
      const told = wrong || await go(one.value);
      button.disabled = false;
      if (told) { bad.textContent = told; bad.hidden = false; one.focus(); }
    } }, h("div", null, h("label", { for: "secret", class: "form-label" }, T("secret")), one), twice ? h("div", null, h("label", { for: "secret-again", class: "form-label" }, T("secret_again")), two) : null, bad, h("div", null, button));
    main(head(title, why), form);
  }
  function begin() {
    const least = Number(document.body.dataset.least);
    secretForm(T("begin.title"), T("begin.why"), least, true, async function (secret) {
      try {
        const v = await ask("/phone/sync");
        if (secret.length < v.secret_least) return T("begin.short", v.secret_least);
        await Store.begin(secret, v.worker.account);
        await Store.write("village", v);
        await Store.setTimes({ synced: Date.now(), keep: v.keep_days, seen: Date.now() });
        if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
        await load();
        app.left = await old();
        show();
      } catch (e) {
        if (e instanceof SignedOut) { location.href = "/sign-in?back=%2Fphone"; return ""; }
        return e instanceof TypeError ? T("begin.offline") : e.message;
      }
      return "";
    });
  }
  function unlock() {
    secretForm(T("unlock.title"), T("unlock.why"), 1, false, async function (secret) {
      const left = await Store.unlock(secret);
      if (left < 0) { start(); return ""; }
      if (left > 0) return T("unlock.wrong", left);
      await load();
      show();
      if (navigator.onLine) sync();
      return "";
    });
  }

  // waiting is what was done for a household on this phone and is not sent yet.
  function waiting(home) { return app.queue.find(function (q) { return q.edit.household === home.id; }); }

  // walk puts households in walking order: from one to the nearest next, where earlier visits left a position; the others by household number, which
  // runs along the village's groups. It says how.
  function walk(list, here) {
    const placed = list.filter(function (x) { return x.last && x.last.lat !== undefined; }), rest = list.filter(function (x) { return !placed.includes(x); });
    const byNo = function (a, b) { return a.no.localeCompare(b.no, "en", { numeric: true }); };
    placed.sort(byNo);
    rest.sort(byNo);
    const out = [];
    let at = here;
    while (placed.length) {
      let best = 0;
      if (at) {
        const far = function (x) { return Math.hypot(x.last.lat - at.lat, (x.last.lon - at.lon) * Math.cos(at.lat * Math.PI / 180)); };
        placed.forEach(function (x, i) { if (far(x) < far(placed[best])) best = i; });
      }
      const next = placed.splice(best, 1)[0];
      at = { lat: next.last.lat, lon: next.last.lon };
      out.push(next);
    }
    const how = out.length && rest.length ? T("order.both", out.length, rest.length) : out.length ? T("order.near") : T("order.number");
    return { list: out.concat(rest), how: how + (out.length && here ? " " + T("order.here") : "") };
  }

  function card(home) {
    const c = home.case, item = waiting(home), late = c.due && c.due < today();
    return h("li", null, h("a", { class: "visit-card", href: "#/h/" + home.id },
      h("span", { class: "visit-top" }, level(c.level), h("strong", null, T("household_of", home.head)), h("span", { class: "muted" }, home.no.slice(-6))),
      h("span", { class: "visit-why" }, firstLine(In(c.why))),
      h("span", { class: "visit-due" }, c.due ? h("span", { class: late ? "attention" : "muted" }, late ? T("due.late", day(c.due)) : T("due.on", day(c.due))) : null,
        item ? h("span", { class: "tag" }, T("item." + item.status)) : home.last && home.last.on === today() ? h("span", { class: "tag" }, T("visited_today")) : null)));
  }
  // firstLine leaves out the mark of the level, which stands beside it.
  function firstLine(s) { return s.split("\n")[0].replace(/^[▲◆●]\s?(红|黄|蓝|red|yellow|blue)\s*/, ""); }

  function list() {
    const v = app.village, mine = v.households.filter(function (x) { return x.case.mine && x.case.visit; }), more = v.households.filter(function (x) { return !mine.includes(x); });
    const done = mine.filter(function (x) { return waiting(x); }).length, late = mine.filter(function (x) { return x.case.due && x.case.due < today() && !waiting(x); }).length;
    const w = walk(mine, app.here);
    main(head(T("list.title"), mine.length ? T("list.answer", mine.length - done) + (late ? T("list.late", late) : "") : T("list.none")), notice(),
      h("div", { class: "buttons" },
        w.list.length ? h("a", { class: "btn btn-primary", href: "#/h/" + (w.list.find(function (x) { return !waiting(x); }) || w.list[0]).id }, T("list.begin")) : null,
        h("button", { class: "btn", id: "sync", disabled: app.busy, onclick: sync }, icon("refresh"), T("sync")),
        "geolocation" in navigator && w.list.length > 1 ? h("button", { class: "btn", onclick: locate }, icon("map-pin"), T("order.from_here")) : null),
      w.list.length ? h("p", { class: "muted source" }, w.how) : null,
      h("ol", { class: "visit-list", id: "today" }, w.list.map(card)),
      more.length ? h("details", { class: "card fold" }, h("summary", null, T("list.more", more.length)), h("ul", { class: "visit-list" }, more.map(card))) : null,
      h("p", { class: "muted source" }, T("synced_at", moment(v.made)) + " · " + v.place));
  }
  function locate() {
    navigator.geolocation.getCurrentPosition(function (p) { app.here = { lat: p.coords.latitude, lon: p.coords.longitude }; show(); }, function () { app.say = { kind: "bad", text: T("order.no_position") }; show(); }, { timeout: 15000, maximumAge: 60000 });
  }

  function all() {
    const v = app.village, everybody = v.households.concat(v.others).sort(function (a, b) { return a.no.localeCompare(b.no, "en", { numeric: true }); });
    const field = h("input", { type: "search", id: "find", class: "form-control", autocomplete: "off", oninput: function () { fill(field.value.trim()); } });
    const rows = h("ul", { class: "lines card", id: "found" });
    const told = h("p", { class: "muted source", role: "status" });
    function fill(q) {
      const found = everybody.filter(function (x) { return !q || x.no.includes(q) || x.head.startsWith(q.slice(0, 1)); });
      told.textContent = T("all.found", found.length);
      rows.replaceChildren(...found.slice(0, 60).map(function (x) {
        return h("li", null, h("span", null, h("a", { href: "#/h/" + x.id }, T("household_of", x.head)), " ", h("span", { class: "muted" }, x.no)), h("span", null, level(x.case ? x.case.level : x.level || 0), x.case ? h("span", { class: "muted" }, stateName(x.case.state)) : null));
      }));
    }
    main(head(T("all.title"), T("all.answer", everybody.length)), h("div", null, h("label", { for: "find", class: "form-label" }, T("all.label")), field), told, rows);
    fill("");
  }
  function stateName(s) { return In((app.village.states.find(function (x) { return x.id === s; }) || {}).name); }
  function riskName(r) { return In((app.village.risks.find(function (x) { return x.id === r; }) || {}).name); }
  function indicator(i) { return app.village.indicators.find(function (x) { return x.id === i; }); }
  function find(i) { return app.village.households.find(function (x) { return x.id === i; }) || app.village.others.find(function (x) { return x.id === i; }); }

  function household(i) {
    const home = find(i), c = home && home.case;
    if (!home) { location.hash = "#/"; return; }
    const item = waiting(home), unknown = h("span", { class: "unknown" }, T("unknown"));
    main(h("p", { class: "crumbs" }, h("a", { href: "#/" }, "← " + T("nav.list"))),
      head(T("household_of", home.head), home.no),
      item ? h("p", { class: "notice attention" }, T("item." + item.status) + "。", h("a", { href: "#/queue" }, T("nav.queue"))) : null,
      c ? h("section", { class: "card", "aria-labelledby": "why-title" }, h("div", { class: "card-header" }, h("h2", { id: "why-title" }, T("why")), level(c.level)),
        h("div", { class: "card-body" }, In(c.why).split("\n").map(function (line) { return h("p", null, line); }), h("p", { class: "muted source" }, stateName(c.state) + (c.due ? " · " + In(c.task) + " · " + T("due.on", day(c.due)) : "")))) : null,
      !c ? h("section", { class: "card card-body" }, h("p", null, home.warnings && home.warnings.length ? T("other.warned", home.warnings.map(riskName).join(app.lang === "en" ? ", " : "、")) : T("other.calm"))) : null,
      c && c.visit || !c ? h("p", { class: "buttons" }, h("a", { class: "btn btn-primary", href: "#/visit/" + home.id }, c ? T("visit.begin") : T("visit.lead"))) : h("p", { class: "notice" }, T("visit.not_now", stateName(c.state))),
      c ? h("section", { class: "card", "aria-labelledby": "known-title" }, h("div", { class: "card-header" }, h("h2", { id: "known-title" }, T("known.title")), home.phone ? h("span", { class: "muted" }, T("phone_no") + " " + home.phone) : null),
        h("ul", { class: "lines" }, home.members.map(function (m) {
          return h("li", null, h("span", null, m.name + " · " + In(m.relation) + (m.age >= 0 ? " · " + T("years", m.age) : "")), h("span", { class: "muted" }, [In(m.health_in), In(m.labour_in)].filter(Boolean).join(" · ")));
        }), home.known.map(function (k) {
          return h("li", null, h("span", null, In(indicator(k.id).name)), h("span", null, k.value === null ? unknown.cloneNode(true) : In(k.text), k.visit ? h("span", { class: "tag" }, T("from_visit")) : null));
        }))) : null,
      c && (home.last || home.disputes) ? h("section", { class: "card", "aria-labelledby": "last-title" }, h("div", { class: "card-header" }, h("h2", { id: "last-title" }, T("last.title"))),
        h("ul", { class: "lines" }, home.last ? h("li", null, h("span", null, T("last.visit", day(home.last.on))), h("span", { class: "muted" }, T("last.visitors", home.last.visitors))) : null,
          (home.disputes || []).map(function (d) { return h("li", null, h("span", null, T("dispute") + "：" + codeName("disputes", "kind", d.kind)), h("span", { class: "muted" }, day(d.on) + " · " + codeName("disputes", "outcome", d.outcome))); }))) : null);
  }
  // field finds a field of the visit's form; codeName the wording of one of its values.
  function field(id, inner) {
    const f = app.village.form.find(function (x) { return x.id === id; });
    return f && inner ? (f.fields || []).find(function (x) { return x.id === inner; }) : f;
  }
  function codeName(id, inner, code) {
    const f = field(id, inner);
    return f ? In((f.codes || []).find(function (c) { return c.id === code; }) && f.codes.find(function (c) { return c.id === code; }).name) : code;
  }

  // ---- what waits, and what must be decided
  function queue() {
    main(head(T("queue.title"), app.queue.length ? T("queue.answer", app.queue.length) : T("queue.none")), notice(),
      h("div", { class: "buttons" }, h("button", { class: "btn btn-primary", id: "sync", disabled: app.busy, onclick: sync }, icon("refresh"), T("sync"))),
      app.queue.map(function (item) {
        const a = item.answer || {}, on = item.edit.visit.visited_on;
        const chosen = {};
        const fields = (a.fields || []).map(function (f) {
          const name = "f-" + item.edit.key + f.path;
          const radio = function (side, value) { return h("label", { class: "choice" }, h("input", { type: "radio", name: name, value: side, onchange: function () { chosen[f.path] = side; } }), " ", T("conflict." + side) + "：" + In(value)); };
          return h("fieldset", { class: "contested" }, h("legend", null, In(f.name)), radio("mine", f.mine), radio("theirs", f.theirs));
        });
        const missing = h("p", { class: "notice bad", role: "alert", hidden: true }, T("conflict.choose"));
        const again = async function (more) {
          if (fields.length && Object.keys(chosen).length < a.fields.length) { missing.hidden = false; return; }
          item.edit.resolved = Object.assign({}, item.edit.resolved, chosen, more);
          item.status = "queued";
          item.answer = null;
          await keep(item);
          show();
          sync();
        };
        const gone = async function () { await drop(item); show(); };
        const b = function (text, go, main) { return h("button", { class: main ? "btn btn-primary" : "btn", onclick: go }, text); };
        return h("section", { class: "card item item-" + item.status }, h("div", { class: "card-header" }, h("h2", null, T("household_of", item.head) + " · " + day(on)), h("span", { class: "tag" }, T("item." + item.status))),
          h("div", { class: "card-body" }, In(a.words) ? h("p", null, In(a.words)) : item.status === "queued" ? h("p", { class: "muted" }, T("queue.waits", item.files.length)) : null,
            In(a.by) ? h("p", { class: "muted" }, T("conflict.by", In(a.by), moment(a.at))) : null,
            (a.kept || []).length ? h("p", { class: "muted" }, T("merged.kept", a.kept.map(In).join(app.lang === "en" ? ", " : "、"))) : null,
            item.status === "ending" ? h("div", null, h("p", null, T("ending.refused")), In(a.end_words).split("\n").map(function (l) { return h("p", { class: "muted" }, l); })) : null,
            fields, missing,
            h("div", { class: "buttons" },
              item.status === "conflict" ? b(T("conflict.send"), function () { again({}); }, true) : null,
              item.status === "duplicate" ? [b(T("duplicate.same"), gone, !fields.length), b(T("duplicate.second"), function () { again({ visit: "second" }); })] : null,
              item.status === "refused" ? [h("a", { class: "btn btn-primary", href: "#/visit/" + item.edit.household }, T("refused.mend")), b(T("drop"), gone)] : null,
              item.status === "merged" || item.status === "ending" ? b(T("read"), gone, true) : null)));
      }));
  }

  // ---- household codes
  let stream = null;
  function stopCamera() { if (stream) { stream.getTracks().forEach(function (t) { t.stop(); }); stream = null; } }
  function scan() {
    const told = h("p", { class: "notice", role: "status", hidden: true });
    async function judge(text) {
      const got = await HouseCode.check(text, app.village);
      if (got.verdict === "valid") { stopCamera(); app.say = got.signed === null ? { kind: "ok", text: "" } : app.say; location.hash = "#/h/" + got.household.id; return true; }
      told.hidden = false;
      told.className = "notice attention";
      told.textContent = T("code." + got.verdict);
      return false;
    }
    const typed = h("input", { id: "code", class: "form-control", autocomplete: "off", autocapitalize: "characters", maxlength: 400, required: true });
    const video = h("video", { class: "camera", playsinline: true, muted: true, hidden: true });
    const camera = "BarcodeDetector" in window && navigator.mediaDevices ? h("button", { class: "btn btn-primary", onclick: async function () {
      try {
        const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
        video.srcObject = stream;
        video.hidden = false;
        await video.play();
        const look = async function () {
          if (!stream) return;
          const found = await detector.detect(video).catch(function () { return []; });
          if (found.length && await judge(found[0].rawValue)) return;
          setTimeout(look, 300);
        };
        look();
      } catch (e) { told.hidden = false; told.textContent = T("code.no_camera"); }
    } }, T("code.scan")) : h("p", { class: "muted" }, T("code.no_scanner"));
    main(head(T("code.title"), T("code.answer")), camera, video, told,
      h("form", { class: "form-stack card card-body", onsubmit: function (event) { event.preventDefault(); judge(typed.value); } }, h("div", null, h("label", { for: "code", class: "form-label" }, T("code.label")), typed), h("div", null, h("button", { class: "btn" }, T("code.go")))));
  }

  // ---- the way around
  function show() {
    stopCamera();
    if (!Store.unlocked() || !app.village) return;
    const [, page, which] = (location.hash || "#/").split("/");
    if (page === "h") household(which);
    else if (page === "visit") Visit.show(find(which));
    else if (page === "all") all();
    else if (page === "queue") queue();
    else if (page === "scan") scan();
    else list();
    document.getElementById("content").dataset.page = page || "list";
  }
  async function start() {
    app.village = null;
    app.queue = [];
    const lock = await Store.lock();
    if (!lock) { begin(); return; }
    const left = await old();
    if (left === "gone") { await Store.wipe(); begin(); app.say = null; document.getElementById("content").prepend(h("p", { class: "notice attention", role: "alert" }, T("gone"))); return; }
    if (left === "clock") { main(head(T("unlock.title"), T("clock"))); return; }
    app.left = left;
    unlock();
  }
  async function signOut() {
    if (app.queue.length && !window.confirm(T("sign_out.unsent", app.queue.length))) return;
    await Store.wipe();
    const names = await caches.keys();
    await Promise.all(names.map(function (n) { return caches.delete(n); }));
    if (navigator.onLine) { document.getElementById("sign-out").submit(); return; }
    app.village = null;
    app.queue = [];
    main(head(T("sign_out.done"), T("sign_out.later")));
  }

  document.addEventListener("DOMContentLoaded", function () {
    app.lang = localStorage.getItem("phone-lang") || pageLang;
    document.getElementById("phone-lang").addEventListener("click", function () {
      app.lang = app.lang === "en" ? "zh" : "en";
      localStorage.setItem("phone-lang", app.lang);
      if (Store.unlocked()) show(); else start();
    });
    document.getElementById("phone-out").addEventListener("click", signOut);
    window.addEventListener("hashchange", function () { app.say = null; show(); window.scrollTo(0, 0); });
    window.addEventListener("online", function () { state(); if (app.queue.length) sync(); });
    window.addEventListener("offline", state);
    let hidden = 0;
    document.addEventListener("visibilitychange", function () {
      if (document.hidden) hidden = Date.now();
      else if (hidden && Date.now() - hidden > LOCK_AFTER && Store.unlocked()) { Store.forget(); start(); }
    });
    setInterval(async function () { if (Store.unlocked() && await old() === "gone") { Store.forget(); start(); } }, 60000);
    if ("serviceWorker" in navigator) {
      navigator.serviceWorker.register("/phone/sw.js", { scope: "/phone" }).then(function () { return navigator.serviceWorker.ready; }).then(function () { root.dataset.worker = "ready"; }).catch(function () { root.dataset.worker = "none"; });
    }
    start().then(function () { root.dataset.ready = "1"; });
  });

  return { T: T, In: In, h: h, icon: icon, head: head, main: main, today: today, day: day, id: id, state: app, keep: keep, drop: drop, sync: sync, show: show, find: find, waiting: waiting, firstLine: firstLine, field: field, indicator: indicator, riskName: riskName, level: level };
})();
