package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/config"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
)

// TestPaperVerbs: a lead is received, and its papers, ledgers and the national system's files go through the command line.
func TestPaperVerbs(t *testing.T) {
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
	do(0, "demo", "--households", "200", "--no-serve", "--no-cases")
	home := receiveLead(t, data)
	file := func(name string) string { return filepath.Join(dir, name) }

	do(2, "paper", home.No, "--reason", "x")
	do(1, "paper", home.No, "--form", "plan", "--out", file("a.pdf"))
	do(1, "paper", home.No, "--form", "poem", "--reason", "x", "--out", file("a.pdf"))
	do(1, "paper", "1", "--form", "plan", "--reason", "x", "--out", file("a.pdf"))
	do(2, "paper", home.No, "--form", "plan", "--reason", "x", "--out", filepath.Join(data, "a.pdf"))
	if _, err := os.Stat(file("a.pdf")); err == nil {
		t.Error("a paper that was refused left a file")
	}
	d := document(t, do(0, "paper", home.No, "--form", "verification", "--reason", "visit", "--out", file("a.pdf"), "--json"))
	if d["pages"] != 1.0 && d["pages"] != 2.0 || d["form"] != "verification" {
		t.Errorf("paper: %v", d)
	}
	text, err := os.ReadFile(file("a.pdf"))
	if err != nil || !bytes.HasPrefix(text, []byte("%PDF-1.7")) {
		t.Errorf("%.20q, %v", text, err)
	}
	if info, err := os.Stat(file("a.pdf")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	do(1, "paper", d["case"].(string), "--form", "verification", "--reason", "visit", "--out", file("a.pdf")) // is not overwritten
	do(0, "paper", d["case"].(string), "--form", "information", "--reason", "visit", "--out", file("b.pdf"))

	do(2, "paper", home.No, "--form", "notice", "--village", "522633105209", "--out", file("n.pdf"))
	do(2, "paper", "--form", "plan", "--village", "522633105209", "--out", file("n.pdf"))
	do(1, "paper", "--form", "notice", "--village", "522633105209", "--out", file("n.pdf")) // nothing hangs there
	do(1, "paper", "--form", "notice", "--village", "522633105", "--out", file("n.pdf"))    // no village

	do(2, "ledger-sheet", "checks", "--reason", "x")
	do(2, "ledger-sheet", "checks", "--reason", "x", "--out", file("x.doc"))
	do(1, "ledger-sheet", "poems", "--reason", "x", "--out", file("x.xlsx"))
	do(1, "ledger-sheet", "checks", "--out", file("x.xlsx"))
	if d := document(t, do(0, "ledger-sheet", "checks", "--reason", "x", "--out", file("x.xlsx"), "--json")); d["rows"].(float64) < 1 || d["format"] != "xlsx" {
		t.Errorf("ledger: %v", d)
	}
	do(0, "ledger-sheet", "checks", "--division", "522633", "--masked", "--out", file("x.pdf"))
	do(0, "ledger-sheet", "problems", "--masked", "--out", file("x.csv"))

	x := excelize.NewFile()
	defer x.Close()
	for i, row := range [][]any{{"（自定义）监测对象信息"}, {"单位：从江县"}, {"户编号", "户主姓名", "监测对象类别", "识别监测时间", "风险消除时间"}, {home.No, "", "边缘易致贫户", "202605", ""}} {
		cell, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.SetSheetRow("Sheet1", cell, &row); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.SaveAs(file("（自定义）监测对象信息_522633_202612.xlsx")); err != nil {
		t.Fatal(err)
	}
	n := document(t, do(0, "national", file("（自定义）监测对象信息_522633_202612.xlsx"), "--json"))
	one := n["files"].([]any)[0]
	if at(t, one, "kind") != "monitored" || at(t, one, "receipt", "accepted") != 1.0 {
		t.Errorf("national: %v", n)
	}
	if o := do(0, "national", file("（自定义）监测对象信息_522633_202612.xlsx")); !strings.Contains(o.stdout, "monitored households") {
		t.Errorf("national, in words: %s", o.stdout)
	}
	do(1, "national", file("nothing.xlsx"))
}

// receiveLead makes a lead of one household of the folder, as a screening would.
func receiveLead(t *testing.T, data string) (home registry.Household) {
	t.Helper()
	cfg, err := config.Config{Data: data}.Resolve(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	conn, err := a.Warehouse.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := registry.Walk(t.Context(), conn, 522633000000, func(h registry.Household) error {
		if home.No == "" && h.Members > 1 {
			home = h
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	cases, err := a.Casework()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cases.Receive(t.Context(), console(), time.Date(2026, 11, 15, 9, 30, 0, 0, time.UTC), []casework.Signal{{Household: home.ID, HouseholdNo: home.No, Division: home.Division,
		Channel: casework.Hotline, Level: 2, Words: policy.Text{ZH: "来电反映生活困难", EN: "a call"}}}, nil); err != nil {
		t.Fatal(err)
	}
	return home
}
