// The worker that opens the page without network. It keeps the page's frame and its files, which hold nothing of anybody; data never go through it into a cache.
// FILES and VERSION are put in front of this text by the server.
"use strict";
const CACHE = "phone-" + VERSION, FRAME = "/phone";

self.addEventListener("install", function (event) {
  event.waitUntil(caches.open(CACHE).then(function (c) {
    // A session that has ended would lead to signing in: that page is not the frame. Then the worker is not there, and tries again next time.
    return Promise.all([c.addAll(FILES), fetch(FRAME, { credentials: "same-origin", redirect: "error" }).then(function (answer) {
      if (!answer.ok) throw new Error("no frame");
      return c.put(FRAME, answer);
    })]);
  }).then(function () { return self.skipWaiting(); }));
});
self.addEventListener("activate", function (event) {
  event.waitUntil(caches.keys().then(function (names) {
    return Promise.all(names.filter(function (n) { return n.startsWith("phone-") && n !== CACHE; }).map(function (n) { return caches.delete(n); }));
  }).then(function () { return self.clients.claim(); }));
});
self.addEventListener("fetch", function (event) {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && url.pathname === FRAME) {
    // The network first: a session that has ended leads to signing in. Without network the kept frame, which asks for the unlocking code.
    event.respondWith(fetch(event.request).then(function (answer) {
      if (answer.ok && !answer.redirected) {
        const copy = answer.clone();
        event.waitUntil(caches.open(CACHE).then(function (c) { return c.put(FRAME, copy); }));
      }
      return answer;
    }).catch(function () { return caches.match(FRAME); }));
    return;
  }
  if (url.pathname.startsWith("/assets/") || url.pathname === "/phone/manifest.webmanifest") {
    event.respondWith(caches.match(event.request).then(function (kept) { 
      return kept || fetch(event.request).then(function (answer) {
        const copy = answer.clone();
        if (answer.ok) event.waitUntil(caches.open(CACHE).then(function (c) { return c.put(event.request, copy); }));
        return answer;
      });
    }));
  }
});
