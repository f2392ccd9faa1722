package report

import (
	"fmt"
	"strings"
	"time"

	"shouwang/internal/errs"
	"shouwang/internal/paper"
)

// noticeForm is the id of the public notice, which is of a village and not of one case.
const noticeForm = "notice"

// PublicRow is all that may be said in public about a household: a white list by its type. Number, phone, account, illness, disability and the exact risk are
// not in it and can't get in; the name comes masked.
type PublicRow struct {
	Head     string // masked
	Members  int    // 0: not told
	Category string // before the decision: what it is proposed as; may be empty
	Risk     string // generalised, see [publicRisk]
}

// PublicNotice is a notice of one village.
type PublicNotice struct {
	Clearing                    bool // that risks are gone, not that households are taken in
	County, Township, Village   string
	PostedOn, OverOn, ExpiresOn string // days
	Hotline                     string
	Rows                        []PublicRow
	Made                        time.Time
}

// publicRisk says of a risk what does not tell about anybody's health: kinds that do (illness, disability, lack of labour, accident) are in one class with others
// that cost money or income.
func publicRisk(risks []Risk) string {
	seen := map[string]bool{}
	var out []string
	for _, r := range risks {
		class := "支出较大或收入不足"
		switch r.ID {
		case "disaster":
			class = "受灾"
		case "housing", "water":
			class = "住房或饮水"
		}
		if !seen[class] {
			seen[class] = true
			out = append(out, class)
		}
	}
	return strings.Join(out, "、")
}

// noticeTitle is the title of a sheet.
func noticeTitle(clearing bool) string {
	if clearing {
		return "防止返贫监测对象风险消除公示"
	}
	return "防止返贫监测对象公示"
}

// WriteNotice sets a public notice. Without a day of expiry none is printed: a notice that hangs for ever is the usual breach.
func WriteNotice(font *paper.Font, n *PublicNotice) (*paper.Doc, error) {
	return WriteNotices(font, []PublicNotice{*n})
}

// WriteNotices sets the notices of a village as one document, each on a sheet of its own.
func WriteNotices(font *paper.Font, list []PublicNotice) (*paper.Doc, error) {
	if len(list) == 0 {
		return nil, errs.New(errs.NotFound, "这个村现在没有要张贴的公示", "no notice hangs in this village now")
	}
	title := noticeTitle(list[0].Clearing)
	if len(list) > 1 {
		title = "公示 " + list[0].Village
	}
	d := paper.New(font, title, list[0].Made)
	for i := range list {
		if err := list[i].set(d); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// set sets one notice on sheets of its own.
func (n *PublicNotice) set(d *paper.Doc) error {
	if n.PostedOn == "" || n.OverOn == "" || n.ExpiresOn == "" {
		return errs.New(errs.Invalid, "公示还没有登记张贴日期，无法打印公示期和撤下日期", "no notice has been recorded yet, so its days are not known")
	}
	if len(n.Rows) == 0 {
		return errs.New(errs.NotFound, "没有要公示的农户", "there is no household to give notice of")
	}
	what := "拟纳入防止返贫监测对象"
	if n.Clearing {
		what = "拟消除返贫致贫风险"
	}
	w := &sheet{Flow: d.Flow(paper.Layout{Margin: 22, Footer: fmt.Sprintf("表 SW-05 第 1 版　请于 %s 前撤下本公示", chineseDay(n.ExpiresOn))})}
	w.Title(noticeTitle(n.Clearing))
	w.under(n.County + n.Township + n.Village)
	w.text(fmt.Sprintf("经农户申请或系统筛查、入户核实、信息比对和村民主评议，下列农户%s。现予公示，公示期自%s起，至%s止。", what, chineseDay(n.PostedOn), chineseDay(lastDay(n.OverOn))))
	w.Space(2)
	t := paper.Table{Columns: []float64{1, 3, 2, 3.2, 3.6}, Size: 12, Header: [][]paper.Cell{{}}}
	for _, h := range []string{"序号", "户主姓名", "家庭人口", "监测对象类别", "主要困难"} {
		t.Header[0] = append(t.Header[0], paper.Cell{Text: h, Label: true, Bold: true, Align: paper.Centre})
	}
	for i, r := range n.Rows {
		people := ""
		if r.Members > 0 {
			people = fmt.Sprintf("%d 人", r.Members)
		}
		var row []paper.Cell
		for _, s := range []string{fmt.Sprint(i + 1), r.Head, people, r.Category, r.Risk} {
			row = append(row, paper.Cell{Text: s, Align: paper.Centre, Height: 10})
		}
		t.Rows = append(t.Rows, row)
	}
	w.Table(t)
	w.Space(4)
	w.text("如有异议，请在公示期内向村（居）民委员会或乡镇人民政府提出，也可拨打咨询电话 " + n.Hotline + "。反映情况请实事求是，我们为反映人保密。")
	w.Need(30)
	w.Space(8)
	w.Paragraph(committee(n.Village)+"（盖章）", paper.Para{Size: 12, Align: paper.Right, After: 1})
	w.Paragraph(chineseDay(n.PostedOn), paper.Para{Size: 12, Align: paper.Right})
	w.Close()
	return nil
}

// lastDay is the day before: a publicity that is over on a day lasts until the evening before.
func lastDay(over string) string {
	t, err := time.Parse(time.DateOnly, over)
	if err != nil {
		return over
	}
	return t.AddDate(0, 0, -1).Format(time.DateOnly)
}
