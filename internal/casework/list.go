package casework

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Filter chooses cases. Zero fields choose everything in the actor's scope that is not closed.
type Filter struct {
	Under     division.Code `json:"under"`  // subtree
	States    []string      `json:"states"` // of the pack
	Phases    []string      `json:"phases"` // lead, identify, support, clear, watch, closed; default all but closed
	MinLevel  int           `json:"min_level"`
	Risk      string        `json:"risk"`
	Rule      string        `json:"rule"`
	Channel   Channel       `json:"channel"`
	Owner     string        `json:"owner"`      // account
	MinDays   int           `json:"min_days"`   // since the lead's clock began
	MaxDays   int           `json:"max_days"`   // since the lead's clock began, at most
	StateDays int           `json:"state_days"` // since it entered its state
	Green     bool          `json:"green"`      // only the green channel
	Household int64         `json:"household,string"`
	Overdue   bool          `json:"overdue"` // only with a task that is overdue
	Desk      bool          `json:"desk"`    // only with a task that is the actor's, or their organisation's and nobody's yet

	org, account string // whose desk
}

func livePhases() []string {
	return []string{string(policy.PhaseLead), string(policy.PhaseIdentify), string(policy.PhaseSupport), string(policy.PhaseClear), string(policy.PhaseWatch)}
}

// apply adds the filter's conditions to a query on cases with alias c.
func (f Filter) apply(q *bun.SelectQuery, now ledger.Time) *bun.SelectQuery {
	return f.narrow(q, now, false)
}

// live reports whether the filter chooses among cases that are not closed only.
func (f Filter) live() bool {
	return !slices.Contains(f.Phases, string(policy.PhaseClosed)) && f.Household == 0 && len(f.States) == 0
}

// county is the six-digit code of the county whose live cases the query walks; 0 when it looks at more, at less, or at others.
func (f Filter) county(actor account.Actor) int32 {
	area := f.Under
	if area == 0 || area.Level() < actor.Division.Level() {
		area = actor.Division
	}
	if area.Level() != division.County || f.Desk || !f.live() {
		return 0
	}
	return area.County()
}

// narrow is apply; with wide, the area is not to be looked up in its index.
func (f Filter) narrow(q *bun.SelectQuery, now ledger.Time, wide bool) *bun.SelectQuery {
	if f.Under != 0 {
		lo, hi := f.Under.Range()
		place := "c.division"
		if wide {
			place = "c.division + 0"
		}
		q = q.Where(place+" BETWEEN ? AND ?", lo, hi)
	}
	if len(f.Phases) > 0 {
		q = q.Where("c.phase IN (?)", bun.List(f.Phases))
	}
	if f.live() && (wide || len(f.Phases) == 0) {
		q = q.Where("c.open_key IS NOT NULL")
	}
	if len(f.States) > 0 {
		q = q.Where("c.state IN (?)", bun.List(f.States))
	}
	if f.MinLevel > 0 {
		q = q.Where("c.level >= ?", f.MinLevel)
	}
	if f.Risk != "" {
		q = q.Where("c.risk_list LIKE ?", "%|"+likeable(f.Risk)+"|%")
	}
	if f.Rule != "" {
		q = q.Where("c.rule_list LIKE ?", "%|"+likeable(f.Rule)+"|%")
	}
	if f.Channel != "" {
		q = q.Where("c.channel = ?", f.Channel)
	}
	if f.Owner != "" {
		q = q.Where("c.owner = ?", f.Owner)
	}
	if f.MinDays > 0 {
		q = q.Where("c.lead_at <= ?", now.Add(-time.Duration(f.MinDays)*24*time.Hour))
	}
	if f.MaxDays > 0 {
		q = q.Where("c.lead_at > ?", now.Add(-time.Duration(f.MaxDays)*24*time.Hour))
	}
	if f.StateDays > 0 {
		q = q.Where("c.state_at <= ?", now.Add(-time.Duration(f.StateDays)*24*time.Hour))
	}
	if f.Green {
		q = q.Where("c.green")
	}
	if f.Household != 0 {
		q = q.Where("c.household_id = ?", f.Household)
	}
	if f.Overdue {
		q = q.Where("EXISTS (SELECT 1 FROM task AS t WHERE t.object = ? AND t.object_id = c.id AND t.closed IS NULL AND t.paused IS NULL AND t.due <= ?)", taskObject, now)
	}
	if f.Desk { // two lookups of an index each: a desk is small, however large the area
		q = q.Where("c.id IN (SELECT t.object_id FROM task AS t WHERE t.account = ? AND t.account <> '' AND t.object = ? AND t.closed IS NULL UNION SELECT t.object_id FROM task AS t WHERE t.org = ? AND t.account = '' AND t.object = ? AND t.closed IS NULL)",
			f.account, taskObject, f.org, taskObject)
	}
	return q
}

// by names whose desk the filter means.
func (f Filter) by(actor account.Actor) Filter {
	f.org, f.account = actor.Org, actor.Account
	return f
}

// likeable drops what LIKE would take for a pattern; ids of the pack have '_' as their only such sign, which then stands for itself or any one
// letter, and no two ids differ only there.
func likeable(s string) string { return strings.NewReplacer("%", "", "\\", "", "|", "").Replace(s) }

// Page is one page of cases, the most urgent first.
type Page struct {
	Cases []Case `json:"cases"`
	Next  string `json:"next"` // cursor of the next page; "" at the end
}

// maxPage is the most cases a page may have.
const maxPage = 500

// List gives a page of cases in the actor's scope: worst level first, then oldest clock. after is the cursor of the page before; limit is 1 to 500
// (0: 50). It needs account.CaseRead.
func (s *Service) List(ctx context.Context, actor account.Actor, now time.Time, f Filter, after string, limit int) (Page, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return Page{}, err
	}
	if err := s.checkFilter(f); err != nil {
		return Page{}, err
	}
	if limit <= 0 {
		limit = 50
	}
	f = f.by(actor)
	limit = min(limit, maxPage)
	page := Page{Cases: []Case{}}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		// A small area is found by its place and then sorted; in a large one the list is walked in its order. Adding zero keeps the engine from
		// the other index: it knows nothing of how many cases a village has.
		county := f.county(actor)
		rank, wide := "c.rank", county != 0 || !small(actor, f)
		if !wide {
			rank = "c.rank + 0"
		}
		q := f.narrow(seen(tx.NewSelect().Model(&page.Cases), actor, wide), ledger.At(now), wide)
		if county != 0 { // its live cases are kept in their order: a county may have thousands
			q = q.Where("c.division / 1000000 = ?", county)
		}
		if after != "" {
			r, id, err := cursor(after)
			if err != nil {
				return err
			}
			q = q.Where("("+rank+" > ? OR ("+rank+" = ? AND c.id > ?))", r, r, id)
		}
		return q.OrderExpr(rank + ", c.id").Limit(int64(limit) + 1).Scan(ctx)
	})
	if err != nil {
		return Page{}, err
	}
	if len(page.Cases) > limit {
		page.Cases = page.Cases[:limit]
		last := &page.Cases[limit-1]
		page.Next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d|%s", last.Rank, last.ID))
	}
	return page, nil
}

// small reports whether the query looks at a county or less.
func small(actor account.Actor, f Filter) bool {
	return f.Household != 0 || f.Desk || actor.Division.Level() >= division.County || f.Under.Level() >= division.County
}

func cursor(s string) (rank int64, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		r, rest, found := strings.Cut(string(b), "|")
		rank, err = strconv.ParseInt(r, 10, 64)
		if id = rest; err == nil && found && len(id) <= 64 && plain(id) {
			return rank, id, nil
		}
	}
	return 0, "", bad("翻页标记不对，请从第一页重新开始", "the page's cursor is wrong: begin with the first page")
}

func (s *Service) checkFilter(f Filter) error {
	for _, p := range f.Phases {
		if p != string(policy.PhaseClosed) && !slices.Contains(livePhases(), p) {
			return bad("阶段不对；可用：lead、identify、support、clear、watch、closed", "unknown phase; known: lead, identify, support, clear, watch, closed")
		}
	}
	if !plain(append(slices.Clone(f.States), f.Rule, f.Owner)...) {
		return bad("筛选条件里有不能识别的字符", "the filter has characters that cannot be read")
	}
	if f.Risk != "" && s.pack.Risk(f.Risk) == nil {
		return bad("没有这个风险类型", "no such risk")
	}
	if f.Channel != "" && !slices.Contains(Channels(), f.Channel) {
		return bad("没有这个渠道", "no such channel")
	}
	if f.MinLevel < 0 || f.MinLevel > 3 || f.MinDays < 0 || f.MaxDays < 0 || f.StateDays < 0 {
		return bad("级别应为 0 至 3，天数不能是负数", "the level is 0 to 3, and days are not negative")
	}
	return nil
}

// Count is how many cases of one state and level there are.
type Count struct {
	Phase string `json:"phase"`
	State string `json:"state"`
	Level int    `json:"level"`
	Cases int    `json:"cases"`
}

// Counts gives the cases in the actor's scope by state and level. It needs account.CaseRead or account.StatsRead.
func (s *Service) Counts(ctx context.Context, actor account.Actor, now time.Time, f Filter) ([]Count, error) {
	if actor.May(account.CaseRead) != nil && actor.May(account.StatsRead) != nil {
		return nil, actor.May(account.CaseRead)
	}
	if err := s.checkFilter(f); err != nil {
		return nil, err
	}
	if len(f.Phases) == 0 && len(f.States) == 0 && f.Household == 0 {
		f.Phases = livePhases() // counted from the index alone
	}
	list := []Count{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		q := f.by(actor).apply(visible(tx.NewSelect().Model((*Case)(nil)), actor), ledger.At(now))
		return q.ColumnExpr("c.phase AS phase, c.state AS state, c.level AS level, count(*) AS cases").GroupExpr("c.phase, c.state, c.level").OrderExpr("c.phase, c.state, c.level").Scan(ctx, &list)
	})
	return list, err
}
