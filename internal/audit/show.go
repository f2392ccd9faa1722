package audit

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/uptrace/bun"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/export"
	"shouwang/internal/ledger"
)

// Filter chooses events. Zero fields choose everything.
type Filter struct {
	// Within is the subtree that the reader may see; 0 shows everything, events of no place included. Callers set it to the acting account's division.
	Within   division.Code
	Actor    string
	Action   string // whole, or the subject with a dot: "case."
	Object   string
	ObjectID string
	From, To ledger.Time // From ≤ time < To

	Before int64 // events with smaller numbers: the Next of the page before
	Limit  int   // events on the page: 1 to MaxPage, 0 means 100
}

// MaxPage is the largest page.
const MaxPage = 1000

// Page is a page of events, newest first.
type Page struct {
	Events []Recorded `json:"events"`
	Next   int64      `json:"next"` // for Filter.Before; 0: there are no more
}

// where adds the filter's conditions.
func (f Filter) where(q *bun.SelectQuery) *bun.SelectQuery {
	if f.Within != 0 {
		lo, hi := f.Within.Range()
		q = q.Where("division BETWEEN ? AND ?", lo, hi)
	}
	for column, value := range map[string]string{"actor": f.Actor, "object": f.Object, "object_id": f.ObjectID} {
		if value != "" {
			q = q.Where("? = ?", bun.Ident(column), value)
		}
	}
	switch {
	case strings.HasSuffix(f.Action, "."):
		q = q.Where("action LIKE ? ESCAPE '!'", strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(f.Action)+"%")
	case f.Action != "":
		q = q.Where("action = ?", f.Action)
	}
	if f.From != 0 {
		q = q.Where("at >= ?", f.From)
	}
	if f.To != 0 {
		q = q.Where("at < ?", f.To)
	}
	return q
}

// Show gives a page of the chosen events, newest first.
func Show(ctx context.Context, tx *ledger.Tx, f Filter) (Page, error) {
	switch {
	case f.Limit == 0:
		f.Limit = 100
	case f.Limit < 0 || f.Limit > MaxPage:
		return Page{}, errs.Newf(errs.Invalid, "每页条数应在 1 到 %[1]d 之间", "a page has 1 to %[1]d events", MaxPage)
	}
	p := Page{Events: []Recorded{}}
	q := f.where(tx.NewSelect().Model(&p.Events)).Order("seq DESC").Limit(int64(f.Limit) + 1)
	if f.Before != 0 {
		q = q.Where("seq < ?", f.Before)
	}
	if err := q.Scan(ctx); err != nil {
		return Page{}, err
	}
	if len(p.Events) > f.Limit {
		p.Events = p.Events[:f.Limit]
		p.Next = p.Events[f.Limit-1].Seq
	}
	return p, nil
}

// Export writes the chosen events for an auditor, oldest first, as csv, xlsx or json (an array), and says how many. The hashes are
// with them, so that an export of everything can be checked without this program. lang ("zh" or "en") is the language of the header.
func Export(ctx context.Context, tx *ledger.Tx, w io.Writer, format, lang string, f Filter) (int64, error) {
	row, closing, err := exporter(w, format, lang)
	if err != nil {
		return 0, err
	}
	var n, after int64
	for {
		var page []Recorded
		if err := f.where(tx.NewSelect().Model(&page)).Where("seq > ?", after).Order("seq").Limit(walkPage).Scan(ctx); err != nil {
			return n, err
		}
		for i := range page {
			if err := row(&page[i]); err != nil {
				return n, err
			}
			n, after = n+1, page[i].Seq
		}
		if len(page) < walkPage {
			return n, closing()
		}
	}
}

// exporter gives what writes a row and what ends the file.
func exporter(w io.Writer, format, lang string) (row func(*Recorded) error, closing func() error, err error) {
	if format == "json" {
		row, closing = jsonArray(w)
		return row, closing, nil
	}
	title, header := "审计记录", []string{"序号", "时间（UTC）", "操作人", "单位", "动作", "对象", "对象编号", "行政区划", "理由", "内容", "哈希"}
	if lang == "en" {
		title, header = "Audit", []string{"No.", "Time (UTC)", "Actor", "Organisation", "Action", "Object", "Object id", "Division", "Reason", "Detail", "Hash"}
	}
	table, err := export.New(format, w, title, header)
	if err != nil {
		return nil, nil, err
	}
	return func(r *Recorded) error {
		return table.Row(r.Seq, r.At.String(), r.Actor, r.Org, r.Action, r.Object, r.ObjectID, r.Division.String(), r.Reason, string(r.Detail), r.Hash)
	}, table.Close, nil
}

func jsonArray(w io.Writer) (row func(*Recorded) error, closing func() error) {
	separator := "[\n"
	write := func(text string) error {
		if _, err := io.WriteString(w, text); err != nil {
			return errs.Wrap(errs.Unavailable, err, "无法写出审计记录", "cannot write the audit events")
		}
		return nil
	}
	row = func(r *Recorded) error {
		text, err := json.Marshal(r)
		if err != nil {
			return errs.Wrap(errs.Internal, err, "无法写出审计记录", "cannot write the audit events")
		}
		err = write(separator + string(text))
		separator = ",\n"
		return err
	}
	return row, func() error {
		if separator == "[\n" {
			return write("[]\n")
		}
		return write("\n]\n")
	}
}
