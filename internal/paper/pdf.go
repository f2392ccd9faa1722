package paper

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/zlib"

	"shouwang/internal/errs"
)

// Size is a page's width and height in millimetres.
type Size struct{ Width, Height float64 }

// a4 is the one size that offices print on.
func a4(landscape bool) Size {
	if landscape {
		return Size{297, 210}
	}
	return Size{210, 297}
}

// Doc is a PDF document in the making: pages are added, drawn on in any order, and written once by [Doc.WriteTo]. The same
// calls make the same bytes. A Doc is for one goroutine.
type Doc struct {
	font  *Font
	sub   *subset
	pages []*Page
	title string
	made  time.Time
}

// New starts a document. title stands in the file's properties, made is the time given as its time of making.
func New(f *Font, title string, made time.Time) *Doc {
	return &Doc{font: f, sub: newSubset(f), title: title, made: made}
}

// Page adds a page of the size and gives it to be drawn on.
func (d *Doc) Page(size Size) *Page {
	p := &Page{doc: d, Size: size}
	d.pages = append(d.pages, p)
	return p
}

// Pages gives the pages made so far.
func (d *Doc) Pages() []*Page { return d.pages }

// Missing lists the characters that were printed as a crossed box because the font lacks them, in order of code.
func (d *Doc) Missing() []rune {
	var out []rune
	for r := range d.sub.missing {
		out = append(out, r)
	}
	slices.Sort(out)
	return out
}

// The objects of a file that are always there; pages and their contents follow.
const (
	objCatalog = iota + 1
	objPages
	objInfo
	objFont
	objCIDFont
	objDescriptor
	objFontFile
	objUnicode
	objFaint
	objFirstPage
)

// pdfWriter writes numbered objects and remembers where they lie.
type pdfWriter struct {
	w     io.Writer
	n     int64
	err   error
	at    map[int]int64
	print []byte
}

func (w *pdfWriter) put(b []byte) {
	if w.err == nil {
		var n int
		n, w.err = w.w.Write(b)
		w.n += int64(n)
	}
}

func (w *pdfWriter) printf(format string, args ...any) {
	w.print = fmt.Appendf(w.print[:0], format, args...)
	w.put(w.print)
}

func (w *pdfWriter) object(number int, format string, args ...any) {
	w.at[number] = w.n
	w.printf("%d 0 obj\n", number)
	w.printf(format, args...)
	w.printf("\nendobj\n")
}

// stream writes a compressed stream; extra are further entries of its dictionary.
func (w *pdfWriter) stream(number int, extra string, data []byte) {
	var packed bytes.Buffer
	z, _ := zlib.NewWriterLevel(&packed, 6) // the level is valid, and a buffer doesn't fail
	_, _ = z.Write(data)
	_ = z.Close()
	w.at[number] = w.n
	w.printf("%d 0 obj\n<</Length %d/Filter/FlateDecode%s>>\nstream\n", number, packed.Len(), extra)
	w.put(packed.Bytes())
	w.printf("\nendstream\nendobj\n")
}

// WriteTo writes the document as PDF 1.7.
func (d *Doc) WriteTo(out io.Writer) (int64, error) {
	if len(d.pages) == 0 {
		return 0, errs.New(errs.Invalid, "文档没有内容，未生成 PDF", "the document has no page, so no PDF was made")
	}
	sum := sha256.New()
	w := &pdfWriter{w: io.MultiWriter(out, sum), at: map[int]int64{}}
	w.printf("%%PDF-1.7\n%%\xe5\xae\x88\xe6\x9c\x9b\n")
	w.object(objCatalog, "<</Type/Catalog/Pages %d 0 R/Lang(zh-CN)/ViewerPreferences<</DisplayDocTitle true/PrintScaling/None>>>>", objPages)
	var kids bytes.Buffer
	for i := range d.pages {
		fmt.Fprintf(&kids, "%d 0 R ", objFirstPage+2*i)
	}
	w.object(objPages, "<</Type/Pages/Count %d/Kids[%s]>>", len(d.pages), kids.Bytes())
	w.object(objInfo, "<</Title %s/Producer(Shouwang)/CreationDate(D:%s)>>", textString(d.title), d.made.UTC().Format("20060102150405Z"))
	d.writeFont(w)
	w.object(objFaint, "<</Type/ExtGState/ca .12/CA .12>>")
	for i, p := range d.pages {
		w.object(objFirstPage+2*i, "<</Type/Page/Parent %d 0 R/MediaBox[0 0 %s %s]/Resources<</Font<</F %d 0 R>>/ExtGState<</W %d 0 R>>>>/Contents %d 0 R>>",
			objPages, number(p.Width/mmPerPoint), number(p.Height/mmPerPoint), objFont, objFaint, objFirstPage+2*i+1)
		w.stream(objFirstPage+2*i+1, "", p.buf)
	}
	id := hex.EncodeToString(sum.Sum(nil)[:16])
	start, count := w.n, objFirstPage+2*len(d.pages)
	w.printf("xref\n0 %d\n0000000000 65535 f \n", count)
	for i := 1; i < count; i++ {
		w.printf("%010d 00000 n \n", w.at[i])
	}
	w.printf("trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n", count, objCatalog, objInfo, id, id, start)
	if w.err != nil {
		return w.n, errs.Wrap(errs.Unavailable, w.err, "无法写出 PDF", "cannot write the PDF")
	}
	return w.n, nil
}

// writeFont writes the subset as a composite font: two bytes a glyph, its own numbering, and the way back to characters.
func (d *Doc) writeFont(w *pdfWriter) {
	f := d.font
	sum := sha256.Sum256([]byte(string(d.sub.runes)))
	name := make([]byte, 6)
	for i := range name {
		name[i] = 'A' + sum[i]%26
	}
	base := string(name) + "+NotoSansSC-Regular"
	scale := func(units int) int { return units * 1000 / f.unitsPerEm }
	var widths bytes.Buffer
	for _, r := range d.sub.runes[1:] {
		fmt.Fprintf(&widths, "%d ", scale(f.advance(r)))
	}
	w.object(objFont, "<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>", base, objCIDFont, objUnicode)
	w.object(objCIDFont, "<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor %d 0 R/DW 1000/W[1[%s]]/CIDToGIDMap/Identity>>",
		base, objDescriptor, widths.Bytes())
	w.object(objDescriptor, "<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d/StemV 80/FontFile2 %d 0 R>>",
		base, scale(f.box[0]), scale(f.box[1]), scale(f.box[2]), scale(f.box[3]), scale(f.ascent), scale(f.descent), scale(f.ascent), objFontFile)
	file := d.sub.file()
	w.stream(objFontFile, "/Length1 "+strconv.Itoa(len(file)), file)
	w.stream(objUnicode, "", d.sub.toUnicode())
}

// toUnicode is the CMap by which readers copy text out.
func (s *subset) toUnicode() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit/ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n" +
		"/CMapName/Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n")
	for from := 1; from < len(s.runes); from += 100 {
		to := min(from+100, len(s.runes))
		fmt.Fprintf(&b, "%d beginbfchar\n", to-from)
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "<%04X><", i)
			for _, unit := range utf16.Encode([]rune{s.runes[i]}) {
				fmt.Fprintf(&b, "%04X", unit)
			}
			b.WriteString(">\n")
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict/CMap defineresource pop\nend\nend\n")
	return b.Bytes()
}

// textString is a text of the file's properties: UTF-16 with a mark, in hexadecimal.
func textString(s string) string {
	out := []byte("<FEFF")
	for _, unit := range utf16.Encode([]rune(s)) {
		out = fmt.Appendf(out, "%04X", unit)
	}
	return string(out) + ">"
}

func number(v float64) string { return string(appendNumber(nil, v)) }

// appendNumber writes a number with at most three decimals.
func appendNumber(b []byte, v float64) []byte {
	b = strconv.AppendFloat(b, v, 'f', 3, 64)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return b
}
