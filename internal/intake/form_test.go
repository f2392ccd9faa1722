package intake

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// writeXLSX writes rows to a sheet, the first of them on line (1-based).
func writeXLSX(t testing.TB, w *world, name string, line int, rows [][]any) string {
	t.Helper()
	x := excelize.NewFile()
	defer x.Close()
	if line > 1 {
		if err := x.SetCellValue("Sheet1", "A1", "某县某某情况统计表"); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range rows {
		if err := x.SetSheetRow("Sheet1", fmt.Sprintf("A%d", line+i), &r); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(w.in, name)
	if err := x.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func healthRow(i int) (cells [][]string) {
	n := idNumber("522633", "19800101", i)
	return [][]string{{"结算单号", "姓名", "身份证号码", "医疗类别", "结算日期", "医疗总费用", "个人自付"},
		{fmt.Sprintf("S%d", i), "欧阳阿依", n, "住院", "2026-10-05", "1234.5", "100"}}
}

// Every form of the same two lines gives the same fact.
func TestForms(t *testing.T) {
	rows := healthRow(7)
	join := func(sep, end string) string {
		return strings.Join(rows[0], sep) + end + strings.Join(rows[1], sep) + end
	}
	gb := func(s string) string {
		out, err := simplifiedchinese.GB18030.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	quoted := `"` + strings.Join(rows[0], `","`) + "\"\r\n\"" + strings.Join(rows[1], `","`) + `"`
	jsonLine := "{"
	for i, h := range rows[0] {
		if i > 0 {
			jsonLine += ","
		}
		v := `"` + rows[1][i] + `"`
		if i >= 5 {
			v = rows[1][i]
		}
		jsonLine += `"` + h + `":` + v
	}
	jsonLine += "}\n"
	cases := map[string]string{
		"utf8.csv": join(",", "\n"), "crlf.csv": join(",", "\r\n"), "bom.csv": "\xEF\xBB\xBF" + join(",", "\r\n"), "gb.csv": gb(join(",", "\n")),
		"tab.txt": gb(join("\t", "\r\n")), "semicolon.csv": join(";", "\n"), "quoted.csv": quoted, "title.csv": "某县结算明细,,,,,,\n\n制表日期：,,,,,,\n" + join(",", "\n"),
		"gbtitle.csv": gb("某县结算明细\n" + join(",", "\n")), "lines.jsonl": jsonLine, "lines.json": "\xEF\xBB\xBF" + jsonLine, "noend.csv": strings.TrimRight(join(",", "\n"), "\n"),
		"wide.csv": join(",", "\n") + ",,,,,,\n\n", "unit.csv": strings.Replace(join(",", "\n"), "医疗总费用", "医疗总费用（元）", 1), "eof.csv": join(",", "\r\n") + "\x1a",
		"reordered.csv": "个人自付,医疗总费用,结算日期,医疗类别,身份证号,参保人姓名,单据号,备注\n100,1234.5,20261005,21," + rows[1][2] + ",欧阳 阿依,S7,随便\n",
	}
	check := func(name string, path string, w *world) {
		t.Helper()
		r := w.takeIn(path)[0]
		if r.State != Accepted || r.Rows != 1 || r.Dataset != "health_settlement" {
			t.Errorf("%s: %s", name, r.Text("en"))
			return
		}
		if n := w.count("SELECT count(*) FROM pending_health_settlement WHERE settled = DATE '2026-10-05' AND total = 123450 AND self_paid = 10000 AND kind = 'inpatient' AND settlement_no = 'S7' AND name_key = " +
			fmt.Sprint(w.keyring.NameKey([]byte("欧阳阿依"))) + "::UBIGINT AND person_key IS NOT NULL"); n != 1 {
			t.Errorf("%s: the fact is not there", name)
		}
	}
	for name, text := range cases {
		w := newWorld(t)
		check(name, w.write(name, text), w)
	}
	for line := 1; line <= 5; line++ {
		w := newWorld(t)
		head, row := []any{}, []any{}
		for i := range rows[0] {
			head, row = append(head, rows[0][i]), append(row, rows[1][i])
		}
		row[4], row[5] = 46300, 1234.5 // a real Excel date and number
		check(fmt.Sprintf("header on row %d", line), writeXLSX(t, w, "x.xlsx", line, [][]any{head, row}), w)
	}
	w := newWorld(t)
	path := filepath.Join(w.in, "x.parquet")
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(fmt.Sprintf(`COPY (SELECT 'S7' AS "结算单号", '欧阳阿依' AS "姓名", '%s' AS "身份证号码", '住院' AS "医疗类别", DATE '2026-10-05' AS "结算日期", 1234.5 AS "医疗总费用", 100 AS "个人自付") TO '%s' (FORMAT parquet)`, rows[1][2], path)); err != nil {
		t.Fatal(err)
	}
	check("parquet", path, w)
	none := filepath.Join(w.in, "受灾户_522633_202610.parquet")
	if _, err := db.Exec(fmt.Sprintf(`COPY (SELECT '' AS "户编号", '' AS "灾害种类", DATE '2026-10-05' AS "受灾日期" WHERE false) TO '%s' (FORMAT parquet)`, none)); err != nil {
		t.Fatal(err)
	}
	if r := w.takeIn(none)[0]; r.State != Accepted || r.Rows != 0 || r.Dataset != "disaster" {
		t.Error(r.Text("en"))
	}
	fresh := openWorld(t, t.TempDir())
	if out, err := w.Rebuild(context.Background(), fresh.w, nil); err != nil || out.Batches != 2 {
		t.Errorf("rebuild of a Parquet delivery: %+v, %v", out, err)
	}
}

// Files that cannot be taken in: each is refused with a text that says why, and nothing is written.
func TestBadFiles(t *testing.T) {
	w := newWorld(t)
	good := healthHeader
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(good)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(good)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	f, err := z.Create("readme.txt")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "x")
	z.Close()
	n := idNumber("522633", "19800101", 3)
	random := make([]byte, 4000)
	for i := range random {
		random[i] = byte(0x80 + i*7919%127)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty.csv":           {"", "empty"},
		"blank.csv":           {" \n\r\n  \n", "empty"},
		"utf16.csv":           {utf16, "UTF-16"},
		"utf16 bare.csv":      {bare, "UTF-16"},
		"missing 医保结算.csv":    {"结算单号,姓名,身份证号码,医疗类别,结算日期,医疗总费用\nS1,王五," + n + ",住院,2026-10-05,100\n", "missing: 个人自付"},
		"double.csv":          {strings.TrimSpace(good) + ",公民身份号码\nS1,王五," + n + ",,住院,,2026-10-05,100,50," + n + "\n", "both mean the contract column 身份证号码"},
		"no header.csv":       {"S1,王五," + n + ",住院,2026-10-05,100,50\nS2,王五," + n + ",住院,2026-10-05,100,50\n", "header"},
		"医保结算 no header.csv":  {"S1,王五," + n + ",住院,2026-10-05,100,50\n", "health_settlement: required column(s) missing"},
		"old.xls":             {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 500), ".xlsx"},
		"packed.zip":          {zipped.String(), "zip"},
		"broken.xlsx":         {"PK\x03\x04 nothing else", "damaged"},
		"gz.csv":              {"\x1F\x8B\x08aaaaaaa", "unpack"},
		"paper.csv":           {"%PDF-1.7\n", "PDF"},
		"array.json":          {"[\n{\"姓名\":1}]\n", "one object a line"},
		"broken.parquet":      {"PAR1 and nothing", "Parquet"},
		"noise.csv":           {string(random), ""},
		"binary.csv":          {good + "S1,\x00\x01\x02\n", "binary"},
		"mac.csv":             {strings.ReplaceAll(good+"S1,王五,"+n+",,住院,,2026-10-05,100,50\n", "\n", "\r"), "carriage returns"},
		"long.csv":            {strings.Repeat("a", 3<<20), "1 MiB"},
		"long row 医保结算.csv":   {good + "S1,\"" + strings.Repeat("a", 3<<20) + "\n", "1 MiB"},
		"open quote 医保结算.csv": {good + "\"S1,王五\n" + strings.Repeat("S2,王五,,,住院,,2026-10-05,100,50\n", 60000), "1 MiB"},
	} {
		r := w.one(name, c.text)
		if r.State != Refused || r.Error == nil || !strings.Contains(r.Error.EN, c.want) || r.Error.ZH == "" {
			t.Errorf("%s: %s", name, r.Text("en"))
			continue
		}
		for _, text := range []string{r.Error.ZH, r.Error.EN, r.Text("zh"), r.Text("en")} {
			if strings.Contains(text, n) || strings.Contains(text, "王五") {
				t.Errorf("%s: personal data in %s", name, text)
			}
		}
	}
	if rs := w.takeIn(filepath.Join(w.in, "nowhere.csv")); rs[0].State != Refused || rs[0].SHA256 != "" {
		t.Errorf("a missing file: %+v", rs[0])
	}
	if n := w.count("SELECT count(*) FROM batch"); n != 0 {
		t.Errorf("%d batches", n)
	}
	w.verify()
}

func TestZipBomb(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.in, "bomb.xlsx")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, name := range []string{"xl/workbook.xml", "xl/worksheets/sheet1.xml"} {
		e, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if name != "xl/workbook.xml" {
			if _, err := io.CopyN(e, zeros{}, 200<<20); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if r := w.takeIn(path)[0]; r.State != Refused || !strings.Contains(r.Error.EN, "zip bomb") {
		t.Error(r.Text("en"))
	}
}

func TestLongLineOf300MB(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.in, "医保结算_522633_202610.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, healthHeader+"S1,王五,,,住院,,2026-10-05,100,50\n")
	if err := f.Truncate(300 << 20); err != nil { // a sparse file: one endless line of NULs
		t.Fatal(err)
	}
	f.Close()
	r := w.takeIn(path)[0]
	if r.State != Refused {
		t.Fatal(r.Text("en"))
	}
	if !strings.Contains(r.Error.EN, "binary") && !strings.Contains(r.Error.EN, "line 3") {
		t.Error(r.Text("en"))
	}
}

// A column that the contract does not know is no fault; the receipt lists it.
func TestExtraColumn(t *testing.T) {
	w := newWorld(t)
	rows := healthRow(9)
	r := w.one("x.csv", strings.Join(rows[0], ",")+",经办机构,522633198001010011\n"+strings.Join(rows[1], ",")+",县医院,\n")
	if r.State != Accepted || len(r.Extra) != 2 || r.Extra[0] != "经**" || strings.Contains(r.Extra[1], "198001010011") {
		t.Errorf("%v: %s", r.Extra, r.Text("en"))
	}
}

func TestWalk(t *testing.T) {
	w := newWorld(t)
	for _, d := range []string{"truth", ".git", "sub"} {
		if err := os.Mkdir(filepath.Join(w.in, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	rows := healthRow(5)
	w.write("sub/a.csv", strings.Join(rows[0], ",")+"\n"+strings.Join(rows[1], ",")+"\n")
	w.write("truth/households.csv", "x\n")
	w.write(".hidden.csv", "x\n")
	w.write("~$open.xlsx", "x\n")
	w.write("README.md", "x\n")
	got := map[string]State{}
	for _, r := range w.takeIn(w.in) {
		got[filepath.Base(r.File)] = r.State
	}
	if len(got) != 2 || got["a.csv"] != Accepted || got["README.md"] != Ignored {
		t.Errorf("walked: %v", got)
	}
	empty := filepath.Join(w.in, "truth")
	if rs := w.takeIn(filepath.Join(w.in, ".git")); len(rs) != 1 || rs[0].State != Refused {
		t.Errorf("an empty folder %s: %+v", empty, rs)
	}
}
