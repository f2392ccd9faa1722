package casework

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
)

// SavedFilter is a filter of the list of cases that somebody keeps for themselves.
type SavedFilter struct {
	bun.BaseModel `bun:"table:case_filter"`

	ID      string `bun:",pk"`
	Account string
	Name    string
	Query   string // as an address carries it
	At      ledger.Time
}

// maxSaved is how many filters one account may keep.
const maxSaved = 20

// SavedFilters are the actor's own, by name. It needs account.CaseRead.
func (s *Service) SavedFilters(ctx context.Context, actor account.Actor) ([]SavedFilter, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	list := []SavedFilter{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model(&list).Where("account = ?", actor.Account).OrderExpr("name, id").Limit(maxSaved).Scan(ctx)
	})
	return list, err
}

// SaveFilter keeps a filter under a name, in the place of one of the same name. It needs account.CaseRead. The error is Invalid for a name or a query that is too long
// or empty, and for more filters than one account may keep.
func (s *Service) SaveFilter(ctx context.Context, actor account.Actor, now time.Time, name, query string) error {
	if err := actor.May(account.CaseRead); err != nil {
		return err
	}
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > 30 || !plain(name, query) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return bad("请给筛选起一个名字（1 至 30 个字）", "give the filter a name (1 to 30 characters)")
	}
	if query == "" || len(query) > 1000 {
		return bad("没有可保存的筛选条件，请先筛选", "there is no filter to save: choose something first")
	}
	return s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		n, err := tx.NewSelect().Model((*SavedFilter)(nil)).Where("account = ?", actor.Account).Where("name <> ?", name).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxSaved {
			return bad("最多保存 20 个筛选，请先删掉不用的", "at most 20 filters are kept: delete one first")
		}
		row := &SavedFilter{ID: s.nextID(tx.Now), Account: actor.Account, Name: name, Query: query, At: tx.Now}
		if _, err := tx.NewInsert().Model(row).On("CONFLICT (account, name) DO UPDATE").Set("query = EXCLUDED.query").Set("at = EXCLUDED.at").Exec(ctx); err != nil {
			return err
		}
		return audit.Record(tx, actor.Event("filter.save", "case_filter", row.ID, actor.Division))
	})
}

// DropFilter forgets one of the actor's own filters; another's looks as if it were not there. It needs account.CaseRead.
func (s *Service) DropFilter(ctx context.Context, actor account.Actor, now time.Time, id string) error {
	if err := actor.May(account.CaseRead); err != nil {
		return err
	}
	if !plain(id) {
		return account.NotThere()
	}
	return s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		done, err := tx.NewDelete().Model((*SavedFilter)(nil)).Where("id = ?", id).Where("account = ?", actor.Account).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			if err != nil {
				return err
			}
			return account.NotThere()
		}
		return audit.Record(tx, actor.Event("filter.drop", "case_filter", id, actor.Division))
	})
}

// PlaceCount is how many cases a village has.
type PlaceCount struct {
	Division division.Code
	Cases    int
}

// ByVillage counts the chosen cases by village, those with most first, at most limit. It needs account.CaseRead, and a filter of a county or less: the error is Invalid otherwise.
func (s *Service) ByVillage(ctx context.Context, actor account.Actor, now time.Time, f Filter, limit int) ([]PlaceCount, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	if !small(actor, f) {
		return nil, bad("请先选一个县或乡镇", "choose a county or a township first")
	}
	list := []PlaceCount{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		q := f.by(actor).apply(visible(tx.NewSelect().Model((*Case)(nil)), actor), ledger.At(now))
		return q.ColumnExpr("c.division, count(*) AS cases").GroupExpr("c.division").OrderExpr("cases DESC, c.division").Limit(int64(limit)).Scan(ctx, &list)
	})
	return list, err
}
