package task

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/ledger"
)

// DigestHour is from when on, Chinese time, the day's digests are made.
const DigestHour = 7

// Digest is what one account has to do, as of the morning of a day.
type Digest struct {
	bun.BaseModel `bun:"table:digest" json:"-"`

	Account   string `bun:",pk" json:"account"`
	Day       string `bun:",pk" json:"day"`
	Overdue   int64  `json:"overdue"`
	Today     int64  `json:"today"`     // the last day in time is today
	Soon      int64  `json:"soon"`      // warned of, due later
	Open      int64  `json:"open"`      // all
	Escalated int64  `json:"escalated"` // of organisations below, that one's own was told of
	ZH        string `json:"zh"`
	EN        string `json:"en"`
}

// sums are its numbers.
type sums struct{ overdue, today, soon, open int64 }

func (s *sums) add(o sums) {
	s.overdue, s.today, s.soon, s.open = s.overdue+o.overdue, s.today+o.today, s.soon+o.soon, s.open+o.open
}

// Digests makes the digest of the civil day of now for every active account that has something to do, from [DigestHour] on, once a day; it says how many it made. Digests older
// than 60 days are dropped.
func (s *Service) Digests(ctx context.Context, now time.Time) (int, error) {
	local := now.In(zone())
	if local.Hour() < DigestHour {
		return 0, nil
	}
	day := Civil(now)
	text := day.Format(time.DateOnly)
	made := false
	var rows []Digest
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		if made, err = tx.NewSelect().Model((*Digest)(nil)).Where("day = ?", text).Where("account = ''").Exists(ctx); made || err != nil {
			return err
		}
		rows, err = digests(ctx, tx, ledger.At(now), day)
		return err
	})
	if made || err != nil {
		return 0, err
	}
	count := len(rows)
	rows = append(rows, Digest{Day: text}) // says that the day's are made
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		for left := rows; len(left) > 0; {
			n := min(len(left), 500)
			part := left[:n]
			if _, err := tx.NewInsert().Model(&part).On("CONFLICT (account, day) DO NOTHING").Exec(ctx); err != nil {
				return err
			}
			left = left[n:]
		}
		_, err := tx.NewDelete().Model((*Digest)(nil)).Where("day < ?", day.AddDate(0, 0, -60).Format(time.DateOnly)).Exec(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	return count, nil
}

// digests computes them: the counts by organisation and person in one query, put together for each account.
func digests(ctx context.Context, tx *ledger.Tx, now ledger.Time, day time.Time) ([]Digest, error) {
	byOrg, byAccount, told := map[string]sums{}, map[string]sums{}, map[string]int64{}
	var groups []struct {
		Org, Account               string
		Overdue, Today, Soon, Open int64
	}
	end := EndOf(day)
	err := tx.NewSelect().Model((*Task)(nil)).Column("t.org", "t.account").
		ColumnExpr("count(CASE WHEN t.due <= ? THEN 1 END) AS overdue", now).
		ColumnExpr("count(CASE WHEN t.due > ? AND t.due <= ? THEN 1 END) AS today", now, end).
		ColumnExpr("count(CASE WHEN t.due > ? AND t.warn <= ? THEN 1 END) AS soon", end, now).
		ColumnExpr("count(*) AS open").
		Where("t.closed IS NULL").Where("t.paused IS NULL").Group("t.org", "t.account").Scan(ctx, &groups)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		x := sums{g.Overdue, g.Today, g.Soon, g.Open}
		if g.Account == "" {
			byOrg[g.Org] = x
			continue
		}
		sum := byAccount[g.Account]
		sum.add(x)
		byAccount[g.Account] = sum
	}
	var tellings []struct {
		Org string
		N   int64
	}
	err = tx.NewSelect().Model((*Task)(nil)).Join("JOIN task_told AS x ON x.task = t.id").ColumnExpr("x.org, count(*) AS n").Where("t.closed IS NULL").Group("x.org").Scan(ctx, &tellings)
	if err != nil {
		return nil, err
	}
	for _, x := range tellings {
		told[x.Org] = x.N
	}
	var people []struct {
		ID, Org string
		Roles   []account.Role
	}
	if err := tx.NewSelect().Table("account").Column("id", "org", "roles").Where("active").Order("id").Scan(ctx, &people); err != nil {
		return nil, err
	}
	var rows []Digest
	for _, p := range people {
		if (account.Actor{Roles: p.Roles}).May(account.TaskRead) != nil {
			continue
		}
		x := byAccount[p.ID]
		x.add(byOrg[p.Org])
		if x.open+told[p.Org] == 0 {
			continue
		}
		d := Digest{Account: p.ID, Day: day.Format(time.DateOnly), Overdue: x.overdue, Today: x.today, Soon: x.soon, Open: x.open, Escalated: told[p.Org]}
		d.words()
		rows = append(rows, d)
	}
	return rows, nil
}

// words puts the figures into a sentence.
func (d *Digest) words() {
	var zh, en []string
	say := func(n int64, z, one, many string) {
		if n == 0 {
			return
		}
		zh = append(zh, fmt.Sprintf(z, n))
		if n == 1 {
			many = one
		}
		en = append(en, fmt.Sprintf(many, n))
	}
	say(d.Overdue, "已超期 %d 件", "%d overdue", "%d overdue")
	say(d.Today, "今天到期 %d 件", "%d due today", "%d due today")
	say(d.Soon, "即将到期 %d 件", "%d due soon", "%d due soon")
	say(d.Open-d.Overdue-d.Today-d.Soon, "其他待办 %d 件", "%d other task", "%d other tasks")
	say(d.Escalated, "下级超期上报 %d 件", "%d overdue task of units below", "%d overdue tasks of units below")
	d.ZH, d.EN = strings.Join(zh, "，")+"。", strings.Join(en, ", ")+"."
}

// Newest gives the actor's own latest digest; ok is false when there is none.
func Newest(ctx context.Context, tx *ledger.Tx, actor account.Actor) (d Digest, ok bool, err error) {
	if actor.Account == "" {
		return Digest{}, false, nil
	}
	err = tx.NewSelect().Model(&d).Where("account = ?", actor.Account).Order("day DESC").Limit(1).Scan(ctx)
	if ledger.Missing(err) {
		return Digest{}, false, nil
	}
	return d, err == nil, err
}
