// What the phone keeps: everything encrypted under a code that the worker chooses, nothing of a household in plain, not even as a key. docs/phone.md says against whom
// this protects and against whom it does not.
"use strict";
const Store = (function () {
  const NAME = "shouwang-phone", ROUNDS = 600000, TRIES = 10;
  const utf8 = new TextEncoder(), text = new TextDecoder();
  let db = null, key = null;

  function wait(request) {
    return new Promise(function (done, fail) {
      request.onsuccess = function () { done(request.result); };
      request.onerror = function () { fail(request.error); };
    });
  }
  async function open() {
    if (db) return db;
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = function () {
      request.result.createObjectStore("meta");
      request.result.createObjectStore("sealed");
    };
    db = await wait(request);
    db.onversionchange = function () { db.close(); db = null; key = null; };
    db.onclose = function () { db = null; };
    return db;
  }
  async function get(store, name) { return wait((await open()).transaction(store).objectStore(store).get(name)); }
  async function put(store, name, value) {
    const t = (await open()).transaction(store, "readwrite", { durability: "strict" });
    t.objectStore(store).put(value, name);
    return new Promise(function (done, fail) { t.oncomplete = function () { done(); }; t.onabort = t.onerror = function () { fail(t.error); }; });
  }

  // The worker's code makes a key that opens the data key; the data key alone opens the data.
  async function fromSecret(secret, salt, rounds) {
    const base = await crypto.subtle.importKey("raw", utf8.encode(secret.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
    return crypto.subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt: salt, iterations: rounds }, base, { name: "AES-GCM", length: 256 }, false, ["wrapKey", "unwrapKey"]);
  }
  function place(name) { return utf8.encode("shouwang-phone|" + name); }

  return {
    // lock tells whether there is something to unlock, and whose it is (an account's id, no name).
    lock: function () { return get("meta", "lock"); },
    times: function () { return get("meta", "times"); },
    setTimes: function (t) { return put("meta", "times", t); },
    unlocked: function () { return key !== null; },
    forget: function () { key = null; },

    // begin makes a new data key under a code.
    begin: async function (secret, account) {
      const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(12));
      const fresh = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
      const outer = await fromSecret(secret, salt, ROUNDS);
      const wrapped = await crypto.subtle.wrapKey("raw", fresh, outer, { name: "AES-GCM", iv: iv, additionalData: place(account) });
      await put("meta", "lock", { account: account, salt: salt, iv: iv, wrapped: wrapped, rounds: ROUNDS, tries: 0 });
      key = await crypto.subtle.unwrapKey("raw", wrapped, outer, { name: "AES-GCM", iv: iv, additionalData: place(account) }, { name: "AES-GCM" }, false, ["encrypt", "decrypt"]);
    },
    // unlock gives 0 when the code is right, otherwise how many tries are left; after the last one everything is gone. The try is counted before the answer
    // is known, so that pulling the plug gains nothing.
    unlock: async function (secret) {
      const lock = await get("meta", "lock");
      lock.tries++;
      if (lock.tries > TRIES) { await this.wipe(); return -1; }
      await put("meta", "lock", lock);
      try {
        const outer = await fromSecret(secret, lock.salt, lock.rounds);
        key = await crypto.subtle.unwrapKey("raw", lock.wrapped, outer, { name: "AES-GCM", iv: lock.iv, additionalData: place(lock.account) }, { name: "AES-GCM" }, false, ["encrypt", "decrypt"]);
      } catch (e) {
        if (lock.tries >= TRIES) { await this.wipe(); return -1; }
        return TRIES - lock.tries;
      }
      lock.tries = 0;
      await put("meta", "lock", lock);
      return 0;
    },

    read: async function (name) {
      const r = await get("sealed", name);
      if (!r) return undefined;
      return JSON.parse(text.decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: r.iv, additionalData: place(name) }, key, r.data)));
    },
    write: async function (name, value) {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv: iv, additionalData: place(name) }, key, utf8.encode(JSON.stringify(value)));
      return put("sealed", name, { iv: iv, data: data });
    },
    remove: async function (name) {
      const t = (await open()).transaction("sealed", "readwrite");
      t.objectStore("sealed").delete(name);
      return new Promise(function (done, fail) { t.oncomplete = function () { done(); }; t.onabort = t.onerror = function () { fail(t.error); }; });
    },
    names: async function (begin) {
      const all = await wait((await open()).transaction("sealed").objectStore("sealed").getAllKeys());
      return all.filter(function (n) { return n.startsWith(begin); });
    },

    // wipe leaves nothing: data, keys, and what the service worker kept.
    wipe: async function () {
      key = null;
      if (db) { db.close(); db = null; }
      await new Promise(function (done) {
        const request = indexedDB.deleteDatabase(NAME);
        request.onsuccess = request.onerror = request.onblocked = function () { done(); };
      });
      localStorage.removeItem("phone-queue");
    },
  };
})();
