package intake

import (
	"bytes"
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/sync/errgroup"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ethnic"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
	"shouwang/internal/residentid"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// decoder turns the records of one file into rows of the staging table. It is immutable; each worker has its own
// rowWorker with the scratch memory.
type decoder struct {
	ds       *policy.Dataset
	keyring  *secret.Keyring
	tree     *division.Tree
	form     form
	encoding encoding
	trusted  bool // the whole file is known to be UTF-8
	delim    byte
	dates    dateForms
	headers  []string
	width    int // cells in the header
	scope    division.Code
	lo, hi   int64 // the scope's range of village codes
	fields   []field
	stage    []warehouse.Column
	at       stageAt
	checks   []rowCheck
	slots    int // length of a row for the checks
	asOf     int // slot of as_of, or -1
	asOfDays float64
	numbers  []int // places in the natural key that a person's number or card takes
	headerAt int   // 1-based line of the header, for messages
	file     int32 // number of the file in its group
}

// field is one contract column that the file has.
type field struct {
	col      *policy.Column
	src      int // cell
	dst      int // stage column, or -1
	text     int // stage column of an unlinked household number's text, or -1
	slot     int // slot in the checks' row, or -1
	key      int // place in the natural key, or -1
	enc      int // stage column of the ciphertext, or -1
	codes    map[string]string
	min, max float64
	minFen   int64
	maxFen   int64
}

// stageAt are the places of the stage's own columns.
type stageAt struct {
	rowNo, file, person, card, name, birth, village, house, houseNo, head, headName, nk int
}

type rowCheck struct {
	id     string
	reason policy.Text
	eval   func([]expr.Value) expr.Value
}

// sealed gives the ciphertext column of an identity type in the roster.
var sealed = map[policy.Type]string{
	policy.TypePersonName: "name_enc", policy.TypeResidentNumber: "number_enc", policy.TypePhone: "phone_enc", policy.TypeBankAccount: "bank_enc",
}

func (s *Service) newDecoder(p *probe, enc encoding, trusted bool, scope division.Code, now time.Time) *decoder {
	ds := p.match.ds
	d := &decoder{ds: ds, keyring: s.keyring, tree: s.tree, form: p.form, encoding: enc, trusted: trusted, delim: p.delim,
		dates: p.dates, headers: p.match.headers, width: len(p.match.headers), scope: scope, stage: warehouse.StageColumns(ds), asOf: -1,
		headerAt: p.match.line + 1, hi: math.MaxInt64}
	if scope != 0 {
		d.lo, d.hi = s.tree.Range(scope)
	}
	for d.width > 0 && p.form == formCSV && strings.TrimSpace(d.headers[d.width-1]) == "" {
		d.width-- // a header line with trailing delimiters
	}
	place := map[string]int{}
	for i, c := range d.stage {
		place[c.Name] = i
	}
	d.at = stageAt{rowNo: place["row_no"], file: place["file"], person: place["person_key"], card: place["card_key"], name: place["name_key"],
		birth: place["birth_link"], village: place["village"], house: place["house_id"], houseNo: place["house_no"],
		head: place["head_key"], headName: place["head_name_key"], nk: place["nk"]}

	slot := map[string]int{}
	for _, c := range ds.Checks {
		for _, v := range c.Expr.Vars() {
			slot[v.Name] = v.Slot
			d.slots = max(d.slots, v.Slot+1)
		}
		d.checks = append(d.checks, rowCheck{id: c.ID, reason: c.Reason, eval: c.Expr.Compile()})
	}
	if at, ok := slot["as_of"]; ok {
		d.asOf, d.asOfDays = at, float64(epochDays(now.Year(), int(now.Month()), now.Day()))
	}
	for i, id := range ds.Key {
		for _, col := range ds.Columns {
			if col.ID == id && (col.Type == policy.TypeResidentNumber || col.Type == policy.TypeDisabilityCard) {
				d.numbers = append(d.numbers, i)
			}
		}
	}
	for i := range ds.Columns {
		col := &ds.Columns[i]
		f := field{col: col, src: p.match.src[i], dst: -1, text: -1, slot: -1, key: slices.Index(ds.Key, col.ID), enc: -1,
			min: math.Inf(-1), max: math.Inf(1), minFen: math.MinInt64, maxFen: math.MaxInt64}
		if f.src < 0 {
			continue
		}
		for j, c := range d.stage {
			if c.Contract == col.ID {
				if c.Text {
					f.text = j
				} else {
					f.dst = j
				}
			}
		}
		if at, ok := slot[col.ID]; ok {
			f.slot = at
		}
		if name, ok := sealed[col.Type]; ok && ds.Role == warehouse.RoleRoster {
			f.enc = place[name]
		}
		if col.Min != nil {
			f.min, f.minFen = *col.Min, int64(math.Round(*col.Min*100))
		}
		if col.Max != nil {
			f.max, f.maxFen = *col.Max, int64(math.Round(*col.Max*100))
		}
		if col.Type == policy.TypeCode {
			f.codes = codeTable(col)
		}
		d.fields = append(d.fields, f)
	}
	return d
}

// codeTable maps every spelling of a code column to the code id. A number that a spreadsheet robbed of its leading
// zero is known too, unless another code is spelt so.
func codeTable(col *policy.Column) map[string]string {
	m := map[string]string{}
	add := func(spelling, id string) {
		k := string(trim(appendNormal(nil, []byte(spelling))))
		if _, taken := m[k]; k != "" && !taken {
			m[k] = id
		}
	}
	for _, c := range col.Codes {
		add(c.Name.ZH, c.ID)
	}
	for _, c := range col.Codes {
		for _, s := range c.Spellings {
			add(s, c.ID)
		}
	}
	for _, c := range col.Codes {
		add(c.ID, c.ID)
	}
	for _, c := range col.Codes {
		for _, s := range append([]string{c.ID}, c.Spellings...) {
			if short := strings.TrimLeft(s, "0"); len(short) < len(s) && digits([]byte(s)) == len(s) && short != "" {
				add(short, c.ID)
			}
		}
	}
	return m
}

// rowWorker decodes records one after the other. Its results go into chunk, which it sends off when full.
type rowWorker struct {
	*decoder
	chunk  *warehouse.Chunk
	arena  []byte // normalised values of the row
	key    []byte // natural key of the row
	parts  [][]byte
	vals   []expr.Value
	sp     splitter
	cells  [][]byte
	gb     transform.Transformer
	number [18]byte
	sealed []byte
	groups map[string]string // ethnic groups seen
	places map[string]division.Code

	tally tally
}

// tally counts what happened to rows.
type tally struct {
	Rows, Staged, Rejected, Blank int
	DamagedNumber, DamagedCard    int
	NoNumber                      int
	LateKeys                      int // JSON keys first seen behind the sample that the header was made from
}

func (t *tally) add(o tally) {
	t.Rows += o.Rows
	t.Staged += o.Staged
	t.Rejected += o.Rejected
	t.Blank += o.Blank
	t.DamagedNumber += o.DamagedNumber
	t.DamagedCard += o.DamagedCard
	t.NoNumber += o.NoNumber
	t.LateKeys += o.LateKeys
}

func (d *decoder) worker() *rowWorker {
	return &rowWorker{decoder: d, parts: make([][]byte, len(d.ds.Key)), vals: make([]expr.Value, d.slots),
		gb: simplifiedchinese.GB18030.NewDecoder(), groups: map[string]string{}, places: map[string]division.Code{}}
}

// fault says why a row is rejected.
type fault struct {
	code  string
	field int // cell, or -1 when it is about the row
	value []byte
}

// text gives a cell as cleaned UTF-8.
func (w *rowWorker) text(cell []byte) ([]byte, bool) {
	if isASCII(cell) {
		return clean(&w.arena, cell), true
	}
	if w.encoding == encGB18030 {
		start := len(w.arena)
		w.arena = slices.Grow(w.arena, len(cell)*3+16)
		w.gb.Reset()
		n, _, err := w.gb.Transform(w.arena[start:cap(w.arena)], cell, true)
		out := w.arena[start : start+n : start+n]
		if err != nil || bytes.Contains(out, []byte("\uFFFD")) {
			return nil, false
		}
		w.arena = w.arena[:start+n]
		cell = out
	} else if !w.trusted && !utf8.Valid(cell) {
		return nil, false
	}
	return clean(&w.arena, cell), true
}

// row decodes one record into the chunk. It returns nil when the row is staged, and the fault when it is rejected.
func (w *rowWorker) row(no int, cells [][]byte) (bad *fault) {
	w.arena = w.arena[:0]
	if len(cells) != w.width {
		switch {
		case len(cells) > w.width:
			for i := w.width; i < len(cells); i++ {
				if len(trim(cells[i])) > 0 {
					return &fault{"columns", -1, nil}
				}
			}
		case w.form == formCSV:
			return &fault{"columns", -1, nil}
		}
	}
	c := w.chunk
	r := c.NewRow()
	defer func() {
		if bad != nil {
			c.DropRow()
		}
	}()
	for i := range w.parts {
		w.parts[i] = nil
	}
	for i := range w.vals {
		w.vals[i] = expr.Value{}
	}
	if w.asOf >= 0 {
		w.vals[w.asOf] = expr.Value{Num: w.asOfDays, Known: true}
	}
	c.SetInt32(w.at.rowNo, r, int32(no))
	c.SetInt32(w.at.file, r, w.file)
	var (
		personKey                                              secret.Key128
		hasPerson, hasCard, hasName, hasHouse, hasHead, hasTie bool
		damaged                                                = -1 // cell of a number or card that cannot be used
		damagedValue                                           []byte
		name, houseNo, number, phone, bank                     []byte
		birth                                                  = int32(math.MinInt32)
		village                                                int64
	)
	for fi := range w.fields {
		f := &w.fields[fi]
		var cell []byte
		if f.src < len(cells) {
			cell = cells[f.src]
		}
		v, ok := w.text(cell)
		if !ok {
			return &fault{"bad_encoding", f.src, nil}
		}
		if f.col.Type == policy.TypeCode {
			id, known := f.codes[asString(v)]
			if !known {
				if !isNull(v) {
					return &fault{"bad_code", f.src, v}
				}
			} else {
				if f.dst >= 0 {
					c.SetString(f.dst, r, id)
				}
				if f.slot >= 0 {
					w.vals[f.slot] = expr.Value{Text: id, Known: true}
				}
				if f.key >= 0 {
					w.parts[f.key] = w.hold(id)
				}
				continue
			}
		}
		var flag bool
		if f.col.Type == policy.TypeBool {
			if flag, ok = false, false; len(v) > 0 {
				var o outcome
				flag, o = parseBool(v)
				ok = o == good
			}
			if !ok && !isNull(v) {
				return &fault{"bad_bool", f.src, v}
			}
			if ok {
				if f.dst >= 0 {
					c.SetBool(f.dst, r, flag)
				}
				if f.slot >= 0 {
					n := 0.0
					if flag {
						n = 1
					}
					w.vals[f.slot] = expr.Value{Num: n, Known: true}
				}
				if f.key >= 0 {
					w.parts[f.key] = v
				}
				continue
			}
		}
		if isNull(v) {
			if f.col.NotNull {
				return &fault{"required_empty", f.src, nil}
			}
			continue
		}
		switch f.col.Type {
		case policy.TypeMoney:
			fen, o := parseMoney(cutUnit(v, f.col.Unit))
			if o != good {
				return &fault{"bad_money", f.src, v}
			}
			if fen < f.minFen || fen > f.maxFen {
				return &fault{"out_of_range", f.src, v}
			}
			if f.dst >= 0 {
				c.SetInt64(f.dst, r, fen)
			}
			if f.slot >= 0 {
				w.vals[f.slot] = expr.Value{Num: float64(fen) / 100, Known: true}
			}
			if f.key >= 0 {
				w.parts[f.key] = v
			}
		case policy.TypeNumber:
			x, o := parseNumber(cutUnit(v, f.col.Unit))
			if o != good {
				return &fault{"bad_number", f.src, v}
			}
			if x < f.min || x > f.max {
				return &fault{"out_of_range", f.src, v}
			}
			if f.dst >= 0 {
				c.SetFloat(f.dst, r, x)
			}
			if f.slot >= 0 {
				w.vals[f.slot] = expr.Value{Num: x, Known: true}
			}
			if f.key >= 0 {
				w.parts[f.key] = v
			}
		case policy.TypeInteger:
			x, o := parseInteger(cutUnit(v, f.col.Unit))
			if o != good {
				return &fault{"bad_integer", f.src, v}
			}
			if float64(x) < f.min || float64(x) > f.max {
				return &fault{"out_of_range", f.src, v}
			}
			if f.dst >= 0 {
				c.SetInt64(f.dst, r, x)
			}
			if f.slot >= 0 {
				w.vals[f.slot] = expr.Value{Num: float64(x), Known: true}
			}
			if f.key >= 0 {
				w.parts[f.key] = v
			}
		case policy.TypeDate, policy.TypeMonth:
			parse := parseDate
			if f.col.Type == policy.TypeMonth {
				parse = parseMonth
			}
			day, o := parse(v, w.dates)
			switch o {
			case malformed:
				return &fault{"bad_date", f.src, v}
			case outOfTime:
				return &fault{"date_range", f.src, v}
			}
			if f.dst >= 0 {
				c.SetDate(f.dst, r, day)
			}
			if f.slot >= 0 {
				w.vals[f.slot] = expr.Value{Num: float64(day), Known: true}
			}
			if f.col.Link == "birth" {
				birth = day
				c.SetDate(w.at.birth, r, day)
			}
			if f.key >= 0 {
				start := len(w.arena)
				w.arena = appendDay(w.arena, day)
				w.parts[f.key] = w.arena[start:len(w.arena):len(w.arena)]
			}
		case policy.TypeToken:
			if !isToken(v) {
				return &fault{"bad_token", f.src, v}
			}
			if f.dst >= 0 {
				c.SetText(f.dst, r, v)
			}
			if f.slot >= 0 {
				w.vals[f.slot] = expr.Value{Text: asString(v), Known: true}
			}
			if f.key >= 0 {
				w.parts[f.key] = v
			}
		case policy.TypeEthnic:
			code, known := w.group(v)
			if !known {
				return &fault{"bad_code", f.src, v}
			}
			if f.dst >= 0 {
				c.SetString(f.dst, r, code)
			}
			if f.slot >= 0 {
				w.vals[f.slot] = expr.Value{Text: code, Known: true}
			}
		case policy.TypeDivision:
			code := w.place(v)
			isVillage := code != 0 && code.Level() == division.Village
			if code == 0 || w.ds.Role == warehouse.RoleRoster && f.col.Link == "village" && !isVillage {
				return &fault{"bad_division", f.src, v}
			}
			if w.ds.Role == warehouse.RoleRoster && f.col.Link == "village" && (int64(code) < w.lo || int64(code) > w.hi) {
				return &fault{"outside_scope", f.src, v}
			}
			if f.dst >= 0 {
				c.SetInt64(f.dst, r, int64(code))
			}
			if f.slot >= 0 {
				w.vals[f.slot] = expr.Value{Num: float64(code), Known: true}
			}
			if f.col.Link == "village" && isVillage {
				c.SetInt64(w.at.village, r, int64(code))
				village = int64(code)
			}
			if f.key >= 0 {
				w.parts[f.key] = v
			}
		case policy.TypeHouseholdNo:
			if looksRounded(v) {
				return &fault{"bad_household_no", f.src, v}
			}
			start := len(w.arena)
			w.arena = appendHouseholdNo(w.arena, v)
			no := w.arena[start:len(w.arena):len(w.arena)]
			if len(no) == 0 || len(no) > 64 {
				return &fault{"bad_household_no", f.src, v}
			}
			id := householdID(no)
			switch {
			case f.col.Link == "":
				if f.dst >= 0 {
					c.SetInt64(f.dst, r, id)
				}
				if f.text >= 0 {
					c.SetText(f.text, r, no)
				}
			default:
				hasHouse, houseNo = true, no
				c.SetInt64(w.at.house, r, id)
				if w.ds.Role != "" {
					c.SetText(w.at.houseNo, r, no)
				}
			}
			if f.key >= 0 {
				w.parts[f.key] = no
			}
		case policy.TypePersonName:
			start := len(w.arena)
			w.arena = appendName(w.arena, v)
			n := w.arena[start:len(w.arena):len(w.arena)]
			switch f.col.Link {
			case "person":
				hasName, name = true, n
				c.SetUint64(w.at.name, r, w.keyring.NameKey(n))
			case "head":
				hasTie = true
				c.SetUint64(w.at.headName, r, w.keyring.NameKey(n))
			}
			if f.key >= 0 {
				w.parts[f.key] = n
			}
		case policy.TypeResidentNumber:
			if err := residentid.ParseBytes(&w.number, v); err != nil {
				if f.col.Link != "" && err != residentid.ErrNone {
					damaged, damagedValue = f.src, v
					w.tally.DamagedNumber++
				}
				if f.key >= 0 {
					w.parts[f.key] = v
				}
				if f.enc >= 0 && err != residentid.ErrNone {
					number = v // kept sealed, so that the right number can be asked for
				}
				continue
			}
			start := len(w.arena)
			w.arena = append(w.arena, w.number[:]...)
			n := w.arena[start:len(w.arena):len(w.arena)]
			switch f.col.Link {
			case "person":
				hasPerson, personKey = true, w.keyring.PersonKey(n)
				if f.enc >= 0 {
					number = n
				}
			case "head":
				hasHead = true
				c.SetKey128(w.at.head, r, w.keyring.PersonKey(n))
			}
			if f.key >= 0 {
				w.parts[f.key] = n
			}
		case policy.TypeDisabilityCard:
			card, err := residentid.ParseCard(asString(v))
			if err != nil {
				damaged, damagedValue = f.src, v
				w.tally.DamagedCard++
				if f.key >= 0 {
					w.parts[f.key] = v
				}
				continue
			}
			n := card.Number().Reveal()
			if f.col.Link == "person" {
				hasCard = true
				c.SetKey128(w.at.card, r, w.keyring.PersonKey([]byte(n)))
			}
			if f.key >= 0 {
				w.parts[f.key] = []byte(card.Reveal())
			}
		case policy.TypePhone:
			phone = v
		case policy.TypeBankAccount:
			bank = v
		}
	}
	if !hasPerson && !hasCard && !hasName && !hasHouse && !hasHead && !hasTie {
		if damaged >= 0 {
			return &fault{"bad_resident_number", damaged, damagedValue}
		}
		return &fault{"no_identity", -1, nil}
	}
	for i := range w.checks {
		if v := w.checks[i].eval(w.vals); v.Known && v.Num == 0 {
			return &fault{"check:" + w.checks[i].id, -1, nil}
		}
	}
	if !hasPerson && w.ds.Role != "" && hasHouse && hasName {
		personKey, hasPerson = w.personWithoutNumber(houseNo, name, birth), true
		w.tally.NoNumber++
	}
	if hasPerson {
		c.SetKey128(w.at.person, r, personKey)
	}
	w.seal(r, personKey, name, number, phone, bank)
	w.key = w.key[:0]
	for i, p := range w.parts {
		if i > 0 {
			w.key = append(w.key, 0x1f)
		}
		w.key = append(w.key, p...)
	}
	if w.anonymous() {
		// Namesakes without a number are told apart by what else the row says about who they are.
		w.key = append(append(w.key, 0x1e), houseNo...)
		w.key = append(w.key, 0x1e)
		if birth != math.MinInt32 {
			w.key = appendDay(w.key, birth)
		}
		w.key = strconv.AppendInt(append(w.key, 0x1e), village, 10)
	}
	if len(w.parts) > 0 {
		c.SetUint64(w.at.nk, r, w.keyring.Hash64(w.key))
	}
	return nil
}

// anonymous reports whether the natural key has a number or card column that is empty in this row.
func (w *rowWorker) anonymous() bool {
	for _, i := range w.numbers {
		if len(w.parts[i]) == 0 {
			return true
		}
	}
	return false
}

// hold copies s to the row's memory.
func (w *rowWorker) hold(s string) []byte {
	start := len(w.arena)
	w.arena = append(w.arena, s...)
	return w.arena[start:len(w.arena):len(w.arena)]
}

// personWithoutNumber is the key of a household member who has no usable number (design 9.1).
func (w *rowWorker) personWithoutNumber(houseNo, name []byte, birth int32) secret.Key128 {
	w.key = append(w.key[:0], "nonumber|"...)
	w.key = append(append(w.key, houseNo...), '|')
	w.key = append(append(w.key, name...), '|')
	if birth != math.MinInt32 {
		w.key = appendDay(w.key, birth)
	}
	return w.keyring.PersonKey(w.key)
}

// seal writes the roster's ciphertexts, bound to the person's key.
func (w *rowWorker) seal(r int, person secret.Key128, name, number, phone, bank []byte) {
	if w.ds.Role != warehouse.RoleRoster {
		return
	}
	for i := range w.fields {
		f := &w.fields[i]
		if f.enc < 0 {
			continue
		}
		var plain []byte
		column := "number"
		switch f.col.Type {
		case policy.TypePersonName:
			column, plain = "name", name
		case policy.TypeResidentNumber:
			plain = number
		case policy.TypePhone:
			column, plain = "phone", phone
		case policy.TypeBankAccount:
			column, plain = "bank", bank
		}
		if len(plain) > 0 {
			w.sealed = w.keyring.Seal(w.sealed[:0], column, person, plain)
			w.chunk.SetBytes(f.enc, r, w.sealed)
		}
	}
}

// group finds the code of an ethnic group and remembers it.
func (w *rowWorker) group(v []byte) (string, bool) {
	if code, ok := w.groups[string(v)]; ok {
		return code, code != ""
	}
	code, ok := ethnic.Code(string(v))
	if !ok {
		code = ""
	}
	if len(w.groups) < 4096 {
		w.groups[string(v)] = code
	}
	return code, ok
}

// place finds a division by code or name and remembers it; 0 when there is none, or more than one of that name.
func (w *rowWorker) place(v []byte) division.Code {
	if code, ok := w.places[string(v)]; ok {
		return code
	}
	code := division.Code(0)
	if n := digits(v); n == len(v) {
		if parsed, err := division.Parse(string(v)); err == nil {
			if _, ok := w.tree.Get(parsed); ok {
				code = parsed
			}
		}
	} else if found, ok, ambiguous := w.tree.Find(string(v), w.scope); ok && !ambiguous {
		code = found
	}
	if len(w.places) < 1<<16 {
		w.places[string(v)] = code
	}
	return code
}

// isToken: ASCII letters, digits, - _ . and nothing else, so that no personal text can be stored as a token.
func isToken(v []byte) bool {
	if len(v) > 64 {
		return false
	}
	for _, c := range v {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// appendDay appends a day as YYYY-MM-DD.
func appendDay(dst []byte, days int32) []byte {
	y, m, d := civil(days)
	return append(dst, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+d/10), byte('0'+d%10))
}

// householdID is the id of a normalised household number (design 9.1): the number itself when it is 1–18 digits not
// starting with 0, else 2^62 plus 62 bits of its SM3.
func householdID(no []byte) int64 {
	if n := digits(no); n == len(no) && n >= 1 && n <= 18 && no[0] != '0' {
		return int64(number(no))
	}
	sum := sm3.Sum(no)
	v := uint64(0)
	for _, b := range sum[:8] {
		v = v<<8 | uint64(b)
	}
	return int64(1<<62 | v>>2)
}

// rejected is one rejected row on its way to the rejects file.
type rejected struct {
	row   int
	field int
	code  string
	value string // masked
	cells []string
}

// plain gives the row's cells as UTF-8 for the rejects file; bytes that cannot be decoded show as the replacement character.
func (w *rowWorker) plain(cells [][]byte) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		switch {
		case w.encoding == encGB18030 && !isASCII(c):
			out[i], _ = decodeGB(c)
		default:
			out[i] = strings.ToValidUTF8(string(c), "\uFFFD")
		}
	}
	return out
}

// decodeStep is what one block gave.
type decodeStep struct {
	seq      int
	rejected []rejected
}

// decode runs the whole file through the workers. sink gets full chunks (any order, one call at a time); refuse gets
// the rejected rows in the order of the file. progress is called now and then with the rows done so far.
func (d *decoder) decode(ctx context.Context, p *probe, workers int, sink func(*warehouse.Chunk) error, refuse func(rejected) error, progress func(rows int64)) (tally, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	g, ctx := errgroup.WithContext(ctx)
	pool := make(chan []byte, workers*3)
	blocks := make(chan *block, workers)
	steps := make(chan decodeStep, workers*2)
	full := make(chan *warehouse.Chunk, workers)
	spare := make(chan *warehouse.Chunk, workers*2+1)
	var rows atomic.Int64
	tallies := make([]tally, workers)

	g.Go(func() error {
		defer close(blocks)
		return p.blocks(ctx, pool, func(b *block) error {
			select {
			case blocks <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	var running atomic.Int32
	running.Store(int32(workers))
	for i := range workers {
		g.Go(func() error {
			defer func() {
				if running.Add(-1) == 0 {
					close(steps)
					close(full)
				}
			}()
			w := d.worker()
			send := func(next bool) error {
				select {
				case full <- w.chunk:
				case <-ctx.Done():
					return ctx.Err()
				}
				if !next {
					return nil
				}
				select {
				case w.chunk = <-spare:
				default:
					w.chunk = warehouse.NewChunk(d.stage)
				}
				return nil
			}
			w.chunk = warehouse.NewChunk(d.stage)
			for b := range blocks {
				step, err := w.block(b, send)
				if err != nil {
					return err
				}
				if b.buf != nil {
					select {
					case pool <- b.buf:
					default:
					}
				}
				select {
				case steps <- step:
				case <-ctx.Done():
					return ctx.Err()
				}
				rows.Add(int64(b.count))
			}
			tallies[i] = w.tally
			if w.chunk.Len() > 0 {
				return send(false)
			}
			return nil
		})
	}
	g.Go(func() error { // appender
		for c := range full {
			if err := sink(c); err != nil {
				return err
			}
			if progress != nil {
				progress(rows.Load())
			}
			c.Reset()
			select {
			case spare <- c:
			default:
			}
		}
		return nil
	})
	g.Go(func() error { // rejects, put back into the order of the file
		waiting := map[int]decodeStep{}
		next := 0
		for s := range steps {
			waiting[s.seq] = s
			for {
				s, ok := waiting[next]
				if !ok {
					break
				}
				delete(waiting, next)
				next++
				for _, r := range s.rejected {
					if err := refuse(r); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	err := g.Wait()
	var total tally
	for _, t := range tallies {
		total.add(t)
	}
	return total, err
}

// block decodes one block.
func (w *rowWorker) block(b *block, send func(next bool) error) (decodeStep, error) {
	step := decodeStep{seq: b.seq}
	if b.cells == nil {
		w.sp.reset(b.data, w.delim)
	}
	for i := 0; ; i++ {
		no := b.first + i
		var cells [][]byte
		var fl *fault
		switch {
		case b.cells != nil:
			if i == b.count {
				return step, nil
			}
			w.cells = b.cells.record(i, w.cells)
			cells = w.cells
		case w.form == formJSON:
			line, ok := w.line()
			if !ok {
				return step, nil
			}
			if cells, ok = w.object(line); !ok {
				fl = &fault{"bad_json", -1, nil}
			}
		default:
			var raw []byte
			var ok bool
			cells, raw, ok = w.sp.next()
			if !ok {
				return step, nil
			}
			if len(raw) > maxRecord {
				return step, tooLong(w.headerAt + no)
			}
			if len(raw) == 1 && raw[0] == 0x1A { // the end mark of old DOS programs
				cells = nil
			}
		}
		if fl == nil && blank(cells) {
			w.tally.Blank++
			continue
		}
		w.tally.Rows++
		if w.chunk.Full() {
			if err := send(true); err != nil {
				return step, err
			}
		}
		before := w.tally
		if fl == nil {
			fl = w.row(no, cells)
		}
		if fl == nil {
			w.tally.Staged++
			continue
		}
		w.tally = before // warnings are for accepted rows
		w.tally.Rejected++
		step.rejected = append(step.rejected, rejected{row: no, field: fl.field, code: fl.code, value: mask(string(fl.value)), cells: w.plain(cells)})
	}
}

func blank(cells [][]byte) bool {
	for _, c := range cells {
		if len(trim(c)) > 0 {
			return false
		}
	}
	return true
}

// line takes the next line of a JSON block.
func (w *rowWorker) line() ([]byte, bool) {
	if len(w.sp.data) == 0 {
		return nil, false
	}
	i := bytes.IndexByte(w.sp.data, '\n')
	if i < 0 {
		i = len(w.sp.data) - 1
	}
	line := w.sp.data[:i+1]
	w.sp.data = w.sp.data[i+1:]
	return bytes.TrimSpace(line), true
}

// object spreads one JSON object over the header's cells; ok is false when it is none, or has a key that the header has not
// (a key first seen after the sample) with a value.
func (w *rowWorker) object(line []byte) ([][]byte, bool) {
	w.cells = w.cells[:0]
	if len(line) == 0 {
		return nil, true
	}
	keys, values, err := jsonObject(line)
	if err != nil {
		return [][]byte{line}, false
	}
	for range w.headers {
		w.cells = append(w.cells, nil)
	}
	for i, k := range keys {
		if at := slices.Index(w.headers, k); at >= 0 {
			w.cells[at] = []byte(values[i])
		} else if values[i] != "" {
			w.tally.LateKeys++
		}
	}
	return w.cells, true
}

// mask makes a value fit for receipts and messages.
func mask(v string) string {
	const most = 48
	if dateLike(v) { // an impossible date is no secret, and of no use masked
		return v
	}
	out := residentid.MaskAny(v)
	if r := []rune(out); len(r) > most {
		out = string(r[:most]) + "…"
	}
	return out
}

// dateLike: four digits, one or two, one or two, with - / or . between them.
func dateLike(v string) bool {
	b := []byte(v)
	for i, most := range []int{4, 2, 2} {
		n := digits(b)
		if n == 0 || n > most || i == 0 && n < 4 {
			return false
		}
		b = b[n:]
		if i == 2 {
			return len(b) == 0
		}
		if len(b) == 0 || b[0] != '-' && b[0] != '/' && b[0] != '.' {
			return false
		}
		b = b[1:]
	}
	return false
}

// asInvalid passes errors that already speak to people, and cancellation, and wraps others.
func asInvalid(err error, zh, en string) error {
	if _, ok := errors.AsType[*errs.Error](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errs.Wrap(errs.Invalid, err, zh, en)
}
