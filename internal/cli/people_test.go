package cli

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// TestPeopleVerbs goes the way of an administrator: the first account, staff, sessions, the audit chain, a backup, and everything lost and restored.
func TestPeopleVerbs(t *testing.T) {
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
	doc := func(code int, args ...string) any { return document(t, do(code, append(args, "--json")...)) }
	do(0, "init")
	first := doc(0, "account", "bootstrap", "--login", "Admin", "--name", "张三", "--org", "522633")
	if len(at(t, first, "password").(string)) != 19 || at(t, first, "account", "login") != "admin" {
		t.Errorf("%v", first)
	}
	if o := do(1, "account", "bootstrap"); !strings.Contains(o.stderr, "account reset") {
		t.Errorf("a second time: %s", o.stderr)
	}
	do(2, "account", "add", "--login", "wang")
	made := doc(0, "account", "add", "--login", "wang", "--name", "王五", "--org", "522633105209", "--role", "village", "--phone", "13800138000")
	id := at(t, made, "account", "id").(string)
	if o := do(1, "account", "add", "--login", "wang", "--name", "王五", "--org", "522633105209", "--role", "village"); !strings.Contains(o.stderr, "taken") {
		t.Errorf("the same login: %s", o.stderr)
	}
	if o := do(0, "account", "list"); !strings.Contains(o.stdout, "王五") || strings.Contains(o.stdout, "13800138000") {
		t.Errorf("%s", o.stdout)
	}
	if list := at(t, doc(0, "account", "list", "--division", "522633105", "--limit", "1"), "accounts").([]any); len(list) != 1 {
		t.Errorf("%v", list)
	}
	do(2, "account", "list", "--division", "abc")

	book := excelize.NewFile()
	for i, row := range [][]any{{"登录名", "姓名", "单位编号", "角色"}, {"li", "李一", "522633-water", "部门人员"}, {"zhao", "赵一", "522633-water", "部门人员"}, {"qian", "钱一", "522633", "村长"}} {
		if err := book.SetSheetRow("Sheet1", "A"+string(rune('1'+i)), &row); err != nil {
			t.Fatal(err)
		}
	}
	staff, passwords := filepath.Join(dir, "staff.xlsx"), filepath.Join(dir, "one-time.csv")
	if err := book.SaveAs(staff); err != nil {
		t.Fatal(err)
	}
	do(2, "account", "import", staff)
	do(1, "account", "import", staff+"x", "--passwords", passwords)
	got := doc(3, "account", "import", staff, "--passwords", passwords)
	rejects := at(t, got, "rejects").([]any)
	if at(t, got, "made") != 1.0 || len(rejects) != 2 || at(t, rejects[1], "row") != 4.0 || at(t, rejects[1], "column") != "角色" {
		t.Errorf("%v", got)
	}
	f, err := os.Open(passwords)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if info, _ := f.Stat(); err != nil || len(rows) != 2 || rows[1][1] != "zhao" || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", rows, err)
	}
	if at(t, doc(0, "account", "disable", "zhao"), "account", "active") != false || at(t, doc(0, "account", "enable", "zhao"), "account", "active") != true {
		t.Error("disable and enable")
	}
	if one, other := at(t, doc(0, "account", "reset", "wang", "--second-factor"), "password"), at(t, made, "password"); one == other {
		t.Error("the same password again")
	}
	do(1, "account", "reset", "nobody")
	if at(t, doc(0, "session", "list", id), "account") != id || at(t, doc(0, "session", "end", "wang"), "ended") != 0.0 {
		t.Error("sessions")
	}
	do(0, "session", "list", "wang")

	whole := doc(0, "audit", "verify")
	head := strings.TrimSuffix(strings.TrimPrefix(do(0, "audit", "verify").stdout, "x"), "\n")
	if at(t, whole, "ok") != true || !strings.Contains(head, at(t, whole, "hash").(string)) {
		t.Errorf("%v %s", whole, head)
	}
	do(2, "audit", "verify", "--head", "1:abc")
	known := "2:" + strings.Repeat("0", 64)
	if at(t, doc(3, "audit", "verify", "--head", known), "broken", "seq") != 2.0 {
		t.Error("a head that is not in the chain")
	}
	shown := at(t, doc(0, "audit", "show", "--action", "account.", "--id", id), "events").([]any)
	if len(shown) != 3 || at(t, shown[2], "action") != "account.create" { // made, second factor removed, reset
		t.Errorf("%v", shown)
	}
	do(2, "audit", "show", "--from", "yesterday")
	do(2, "audit", "show", "--limit", "0")
	if o := do(0, "audit", "show", "--limit", "2"); !strings.Contains(o.stdout, "next page: --before") {
		t.Errorf("%s", o.stdout)
	}
	out := filepath.Join(dir, "audit.csv")
	do(2, "audit", "export")
	do(0, "audit", "export", "--out", out)
	do(1, "audit", "export", "--out", out)
	if text, err := os.ReadFile(out); err != nil || strings.Count(string(text), "\n") < 5 || !strings.Contains(string(text), "account.create") {
		t.Errorf("%s, %v", text, err)
	}

	file, secret := filepath.Join(dir, "backup.swb"), filepath.Join(dir, "passphrase")
	if err := os.WriteFile(secret, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(2, "backup", "--out", file)
	do(2, "backup", "--out", file, "--recipient", "x")
	do(1, "backup", "--out", file, "--passphrase-file", short)
	made = doc(0, "backup", "--out", file, "--passphrase-file", secret)
	do(2, "restore", "--from", file)
	if o := do(1, "restore", "--from", file, "--passphrase-file", secret); !strings.Contains(o.stderr, "not empty") {
		t.Errorf("over the folder: %s", o.stderr)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	restored := doc(0, "restore", "--from", file, "--passphrase-file", secret)
	if at(t, restored, "audit_hash") != at(t, made, "audit_hash") || at(t, restored, "new_keyring") != false {
		t.Errorf("%v\n%v", restored, made)
	}
	do(0, "rebuild")
	seq, hash := at(t, made, "audit_seq").(float64), at(t, made, "audit_hash").(string)
	if seq < 5 {
		t.Errorf("%v events", seq)
	}
	do(0, "audit", "verify", "--head", strconv.FormatInt(int64(seq), 10)+":"+hash)
	if o := do(0, "account", "list", "--login", "wang"); !strings.Contains(o.stdout, id) {
		t.Errorf("%s", o.stdout)
	}
}
