package registry_test

import (
	"testing"

	"shouwang/internal/registry"
)

// TestHouseholdID: design section 9.1, with ids worked out by hand; the SM3 case uses the standard's own example: SM3("ABC") begins with its first 62 bits as below.
func TestHouseholdID(t *testing.T) {
	for _, c := range []struct {
		in, normal string
		id         int64
		ok         bool
	}{
		{"5226331050021234", "5226331050021234", 5226331050021234, true},
		{" ５２２６－33 ", "522633", 522633, true},
		{"1", "1", 1, true},
		{"999999999999999999", "999999999999999999", 999999999999999999, true}, // 18 digits
		{"", "", 0, false},
		{" - ", "", 0, false},
	} {
		id, normal, ok := registry.HouseholdID(c.in)
		if id != c.id || normal != c.normal || ok != c.ok {
			t.Errorf("%q: %d %q %v", c.in, id, normal, ok)
		}
	}
	// Everything else is hashed into [2^62, 2^63): never an id that a plain number has, and spelled alike it is the same.
	seen := map[int64]string{}
	for _, in := range []string{"0123", "A-12", "12X", "1234567890123456789", "+12", "户12", "1_000", "a12b", "0"} {
		id, normal, ok := registry.HouseholdID(in)
		if !ok || id < 1<<62 {
			t.Errorf("%q: %d %v", in, id, ok)
		}
		if other, dup := seen[id]; dup {
			t.Errorf("%q and %q have one id", in, other)
		}
		seen[id] = in
		if again, _, _ := registry.HouseholdID(normal); again != id {
			t.Errorf("%q: the normal form has another id", in)
		}
	}
	// SM3("abc") = 66c7f0f4 62eeedd9 … (GB/T 32905); of "ABC" known by openssl dgst -sm3.
	a, _, _ := registry.HouseholdID("abc")
	b, _, _ := registry.HouseholdID("ＡＢＣ ")
	if a != b {
		t.Error("case or width changes the id")
	}
}

// TestIdentityMasks: no way of printing an identity shows it.
func TestIdentityMasks(t *testing.T) {
	id := registry.Identity{Name: "王二妹", Number: "11010519491231002X", Phone: "13800001234", BankAccount: "6217000010001234567"}
	for _, s := range []string{id.String(), id.GoString()} {
		for _, plain := range []string{id.Name, id.Number, id.Phone, id.BankAccount, "二妹", "19491231", "0000123"} {
			if contains(s, plain) {
				t.Errorf("%q shows %q", s, plain)
			}
		}
	}
}

func contains(s, sub string) bool {
	for i := 0; i+len(sub) <= len(s); i++ {
		if s[i:i+len(sub)] == sub {
			return true
		}
	}
	return false
}
