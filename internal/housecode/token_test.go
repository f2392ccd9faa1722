package housecode

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shouwang/internal/secret"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func sampleToken(key KeyID) Token {
	return Token{ID: ID{0x3f, 0x2a, 0x91, 0xc0, 0x77, 0xb4, 0x0e, 0x5d}, Village: 522633105209, Serial: 2, Issued: noon, Expires: noon.AddDate(3, 0, 0), Key: key}
}

func newKey(t testing.TB, s Suite) *SigningKey {
	t.Helper()
	k, err := NewKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func listOf(t testing.TB, over map[ID]Verdict, keys ...PublicKey) *KeyList {
	t.Helper()
	l, err := NewKeyList(noon, keys, over)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func sign(t testing.TB, k *SigningKey, token Token) string {
	t.Helper()
	s, err := k.Sign(token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBase41 against the definition: two bytes are the digits of their value, the lowest first.
func TestBase41(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string
	}{{"", ""}, {"\x00", "00"}, {"\xff", "96"}, {"\x00\x00", "000"}, {"\xff\xff", string([]byte{alphabet41[65535%41], alphabet41[65535/41%41], alphabet41[65535/1681]})}} {
		if got := string(encode41([]byte(c.in))); got != c.want {
			t.Errorf("encode41(%x) = %q, want %q", c.in, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
		text := string(encode41(b))
		if got, v := decode41(strings.ToLower(text)); v != Valid || !bytes.Equal(got, b) {
			t.Fatalf("%x became %x (%s)", b, got, v)
		}
		if strings.HasSuffix(text, ".") || strings.HasSuffix(text, ":") {
			t.Fatalf("%q ends with punctuation", text)
		}
	})
}

// TestWhatACodeHolds: both suites, through a QR code and another program's decoder, and nothing in it but the token.
func TestWhatACodeHolds(t *testing.T) {
	for _, suite := range []Suite{Ed25519, SM2} {
		key := newKey(t, suite)
		want := sampleToken(key.ID)
		link := Address("https://sw.example.gov.cn/c/", sign(t, key, want))
		if link != strings.ToUpper(link) {
			t.Errorf("%s: %q is not all capitals", suite, link)
		}
		if len(link) > 221 { // what version 8 holds at level M in alphanumeric mode (ISO/IEC 18004, table 7)
			t.Errorf("%s: %d characters need more than version 8", suite, len(link))
		}
		m, err := new(matrices).encode(link)
		if err != nil {
			t.Fatal(err)
		}
		if m.size() != 49 {
			t.Errorf("%s: %d modules", suite, m.size())
		}
		got, v := listOf(t, nil, key.Public()).Check(read(t, picture(m)), noon.Add(time.Hour))
		if v != Valid || got != want {
			t.Errorf("%s: %+v, %s", suite, got, v)
		}
	}
}

// TestEachFaultIsToldApart: one code, treated badly in each way.
func TestEachFaultIsToldApart(t *testing.T) {
	for _, suite := range []Suite{Ed25519, SM2} {
		key, other := newKey(t, suite), newKey(t, suite)
		token := sampleToken(key.ID)
		good := sign(t, key, token)
		raw, _ := decode41(good)
		changed := func(at int, mask byte) string {
			b := bytes.Clone(raw)
			b[at] ^= mask
			return string(encode41(b))
		}
		withdrawn := key.Public()
		withdrawn.Withdrawn = true
		keys := listOf(t, nil, key.Public())
		village := bytes.Index(raw, []byte{0x1b, 0, 0, 0, 0x79}) // the 64-bit integer 522633105209
		if village < 0 {
			t.Fatal("the village is not where it is expected")
		}
		cases := []struct {
			name string
			list *KeyList
			text string
			at   time.Time
			want Verdict
		}{
			{"good", keys, good, noon, Valid},
			{"in small letters", keys, "https://sw.example.cn/c/" + strings.ToLower(good), noon, Valid},
			{"signature changed", keys, changed(len(raw)-1, 1), noon, Tampered},
			{"another village", keys, changed(village+8, 1), noon, Tampered},
			{"something behind it", keys, good + "000", noon, Tampered},
			{"one character lost", keys, good[:len(good)-1], noon, Truncated},
			{"half of it", keys, good[:90], noon, Truncated},
			{"nothing", keys, "", noon, NotACode},
			{"another QR code", keys, "HTTPS://WX.EXAMPLE.COM/PAY", noon, NotACode},
			{"another page", keys, "HTTPS://EXAMPLE.CN", noon, NotACode},
			{"Chinese text", keys, "户码", noon, NotACode},
			{"another key", keys, sign(t, other, sampleToken(other.ID)), noon, UnknownKey},
			{"key withdrawn", listOf(t, nil, withdrawn), good, noon, Revoked},
			{"last second", keys, good, token.Expires.Add(-time.Second), Valid},
			{"expired", keys, good, token.Expires, Expired},
			{"clock a little behind", keys, good, noon.Add(-23 * time.Hour), Valid},
			{"clock far behind", keys, good, noon.AddDate(0, 0, -2), NotYet},
			{"revoked on the list", listOf(t, map[ID]Verdict{token.ID: Revoked}, key.Public()), good, noon, Revoked},
			{"replaced on the list", listOf(t, map[ID]Verdict{token.ID: Replaced}, key.Public()), good, noon, Replaced},
			{"no keys", listOf(t, nil), good, noon, UnknownKey},
		}
		for _, c := range cases {
			if got, v := c.list.Check(c.text, c.at); v != c.want || v != Valid && got != (Token{}) && v != Expired && v != NotYet && v != Revoked && v != Replaced {
				t.Errorf("%s, %s: %s, want %s", suite, c.name, v, c.want)
			}
			if c.want.In("zh") == "" || c.want.In("en") == "" {
				t.Errorf("%s has no words", c.want)
			}
		}
	}
}

// TestEveryCutAndEveryFlippedBit of a code is found.
func TestEveryCutAndEveryFlippedBit(t *testing.T) {
	key := newKey(t, Ed25519)
	keys := listOf(t, nil, key.Public())
	good := sign(t, key, sampleToken(key.ID))
	for n := range len(good) {
		if _, v := keys.Check(good[:n], noon); v != Truncated && !(n < 3 && v == NotACode) && !(v == Tampered && n%3 == 2) {
			t.Errorf("cut to %d characters: %s", n, v)
		}
	}
	raw, _ := decode41(good)
	for i := range len(raw) * 8 {
		b := bytes.Clone(raw)
		b[i/8] ^= 1 << (i % 8)
		if _, v := keys.Check(string(encode41(b)), noon); v == Valid {
			t.Errorf("bit %d flipped, and it is valid", i)
		}
	}
}

func TestAKeyListIsAFile(t *testing.T) {
	a, b := newKey(t, Ed25519), newKey(t, SM2)
	token := sampleToken(b.ID)
	list := listOf(t, map[ID]Verdict{token.ID: Replaced}, a.Public(), b.Public())
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadKeyList(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, v := again.Check(sign(t, b, token), noon); v != Replaced {
		t.Errorf("verdict %s", v)
	}
	for _, bad := range []string{"", "{}", strings.Replace(string(text), `"format":1`, `"format":2`, 1), strings.Replace(string(text), a.ID.String(), "00000000", 1), strings.Replace(string(text), "replaced", "gone", 1)} {
		if _, err := ReadKeyList([]byte(bad)); err == nil {
			t.Errorf("%.60s is read", bad)
		}
	}
	if strings.Contains(string(text), "d=") || len(a.seed) == 0 {
		t.Error("no seed")
	}
}

// TestASealedKeyOpensInItsPlaceOnly, and a printed key shows its id.
func TestASealedKeyOpensInItsPlaceOnly(t *testing.T) {
	ring, err := secret.Create(t.TempDir() + "/keyring")
	if err != nil {
		t.Fatal(err)
	}
	k, other := newKey(t, Ed25519), newKey(t, Ed25519)
	sealed := ring.Seal(nil, sealedColumn, k.ID.place(), k.seed)
	if _, err := ring.Open(sealedColumn, other.ID.place(), sealed); err == nil {
		t.Error("a key that was moved to another row opens")
	}
}

func FuzzCheck(f *testing.F) {
	key := newKey(f, Ed25519)
	second := newKey(f, SM2)
	keys := listOf(f, nil, key.Public(), second.Public())
	good := sign(f, key, sampleToken(key.ID))
	f.Add(good)
	f.Add(sign(f, second, sampleToken(second.ID)))
	f.Add("HTTPS://A/" + good[:50])
	f.Add(good + good)
	f.Add(string(encode41([]byte{0x84, 0x40, 0xa0, 0x40, 0x40})))
	f.Add(string(encode41([]byte{0x84, 0x5f, 0xff, 0xa0, 0x40, 0x40})))
	for range 20 {
		b := make([]byte, rand.IntN(150))
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		f.Add(string(encode41(append([]byte{0x84}, b...))))
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, v := keys.Check(text, noon)
		if v.In("en") == "" {
			t.Errorf("verdict %q", v)
		}
		if v == Valid && token.ID != sampleToken(key.ID).ID {
			t.Errorf("%q is valid, and nobody signed it", text)
		}
	})
}
