package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCodeVerbs goes the way of an administrator: key, issue, print, check with and without the data folder, lost card, key that got out.
func TestCodeVerbs(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "county")
	do := func(code int, args ...string) outcome {
		t.Helper()
		o := run(t, "", append(args, "--data", data, "--lang", "en", "--quiet")...)
		if o.code != code {
			t.Fatalf("%v: exit code %d, want %d\n%s%s", args, o.code, code, o.stdout, o.stderr)
		}
		return o
	}
	do(0, "demo", "--households", "300", "--no-serve", "--no-cases")
	if o := do(1, "code", "issue", "--division", "522633"); !strings.Contains(o.stderr, "code key new") {
		t.Errorf("without a key: %s", o.stderr)
	}
	key := at(t, at(t, document(t, do(0, "code", "key", "new", "--json")), "keys").([]any)[0], "id").(string)
	do(2, "code", "issue")
	issued := document(t, do(0, "code", "issue", "--division", "522633", "--months", "24", "--json"))
	n := issued["new"].(float64)
	if n < 295 || n > 305 || issued["expires"] != "2028-11-15" {
		t.Errorf("issued: %v", issued)
	}
	do(2, "code", "sheet", "--division", "522633", "--out", filepath.Join(dir, "cards"))
	sheet := document(t, do(0, "code", "sheet", "--division", "522633", "--base", "https://sw.example.cn/c", "--out", filepath.Join(dir, "cards"), "--json"))
	if sheet["cards"] != n {
		t.Errorf("printed: %v", sheet)
	}
	files, err := os.ReadDir(filepath.Join(dir, "cards"))
	if err != nil || float64(len(files)) != sheet["villages"] {
		t.Errorf("%d files, %v", len(files), err)
	}
	list := filepath.Join(dir, "keys.json")
	do(0, "code", "key", "export", "--out", list)
	if o := do(3, "code", "check", "--keys", list, "HTTPS://EXAMPLE.CN"); !strings.Contains(o.stdout, "not a household code") {
		t.Errorf("another code: %s", o.stdout)
	}

	households := document(t, do(0, "warnings", "--limit", "1", "--json"))
	no := at(t, at(t, households, "warnings").([]any)[0], "household_no").(string)
	digits := document(t, do(0, "code", "once", no, "--json"))
	if len(digits["digits"].(string)) != 6 {
		t.Errorf("one-time code: %v", digits)
	}
	do(1, "code", "reprint", no)
	do(0, "code", "reprint", no, "--reason", "lost")
	shown := document(t, do(0, "code", "show", no, "--json"))
	if at(t, at(t, shown, "codes").([]any)[0], "serial") != 2.0 || at(t, at(t, shown, "codes").([]any)[1], "state") != "replaced" {
		t.Errorf("after the reprint: %v", shown)
	}
	do(0, "code", "revoke", no, "--reason", "moved away")
	do(1, "code", "revoke", no, "--reason", "moved away")
	if d := document(t, do(0, "code", "key", "withdraw", key, "--reason", "lost", "--json")); d["voided"] != n-1 {
		t.Errorf("withdrawn: %v", d)
	}
	do(0, "code", "key", "list")
}
