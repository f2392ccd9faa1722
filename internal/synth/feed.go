package synth

import (
	"fmt"
	"os"
	"path/filepath"

	"shouwang/internal/policy"
)

// feed writes one dataset of one county: it binds the columns that the generator fills to those of the contract,
// writes values as this county's department writes them, and adds the dirt.
type feed struct {
	ds    *policy.Dataset
	g     *generator
	c     *county
	style style
	salt  uint64
	cols  []int           // fill order → column of the contract
	col   []policy.Column // by fill order
	main  *output
	late  *output // the correction delivery, when this county sends one
	dst   *output
	err   error

	r     rng
	owner uint64 // seed of the household that r belongs to
	wild  uint64 // dirt of the row being written; bits below
	cells []byte
	ends  []int
	kinds []cellKind
	at    int
	dirt  *[numDirt]int64
	no    [17]byte
}

type cellKind uint8

const (
	cellText cellKind = iota
	cellNumber
	cellSerial // a spreadsheet date
	cellNull
)

// bind finds the columns in the contract. A column that the contract requires and the generator does not fill is
// an error: the contract and the generator have parted.
func (g *generator) bind(dataset string, ids ...string) (*binding, error) {
	ds := g.dataset(dataset)
	if ds == nil {
		return nil, fmt.Errorf("synth: the pack has no dataset %q", dataset)
	}
	b := &binding{ds: ds}
	filled := map[int]bool{}
	for _, id := range ids {
		at := -1
		for i := range ds.Columns {
			if ds.Columns[i].ID == id {
				at = i
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("synth: dataset %s has no column %q", dataset, id)
		}
		filled[at] = true
		b.cols = append(b.cols, at)
		b.col = append(b.col, ds.Columns[at])
	}
	for i, c := range ds.Columns {
		if (c.Required || c.NotNull) && !filled[i] {
			return nil, fmt.Errorf("synth: column %s of dataset %s is required and not generated", c.ID, dataset)
		}
	}
	return b, nil
}

type binding struct {
	ds   *policy.Dataset
	cols []int
	col  []policy.Column
}

// style is how one county's department writes one dataset.
type style struct {
	format    string // csv, xlsx, jsonl
	gb18030   bool
	date      dateForm
	headers   int // 0: the contract's header; n: the n-th alias where there is one
	codes     int // 0: names; 1: the first spelling
	bools     int
	ethnicNo  bool // ethnic groups by code
	cents     bool // money always with two decimals
	empty     string
	bom, crlf bool
	quoteAll  bool
	titleRows int    // XLSX: rows above the header
	serialNo  bool   // XLSX: a running number in front
	oldGBK    string // what an old system writes for characters outside GBK; "" keeps them
}

// Shares of county × dataset deliveries that leave the plain form [assumption]; docs/synthetic-data.md.
const (
	shareOtherForm = 0.35
	xlsxRows       = 45_000 // more rows than this are sent as CSV
	jsonRows       = 40     // fewer rows than this, too: without a row JSON lines don't even say what they are
)

func (g *generator) styleOf(c *county, ds *policy.Dataset, salt uint64, expected float64) style {
	r := rng{derive(c.seed, salt^0x57a1e)}
	s := style{format: "csv", cents: true, empty: ""}
	if len(ds.Formats) > 0 {
		s.format = ds.Formats[0]
	}
	s.gb18030 = len(ds.Encodings) > 0 && ds.Encodings[0] == "gb18030"
	if r.chance(shareOtherForm) {
		if len(ds.Formats) > 1 && r.chance(0.5) {
			s.format = ds.Formats[1+r.below(len(ds.Formats)-1)]
		}
		if len(ds.Encodings) > 1 && r.chance(0.5) {
			s.gb18030 = !s.gb18030
		}
		s.date = dateForm(r.below(4))
		s.headers = r.below(3)
		s.codes = r.below(2)
		s.bools = r.below(4)
		s.ethnicNo = r.chance(0.4)
		s.cents = r.chance(0.5)
		s.empty = []string{"", "无", "—", ""}[r.below(4)]
		s.crlf = r.chance(0.5)
		s.quoteAll = r.chance(0.15)
	}
	if r.chance(0.3) {
		s.bom = !s.gb18030
		s.crlf = s.crlf || s.bom
	}
	if r.chance(0.25) {
		s.oldGBK = []string{"?", "□", "?", "桑"}[r.below(4)]
	}
	if s.format == "parquet" || s.format == "xlsx" && expected > xlsxRows || s.format == "jsonl" && expected < jsonRows {
		s.format = "csv"
	}
	switch s.format {
	case "xlsx":
		s.titleRows = r.below(5)
		s.serialNo = r.chance(0.3)
		s.gb18030 = false
		if r.chance(0.35) {
			s.date = dateSerial
		}
	case "jsonl":
		s.gb18030, s.bom, s.crlf = false, false, false
		s.empty = ""
	}
	return s
}

func saltOf(dataset string) uint64 {
	h := uint64(len(dataset))
	for i := range len(dataset) {
		h = mix(h<<8 ^ h>>56 ^ uint64(dataset[i]))
	}
	return h
}

// openFeed creates the county's delivery of a dataset, and the correction delivery where the county sends one.
func (g *generator) openFeed(c *county, b *binding, from, to day, perHousehold float64) (*feed, error) {
	f := &feed{ds: b.ds, g: g, c: c, cols: b.cols, col: b.col, salt: saltOf(b.ds.ID), dirt: &c.dirt}
	f.style = g.styleOf(c, b.ds, f.salt, perHousehold*float64(c.households))
	r := rng{derive(c.seed, f.salt^0x1a7e)}
	corrected := b.ds.Kind == policy.Event && r.chance(shareCorrections)
	period := string(appendMonth(nil, to, dateCompact))
	var err error
	if b.ds.Kind == policy.Event {
		first := string(appendMonth(nil, from, dateCompact))
		if corrected {
			before := string(appendMonth(nil, to.monthStart(-1), dateCompact))
			late := f.style
			if late.format == "jsonl" && perHousehold*float64(c.households)/12 < jsonRows {
				late.format = "csv"
			}
			if f.late, err = f.create(first+"-"+period+"_更正", late); err != nil {
				return nil, err
			}
			period = first + "-" + before
		} else {
			period = first + "-" + period
		}
	}
	if f.main, err = f.create(period, f.style); err != nil {
		return nil, err
	}
	f.dst = f.main
	return f, nil
}

func (f *feed) create(period string, s style) (*output, error) {
	dir := filepath.Join(f.g.opt.Out, "files", fmt.Sprint(f.c.code))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s_%06d_%s.%s", f.ds.FileNames[0], f.c.code, period, s.format)
	headers := make([]string, len(f.cols))
	for i, c := range f.col {
		headers[i] = c.Header
		if s.headers > 0 && len(c.Aliases) > 0 {
			headers[i] = c.Aliases[min(s.headers, len(c.Aliases))-1]
		}
	}
	o, err := createOutput(filepath.Join(dir, name), s, headers, f.c.name+f.ds.Name.ZH, f.g.gb)
	if err != nil {
		return nil, err
	}
	if f.g.links && f.ds.Role != "roster" {
		path := filepath.Join(f.g.opt.Out, "truth", "links", name+".csv")
		if err := o.linkTo(path, name); err != nil {
			return nil, err
		}
		f.c.links = append(f.c.links, path)
	}
	f.c.files++
	return o, nil
}

// Dirt of a row, as bits of feed.wild.
const (
	wildNumber   = 1 << iota // damage the resident number
	wildNoise                // write the number with spaces or full-width digits: still readable
	wildMoney                // a money value with separators, full-width digits or 元
	wildDate                 // a date in another form
	wildSpace                // a trailing space behind a text
	wildEmpty                // "无" or "—" for an absent value
	wildSpelling             // a code in another spelling
	wildMad                  // an implausible value: rejected at the door
	wildTwice                // the row comes twice
	wildName                 // the name with an inner or leading space
)

// begin starts a row about household h. when is the day an event counts for (noDay for snapshots): with a
// correction delivery, the last month's events arrive there.
func (f *feed) begin(h *household, when day) {
	if f.owner != h.seed {
		f.owner = h.seed
		f.r = rng{derive(h.seed, f.salt)}
	}
	f.no = h.no
	f.cells, f.ends, f.kinds, f.at = f.cells[:0], f.ends[:0], f.kinds[:0], 0
	f.dst = f.main
	if f.late != nil && when >= f.g.last.monthStart(0) {
		f.dst = f.late
	}
	f.wild = 0
	x := f.r.next()
	// One draw decides whether the row is clean; most are.
	if x>>40 >= rateAnyDirt<<24/1_000_000 {
		return
	}
	x = f.r.next() % rateAnyDirt
	for i, rate := range dirtRates {
		if x < rate {
			f.wild = 1 << i
			break
		}
		x -= rate
	}
	if f.wild == wildNumber && f.ds.Role == "roster" {
		f.wild = 0 // the roster's own numbers are checked by hand; what it has is wildNoise
	}
}

// dirtRates are rows per million by kind, in the order of the bits above.
var dirtRates = [...]uint64{20_000, 5_000, 15_000, 8_000, 8_000, 6_000, 8_000, 1_000, 3_000, 2_000}

const rateAnyDirt = 76_000 // the sum of dirtRates

// numbers in dirt.json.
const (
	dirtWrongCheck = iota
	dirtTransposed
	dirtDropped
	dirtLowerX
	dirtWideDigits
	dirtSpacedNumber
	dirtLostChar
	dirtMoneyForm
	dirtDateForm
	dirtSpace
	dirtEmptyWord
	dirtSpelling
	dirtImplausible
	dirtDuplicate
	dirtSpacedName
	dirtTwoHeads
	dirtCorrected
	dirtResent
	numDirt
)

var dirtNames = [numDirt]string{"number_wrong_check_digit", "number_transposed_digits", "number_dropped_digit", "number_lower_case_x",
	"number_full_width", "number_spaced", "name_lost_rare_character", "money_other_form", "date_other_form", "trailing_space", "empty_word",
	"code_other_spelling", "implausible_value", "duplicate_row", "name_spaced", "roster_two_heads", "corrected_later", "sent_again"}

// Rates outside the row draw.
const (
	rateTwoHeads     = 0.0004 // of rosters' households
	shareCorrections = 0.2    // of county × event dataset: a correction delivery
	rateCorrected    = 0.012  // of settlements there: first sent without the fund's part
	rateResent       = 0.008  // of other rows there: sent again unchanged
	rateLowerX       = 0.15   // of numbers that end with X
)

func (f *feed) cell(k cellKind) {
	f.ends = append(f.ends, len(f.cells))
	f.kinds = append(f.kinds, k)
	f.at++
}

func (f *feed) null() {
	e := f.style.empty
	if f.wild == wildEmpty && f.style.format != "jsonl" {
		f.wild = 0
		f.dirt[dirtEmptyWord]++
		e = []string{"无", "—", " "}[f.r.below(3)]
	}
	f.cells = append(f.cells, e...)
	if e == "" {
		f.cell(cellNull)
	} else {
		f.cell(cellText)
	}
}

func (f *feed) text(b []byte) {
	f.cells = append(f.cells, b...)
	if f.wild == wildSpace {
		f.wild = 0
		f.dirt[dirtSpace]++
		f.cells = append(f.cells, ' ')
	}
	f.cell(cellText)
}

func (f *feed) household(no *[17]byte) { f.text(no[:]) }

// householdMaybe leaves the household number out where departments often do not know it.
func (f *feed) householdMaybe(no *[17]byte) {
	if f.r.chance(0.1) {
		f.null()
		return
	}
	f.text(no[:])
}

func (f *feed) name(n *personName) {
	if n.rare && f.style.oldGBK != "" {
		q := n.degrade(f.style.oldGBK)
		n = &q
		f.dirt[dirtLostChar]++
	}
	b := n.bytes()
	if f.wild == wildName {
		f.wild = 0
		f.dirt[dirtSpacedName]++
		f.cells = append(f.cells, b[:3]...)
		f.cells = append(f.cells, "　"...)
		f.cells = append(f.cells, b[3:]...)
	} else {
		f.cells = append(f.cells, b...)
	}
	f.cell(cellText)
}

// beginPerson starts a row about a person; who split off the household is truly of the new one.
func (f *feed) beginPerson(h *household, p *person, when day) {
	f.begin(h, when)
	if p.split != noDay {
		f.no = p.splitNo
	}
}

// number writes a resident number (or the number part of a disability card, with its two digits behind).
func (f *feed) number(n []byte, behind ...byte) {
	start := len(f.cells)
	f.cells = append(f.cells, n...)
	b := f.cells[start:]
	switch {
	case f.wild == wildNumber:
		f.wild = 0
		f.damage(start, b)
	case f.wild == wildNoise && f.ds.Role != "roster" && len(behind) == 0:
		f.wild = 0
		if f.r.chance(0.4) {
			f.dirt[dirtSpacedNumber]++
			f.cells = append(f.cells, ' ')
		} else {
			f.dirt[dirtWideDigits]++
			f.widen(start)
		}
	case b[len(b)-1] == 'X' && len(behind) == 0 && f.r.chance(rateLowerX):
		f.dirt[dirtLowerX]++
		b[len(b)-1] = 'x'
	}
	f.cells = append(f.cells, behind...)
	f.cell(cellText)
}

// damage makes the number wrong: a wrong check digit, two adjacent digits swapped, or one digit lost.
func (f *feed) damage(start int, b []byte) {
	switch f.r.below(3) {
	case 0:
		f.dirt[dirtWrongCheck]++
		last := b[len(b)-1]
		for b[len(b)-1] == last {
			b[len(b)-1] = byte('0' + f.r.below(10))
		}
	case 1:
		for i := 14 + f.r.below(3); i > 6; i-- {
			if b[i] != b[i-1] {
				f.dirt[dirtTransposed]++
				b[i], b[i-1] = b[i-1], b[i]
				return
			}
		}
		fallthrough
	default:
		f.dirt[dirtDropped]++
		i := 6 + f.r.below(11)
		copy(b[i:], b[i+1:])
		f.cells = f.cells[:start+len(b)-1]
	}
}

// widen turns the ASCII digits from start on into full-width ones.
func (f *feed) widen(start int) {
	var tmp [32]byte
	n := copy(tmp[:], f.cells[start:])
	f.cells = f.cells[:start]
	for _, c := range tmp[:n] {
		switch {
		case c >= '0' && c <= '9', c == 'X':
			f.cells = append(f.cells, 0xef, 0xbc, 0x90+c-'0')
			if c == 'X' {
				f.cells[len(f.cells)-1] = 0xb8
			}
		default:
			f.cells = append(f.cells, c)
		}
	}
}

func (f *feed) date(d day) {
	if d == noDay {
		f.null()
		return
	}
	form := f.style.date
	switch {
	case f.wild == wildDate:
		f.wild = 0
		f.dirt[dirtDateForm]++
		form = dateForm(f.r.below(4))
	case f.wild == wildMad && f.at > 1 && f.col[f.at].NotNull:
		f.wild = 0
		f.dirt[dirtImplausible]++
		d = dayOn(9999, 12, 31)
	}
	if form == dateSerial && f.style.format == "xlsx" {
		f.cells = appendDate(f.cells, d, dateSerial)
		f.cell(cellSerial)
		return
	}
	f.cells = appendDate(f.cells, d, form)
	f.cell(cellText)
}

func (f *feed) month(d day) {
	if d == noDay {
		f.null()
		return
	}
	form := f.style.date
	if f.wild == wildDate {
		f.wild = 0
		f.dirt[dirtDateForm]++
		form = dateForm(f.r.below(4))
	}
	f.cells = appendMonth(f.cells, d, form)
	f.cell(cellText)
}

// money writes an amount of fen in yuan.
func (f *feed) money(v int64) {
	start := len(f.cells)
	if most := f.col[f.at].Max; f.wild == wildMad && most != nil {
		f.wild = 0
		f.dirt[dirtImplausible]++
		v += int64(*most)*100 + 10_000
	}
	switch {
	case f.wild == wildMoney && f.style.format != "jsonl":
		f.wild = 0
		f.dirt[dirtMoneyForm]++
		switch f.r.below(3) {
		case 0:
			f.cells = appendMoney(f.cells, v, true, true)
		case 1:
			f.cells = appendMoney(f.cells, v, false, false)
			f.widen(start)
		default:
			f.cells = append(appendMoney(f.cells, v, false, false), "元"...)
		}
		f.cell(cellText)
	default:
		f.cells = appendMoney(f.cells, v, f.style.cents, false)
		f.cell(cellNumber)
	}
}

func appendMoney(b []byte, v int64, cents, thousands bool) []byte {
	if v < 0 {
		b = append(b, '-')
		v = -v
	}
	yuan := v / 100
	switch {
	case thousands && yuan >= 1_000_000:
		b = append(appendInt(b, yuan/1_000_000), ',')
		b = append(appendPadded(b, int(yuan/1000%1000), 3), ',')
		b = appendPadded(b, int(yuan%1000), 3)
	case thousands && yuan >= 1000:
		b = append(appendInt(b, yuan/1000), ',')
		b = appendPadded(b, int(yuan%1000), 3)
	default:
		b = appendInt(b, yuan)
	}
	if cents || v%100 != 0 {
		b = appendPadded(append(b, '.'), int(v%100), 2)
	}
	return b
}

func (f *feed) integer(n int) {
	if most := f.col[f.at].Max; f.wild == wildMad && most != nil {
		f.wild = 0
		f.dirt[dirtImplausible]++
		n += int(*most)*10 + 1
	}
	f.cells = appendInt(f.cells, int64(n))
	f.cell(cellNumber)
}

// tenth writes a number of tenths with one decimal.
func (f *feed) tenth(n int) {
	f.cells = append(appendInt(f.cells, int64(n/10)), '.', byte('0'+n%10))
	f.cell(cellNumber)
}

var boolWords = [4][2]string{{"否", "是"}, {"0", "1"}, {"N", "Y"}, {"无", "有"}}

func (f *feed) bool(v bool) {
	f.cells = append(f.cells, boolWords[f.style.bools][b2u(v)]...)
	f.cell(cellText)
}

// code writes a code of the column in this department's spelling; "" is an absent value.
func (f *feed) code(id string) {
	if id == "" {
		f.null()
		return
	}
	codes := f.col[f.at].Codes
	for i := range codes {
		c := &codes[i]
		if c.ID != id {
			continue
		}
		word := c.Name.ZH
		if len(c.Spellings) > 0 {
			if f.style.codes == 1 {
				word = c.Spellings[0]
			} else if f.wild == wildSpelling && f.col[f.at].ID != "relation" {
				f.wild = 0
				f.dirt[dirtSpelling]++
				word = c.Spellings[f.r.below(len(c.Spellings))]
			}
		}
		f.cells = append(f.cells, word...)
		f.cell(cellText)
		return
	}
	if f.err == nil {
		f.err = fmt.Errorf("synth: column %s of dataset %s has no code %q", f.col[f.at].ID, f.ds.ID, id)
	}
	f.null()
}

func (f *feed) ethnic(code string) {
	if f.style.ethnicNo {
		f.cells = append(f.cells, code...)
	} else {
		f.cells = append(f.cells, f.g.ethnicName(code)...)
	}
	f.cell(cellText)
}

// token writes letters and a number of fixed width: contract, meter and case numbers.
func (f *feed) token(prefix string, n uint64, width int) {
	f.cells = append(f.cells, prefix...)
	f.cells = appendPadded(f.cells, int(n), width)
	f.cell(cellText)
}

// end writes the row (twice when it is a duplicate) and its truth.
func (f *feed) end() {
	if f.at != len(f.cols) && f.err == nil {
		f.err = fmt.Errorf("synth: dataset %s: %d values for %d columns", f.ds.ID, f.at, len(f.cols))
	}
	f.write(f.dst)
	if f.wild == wildTwice {
		f.dirt[dirtDuplicate]++
		f.write(f.dst)
	}
	if f.late != nil && f.dst == f.main && f.r.chance(rateResent) {
		f.dirt[dirtResent]++
		f.write(f.late)
	}
}

func (f *feed) write(o *output) {
	err := o.row(f.cells, f.ends, f.kinds)
	if err == nil {
		err = o.link(f.no[:])
	}
	if f.err == nil {
		f.err = err
	}
}

func (f *feed) close() error {
	err := f.err
	for _, o := range []*output{f.main, f.late} {
		if o == nil {
			continue
		}
		if e := o.close(); err == nil {
			err = e
		}
		f.c.rows += o.rows
		f.c.bytes += o.written
		f.c.byDataset[f.ds.ID] += o.rows
	}
	return err
}
