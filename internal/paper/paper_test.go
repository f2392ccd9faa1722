package paper_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/boombuler/barcode/qr"

	"shouwang/internal/paper"
)

var day = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func font(t testing.TB) *paper.Font {
	t.Helper()
	f, err := paper.OpenFont()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// write gives the document's bytes and keeps them as an artifact of the test (go test -artifacts), to be looked at.
func write(t testing.TB, d *paper.Doc, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := d.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readPDF is a reader of the files that this package writes, independent of its writer: it walks the cross-reference table, unpacks the
// streams and reads glyphs back through the ToUnicode map. Texts of a page are separated by newlines.
func readPDF(t testing.TB, data []byte) (pages []string, objects map[int][]byte) {
	t.Helper()
	tail := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(data)
	if tail == nil {
		t.Fatal("no startxref")
	}
	at, _ := strconv.Atoi(string(tail[1]))
	var count int
	if _, err := fmt.Sscanf(string(data[at:min(len(data), at+40)]), "xref\n0 %d\n", &count); err != nil {
		t.Fatal(err)
	}
	rows := data[at+len(fmt.Sprintf("xref\n0 %d\n", count)):]
	objects = map[int][]byte{}
	for i := 1; i < count; i++ {
		offset, err := strconv.Atoi(string(rows[20*i : 20*i+10]))
		if err != nil {
			t.Fatal(err)
		}
		head := fmt.Sprintf("%d 0 obj\n", i)
		if !bytes.HasPrefix(data[offset:], []byte(head)) {
			t.Fatalf("object %d is not at %d", i, offset)
		}
		body := data[offset+len(head):]
		objects[i] = body[:bytes.Index(body, []byte("\nendobj\n"))]
	}
	stream := func(ref int) []byte {
		m := regexp.MustCompile(`/Length (\d+)`).FindSubmatch(objects[ref])
		n, _ := strconv.Atoi(string(m[1]))
		from := bytes.Index(objects[ref], []byte("stream\n")) + 7
		z, err := zlib.NewReader(bytes.NewReader(objects[ref][from : from+n]))
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ref := func(object []byte, key string) int {
		m := regexp.MustCompile(key + ` (\d+) 0 R`).FindSubmatch(object)
		n, _ := strconv.Atoi(string(m[1]))
		return n
	}
	var characters map[string]string
	for _, o := range objects {
		if bytes.Contains(o, []byte("/Subtype/Type0")) {
			characters = map[string]string{}
			for _, m := range regexp.MustCompile(`<([0-9A-F]{4})><([0-9A-F]+)>\n`).FindAllStringSubmatch(string(stream(ref(o, "/ToUnicode"))), -1) {
				var units []uint16
				for i := 0; i < len(m[2]); i += 4 {
					v, _ := strconv.ParseUint(m[2][i:i+4], 16, 16)
					units = append(units, uint16(v))
				}
				characters[m[1]] = string(utf16.Decode(units))
			}
		}
	}
	kids := regexp.MustCompile(`/Kids\[([^\]]*)\]`).FindSubmatch(objects[2])
	for _, m := range regexp.MustCompile(`(\d+) 0 R`).FindAllSubmatch(kids[1], -1) {
		n, _ := strconv.Atoi(string(m[1]))
		var text strings.Builder
		for _, shown := range regexp.MustCompile(`<([0-9A-F]*)> Tj`).FindAllStringSubmatch(string(stream(ref(objects[n], "/Contents"))), -1) {
			for i := 0; i < len(shown[1]); i += 4 {
				text.WriteString(characters[shown[1][i:i+4]])
			}
			text.WriteString("\n")
		}
		pages = append(pages, text.String())
	}
	return pages, objects
}

// tool runs a program of poppler on the file, or gives "" where there is none.
func tool(t testing.TB, name string, pdf []byte, args ...string) string {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	file := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(program, append(args, file)...)
	if name == "pdftotext" {
		cmd.Args = append(cmd.Args, "-")
	}
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%s: %v %s", name, err, stderr.String())
	}
	return string(out)
}

const rare = "桴㯊镇 㵲水街道 䶮 㛃 喆 堃 犇 𬱖 𣲗"

// sample is a paper with everything: title, paragraphs, a form, a long table, boxes to tick.
func sample(t testing.TB) *paper.Doc {
	d := paper.New(font(t), "样张", day)
	f := d.Flow(paper.Layout{Header: "编号 2026-0001", Footer: "守望 · 表 A 版本 1", Watermark: "仅供核对"})
	f.Title("防止返贫监测对象信息采集表")
	f.Paragraph("填表单位：西山镇顶洞村民委员会　　填表日期：2026 年 11 月 24 日", paper.Para{Size: 10, Align: paper.Centre, After: 2})
	f.Paragraph("根据《关于健全防止返贫动态监测和帮扶机制的指导意见》（中农组发〔2021〕7号），经农户申请、入户核实、信息比对、民主评议，现将有关情况如实填写如下；如有不实，愿意承担相应责任。人均纯收入 7 900.00 元，监测线 8 500 元/人·年，比例 0.65%。"+rare,
		paper.Para{Indent: true, Align: paper.Justify, After: 2})
	f.Heading("一、基本情况")
	f.Table(paper.Table{Columns: []float64{2, 3, 2, 3}, Rows: [][]paper.Cell{
		{{Text: "户主姓名", Label: true}, {Text: "杨䶮"}, {Text: "户编号", Label: true}, {Text: "522633105002-0137"}},
		{{Text: "户类型", Label: true}, {Text: "☑ 脱贫户　☐ 一般农户　☐ 脱贫不享受政策户", Span: 3}},
		{{Text: "入户核实情况", Label: true}, {Text: strings.Repeat("户主因病住院，自付费用较大，（家庭收入）明显减少。", 6), Span: 3, Height: 30}},
		{{Text: "核实人签字", Label: true}, {Text: "", Height: 16}, {Text: "日期", Label: true}, {}},
	}})
	f.Heading("二、家庭成员")
	table := paper.Table{Columns: []float64{1, 2, 2, 4}, Header: [][]paper.Cell{{
		{Text: "序号", Label: true, Bold: true, Align: paper.Centre}, {Text: "姓名", Label: true, Bold: true}, {Text: "与户主关系", Label: true, Bold: true}, {Text: "备注", Label: true, Bold: true}}}}
	for i := range 60 {
		table.Rows = append(table.Rows, []paper.Cell{{Text: strconv.Itoa(i + 1), Align: paper.Centre}, {Text: "杨某某"}, {Text: "之子"}, {Text: strings.Repeat("长期慢性病，", i%9)}})
	}
	f.Table(table)
	f.Close()
	return d
}

func TestTextComesBack(t *testing.T) {
	pdf := write(t, sample(t), "sample.pdf")
	pages, objects := readPDF(t, pdf)
	if len(pages) < 3 {
		t.Fatalf("%d pages", len(pages))
	}
	for _, want := range []string{"防止返贫监测对象信息采集表", "桴㯊镇", "𬱖", "☑ 脱贫户", "522633105002-0137", "仅供核对"} {
		if !strings.Contains(pages[0], want) {
			t.Errorf("page 1 lacks %q", want)
		}
	}
	for i, p := range pages {
		if want := fmt.Sprintf("第 %d 页 共 %d 页", i+1, len(pages)); !strings.Contains(p, want) {
			t.Errorf("page %d lacks its number %q", i+1, want)
		}
		if i > 0 && strings.Count(p, "与户主关系") != 1 {
			t.Errorf("page %d: the header of the table is not repeated once", i+1)
		}
	}
	all := strings.Join(pages, "")
	for i := range 60 {
		if !strings.Contains(all, "\n"+strconv.Itoa(i+1)+"\n杨某某\n") {
			t.Errorf("row %d got lost", i+1)
		}
	}
	embedded := false
	for _, o := range objects {
		embedded = embedded || bytes.Contains(o, []byte("/FontFile2"))
	}
	if !embedded {
		t.Error("no font is embedded")
	}
	if perPage := len(pdf) / len(pages); perPage > 40<<10 {
		t.Errorf("%d bytes a page", perPage)
	}
	if text := tool(t, "pdftotext", pdf, "-layout"); text != "" {
		for _, want := range []string{"桴㯊镇", "𣲗", "䶮", "☐ 一般农户", "之子"} {
			if !strings.Contains(text, want) {
				t.Errorf("pdftotext does not find %q", want)
			}
		}
		if fonts := tool(t, "pdffonts", pdf); !regexp.MustCompile(`CID TrueType\s+Identity-H\s+yes yes yes`).MatchString(fonts) {
			t.Errorf("pdffonts: %s", fonts)
		}
	}
}

func TestSameCallsMakeTheSameBytes(t *testing.T) {
	if !bytes.Equal(write(t, sample(t), "a.pdf"), write(t, sample(t), "b.pdf")) {
		t.Error("two runs differ")
	}
}

// TestAMissingCharacterIsSeenAndReported: U+2B740 and a private one are in no font of this program.
func TestAMissingCharacterIsSeenAndReported(t *testing.T) {
	d := paper.New(font(t), "缺字", day)
	f := d.Flow(paper.Layout{})
	f.Paragraph("张\U00030001三\ue123", paper.Para{})
	f.Close()
	if got := string(d.Missing()); got != "\ue123\U00030001" {
		t.Errorf("missing %q", got)
	}
	pdf := write(t, d, "missing.pdf")
	if pages, _ := readPDF(t, pdf); !strings.Contains(pages[0], "张\U00030001三\ue123") {
		t.Errorf("the text lost the character: %q", pages[0])
	}
	if got := d.Missing(); len(got) != 2 {
		t.Errorf("writing changed what is missing: %q", got)
	}
	for _, r := range strings.ReplaceAll(rare, " ", "") {
		if !font(t).Has(r) {
			t.Errorf("the font lacks %c", r)
		}
	}
}

func TestNothingBeginsOrEndsALineThatMustNot(t *testing.T) {
	d := paper.New(font(t), "断行", day)
	text := strings.Repeat("经核实，该户（四口人）收入为“低”；支出、收入：均已核对！是否属实？《采集表》见附件……合计￥1 200.50元，Shouwang-2026。", 12)
	for _, size := range []float64{8, 9.5, 10.5, 11, 12, 14, 16, 22} {
		f := d.Flow(paper.Layout{})
		f.Paragraph(text, paper.Para{Size: size, Align: paper.Justify, Indent: true})
		f.Close()
	}
	pages, _ := readPDF(t, write(t, d, "breaks.pdf"))
	joined := ""
	for _, page := range pages {
		for _, l := range strings.Split(strings.TrimSpace(page), "\n") {
			if strings.HasPrefix(l, "第 ") {
				continue
			}
			joined += l
			runes := []rune(l)
			if strings.ContainsRune("，。；：！？）”》、…%", runes[0]) {
				t.Errorf("a line begins with %q", l)
			}
			if strings.ContainsRune("（“《￥", runes[len(runes)-1]) {
				t.Errorf("a line ends with %q", l)
			}
		}
	}
	squeeze := strings.NewReplacer(" ", "").Replace
	if squeeze(joined) != squeeze(strings.Repeat(text, 8)) {
		t.Error("breaking changed the text")
	}
}

// TestARowHigherThanAPage is broken between lines, and no line of it gets lost.
func TestARowHigherThanAPage(t *testing.T) {
	d := paper.New(font(t), "长格", day)
	f := d.Flow(paper.Layout{})
	var words []string
	for i := range 3000 {
		words = append(words, fmt.Sprintf("第%d句话。", i))
	}
	f.Table(paper.Table{Columns: []float64{1, 3}, Header: [][]paper.Cell{{{Text: "表头甲", Label: true}, {Text: "表头乙", Label: true}}},
		Rows: [][]paper.Cell{{{Text: "会议记录", Label: true}, {Text: strings.Join(words, "")}}, {{Text: "完"}, {Text: "尾行"}}}})
	f.Close()
	pages, _ := readPDF(t, write(t, d, "long.pdf"))
	all := ""
	for i, p := range pages {
		if strings.Count(p, "表头乙") != 1 {
			t.Errorf("page %d has the header %d times", i+1, strings.Count(p, "表头乙"))
		}
		all += p
	}
	all = strings.ReplaceAll(all, "\n", "")
	for _, w := range append(words, "尾行") {
		if !strings.Contains(all, w) && !strings.Contains(regexp.MustCompile(`第 \d+ 页 共 \d+ 页表头甲表头乙`).ReplaceAllString(all, ""), w) {
			t.Errorf("%s got lost", w)
		}
	}
}

func TestSheetsOfCards(t *testing.T) {
	d := paper.New(font(t), "卡", day)
	cards := d.Cards()
	code, err := qr.Encode("HTTPS://SHOUWANG.EXAMPLE/C/ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", qr.M, qr.AlphaNumeric)
	if err != nil {
		t.Fatal(err)
	}
	n := code.Bounds().Dx()
	for i := range 23 {
		p, x, y := cards.Next("西山镇顶洞村")
		if x < 10 || y < 10 || x+paper.CardWidth > 200 || y+paper.CardHeight > 287 {
			t.Errorf("card %d at %v, %v lies outside what a printer reaches", i, x, y)
		}
		p.Matrix(x+4, y+10, 34, n, func(col, row int) bool { r, _, _, _ := code.At(col, row).RGBA(); return r == 0 })
		p.Text(x+42, y+14, "守望 · 一户一码", paper.Type{Size: 11, Bold: true, Colour: paper.Ink})
	}
	pdf := write(t, d, "cards.pdf")
	if pages, _ := readPDF(t, pdf); len(pages) != 3 {
		t.Errorf("%d sheets for 23 cards", len(pages))
	}
	if perPage := len(pdf) / 3; perPage > 30<<10 {
		t.Errorf("%d bytes a sheet", perPage)
	}
}

func TestADocumentWithoutPagesIsRefused(t *testing.T) {
	if _, err := paper.New(font(t), "空", day).WriteTo(io.Discard); err == nil {
		t.Error("no error")
	}
}

// FuzzParagraph: no text, however broken, loses a character that takes a place or makes the setting hang.
func FuzzParagraph(f *testing.F) {
	typeface := font(f)
	for _, s := range []string{"", "\n", "，，，，", "（（（（", "a b", strings.Repeat("W", 500), "\xff\xfe", "𬱖\u200d。", "　　x"} {
		f.Add(s, 11.0)
	}
	f.Fuzz(func(t *testing.T, s string, size float64) {
		if len(s) > 4000 || !(size >= 4 && size <= 40) {
			return
		}
		d := paper.New(typeface, "", day)
		flow := d.Flow(paper.Layout{})
		flow.Paragraph(s, paper.Para{Size: size, Align: paper.Justify})
		flow.Table(paper.Table{Columns: []float64{1, 1}, Rows: [][]paper.Cell{{{Text: s}, {Text: s}}}})
		if _, err := d.WriteTo(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
