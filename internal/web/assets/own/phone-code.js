// Household codes without network: the text of a card is taken apart, its signature checked with the keys that came with the village where the browser can, and its
// random number looked up among the village's cards. A card says no name and no number of a household, so the look-up works only where the village was taken along.
"use strict";
const HouseCode = (function () {
  const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$*-.:";

  function base41(s) {
    const out = [];
    const digits = Array.from(s.toUpperCase(), function (c) { return ALPHABET.indexOf(c); });
    if (digits.includes(-1) || digits.length % 3 === 1) return null;
    for (let i = 0; i < digits.length; i += 3) {
      const last = i + 2 >= digits.length, n = digits[i] + 41 * digits[i + 1] + (last ? 0 : 1681 * digits[i + 2]);
      if (n > (last ? 0xff : 0xffff)) return null;
      if (!last) out.push(n >> 8);
      out.push(n & 0xff);
    }
    return new Uint8Array(out);
  }
  // cbor reads the few kinds that a code has: numbers, bytes, arrays, maps.
  function cbor(b) {
    let at = 0;
    function item() {
      if (at >= b.length) throw new Error("cut");
      const kind = b[at] >> 5;
      let n = b[at++] & 31;
      if (n >= 24) {
        const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[n];
        if (!size || at + size > b.length) throw new Error("form");
        n = 0;
        for (let i = 0; i < size; i++) n = n * 256 + b[at++];
      }
      if (kind === 0) return n;
      if (kind === 1) return -1 - n;
      if (kind === 2) { if (at + n > b.length) throw new Error("cut"); at += n; return b.slice(at - n, at); }
      if (kind === 4) return Array.from({ length: n }, item);
      if (kind === 5) { const m = new Map(); for (let i = 0; i < n; i++) { const k = item(); m.set(k, item()); } return m; }
      throw new Error("kind");
    }
    const v = item();
    if (at !== b.length) throw new Error("rest");
    return v;
  }
  function hex(b) { return Array.from(b, function (x) { return x.toString(16).padStart(2, "0"); }).join(""); }
  function bytes(b) { // a byte string as CBOR writes it
    const head = b.length < 24 ? [0x40 + b.length] : b.length < 256 ? [0x58, b.length] : [0x59, b.length >> 8, b.length & 255];
    return [...head, ...b];
  }
  function unbase64(s) { return Uint8Array.from(atob(s), function (c) { return c.charCodeAt(0); }); }

  // parse takes a scanned text apart; null when it is no code.
  function parse(scanned) {
    const b = base41(scanned.trim().split("/").pop());
    if (!b || b[0] !== 0x84) return null;
    try {
      const [head, , payload, signature] = cbor(b), claims = cbor(payload), protectedHead = cbor(head);
      return { id: hex(claims.get(7)), expires: claims.get(4), village: claims.get(-65537)[0], serial: claims.get(-65537)[1], kid: hex(protectedHead.get(4)),
        signed: new Uint8Array([0x84, 0x6a, ...new TextEncoder().encode("Signature1"), ...bytes(head), 0x40, ...bytes(payload)]), signature: signature };
    } catch (e) {
      return null;
    }
  }
  // signed gives true, false, or null where the browser cannot tell (it lacks the algorithm; SM2).
  async function signed(code, keys) {
    const k = keys.find(function (x) { return x.id === code.kid; });
    if (!k) return false;
    if (k.suite !== "ed25519") return null;
    try {
      const key = await crypto.subtle.importKey("raw", unbase64(k.public), { name: "Ed25519" }, false, ["verify"]);
      return await crypto.subtle.verify({ name: "Ed25519" }, key, code.signature, code.signed);
    } catch (e) {
      return null;
    }
  }

  return {
    parse: parse,
    // check judges what was scanned or typed: {verdict, household, signed}. Verdicts: valid, ended, expired, elsewhere, tampered, unknown, ambiguous, no_code.
    check: async function (scanned, village) {
      const homes = village.households.concat(village.others);
      const code = parse(scanned);
      if (!code) {
        const typed = scanned.replace(/[\s-]/g, "").toLowerCase();
        if (!/^[0-9a-f]{6,16}$/.test(typed)) return { verdict: "no_code" };
        const found = homes.filter(function (h) { return h.code && h.code.startsWith(typed); });
        if (found.length === 1) return { verdict: "valid", household: found[0], signed: null };
        if (found.length > 1) return { verdict: "ambiguous" };
        return { verdict: village.ended.some(function (id) { return id.startsWith(typed); }) ? "ended" : "unknown" };
      }
      const key = village.keys.find(function (k) { return k.id === code.kid; });
      const ok = await signed(code, village.keys);
      if (ok === false || key && key.withdrawn) return { verdict: key && key.withdrawn ? "ended" : "tampered" };
      if (village.ended.includes(code.id)) return { verdict: "ended" };
      if (code.expires * 1000 <= Date.now()) return { verdict: "expired" };
      if (code.village !== village.code) return { verdict: "elsewhere" };
      const home = homes.find(function (h) { return h.code === code.id; });
      return home ? { verdict: "valid", household: home, signed: ok } : { verdict: "unknown" };
    },
  };
})();
