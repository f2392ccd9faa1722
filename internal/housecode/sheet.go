package housecode

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/paper"
)

// Print is what is printed on cards besides the code.
type Print struct {
	Base    string // of the link, such as https://sw.example.gov.cn/c
	Hotline string
	Font    *paper.Font
	Place   func(division.Code) (above, village string) // "从江县 西山镇", "顶洞村"
}

// Printed says what was printed.
type Printed struct {
	Villages int    `json:"villages"`
	Cards    int    `json:"cards"`
	Sheets   int    `json:"sheets"`
	Missing  []rune `json:"-"` // characters of place names that the font lacks
}

// Sheets prints the cards of all codes in force within a division, one PDF a village, cards in the order of household numbers. out gives the file of a
// village, from several goroutines at once. It reads village by village and holds no transaction meanwhile, so the ledger stays free.
func (cs *Codes) Sheets(ctx context.Context, l *ledger.Ledger, now time.Time, actor account.Actor, within division.Code, p Print, out func(division.Code) (io.WriteCloser, error)) (Printed, error) {
	if err := actor.May(account.CodeIssue); err != nil {
		return Printed{}, err
	}
	if err := actor.Sees(within); err != nil {
		return Printed{}, err
	}
	villages, keys, err := cs.toPrint(ctx, l, now, within)
	if err != nil {
		return Printed{}, err
	}
	if len(villages) == 0 {
		return Printed{}, errs.New(errs.NotFound, "这个区划内没有有效的户码，请先运行 shouwang code issue", "there is no code in force within this division: run shouwang code issue first")
	}
	// Before any card leaves: who had which villages printed.
	if err := l.Write(ctx, now, func(_ context.Context, tx *ledger.Tx) error {
		event := actor.Event("code.sheet", "household_code", within.String(), within)
		event.Detail = map[string]int{"villages": len(villages)}
		return audit.Record(tx, event)
	}); err != nil {
		return Printed{}, err
	}

	job := sheetJob{Print: p, keys: keys, made: now, qr: new(matrices)}
	done := make([]Printed, len(villages))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, village := range villages {
		var codes []Code
		if err := l.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			codes = nil
			return tx.NewSelect().Model(&codes).Where("village = ?", village).Where("state = ?", Active).Where("expires > ?", ledger.At(now)).
				OrderExpr("length(household_no), household_no, household").Scan(ctx)
		}); err != nil {
			return Printed{}, cmp.Or(g.Wait(), err)
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			done[i], err = job.village(village, codes, out)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return Printed{}, err
	}
	var sum Printed
	for _, d := range done {
		sum.Villages, sum.Cards, sum.Sheets = sum.Villages+1, sum.Cards+d.Cards, sum.Sheets+d.Sheets
		sum.Missing = append(sum.Missing, d.Missing...)
	}
	return sum, nil
}

// toPrint gives the villages that have codes in force, and the keys.
func (cs *Codes) toPrint(ctx context.Context, l *ledger.Ledger, now time.Time, within division.Code) ([]division.Code, map[string]*SigningKey, error) {
	var villages []division.Code
	keys := map[string]*SigningKey{}
	err := l.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		lo, hi := within.Range()
		if err := tx.NewSelect().Model((*Code)(nil)).ColumnExpr("DISTINCT village").Where("village BETWEEN ? AND ?", lo, hi).
			Where("state = ?", Active).Where("expires > ?", ledger.At(now)).OrderExpr("village").Scan(ctx, &villages); err != nil {
			return err
		}
		rows, err := cs.Keys(ctx, tx)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Withdrawn != 0 {
				continue
			}
			if keys[rows[i].ID], err = cs.unseal(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return villages, keys, err
}

type sheetJob struct {
	Print
	keys map[string]*SigningKey
	made time.Time
	qr   *matrices
}

func (j *sheetJob) village(village division.Code, codes []Code, out func(division.Code) (io.WriteCloser, error)) (Printed, error) {
	above, name := j.Place(village)
	doc := paper.New(j.Font, "一户一码 "+name, j.made)
	cards := doc.Cards()
	sheets := (len(codes) + paper.CardsASheet - 1) / paper.CardsASheet
	for i := range codes {
		key := j.keys[codes[i].Key]
		if key == nil {
			continue // withdrawn since: the card would be void
		}
		token, err := codes[i].token(key.ID)
		if err != nil {
			return Printed{}, err
		}
		payload, err := key.Sign(token)
		if err != nil {
			return Printed{}, err
		}
		m, err := j.qr.encode(Address(j.Base, payload))
		if err != nil {
			return Printed{}, err
		}
		p, x, y := cards.Next(fmt.Sprintf("%s %s　%s 印制　第 %d 张，共 %d 张　%d 户", above, name, j.made.Format(time.DateOnly), i/paper.CardsASheet+1, sheets, len(codes)))
		j.card(p, x, y, &codes[i], token, m, above, name)
	}
	if len(doc.Pages()) == 0 {
		return Printed{}, nil
	}
	w, err := out(village)
	if err != nil {
		return Printed{}, err
	}
	if _, err := doc.WriteTo(w); err != nil {
		_ = w.Close() // the first error says more
		return Printed{}, err
	}
	return Printed{Cards: len(codes), Sheets: len(doc.Pages()), Missing: doc.Missing()}, w.Close()
}

// card draws one card: the code at the left, what it is at the right. Nothing on it tells who lives there or why the household is watched; every
// household of the village has the same card.
func (j *sheetJob) card(p *paper.Page, x, y float64, c *Code, t Token, m matrix, above, village string) {
	const side, left, width = 36.0, 46.5, 36.0
	p.Fill(x, y, paper.CardWidth, 9, paper.Teal)
	p.Text(x+5, y+6.2, "守望　一户一码", paper.Type{Size: 11, Bold: true, Colour: paper.White})
	p.TextRight(x+paper.CardWidth-5, y+6.1, "乡村防返贫监测帮扶", paper.Type{Size: 7.5, Colour: paper.White})
	p.Matrix(x+5, y+13, side, m.size(), m.dark)

	set := func(dy float64, s string, size float64, bold bool, colour paper.Colour) {
		s, t := p.Fit(s, paper.Type{Size: size, Bold: bold, Colour: colour}, width, 5.5)
		p.Text(x+left, y+dy, s, t)
	}
	set(16, above, 8, false, paper.Muted)
	set(21.6, village, 12, true, paper.Ink)
	set(27.4, "户编号 "+c.HouseholdNo, 8, false, paper.Ink)
	serial := ""
	if c.Serial > 1 {
		serial = fmt.Sprintf("　第 %d 次制卡", c.Serial)
	}
	set(32, "有效期至 "+t.Expires.Add(-time.Second).Format(time.DateOnly)+serial, 8, false, paper.Ink)
	set(36.6, "咨询电话 "+j.Hotline, 8, false, paper.Ink)
	set(42.6, "扫码可向村委会、乡镇查询和申报。", 6.8, false, paper.Muted)
	set(45.8, "遗失请到村委会补办，旧卡随即作废。", 6.8, false, paper.Muted)
	set(49, t.ID.String(), 6.8, false, paper.Muted)
}

// Link signs the household's code in force and gives the address that its card shows, for a screen that shows the code itself.
func (cs *Codes) Link(ctx context.Context, tx *ledger.Tx, actor account.Actor, household int64, base string) (string, error) {
	if err := actor.May(account.CodeIssue); err != nil {
		return "", err
	}
	c, err := cs.active(ctx, tx, actor, household)
	if err != nil {
		return "", err
	}
	var row Key
	if err := tx.NewSelect().Model(&row).Where("id = ?", c.Key).Scan(ctx); err != nil {
		return "", err
	}
	key, err := cs.unseal(&row)
	if err != nil {
		return "", err
	}
	t, err := c.token(key.ID)
	if err != nil {
		return "", err
	}
	payload, err := key.Sign(t)
	if err != nil {
		return "", err
	}
	return Address(base, payload), nil
}
