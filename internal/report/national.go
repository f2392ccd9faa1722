package report

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/policy"
)

// NationalKind is one of the files that the national system gives counties out.
type NationalKind struct {
	ID      string
	Name    policy.Text
	names   []string // of files
	must    []string // headers by which it is known whatever the file is called
	dataset string   // whose contract its facts have; "": it holds no facts of households
	columns map[string][]string
	member  bool // a row a member: rows of one household are put together, the head's name and number win
}

// NationalKinds gives the kinds, with the headers that are read. Headers are compared without brackets, spaces and slashes; what a contract of the pack calls a column
// is understood besides. No official list of the files' columns is public: the names here are those seen in use.
func NationalKinds() []NationalKind {
	return []NationalKind{
		{ID: "monitored", Name: policy.Text{ZH: "（自定义）监测对象信息", EN: "monitored households"}, names: []string{"监测对象信息"}, must: []string{"户编号", "监测对象类别"}, dataset: "monitored", member: true,
			columns: map[string][]string{
				"household_no": {"户编码", "家庭编号"}, "head_name": {"户主"}, "head_number": {"户主身份证号码", "户主证件号"}, "category": {"监测对象类型", "对象类别"},
				"identified": {"识别监测年月", "监测对象识别时间", "纳入监测时间"}, "cleared": {"风险消除状态", "是否已消除风险", "风险是否消除"}, "cleared_on": {"风险消除年月", "风险消除日期"},
				"cleared_how": {"消除方式"}, "risk1": {"致贫/返贫风险1", "返贫致贫风险1", "主要致贫返贫风险", "致贫返贫风险"}, "development_measure": {"实施开发式帮扶措施", "是否落实开发式帮扶措施"}}},
		{ID: "work", Name: policy.Text{ZH: "（务工月监测）已外出务工信息", EN: "people who went out to work"}, names: []string{"已外出务工", "务工月监测"}, must: []string{"证件号码", "务工开始时间"}, dataset: "migrant_work",
			columns: map[string][]string{
				"household_no": {"户编码"}, "name": {"务工人员姓名", "人员姓名"}, "number": {"人员证件号码", "证件号"}, "started": {"外出务工开始时间", "外出时间"}, "ended": {"外出务工结束时间", "返乡时间"},
				"place": {"务工所在区域", "务工区域类型", "外出务工区域"}, "wage": {"务工月收入", "月务工收入", "月均收入"}, "channel": {"就业渠道类型", "外出务工渠道"}}},
		{ID: "planned_work", Name: policy.Text{ZH: "计划外出务工信息", EN: "people who plan to go out to work"}, names: []string{"计划外出务工"}},
		{ID: "household", Name: policy.Text{ZH: "（乡村建设）户信息", EN: "households, from rural construction"}, names: []string{"乡村建设"}, must: []string{"户编号", "危房等级"}, dataset: "housing", member: true,
			columns: map[string][]string{
				"household_no": {"户编码"}, "head_name": {"户主"}, "head_number": {"户主身份证号码"}, "grade": {"住房等级", "住房鉴定等级", "房屋等级"}, "appraised": {"住房鉴定时间", "住房鉴定日期"},
				"repaired": {"是否已实施危房改造", "危房是否改造"}, "area": {"房屋面积", "住房面积平方米"}}},
		{ID: "village", Name: policy.Text{ZH: "（自定义）行政村信息", EN: "villages"}, names: []string{"行政村信息"}, must: []string{"行政村", "村卫生室个数"}},
	}
}

// Imported says what became of one file of the national system.
type Imported struct {
	File    string          `json:"file"`
	Kind    string          `json:"kind"` // of NationalKinds; "" when it was not recognised
	Name    policy.Text     `json:"name"`
	Rows    int             `json:"rows"`              // data rows in the file
	Facts   int             `json:"facts"`             // rows that were handed to intake
	Unread  []string        `json:"unread"`            // headers that are not read
	Why     policy.Text     `json:"why,omitzero"`      // why nothing was taken in
	Receipt *intake.Receipt `json:"receipt,omitempty"` // of the intake, with rejected rows and reasons
}

// headerWithin is how many lines from the top the header may stand; in the national system's files it is the third.
const headerWithin = 10

// ImportNational reads one file that the national system gave out (XLSX, header on row 3) and takes its facts in through intake, under the contract of the dataset that
// they belong to: with the same checks, rejects, archive and receipts as a department's delivery. The workbook is turned into the contract's columns in memory; nothing personal is
// written in between. Files without facts of households (plans, villages) are told as such.
func ImportNational(ctx context.Context, actor account.Actor, pack *policy.Pack, service *intake.Service, name string, file io.Reader, o intake.Options) (Imported, error) {
	out := Imported{File: filepath.Base(name), Unread: []string{}}
	if err := actor.May(account.ReportImport); err != nil {
		return out, err
	}
	book, err := excelize.OpenReader(file, excelize.Options{UnzipSizeLimit: 4 << 30, UnzipXMLSizeLimit: 64 << 20})
	if err != nil {
		return out, errs.Wrap(errs.Invalid, err, "不是可以读取的 Excel 工作簿："+out.File, "not a workbook that can be read: "+out.File)
	}
	defer book.Close()
	rows, err := book.Rows(book.GetSheetName(0))
	if err != nil {
		return out, errs.Wrap(errs.Invalid, err, "工作簿没有可以读取的工作表："+out.File, "the workbook has no sheet that can be read: "+out.File)
	}
	defer rows.Close()

	kind, header, err := recognise(pack, out.File, rows)
	if err != nil {
		return out, err
	}
	out.Kind, out.Name = kind.ID, kind.Name
	if kind.dataset == "" {
		for rows.Next() {
			out.Rows++
		}
		out.Why = policy.Text{ZH: "这个文件里没有农户的事实数据，未导入", EN: "this file holds no facts about households; nothing was taken in"}
		return out, nil
	}
	ds := pack.Dataset(kind.dataset)
	if ds == nil {
		return out, errs.Newf(errs.NotFound, "政策包里没有数据契约 %[1]s", "the pack has no dataset %[1]s", kind.dataset)
	}
	text, err := convert(ds, kind, header, rows, &out)
	if err != nil {
		return out, err
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	o.Dataset = ds.ID
	receipt, err := service.Upload(ctx, intake.Upload{Name: strings.TrimSuffix(out.File, filepath.Ext(out.File)) + ".csv", Size: int64(len(text)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
		Allow: func(_ *policy.Dataset, scope division.Code) error {
			if actor.Within(scope) {
				return nil
			}
			return errs.New(errs.Refused, "文件所属的行政区划不在您的范围内，已退回", "the file is of a division outside your area; it is refused")
		}}, o)
	if err != nil {
		return out, err
	}
	out.Receipt = &receipt
	return out, nil
}

// bareHeader is a header for comparing: no spaces, brackets of any kind, slashes, stars.
func bareHeader(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\u3000（）()【】[]/／*＊:：", r) {
			return -1
		}
		return r
	}, s)
}

// recognise finds the header among the first lines and says which kind of file it is: by its name, else by its headers.
func recognise(pack *policy.Pack, file string, rows *excelize.Rows) (NationalKind, []string, error) {
	byName := -1
	kinds := NationalKinds()
	for i, k := range kinds {
		if slices.ContainsFunc(k.names, func(n string) bool { return strings.Contains(file, n) }) {
			byName = i
			break
		}
	}
	for line := 0; line < headerWithin && rows.Next(); line++ {
		cells, err := rows.Columns()
		if err != nil {
			return NationalKind{}, nil, errs.Wrap(errs.Invalid, err, "工作表无法读取："+file, "the sheet cannot be read: "+file)
		}
		found := map[string]bool{}
		for _, c := range cells {
			found[bareHeader(c)] = true
		}
		if len(found) < 3 {
			continue // a title
		}
		for i, k := range kinds {
			all := len(k.must) > 0 && !slices.ContainsFunc(k.must, func(h string) bool { return !found[bareHeader(h)] })
			if i == byName && (k.dataset == "" || len(places(pack.Dataset(k.dataset), k, cells)) >= 2) || byName < 0 && all {
				return k, cells, nil
			}
		}
	}
	return NationalKind{}, nil, errs.Newf(errs.Invalid, "%[1]s 不是认识的全国系统导出文件：前 %[2]d 行里没有找到表头（可导入：监测对象信息、已外出务工信息、乡村建设户信息）",
		"%[1]s is no file of the national system that is known here: no header was found in its first %[2]d lines (monitored households, people who went out to work, households from rural construction)", file, headerWithin)
}

// places gives for each column of the contract the cell where it stands.
func places(ds *policy.Dataset, k NationalKind, header []string) map[string]int {
	out := map[string]int{}
	if ds == nil {
		return out
	}
	for _, c := range ds.Columns {
		for _, name := range slices.Concat([]string{c.Header}, c.Aliases, k.columns[c.ID]) {
			if i := slices.IndexFunc(header, func(h string) bool { return bareHeader(h) == bareHeader(name) }); i >= 0 {
				out[c.ID] = i
				break
			}
		}
	}
	return out
}

// convert turns the rows behind the header into a CSV with the contract's own headers.
func convert(ds *policy.Dataset, k NationalKind, header []string, rows *excelize.Rows, out *Imported) ([]byte, error) {
	at := places(ds, k, header)
	read := map[int]bool{}
	for _, i := range at {
		read[i] = true
	}
	find := func(name string) int {
		i := slices.IndexFunc(header, func(h string) bool { return bareHeader(h) == name })
		if i >= 0 {
			read[i] = true
		}
		return i
	}
	name, number, relation := -1, -1, -1
	if k.member {
		name, number, relation = find("姓名"), find("证件号码"), find("与户主关系")
	}
	for i, h := range header {
		if !read[i] && strings.TrimSpace(h) != "" {
			out.Unread = append(out.Unread, strings.TrimSpace(h))
		}
	}
	cell := func(cells []string, i int) string {
		if i < 0 || i >= len(cells) {
			return ""
		}
		return strings.TrimSpace(cells[i])
	}
	var table [][]string
	byHousehold := map[string]int{}
	column := func(id string) int {
		return slices.IndexFunc(ds.Columns, func(c policy.Column) bool { return c.ID == id })
	}
	for rows.Next() {
		cells, err := rows.Columns()
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "工作表无法读取："+out.File, "the sheet cannot be read: "+out.File)
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue
		}
		out.Rows++
		line := make([]string, len(ds.Columns))
		for j, c := range ds.Columns {
			if i, ok := at[c.ID]; ok {
				line[j] = cell(cells, i)
			}
		}
		// The files of the national system tell by the day alone that a risk is gone.
		if j := column("cleared"); j >= 0 && line[j] == "" {
			line[j] = map[bool]string{true: "否", false: "是"}[cell(line, column("cleared_on")) == ""]
		} else if j >= 0 {
			line[j] = strings.NewReplacer("未消除", "否", "已消除", "是").Replace(line[j])
		}
		if k.member {
			no := cell(line, column("household_no"))
			rel := cell(cells, relation)
			head := strings.Contains(rel, "户主") && !strings.Contains(rel, "之")
			if head || relation < 0 {
				fill(line, column("head_name"), cell(cells, name))
				fill(line, column("head_number"), cell(cells, number))
			}
			if before, seen := byHousehold[no]; seen && no != "" {
				if head {
					copyOver(table[before], line, column("head_name"), column("head_number"))
				}
				continue
			}
			byHousehold[no] = len(table)
		}
		table = append(table, line)
	}
	out.Facts = len(table)
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	var heads []string
	for _, c := range ds.Columns {
		heads = append(heads, c.Header)
	}
	if err := w.Write(heads); err != nil {
		return nil, err
	}
	if err := w.WriteAll(table); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// fill sets an empty cell.
func fill(line []string, i int, s string) {
	if i >= 0 && line[i] == "" {
		line[i] = s
	}
}

func copyOver(to, from []string, columns ...int) {
	for _, i := range columns {
		if i >= 0 && from[i] != "" {
			to[i] = from[i]
		}
	}
}
