package export_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"shouwang/internal/errs"
	"shouwang/internal/export"
)

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	w, err := export.New("csv", &out, "", []string{"户编号", "说明"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]any{
		{"5226330010001", "自付 52000 元"},
		{"=HYPERLINK(\"http://x\")", "a,b\"c"},
		{-12.5, int64(-3)},
		{time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), nil},
	} {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := "\ufeff户编号,说明\r\n" +
		"5226330010001,自付 52000 元\r\n" +
		"\"'=HYPERLINK(\"\"http://x\"\")\",\"a,b\"\"c\"\r\n" +
		"-12.5,-3\r\n" +
		"2026-11-01,\r\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

// TestGuard: whatever the text, a spreadsheet finds no formula in the cell, and nothing of the text is lost.
func TestGuard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.String(),
			rapid.Custom(func(t *rapid.T) string {
				return rapid.SampledFrom([]string{"", " ", "\u3000", "\t", "\r", "\n"}).Draw(t, "lead") +
					rapid.SampledFrom([]string{"=", "+", "-", "@", "＝", "＠", "a", ""}).Draw(t, "mark") + rapid.String().Draw(t, "rest")
			}),
		).Draw(t, "s")
		g := export.Guard(s)
		if !strings.HasSuffix(g, s) || len(g) > len(s)+1 {
			t.Fatalf("Guard(%q) = %q lost text", s, g)
		}
		seen := strings.TrimLeft(g, " \u3000\u00a0\ufeff")
		if seen != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(seen)[0]) {
			t.Fatalf("Guard(%q) = %q is a formula", s, g)
		}
	})
}

// TestCSVRoundTrip: a reader of CSV gets every cell back, the guard aside.
func TestCSVRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringMatching(`[a-z,"\n 　村=+@-]{0,12}`)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 3, 3), 1, 8).Draw(t, "rows")
		var out bytes.Buffer
		w, err := export.New("csv", &out, "", []string{"a", "b", "c"})
		if err != nil {
			t.Fatal(err)
		}
		want := [][]string{{"a", "b", "c"}}
		for _, row := range rows {
			if err := w.Row(row[0], row[1], row[2]); err != nil {
				t.Fatal(err)
			}
			want = append(want, []string{export.Guard(row[0]), export.Guard(row[1]), export.Guard(row[2])})
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestXLSX(t *testing.T) {
	var out bytes.Buffer
	w, err := export.New("xlsx", &out, "预警", []string{"户编号", "金额"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Row("=1+1", 52000.5); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("预警")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]string{{"户编号", "金额"}, {"=1+1", "52000.5"}}, rows); d != "" {
		t.Error(d)
	}
	if formula, err := f.GetCellFormula("预警", "A2"); err != nil || formula != "" {
		t.Errorf("A2 is a formula %q (%v); want a text", formula, err)
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := export.New("pdf", &bytes.Buffer{}, "", nil); errs.KindOf(err) != errs.Invalid {
		t.Errorf("got %v", err)
	}
}
