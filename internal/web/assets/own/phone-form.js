// The visit: what is known is filled in and only differences are asked; then the situation now, what it comes to, and what proves it. Every change is kept at once,
// encrypted, so that a call, a flat battery or a closed page loses nothing.
"use strict";
const Visit = (function () {
  const h = App.h, T = App.T, In = App.In;
  const PICTURE = 1280, SOUND = 60; // longest side in pixels; seconds

  function hex(buffer) { return Array.from(new Uint8Array(buffer), function (x) { return x.toString(16).padStart(2, "0"); }).join(""); }
  async function keepFile(blob) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192));
    const f = { record: "blob:" + App.id(), hash: hex(await crypto.subtle.digest("SHA-256", bytes)), bytes: bytes.length };
    await Store.write(f.record, { base64: btoa(text) });
    return f;
  }
  async function smaller(file) {
    const image = await createImageBitmap(file), scale = Math.min(1, PICTURE / Math.max(image.width, image.height));
    const canvas = h("canvas", { width: Math.round(image.width * scale), height: Math.round(image.height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise(function (done) { canvas.toBlob(function (b) { done({ blob: b, canvas: canvas }); }, "image/jpeg", 0.72); });
  }

  // drafts are kept together in one record: their names would tell who is visited.
  async function drafts() { return await Store.read("drafts") || { of: {}, companions: [] }; }
  function fresh(home, companions) {
    return { on: App.today(), post: "village", companions: companions, facts: {}, members: {}, ok: {}, disputes: [], lead: home.case ? null : { risk: (home.warnings || [])[0] || "", level: home.level || 1, words: "" }, ending: "", end: {}, photos: [], signature: null, voice: [], position: null, remark: "" };
  }

  async function show(home) {
    if (!home) { location.hash = "#/"; return; }
    const all = await drafts(), before = App.waiting(home);
    const d = all.of[home.id] || before && before.status === "refused" && before.draft || fresh(home, all.companions);
    let timer = 0;
    const save = function () {
      clearTimeout(timer);
      timer = setTimeout(async function () { const a = await drafts(); a.of[home.id] = d; await Store.write("drafts", a); }, 300);
    };
    if (before && before.status !== "refused") {
      App.main(h("p", { class: "crumbs" }, h("a", { href: "#/h/" + home.id }, "← " + T("household_of", home.head))), App.head(T("visit.title"), T("visit.waiting")), h("p", null, h("a", { class: "btn btn-primary", href: "#/queue" }, T("nav.queue"))));
      return;
    }
    const faults = h("div", { class: "notice bad", role: "alert", hidden: true });
    App.main(h("p", { class: "crumbs" }, h("a", { href: "#/h/" + home.id }, "← " + T("household_of", home.head))),
      App.head(T("household_of", home.head), home.case ? T("visit.why", App.firstLine(In(home.case.why))) : T("visit.lead")),
      before && before.answer ? h("p", { class: "notice attention" }, In(before.answer.words)) : null,
      h("form", { class: "visit-form stack", novalidate: true, onsubmit: function (event) { event.preventDefault(); finish(home, d, before, faults); }, oninput: save, onchange: save },
        who(d, save), home.case ? known(home, d, save) : null, situation(home, d, save), home.case && home.case.endings.length ? ending(home, d, save) : null, proof(home, d, save), faults,
        h("div", { class: "buttons" }, h("button", { class: "btn btn-primary" }, T("visit.finish")))));
  }
  function part(n, title, hint) { return h("section", { class: "card", "aria-labelledby": "part-" + n }, h("div", { class: "card-header" }, h("h2", { id: "part-" + n }, title)), hint ? h("p", { class: "muted part-hint" }, hint) : null, Array.prototype.slice.call(arguments, 3)); }
  function labelled(id, label, control) { control.id = id; return h("div", { class: "field" }, h("label", { for: id, class: "form-label" }, label), control); }
  function select(options, value, onchange, empty) {
    return h("select", { class: "form-select", onchange: function (event) { onchange(event.target.value); } }, empty !== undefined ? h("option", { value: "" }, empty) : null,
      options.map(function (o) { return h("option", { value: o.id, selected: o.id === value }, In(o.name)); }));
  }
  function input(type, value, oninput, more) { return h("input", Object.assign({ type: type, class: "form-control", value: value === undefined || value === null ? "" : value, oninput: function (event) { oninput(event.target.value); } }, more || {})); }
  function area(value, oninput, max) { return h("textarea", { class: "form-control", rows: 2, maxlength: max || 500, value: value || "", oninput: function (event) { oninput(event.target.value); } }); }

  // ---- who goes
  function who(d, save) {
    const posts = App.field("visitors", "post").codes, rows = h("div", { class: "stack" });
    function draw() {
      rows.replaceChildren(...d.companions.map(function (c, i) {
        return h("div", { class: "pair" }, labelled("with-" + i, T("who.name"), input("text", c.name, function (v) { c.name = v; }, { maxlength: 40 })), labelled("post-" + i, T("who.post"), select(posts, c.post, function (v) { c.post = v; })),
          h("button", { type: "button", class: "btn", onclick: function () { d.companions.splice(i, 1); draw(); save(); } }, T("remove")));
      }));
    }
    draw();
    return part("who", T("who.title"), T("who.hint", App.state.village.visitors_min), h("div", { class: "card-body stack" },
      labelled("on", In(App.field("visited_on").name), input("date", d.on, function (v) { d.on = v; }, { max: App.today(), required: true })),
      h("div", { class: "pair" }, h("p", { class: "field" }, h("span", { class: "form-label" }, T("who.me")), h("br"), App.state.village.worker.name), labelled("post-me", T("who.post"), select(posts, d.post, function (v) { d.post = v; }))),
      rows, h("div", null, h("button", { type: "button", class: "btn", id: "add-companion", onclick: function () { d.companions.push({ name: "", post: "team" }); draw(); save(); } }, T("who.add")))));
  }

  // ---- 1: what is known
  function money(ind) { return ind.unit === "元"; }
  function fact(home, d, save, k) {
    const ind = App.indicator(k.id), name = In(ind.name), box = h("div", { class: "change" });
    const base = k.value === null ? T("known.unknown") : In(k.text);
    function draw() {
      const f = d.facts[k.id];
      if (!f) { box.replaceChildren(h("button", { type: "button", class: "btn btn-small", "aria-label": T("changed") + "：" + name, onclick: function () { d.facts[k.id] = { value: "", remark: "" }; draw(); save(); box.querySelector("input, select").focus(); } }, T("changed"))); return; }
      const control = ind.bool ? select([{ id: "1", name: { zh: "是", en: "yes" } }, { id: "0", name: { zh: "否", en: "no" } }], f.value, function (v) { f.value = v; }, "–")
        : input("number", f.value, function (v) { f.value = v; }, { inputmode: "decimal", step: "any" });
      box.replaceChildren(h("div", { class: "pair" }, labelled("fact-" + k.id, T("now") + (ind.unit ? "（" + ind.unit + "）" : ""), control), labelled("why-" + k.id, T("remark"), input("text", f.remark, function (v) { f.remark = v; }, { maxlength: 200 })),
        h("button", { type: "button", class: "btn", onclick: function () { delete d.facts[k.id]; draw(); save(); } }, T("as_known"))));
    }
    draw();
    return h("li", { class: "question" }, h("span", { class: "asked" }, h("span", null, name), h("span", { class: k.value === null ? "unknown" : "already" }, k.value === null ? base : T("already", base) + (k.visit ? "（" + T("from_visit") + "）" : ""))), box);
  }
  function member(d, save, m) {
    const box = h("div", { class: "change" }), labours = App.field("members", "labour").codes, healths = App.field("members", "health").codes;
    function draw() {
      const c = d.members[m.key];
      if (!c) { box.replaceChildren(h("button", { type: "button", class: "btn btn-small", "aria-label": T("changed") + "：" + m.name, onclick: function () { d.members[m.key] = { labour: m.labour || "", health: m.health || "" }; draw(); save(); } }, T("changed"))); return; }
      box.replaceChildren(h("div", { class: "pair" }, labelled("labour-" + m.key, In(App.field("members", "labour").name), select(labours, c.labour, function (v) { c.labour = v; }, "–")), labelled("health-" + m.key, In(App.field("members", "health").name), select(healths, c.health, function (v) { c.health = v; }, "–")),
        h("button", { type: "button", class: "btn", onclick: function () { delete d.members[m.key]; draw(); save(); } }, T("as_known"))));
    }
    draw();
    const said = [In(m.health_in), In(m.labour_in)].filter(Boolean).join(" · ");
    return h("li", { class: "question" }, h("span", { class: "asked" }, h("span", null, m.name + " · " + In(m.relation) + (m.age >= 0 ? " · " + T("years", m.age) : "")), h("span", { class: said ? "already" : "unknown" }, said ? T("already", said) : T("known.unknown"))), box);
  }
  function known(home, d, save) {
    return part(1, "① " + T("part.known"), T("part.known.hint"), h("ul", { class: "questions" }, home.members.map(function (m) { return member(d, save, m); }), home.known.filter(function (k) { return !money(App.indicator(k.id)); }).map(function (k) { return fact(home, d, save, k); })));
  }

  // ---- 2: the situation now
  function situation(home, d, save) {
    const was = home.confirmed || {}, list = h("ul", { class: "questions" }), disputes = h("div", { class: "stack" }), lead = h("div", { class: "stack" });
    function asks() {
      list.replaceChildren(...["schooling_ok", "insurance_ok", "housing_ok", "water_ok"].filter(function (id) { return App.field(id); }).map(function (id) {
        const choice = function (value, label) { return h("label", { class: "choice" }, h("input", { type: "radio", name: id, checked: d.ok[id] === value, onchange: function () { if (value === undefined) delete d.ok[id]; else d.ok[id] = value; } }), " ", label); };
        return h("li", { class: "question" }, h("fieldset", null, h("legend", { class: "asked" }, h("span", null, In(App.field(id).name)), id in was ? h("span", { class: "already" }, T("last_time", was[id] ? T("yes") : T("no"))) : null), choice(true, T("yes")), choice(false, T("no")), choice(undefined, T("not_seen"))));
      }));
    }
    function drawDisputes() {
      const f = App.field("disputes");
      disputes.replaceChildren(...d.disputes.map(function (x, i) {
        const col = function (id) { return f.fields.find(function (c) { return c.id === id; }); };
        const to = labelled("dispute-to-" + i, In(col("referred_to").name), input("text", x.referred_to, function (v) { x.referred_to = v; }, { maxlength: 60 }));
        to.hidden = x.outcome !== "referred";
        return h("fieldset", { class: "dispute" }, h("legend", null, T("dispute") + " " + (i + 1)),
          h("div", { class: "pair" }, labelled("dispute-kind-" + i, In(col("kind").name), select(col("kind").codes, x.kind, function (v) { x.kind = v; }, "–")), labelled("dispute-outcome-" + i, In(col("outcome").name), select(col("outcome").codes, x.outcome, function (v) { x.outcome = v; to.hidden = v !== "referred"; }, "–"))),
          labelled("dispute-parties-" + i, In(col("parties").name), area(x.parties, function (v) { x.parties = v; }, 300)), to,
          h("button", { type: "button", class: "btn", onclick: function () { d.disputes.splice(i, 1); drawDisputes(); save(); } }, T("remove")));
      }));
    }
    function drawLead() {
      if (!d.lead) { lead.replaceChildren(h("div", null, h("button", { type: "button", class: "btn", id: "add-lead", onclick: function () { d.lead = { risk: "", level: 2, words: "" }; drawLead(); save(); } }, T("lead.add")))); return; }
      const levels = [3, 2, 1].map(function (n) { return { id: String(n), name: { zh: T("level." + ["", "blue", "yellow", "red"][n]), en: T("level." + ["", "blue", "yellow", "red"][n]) } }; });
      lead.replaceChildren(h("fieldset", { class: "dispute" }, h("legend", null, T("lead.title")), h("div", { class: "pair" }, labelled("lead-risk", T("risk"), select(App.state.village.risks, d.lead.risk, function (v) { d.lead.risk = v; }, T("lead.no_risk"))), labelled("lead-level", T("level"), select(levels, String(d.lead.level), function (v) { d.lead.level = Number(v); }))),
        labelled("lead-words", T("lead.words"), area(d.lead.words, function (v) { d.lead.words = v; }, 500)), h("div", null, h("button", { type: "button", class: "btn", onclick: function () { d.lead = null; drawLead(); save(); } }, T("remove")))));
    }
    asks(); drawDisputes(); drawLead();
    const incomes = (home.known || []).filter(function (k) { return money(App.indicator(k.id)); });
    const rows = h("ul", { class: "questions" }, incomes.map(function (k) { return fact(home, d, save, k); }));
    return part(2, (home.case ? "② " : "① ") + T("part.now"), null, incomes.length || Object.keys(was).length ? h("div", { class: "card-body" }, h("button", { type: "button", class: "btn", id: "same", onclick: function () {
      Object.assign(d.ok, was);
      incomes.forEach(function (k) { delete d.facts[k.id]; });
      rows.replaceChildren(...incomes.map(function (k) { return fact(home, d, save, k); }));
      asks(); save();
    } }, T("same"))) : null, rows, list, h("div", { class: "card-body stack" }, lead, disputes, h("div", null, h("button", { type: "button", class: "btn", id: "add-dispute", onclick: function () { d.disputes.push({ kind: "", parties: "", outcome: "", referred_to: "" }); drawDisputes(); save(); } }, T("dispute.add")))));
  }

  // ---- 3: what it comes to
  function ending(home, d, save) {
    const more = h("div", { class: "stack" });
    function draw() {
      const e = App.state.village.endings.find(function (x) { return x.action === d.ending; });
      if (!e) { more.replaceChildren(); return; }
      more.replaceChildren(...e.form.map(function (f) { return control(f, d.end, save, "end"); }));
    }
    draw();
    const choice = function (id, label) { return h("label", { class: "choice wide" }, h("input", { type: "radio", name: "ending", value: id, checked: d.ending === id, onchange: function () { d.ending = id; d.end = {}; draw(); } }), " ", label); };
    return part(3, "③ " + T("part.ending"), null, h("div", { class: "card-body stack" }, h("fieldset", null, h("legend", { class: "visually-hidden" }, T("part.ending")),
      ["true", "false_alarm", "known"].flatMap(function (l) { return App.state.village.endings.filter(function (e) { return e.label === l && home.case.endings.includes(e.action); }); }).map(function (x) { return x.action; }).map(function (id) { const e = App.state.village.endings.find(function (x) { return x.action === id; }); return choice(id, T("ending." + e.label)); }), choice("", T("ending.later"))), more));
  }
  // control draws a field of an ending's form as the pack describes it.
  function control(f, data, save, at) {
    const id = at + "-" + f.id, name = In(f.name) + (f.required ? " *" : "");
    const set = function (v) { if (v === "" || v === undefined) delete data[f.id]; else data[f.id] = v; };
    switch (f.type) {
      case "bool": return h("label", { class: "choice" }, h("input", { type: "checkbox", checked: data[f.id] === true, onchange: function (event) { set(event.target.checked); } }), " ", name);
      case "code": return labelled(id, name, select(f.codes, data[f.id], set, "–"));
      case "risk": return labelled(id, name, select(App.state.village.risks, data[f.id], set, "–"));
      case "date": return labelled(id, name, input("date", data[f.id], set));
      case "integer": case "number": case "money": return labelled(id, name, input("number", data[f.id], function (v) { set(v === "" ? "" : Number(v)); }, { step: "any" }));
      case "rows": {
        const box = h("div", { class: "stack" });
        if (!data[f.id]) data[f.id] = f.required ? [{}] : [];
        const draw = function () {
          box.replaceChildren(...data[f.id].map(function (row, i) {
            return h("div", { class: "pair" }, f.fields.map(function (c) { return control(c, row, save, id + "-" + i); }), data[f.id].length > 1 || !f.required ? h("button", { type: "button", class: "btn", onclick: function () { data[f.id].splice(i, 1); draw(); save(); } }, T("remove")) : null);
          }), h("div", null, h("button", { type: "button", class: "btn", onclick: function () { data[f.id].push({}); draw(); save(); } }, T("add"))));
        };
        draw();
        return h("fieldset", { class: "dispute" }, h("legend", null, name), box);
      }
      case "text": return labelled(id, name, area(data[f.id], set, f.max));
    }
    return null;
  }

  // ---- 4: proof
  function proof(home, d, save) {
    const photos = h("div", { class: "photos" }), told = h("p", { class: "muted", role: "status" }), place = h("p", { class: "muted" }), sounds = h("ul", { class: "lines" });
    const most = App.field("photos").max || 20;
    async function draw() {
      photos.replaceChildren();
      for (const f of d.photos) {
        const kept = await Store.read(f.record);
        if (!kept) continue;
        const image = await createImageBitmap(new Blob([Uint8Array.from(atob(kept.base64), function (c) { return c.charCodeAt(0); })], { type: "image/jpeg" }));
        const canvas = h("canvas", { width: 144, height: 108, role: "img", "aria-label": T("photo") }), scale = Math.max(144 / image.width, 108 / image.height);
        canvas.getContext("2d").drawImage(image, (144 - image.width * scale) / 2, (108 - image.height * scale) / 2, image.width * scale, image.height * scale);
        photos.append(h("figure", null, canvas, h("button", { type: "button", class: "btn btn-small", onclick: async function () { d.photos = d.photos.filter(function (x) { return x !== f; }); await Store.remove(f.record); draw(); save(); } }, T("remove"))));
      }
    }
    const pick = h("input", { type: "file", id: "photos", class: "form-control", accept: "image/*", capture: "environment", multiple: true, onchange: async function () {
      for (const file of Array.from(pick.files).slice(0, Math.max(0, most - d.photos.length))) {
        try { d.photos.push(await keepFile((await smaller(file)).blob)); } catch (e) { told.textContent = T("photo.bad"); }
      }
      pick.value = "";
      told.textContent = T("photo.kept", d.photos.length);
      await draw();
      save();
    } });
    function where() { place.textContent = d.position ? T("position.is", d.position.lat.toFixed(4), d.position.lon.toFixed(4)) : T("position.none"); }
    function hear() { sounds.replaceChildren(...d.voice.map(function (f) { return h("li", null, h("span", null, T("voice.is", f.seconds)), h("button", { type: "button", class: "btn btn-small", onclick: async function () { d.voice = d.voice.filter(function (x) { return x !== f; }); await Store.remove(f.record); hear(); save(); } }, T("remove"))); })); }
    const record = h("button", { type: "button", class: "btn", id: "record" }, T("voice.begin"));
    let recorder = null;
    record.addEventListener("click", async function () {
      if (recorder) { recorder.stop(); return; }
      try {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true }), parts = [], begun = Date.now();
        recorder = new MediaRecorder(stream);
        recorder.ondataavailable = function (event) { parts.push(event.data); };
        recorder.onstop = async function () {
          recorder = null;
          stream.getTracks().forEach(function (t) { t.stop(); });
          record.textContent = T("voice.begin");
          const f = await keepFile(new Blob(parts));
          f.seconds = Math.max(1, Math.round((Date.now() - begun) / 1000));
          d.voice.push(f);
          hear(); save();
        };
        recorder.start();
        record.textContent = T("voice.stop");
        setTimeout(function () { if (recorder) recorder.stop(); }, SOUND * 1000);
      } catch (e) { told.textContent = T("voice.none"); }
    });
    draw(); where(); hear();
    return part(4, (home.case ? "④ " : "② ") + T("part.proof"), null, h("div", { class: "card-body stack" },
      h("div", null, h("label", { for: "photos", class: "form-label" }, In(App.field("photos").name)), pick), told, photos,
      h("div", null, h("button", { type: "button", class: "btn", id: "locate", onclick: function () {
        navigator.geolocation.getCurrentPosition(function (p) { d.position = { lat: p.coords.latitude, lon: p.coords.longitude }; where(); save(); }, function () { place.textContent = T("order.no_position"); }, { enableHighAccuracy: true, timeout: 20000 });
      } }, App.icon("map-pin"), T("position")), place),
      App.field("signature") ? signature(d, save) : null,
      App.field("voice") && navigator.mediaDevices && "MediaRecorder" in window ? h("div", null, record, sounds) : null,
      labelled("remark", In(App.field("remark").name), area(d.remark, function (v) { d.remark = v; }, 500))));
  }
  function signature(d, save) {
    const canvas = h("canvas", { id: "signature", class: "signature", width: 640, height: 240, role: "img", "aria-label": In(App.field("signature").name) }), ink = canvas.getContext("2d");
    const told = h("span", { class: "muted" }, d.signature ? T("signature.kept") : "");
    let last = null;
    ink.lineWidth = 4; ink.lineCap = "round"; ink.lineJoin = "round"; ink.strokeStyle = "#1d273b";
    function blank() { ink.fillStyle = "#ffffff"; ink.fillRect(0, 0, canvas.width, canvas.height); }
    function at(event) { const r = canvas.getBoundingClientRect(); return [(event.clientX - r.left) * canvas.width / r.width, (event.clientY - r.top) * canvas.height / r.height]; }
    canvas.addEventListener("pointerdown", function (event) { last = at(event); canvas.setPointerCapture(event.pointerId); event.preventDefault(); });
    canvas.addEventListener("pointermove", function (event) {
      if (!last) return;
      const p = at(event);
      ink.beginPath(); ink.moveTo(last[0], last[1]); ink.lineTo(p[0], p[1]); ink.stroke();
      last = p;
    });
    async function end() {
      if (!last) return;
      last = null;
      const blob = await new Promise(function (done) { canvas.toBlob(done, "image/png"); }), old = d.signature;
      d.signature = await keepFile(blob);
      if (old) await Store.remove(old.record);
      told.textContent = T("signature.kept");
      save();
    }
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    blank();
    return h("div", null, h("span", { class: "form-label" }, In(App.field("signature").name)), canvas, h("div", { class: "buttons" }, h("button", { type: "button", class: "btn btn-small", onclick: async function () { blank(); if (d.signature) await Store.remove(d.signature.record); d.signature = null; told.textContent = ""; save(); } }, T("signature.clear")), told));
  }

  // ---- done
  // problems are what the phone can tell without network; the server judges everything again.
  function problems(home, d, visit) {
    const v = App.state.village, out = [];
    if (!visit.visited_on || visit.visited_on > App.today()) out.push(T("bad.day"));
    for (const [id, f] of Object.entries(d.facts)) if (f.value === "" || isNaN(Number(f.value))) out.push(T("bad.fact", In(App.indicator(id).name)));
    if (visit.members) visit.members.forEach(function (m) { if (!m.labour) out.push(T("bad.labour", home.members.find(function (x) { return x.key === m.person; }).name)); });
    d.disputes.forEach(function (x, i) { if (!x.kind || !x.outcome || x.parties.trim().length < 2 || x.outcome === "referred" && !x.referred_to.trim()) out.push(T("bad.dispute", i + 1)); });
    if (d.lead && d.lead.words.trim().length < 2 && !(d.disputes.length && !home.case)) out.push(T("bad.lead"));
    if (!home.case && !d.lead && !d.disputes.length) out.push(T("bad.nothing"));
    const e = v.endings.find(function (x) { return x.action === d.ending; });
    if (e) {
      if (visit.visitors.length < v.visitors_min) out.push(T("bad.visitors", v.visitors_min));
      e.form.forEach(function (f) {
        const value = d.end[f.id];
        if (f.required && f.type === "rows" && (!value || !value.length || value.some(function (row) { return f.fields.some(function (c) { return c.required && !row[c.id]; }); }))) out.push(T("bad.required", In(f.name)));
        else if (f.required && f.type !== "rows" && (value === undefined || String(value).trim().length < (f.min || 1))) out.push(T("bad.required", In(f.name)));
      });
    }
    return out;
  }
  async function finish(home, d, before, faults) {
    const v = App.state.village, known = {};
    const visit = { visited_on: d.on, visitors: [{ account: v.worker.account, post: d.post }] };
    d.companions.filter(function (c) { return c.name.trim(); }).forEach(function (c) { visit.visitors.push({ name: c.name.trim(), post: c.post }); });
    const facts = Object.entries(d.facts).map(function (e) { return Object.assign({ indicator: e[0], value: Number(e[1].value) }, e[1].remark ? { remark: e[1].remark } : {}); });
    if (facts.length) visit.facts = facts;
    if (Object.keys(d.members).length) {
      const healths = App.field("members", "health").codes.map(function (c) { return c.id; });
      visit.members = home.members.map(function (m) {
        const c = d.members[m.key] || m, row = { person: m.key, age: Math.max(0, m.age), labour: c.labour || (m.age >= 0 && m.age < 16 ? "none" : "") };
        if (healths.includes(c.health)) row.health = c.health;
        if (m.school && m.school !== "no") row.in_school = true;
        ["age", "labour", "health", "in_school"].forEach(function (column) {
          const value = column === "age" ? Math.max(0, m.age) : column === "in_school" ? row.in_school : column === "labour" ? m.labour || (m.age >= 0 && m.age < 16 ? "none" : "") : m.health;
          if (value !== undefined && value !== "") known["members." + m.key + "." + column] = value;
        });
        return row;
      });
    }
    Object.assign(visit, d.ok);
    if (d.disputes.length) visit.disputes = d.disputes.map(function (x) { const o = { kind: x.kind, parties: x.parties.trim(), outcome: x.outcome }; if (x.outcome === "referred") o.referred_to = x.referred_to.trim(); return o; });
    const files = d.photos.concat(d.voice, d.signature ? [d.signature] : []).map(function (f) { return { record: f.record, hash: f.hash, sent: false }; });
    if (d.photos.length) visit.photos = d.photos.map(function (f) { return f.hash; });
    if (d.voice.length) visit.voice = d.voice.map(function (f) { return f.hash; });
    if (d.signature) visit.signature = d.signature.hash;
    if (d.position) visit.position = d.position;
    if (d.remark.trim()) visit.remark = d.remark.trim();
    const e = v.endings.find(function (x) { return x.action === d.ending; });
    if (e && e.label === "known") visit.already_known = true;
    const wrong = problems(home, d, visit);
    if (wrong.length) {
      faults.replaceChildren(...wrong.map(function (w) { return h("p", null, w); }));
      faults.hidden = false;
      faults.scrollIntoView({ block: "center" });
      return;
    }
    const edit = { key: App.id(), household: home.id, case: home.case ? home.case.id : "", steps: home.case ? home.case.steps : 0, visit: visit, base: known };
    if (e) edit.ending = { action: d.ending, data: d.end };
    if (d.lead && d.lead.words.trim()) edit.lead = { risk: d.lead.risk, level: d.lead.level, words: d.lead.words.trim() };
    if (before) { before.files = []; await App.drop(before); } // the pictures go on with the new one
    await App.keep({ edit: edit, head: home.head, at: Date.now(), status: "queued", files: files, draft: d });
    const a = await drafts();
    delete a.of[home.id];
    a.companions = d.companions.filter(function (c) { return c.name.trim(); });
    await Store.write("drafts", a);
    location.hash = "#/";
    if (navigator.onLine) App.sync();
  }

  return { show: show };
})();
