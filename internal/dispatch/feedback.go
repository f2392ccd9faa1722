package dispatch

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Delivery is one measure that reached a household.
type Delivery struct {
	ID          string // of the measure: the event's number
	At          ledger.Time
	HouseholdNo string
	Division    division.Code
	Risk        string // that it answers; "" when several
	Block       string // of the pack's measures
	Development bool
	Fen         int64
	Day         string // on which it was delivered
}

// Deliveries gives measures delivered after a cursor, in the order of (At, ID).
type Deliveries func(ctx context.Context, actor account.Actor, after ledger.Time, afterID string, limit int) ([]Delivery, error)

// Fed is what one way back did.
type Fed struct {
	Events int            `json:"events"` // rows written
	Kinds  map[string]int `json:"kinds"`
	Files  []FedFile      `json:"files"`
}

// FedFile is one county's file as intake received it.
type FedFile struct {
	County   division.Code `json:"county"`
	File     string        `json:"file"`
	State    string        `json:"state"`
	Accepted int           `json:"accepted"`
	Pending  int           `json:"pending"` // rows whose household the register does not know (yet)
	Batch    int           `json:"batch"`
}

// event is one row of the dataset.
type event struct {
	no, household, day, kind, risk, outcome, block, development, amount, item, value string
	county                                                                           division.Code
}

// settle is how long a record must have lain before it is told: a transaction that began earlier may commit later, and the place where a source
// was left must not lie behind it.
const settle = time.Minute

// feedChunk is how many records are read in one question.
const feedChunk = 5000

// place is how far one source has been told.
type place struct {
	bun.BaseModel `bun:"table:feedback,alias:feedback"`

	Source  string      `bun:",pk"` // signal, step, correction, measure
	Version int64       //
	At      ledger.Time //
	LastID  string      //
	ToldAt  ledger.Time // when
}

// Feed delivers what people did since the last time to the warehouse as the dataset in the role of casework, one file a county that has cases; intake
// archives, checks and links it like any department's. An event has a number of its own and never changes, so a delivery that was cut short is simply made
// again. It needs account.DispatchRun in the whole of the ledger's area (in practice: a job).
func (s *Service) Feed(ctx context.Context, actor account.Actor, now time.Time) (Fed, error) {
	out := Fed{Kinds: map[string]int{}, Files: []FedFile{}}
	if err := actor.May(account.DispatchRun); err != nil {
		return out, err
	}
	ds := s.dataset()
	if ds == nil {
		return out, noDataset()
	}
	var places []place
	if err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model(&places).Scan(ctx)
	}); err != nil {
		return out, err
	}
	events, next, err := s.gather(ctx, actor, places, ledger.At(now.Add(-settle)))
	if err != nil {
		return out, err
	}
	counties, err := s.casework.Counties(ctx, actor)
	if err != nil {
		return out, err
	}
	dir, err := os.MkdirTemp(s.temp, "feedback-*")
	if err != nil {
		return out, errs.Wrap(errs.Unavailable, err, "无法建立临时文件夹", "cannot make a folder for temporary files")
	}
	defer os.RemoveAll(dir)
	paths := make([]string, len(counties))
	for i, county := range counties {
		rows := events[county]
		slices.SortFunc(rows, func(a, b event) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.no, b.no)) })
		paths[i] = filepath.Join(dir, fmt.Sprintf("%s_%d_%s-%s.csv", ds.FileNames[0], int64(county)/1_000_000, since(places, now).Format("200601"), casework.Civil(now).Format("200601")))
		if err := write(paths[i], ds, rows); err != nil {
			return out, err
		}
		out.Events += len(rows)
		for _, e := range rows {
			out.Kinds[e.kind]++
		}
	}
	if len(paths) == 0 {
		return out, nil
	}
	receipts, err := s.intake.Files(ctx, paths, intake.Options{Now: now, Dataset: ds.ID})
	if err != nil {
		return out, err
	}
	for i, r := range receipts {
		out.Files = append(out.Files, FedFile{County: counties[i], File: filepath.Base(paths[i]), State: string(r.State), Accepted: r.Accepted, Pending: r.Pending, Batch: r.Batch})
		if r.State != intake.Accepted && r.State != intake.Already {
			return out, errs.Newf(errs.Internal, "%[1]s 的闭环记录没有被接收：%[2]s", "the casework records of %[1]s were not taken in: %[3]s", counties[i], r.Text("zh"), r.Text("en"))
		}
	}
	return out, s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		for i := range next {
			next[i].ToldAt = tx.Now
			if _, err := tx.NewInsert().Model(&next[i]).On("CONFLICT (source) DO UPDATE").
				Set("at = EXCLUDED.at").Set("last_id = EXCLUDED.last_id").Set("told_at = EXCLUDED.told_at").Set("version = feedback.version + 1").Exec(ctx); err != nil {
				return err
			}
		}
		e := actor.Event("dispatch.feed", "dataset", ds.ID, 0)
		e.Detail = map[string]any{"events": out.Events, "kinds": out.Kinds, "files": len(out.Files)}
		return audit.Record(tx, e)
	})
}

// since is the day from which the next delivery tells: the last one's.
func since(places []place, now time.Time) time.Time {
	from := now
	for _, p := range places {
		if t := p.ToldAt.Go(); t.Before(from) {
			from = t
		}
	}
	return casework.Civil(from)
}

func (s *Service) dataset() *policy.Dataset {
	for i := range s.pack.Datasets {
		if s.pack.Datasets[i].Role == "casework" {
			return &s.pack.Datasets[i]
		}
	}
	return nil
}

// gather reads every source from where it was left up to what has settled, and says where it is left now.
func (s *Service) gather(ctx context.Context, actor account.Actor, places []place, settled ledger.Time) (map[division.Code][]event, []place, error) {
	events := map[division.Code][]event{}
	put := func(e event) { events[e.county] = append(events[e.county], e) }
	sources := []struct {
		name string
		read func(after ledger.Time, id string) (n int, at ledger.Time, last string, err error)
	}{
		{"signal", func(after ledger.Time, id string) (int, ledger.Time, string, error) {
			list, err := s.casework.Labelled(ctx, actor, after, id, feedChunk)
			for i := range list {
				g := &list[i]
				if g.LabelledAt > settled {
					return 0, after, id, nil
				}
				put(event{no: "v-" + g.ID, household: g.HouseholdNo, county: county(g.Division), day: civil(g.LabelledAt), kind: "verified", risk: g.Risk, outcome: g.Label})
				after, id = g.LabelledAt, g.ID
			}
			return len(list), after, id, err
		}},
		{"step", func(after ledger.Time, id string) (int, ledger.Time, string, error) {
			list, err := s.casework.StepsSince(ctx, actor, after, id, feedChunk)
			for i := range list {
				t := &list[i]
				if t.At > settled {
					return 0, after, id, nil
				}
				if kind := kindOf(&t.Step); kind != "" {
					put(event{no: "s-" + t.ID, household: t.HouseholdNo, county: county(t.Division), day: civil(t.At), kind: kind})
				}
				after, id = t.At, t.ID
			}
			return len(list), after, id, err
		}},
		{"correction", func(after ledger.Time, id string) (int, ledger.Time, string, error) {
			list, err := s.casework.CorrectionsSince(ctx, actor, after, id, feedChunk)
			for i := range list {
				c := &list[i]
				if c.At > settled {
					return 0, after, id, nil
				}
				put(event{no: "c-" + c.ID, household: c.HouseholdNo, county: county(c.Division), day: c.FoundOn, kind: "correction", item: c.Indicator,
					value: strconv.FormatFloat(c.Value, 'f', -1, 64)})
				after, id = c.At, c.ID
			}
			return len(list), after, id, err
		}},
		{"measure", func(after ledger.Time, id string) (int, ledger.Time, string, error) {
			if s.measures == nil {
				return 0, after, id, nil
			}
			list, err := s.measures(ctx, actor, after, id, feedChunk)
			for i := range list {
				m := &list[i]
				if m.At > settled {
					return 0, after, id, nil
				}
				development := "否"
				if m.Development {
					development = "是"
				}
				put(event{no: "m-" + m.ID, household: m.HouseholdNo, county: county(m.Division), day: m.Day, kind: "measure", risk: m.Risk, block: m.Block,
					development: development, amount: fmt.Sprintf("%d.%02d", m.Fen/100, m.Fen%100)})
				after, id = m.At, m.ID
			}
			return len(list), after, id, err
		}},
	}
	var next []place
	for _, src := range sources {
		p := place{Source: src.name, Version: 1}
		for _, old := range places {
			if old.Source == src.name {
				p.At, p.LastID = old.At, old.LastID
			}
		}
		for {
			n, at, last, err := src.read(p.At, p.LastID)
			if err != nil {
				return nil, nil, err
			}
			p.At, p.LastID = at, last
			if n < feedChunk {
				break
			}
		}
		next = append(next, p)
	}
	return events, next, nil
}

// kindOf is what a step means for the batch road; "" when it means nothing there.
func kindOf(st *casework.Step) string {
	kinds := []struct{ does, kind string }{
		{"visit", "visit"}, {"decision", "identified"}, {"refusal", "refused"}, {"clear_decision", "cleared"}, {"roll_back", "rolled_back"}, {"end", "closed"},
	}
	for _, k := range kinds {
		if slices.Contains(st.Does, k.does) {
			return k.kind
		}
	}
	return ""
}

// county is the code of a division's county.
func county(d division.Code) division.Code { return d / 1_000_000 * 1_000_000 }

func civil(t ledger.Time) string { return casework.Civil(t.Go()).Format(time.DateOnly) }

// write makes one county's file in the contract's own columns. A file without rows says that nothing happened.
func write(path string, ds *policy.Dataset, rows []event) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法写出闭环记录", "cannot write the casework records")
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	w := csv.NewWriter(f)
	header := make([]string, len(ds.Columns))
	for i := range ds.Columns {
		header[i] = ds.Columns[i].Header
	}
	if err := w.Write(header); err != nil {
		return err
	}
	for _, e := range rows {
		cells := map[string]string{"event_no": e.no, "household_no": e.household, "happened": e.day, "kind": e.kind, "risk": e.risk, "outcome": e.outcome, "block": e.block,
			"development": e.development, "amount": e.amount, "item": e.item, "value": e.value}
		line := make([]string, len(ds.Columns))
		for i := range ds.Columns {
			line[i] = cells[ds.Columns[i].ID]
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
