package paper_test

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/paper"
)

func ledger() (paper.Ledger, [][]any) {
	l := paper.Ledger{Title: "监测对象台账", Subtitle: "从江县　截至 2026 年 11 月 24 日", Keys: 2, Notes: []string{"注：未知的值写“未知”。"},
		Columns: []paper.Column{{Head: "序号", Width: 12, Align: paper.Centre}, {Head: "户主姓名", Width: 24}}}
	for i := range 20 {
		l.Columns = append(l.Columns, paper.Column{Head: fmt.Sprintf("第%d项 合规自付支出（元）", i+1), Width: 26, Align: paper.Right})
	}
	var rows [][]any
	for i := range 40 {
		row := []any{i + 1, "=杨\U00030001" + fmt.Sprint(i)}
		for j := range 20 {
			row = append(row, float64(i*100+j)+0.5)
		}
		rows = append(rows, row)
	}
	return l, rows
}

func each(rows [][]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// TestAWideLedgerOnPaper: every value of every column is there, beside its row's key.
func TestAWideLedgerOnPaper(t *testing.T) {
	d := paper.New(font(t), "台账", day)
	l, rows := ledger()
	if err := d.Ledger(l, rows); err != nil {
		t.Fatal(err)
	}
	pages, _ := readPDF(t, write(t, d, "ledger.pdf"))
	all := strings.Join(pages, "")
	for _, row := range rows {
		for _, v := range row[2:] {
			if !strings.Contains(all, fmt.Sprintf("\n%v\n", v)) {
				t.Errorf("%v got lost", v)
			}
		}
	}
	for i, p := range pages {
		if !strings.Contains(p, "户主姓名") || !strings.Contains(p, "=杨") && !strings.Contains(p, "注：") {
			t.Errorf("page %d has no key columns", i+1)
		}
	}
	if err := d.Ledger(l, [][]any{{struct{}{}, ""}}); err == nil {
		t.Error("a cell of an unknown type is set")
	}
}

func TestAWorkbookForPrinting(t *testing.T) {
	l, rows := ledger()
	var b bytes.Buffer
	if err := l.WriteXLSX(&b, each(rows)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "ledger.xlsx"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	got, err := x.GetRows("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	if got[0][0] != l.Title || got[2][1] != "户主姓名" || got[3][1] != "=杨\U000300010" || got[42][21] != "3919.5" || got[43][0] != l.Notes[0] {
		t.Errorf("rows: %q, %q, %q", got[0], got[2], got[3])
	}
	for row := 4; row < 44; row++ {
		if formula, _ := x.GetCellFormula("Sheet1", fmt.Sprintf("B%d", row)); formula != "" {
			t.Errorf("row %d is a formula", row)
		}
	}
	layout, err := x.GetPageLayout("Sheet1")
	if err != nil || *layout.Orientation != "landscape" || *layout.Size != 9 {
		t.Errorf("layout %+v, %v", layout, err)
	}
	if names := x.GetDefinedName(); len(names) != 1 || names[0].RefersTo != "Sheet1!$1:$3" {
		t.Errorf("print titles: %+v", names)
	}
	stop := fmt.Errorf("rows end here")
	if err := l.WriteXLSX(&b, func(yield func([]any, error) bool) { yield(nil, stop) }); err == nil {
		t.Error("an error of the rows is swallowed")
	}
}
