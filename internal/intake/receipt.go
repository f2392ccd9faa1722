package intake

import (
	"fmt"
	"sort"
	"strings"
	"time"
	"unicode"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// State of a delivery.
type State string

// States of a receipt.
const (
	Accepted State = "accepted" // its rows are in the warehouse
	Refused  State = "refused"  // nothing of it is; it may be delivered again
	Already  State = "already"  // the same file was accepted before; nothing changed
	Ignored  State = "ignored"  // found in a folder, but no data file
)

// Text is wording in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// In returns the wording in lang ("zh" or "en").
func (t Text) In(lang string) string {
	if lang == "en" && t.EN != "" {
		return t.EN
	}
	return t.ZH
}

func textOf(t policy.Text) Text { return Text{ZH: t.ZH, EN: t.EN} }

// Receipt is what a department gets back for one file. It holds no personal data: values are masked.
type Receipt struct {
	File       string `json:"file"`               // path as given
	SHA256     string `json:"sha256"`             // of the file as received, hex; "" when it could not be read
	Delivery   string `json:"delivery,omitempty"` // names the delivery in the data folder: the hash, then scope and period as delivered
	Form       string `json:"form,omitempty"`     // csv, xlsx, jsonl, parquet
	Encoding   string `json:"encoding,omitempty"` // utf-8, gb18030 (text forms)
	Dataset    string `json:"dataset,omitempty"`  // id of the contract
	Name       Text   `json:"name"`               // of the dataset
	Department Text   `json:"department"`
	Scope      string `json:"scope,omitempty"` // division code of the file; "" = by its rows
	ScopeName  string `json:"scope_name,omitempty"`
	Period     Period `json:"period,omitzero"` // "202610" or "202511-202610"
	Batch      int    `json:"batch,omitempty"` // number of the accepted batch
	State      State  `json:"state"`

	Rows       int            `json:"rows"` // data rows that are not blank
	Accepted   int            `json:"accepted"`
	Rejected   int            `json:"rejected"`
	Duplicates int            `json:"duplicates"` // rows that a later row of the file with the same key replaced
	Blank      int            `json:"blank"`      // blank rows, skipped
	Linked     int            `json:"linked"`     // rows that found their household
	Pending    int            `json:"pending"`    // rows that wait for the roster to know their household
	ByTier     map[string]int `json:"by_tier,omitempty"`
	PendingWhy map[string]int `json:"pending_why,omitempty"` // none, ambiguous, conflict
	Superseded int            `json:"superseded,omitempty"`  // rows of earlier deliveries that this one replaced
	Relinked   int            `json:"relinked,omitempty"`    // waiting rows of other deliveries that this one solved

	Rejects  []Reject  `json:"rejects,omitempty"`  // by reason, most frequent first
	Totals   []Total   `json:"totals,omitempty"`   // for the department to compare with its own
	Earliest string    `json:"earliest,omitempty"` // event date, YYYY-MM-DD
	Latest   string    `json:"latest,omitempty"`
	Extra    []string  `json:"extra_columns,omitempty"` // columns that the contract does not know: not read
	Warnings []Note    `json:"warnings,omitempty"`
	Error    *Text     `json:"error,omitempty"` // why it was refused
	Received time.Time `json:"received_at"`

	Seconds       float64 `json:"seconds"`
	RowsPerSecond float64 `json:"rows_per_second"`

	err error
}

// Err is why the file was refused, with its kind; nil for other states.
func (r *Receipt) Err() error { return r.err }

// Note is a thing to know that did not stop the file.
type Note struct {
	Code  string `json:"code"`
	ZH    string `json:"zh"`
	EN    string `json:"en"`
	Count int    `json:"count"`
}

// Reject is one reason with how many rows it struck.
type Reject struct {
	Code    string   `json:"code"`
	Text    Text     `json:"text"`
	Count   int      `json:"count"`
	Samples []Sample `json:"samples"` // up to five
}

// Sample is one rejected row.
type Sample struct {
	Row    int    `json:"row"`              // data row, 1 = the first behind the header
	Column string `json:"column,omitempty"` // header of the column at fault
	Value  string `json:"value,omitempty"`  // masked
}

// Total is a control total over the accepted rows.
type Total struct {
	Column string  `json:"column"` // id
	Header string  `json:"header"`
	Unit   string  `json:"unit,omitempty"`
	Sum    float64 `json:"sum"`
	Rows   int     `json:"rows"` // rows with a value
}

// reasons are the stable reject codes. check:<id> takes its wording from the contract.
var reasons = map[string]Text{
	"columns":             {"列数与表头不符", "the number of fields differs from the header"},
	"required_empty":      {"必填项为空", "a required value is empty"},
	"bad_number":          {"不是数字", "not a number"},
	"bad_integer":         {"不是整数", "not a whole number"},
	"bad_money":           {"不是金额", "not an amount of money"},
	"bad_bool":            {"不是“是/否”", "neither yes nor no"},
	"bad_date":            {"不是日期，或日期不存在", "not a date, or no such day"},
	"date_range":          {"日期的年份不在 1900–2100 之间", "the date's year is not within 1900–2100"},
	"bad_code":            {"代码或名称不在数据合同内", "a code or name that the contract does not know"},
	"bad_token":           {"编号里有字母、数字、-_. 以外的字符", "an identifier with characters other than letters, digits and - _ ."},
	"out_of_range":        {"数值超出合理范围", "the value is outside the plausible range"},
	"bad_division":        {"行政区划代码或名称不对，或名称不唯一", "unknown or ambiguous division"},
	"outside_scope":       {"行政村不在本文件所属地区内", "the village lies outside the file's division"},
	"bad_encoding":        {"含有无法解码的字节", "bytes that cannot be decoded"},
	"bad_json":            {"不是一个完整的 JSON 对象", "not one flat JSON object"},
	"bad_household_no":    {"户编号不对（可能被表格软件改成了科学计数）", "not a household number (perhaps spoiled by a spreadsheet)"},
	"no_identity":         {"没有任何可用于比对到户的信息", "nothing to link the row to a household by"},
	"bad_resident_number": {"证件号码有误，且没有其他可用于比对的信息", "the resident number is damaged and there is nothing else to link by"},
	"two_heads":           {"同一户有两个以上户主", "the household has more than one head"},
}

// reason gives the wording of a reject code of a dataset.
func reason(ds *policy.Dataset, code string) Text {
	if id, ok := strings.CutPrefix(code, "check:"); ok && ds != nil {
		for _, c := range ds.Checks {
			if c.ID == id {
				return textOf(c.Reason)
			}
		}
	}
	if t, ok := reasons[code]; ok {
		return t
	}
	return Text{ZH: code, EN: code}
}

// maxSamples is how many rows of each reason the receipt shows.
const maxSamples = 5

// reject adds one rejected row to the receipt's reasons.
func (r *Receipt) reject(ds *policy.Dataset, headers []string, row rejected) {
	i := 0
	for i < len(r.Rejects) && r.Rejects[i].Code != row.code {
		i++
	}
	if i == len(r.Rejects) {
		r.Rejects = append(r.Rejects, Reject{Code: row.code, Text: reason(ds, row.code)})
	}
	re := &r.Rejects[i]
	re.Count++
	if len(re.Samples) < maxSamples {
		s := Sample{Row: row.row, Value: row.value}
		if row.field >= 0 && row.field < len(headers) {
			s.Column = headers[row.field]
		}
		re.Samples = append(re.Samples, s)
	}
}

func (r *Receipt) sortRejects() {
	sort.SliceStable(r.Rejects, func(i, j int) bool {
		if r.Rejects[i].Count != r.Rejects[j].Count {
			return r.Rejects[i].Count > r.Rejects[j].Count
		}
		return r.Rejects[i].Code < r.Rejects[j].Code
	})
}

func (r *Receipt) warn(code string, count int, zh, en string) {
	if count > 0 {
		r.Warnings = append(r.Warnings, Note{Code: code, ZH: zh, EN: en, Count: count})
	}
}

// refuse makes the receipt one of a refused file: nothing of it counts.
func (r *Receipt) refuse(err error) {
	r.State, r.err = Refused, err
	r.Error = &Text{ZH: errs.Text(err, "zh"), EN: errs.Text(err, "en")}
	r.Batch, r.Accepted, r.Linked, r.Pending, r.Duplicates, r.Superseded, r.Relinked = 0, 0, 0, 0, 0, 0, 0
	r.ByTier, r.PendingWhy, r.Totals = nil, nil, nil
}

func (r *Receipt) finish(start time.Time) {
	r.sortRejects()
	r.Seconds = float64(time.Since(start).Milliseconds()) / 1000
	if s := time.Since(start).Seconds(); s > 0 {
		r.RowsPerSecond = float64(int64(float64(r.Rows) / s))
	}
}

var stateText = map[State]Text{
	Accepted: {"已接收", "accepted"}, Refused: {"已退回，未写入任何数据", "refused, nothing was written"},
	Already: {"以前已接收过，本次没有变化", "accepted before, nothing changed"}, Ignored: {"不是数据文件，已跳过", "no data file, skipped"},
}

var pendingText = map[string]Text{
	"none": {"花名册里找不到", "not in the roster"}, "ambiguous": {"有两个以上可能的户", "more than one household possible"}, "conflict": {"证件号码与姓名不一致", "number and name disagree"},
}

var tierText = map[string]Text{
	"1": {"证件号码", "resident number"}, "2": {"残疾证号", "disability card"}, "3": {"户编号+姓名", "household number and name"},
	"4": {"姓名+出生日期+村", "name, birth date and village"}, "5": {"户编号", "household number"}, "6": {"户主证件号码", "head's number"},
}

// Text is the receipt as a page to print, in Chinese ("zh") or English ("en").
func (r *Receipt) Text(lang string) string {
	t := func(zh, en string) string { return Text{zh, en}.In(lang) }
	var b strings.Builder
	row := func(label string, value any) {
		v := fmt.Sprint(value)
		if v != "" {
			fmt.Fprintf(&b, "%s  %s\n", pad(label, 16), v)
		}
	}
	rule := strings.Repeat("─", 64) + "\n"
	b.WriteString(t("数据接收回执", "Receipt of a data delivery") + "\n" + rule)
	row(t("文件", "File"), r.File)
	row(t("数据", "Dataset"), strings.TrimSpace(r.Name.In(lang)+" "+paren(r.Dataset)))
	row(t("报送部门", "Department"), r.Department.In(lang))
	row(t("地区", "Division"), strings.TrimSpace(r.Scope+" "+r.ScopeName))
	row(t("期次", "Period"), r.Period.String())
	row(t("结果", "Result"), stateText[r.State].In(lang))
	if r.Batch > 0 {
		row(t("批次", "Batch"), r.Batch)
	}
	row(t("收到时间", "Received"), r.Received.Format("2006-01-02 15:04:05"))
	row("SHA-256", r.SHA256)
	if r.Error != nil {
		b.WriteString(rule)
		row(t("原因", "Reason"), r.Error.In(lang))
	}
	if r.Rows > 0 {
		b.WriteString(rule)
		count := func(zh, en string, n int) {
			if n != 0 {
				fmt.Fprintf(&b, "%s  %s\n", pad(t(zh, en), 32), right(group(n), 14))
			}
		}
		fmt.Fprintf(&b, "%s  %s\n", pad(t("数据行", "Data rows"), 32), right(group(r.Rows), 14))
		count("  接收", "  accepted", r.Accepted)
		count("  退回", "  rejected", r.Rejected)
		count("  文件内重复（以后一行为准）", "  duplicates in the file", r.Duplicates)
		count("空白行", "Blank rows", r.Blank)
		if r.State == Accepted || r.State == Already {
			count("比对到户", "Linked to a household", r.Linked)
			for _, k := range keys(r.ByTier) {
				count("  按"+tierText[k].ZH, "  by "+tierText[k].EN, r.ByTier[k])
			}
			count("待比对", "Waiting to be linked", r.Pending)
			for _, k := range keys(r.PendingWhy) {
				count("  "+pendingText[k].ZH, "  "+pendingText[k].EN, r.PendingWhy[k])
			}
			count("更正了以前的记录", "Earlier rows replaced", r.Superseded)
			count("解决了其他批次的待比对记录", "Waiting rows of other batches solved", r.Relinked)
		}
	}
	if len(r.Totals) > 0 {
		b.WriteString(rule + t("控制总数（接收的行）", "Control totals (accepted rows)") + "\n")
		for _, c := range r.Totals {
			label := c.Header
			if lang == "en" {
				label = c.Header + " " + paren(c.Column)
			}
			fmt.Fprintf(&b, "  %s %s %s\n", pad(label, 30), right(amount(c.Sum), 22), c.Unit)
		}
	}
	if r.Earliest != "" {
		row(t("最早/最晚日期", "Dates"), r.Earliest+" – "+r.Latest)
	}
	if len(r.Rejects) > 0 {
		b.WriteString(rule + t("退回的行", "Rejected rows") + "\n")
		for _, re := range r.Rejects {
			fmt.Fprintf(&b, "  %s %s  %s\n", pad(re.Code, 32), right(group(re.Count), 10), re.Text.In(lang))
			for _, s := range re.Samples {
				line := fmt.Sprintf(t("第 %d 行", "row %d"), s.Row)
				if s.Column != "" {
					line += "  " + s.Column
				}
				if s.Value != "" {
					line += "  " + s.Value
				}
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	if len(r.Extra) > 0 {
		row(t("未读取的列", "Columns not read"), strings.Join(r.Extra, "、"))
	}
	if len(r.Warnings) > 0 {
		b.WriteString(rule + t("提示", "Notes") + "\n")
		for _, w := range r.Warnings {
			n := Text{w.ZH, w.EN}
			if w.Count > 1 {
				fmt.Fprintf(&b, "  %s: %s\n", n.In(lang), group(w.Count))
			} else {
				fmt.Fprintf(&b, "  %s\n", n.In(lang))
			}
		}
	}
	b.WriteString(rule)
	return b.String()
}

func keys(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func paren(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// width is how many columns a text takes on a terminal: Chinese characters take two.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 0x1100 && (r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF || r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 || r >= 0xFFE0 && r <= 0xFFE6 || r >= 0x20000 && r <= 0x3FFFD):
			n += 2
		default:
			n++
		}
	}
	return n
}

func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-width(s))) }

func right(s string, to int) string { return strings.Repeat(" ", max(0, to-width(s))) + s }

// group writes a count with thin groups of three: 12 345.
func group(n int) string { return groupDigits(fmt.Sprint(n)) }

// amount writes a sum with two decimals, grouped.
func amount(f float64) string {
	s := fmt.Sprintf("%.2f", f)
	return groupDigits(s[:len(s)-3]) + s[len(s)-3:]
}

func groupDigits(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return sign + s
}
