package intake

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"sync"

	"shouwang/internal/errs"
	"shouwang/internal/warehouse"
)

// Rebuilt says what Rebuild did.
type Rebuilt struct {
	Batches  int       `json:"batches"`
	Rows     int       `json:"rows"`
	Receipts []Receipt `json:"receipts"`
	// Changed are deliveries that came out otherwise than the first time: the policy pack has changed since.
	Changed []string `json:"changed,omitempty"`
	// Unfinished are archived deliveries that were never accepted.
	Unfinished []string `json:"unfinished,omitempty"`
}

// Rebuild takes every accepted delivery of the archive in again, in batch order, into fresh: an empty warehouse with
// the pack's schema. With the same pack it makes the same content. The service's own warehouse, when it can be read, only
// tells which deliveries were accepted; it is not changed.
func (s *Service) Rebuild(ctx context.Context, fresh *warehouse.Warehouse, progress func(Progress)) (Rebuilt, error) {
	var out Rebuilt
	if s.w != nil && s.w != fresh {
		if err := s.reconcile(ctx); err != nil {
			s.log.Warn("rebuild: the old warehouse cannot be read, the archive's records are used alone", "error", err.Error())
		}
	}
	var have int
	if err := fresh.DB().QueryRowContext(ctx, "SELECT count(*) FROM batch").Scan(&have); err != nil {
		return out, fmt.Errorf("rebuild: %w", err)
	}
	if have > 0 {
		return out, errs.New(errs.Conflict, "重建的目标仓库不是空的", "the warehouse to rebuild into is not empty")
	}
	recs, err := s.records()
	if err != nil {
		return out, err
	}
	var todo []Record
	for _, rec := range recs {
		if rec.Batch == 0 {
			out.Unfinished = append(out.Unfinished, rec.Delivery)
			continue
		}
		todo = append(todo, rec)
	}
	at := 0
	done := 0
	var one sync.Mutex              // reports come from several goroutines
	next := func() (*load, error) { // what was committed together is committed together again
		var ds []*delivery
		for ; at < len(todo) && (len(ds) == 0 || todo[at].Together > 0 && todo[at].Together == ds[0].replay.Together); at++ {
			index := at + 1
			d, err := s.replay(ctx, &todo[at], func(p Progress) {
				if progress != nil {
					one.Lock()
					defer one.Unlock()
					p.Index, p.Files, p.Done = index, len(todo), done
					progress(p)
				}
			})
			if err != nil {
				return nil, err
			}
			ds = append(ds, d)
		}
		if len(ds) == 0 {
			return nil, nil
		}
		return s.newLoad(ds), nil
	}
	err = s.pipeline(ctx, fresh, next, func(list []*entry) error {
		one.Lock()
		done += len(list)
		one.Unlock()
		for _, e := range list {
			r, rec := e.r, e.replay
			if r.SHA256 != rec.SHA256 {
				return errs.Newf(errs.Unavailable, "归档文件 %[1]s 已损坏（摘要不符）", "the archived file %[1]s is damaged (its hash differs)", rec.SHA256+".age")
			}
			if r.State != Accepted {
				out.Changed = append(out.Changed, rec.Delivery)
			} else {
				out.Batches++
				out.Rows += r.Rows
				if r.Batch != rec.Batch || s.pack.Hash != rec.PackHash {
					out.Changed = append(out.Changed, rec.Delivery)
				}
			}
			out.Receipts = append(out.Receipts, *r)
		}
		return nil
	})
	return out, err
}

// replay opens an archived delivery to take it in again.
func (s *Service) replay(ctx context.Context, rec *Record, progress func(Progress)) (*delivery, error) {
	p, err := s.look(ctx, s.archived(*rec), rec.Dataset)
	if err != nil {
		return nil, errs.Wrap(errs.KindOf(err), err, fmt.Sprintf("归档中的 %s（批次 %d）无法重新接收：%s", rec.File, rec.Batch, errs.Text(err, "zh")),
			fmt.Sprintf("%s of the archive (batch %d) cannot be taken in again: %s", rec.File, rec.Batch, errs.Text(err, "en")))
	}
	d := &delivery{probe: p, path: rec.File, scope: rec.Scope, given: rec.Given, now: rec.Received, replay: rec, report: func(step string, rows int64) {
		progress(Progress{File: rec.File, Step: step, Rows: rows, Bytes: rec.Size})
	}}
	if rec.Given {
		d.period = rec.Period
	}
	return d, nil
}

// reconcile puts the archive's records right from the warehouse: after a kill between the commit and the record's last word.
func (s *Service) reconcile(ctx context.Context) error {
	rows, err := s.w.DB().QueryContext(ctx, "SELECT batch, sha256, coalesce(together, 0) FROM batch WHERE state = 'accepted' ORDER BY batch")
	if err != nil {
		return fmt.Errorf("intake: batches: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var batch, together int
		var delivery string
		if err := rows.Scan(&batch, &delivery, &together); err != nil {
			return fmt.Errorf("intake: batches: %w", err)
		}
		rec, err := s.record(delivery)
		if err != nil || rec.Batch == batch && rec.Together == together {
			continue // a record that is missing or damaged is Verify's finding
		}
		rec.Batch, rec.State, rec.Together = batch, Accepted, together
		if err := writeJSON(s.recordPath(delivery), rec); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Coverage is one line of the completeness table: which months of a dataset have come for a county.
type Coverage struct {
	Dataset    string   `json:"dataset"`
	Name       Text     `json:"name"`
	County     string   `json:"county"` // six digits
	CountyName string   `json:"county_name"`
	Months     []string `json:"months"`            // YYYY-MM, ascending
	Missing    []string `json:"missing,omitempty"` // months without a delivery, between the dataset's first and last month anywhere
	Batches    []int    `json:"batches"`
}

// Completeness is the table dataset × county × period: every dataset of the pack and every county that the register or any
// delivery knows, also where nothing has come.
func (s *Service) Completeness(ctx context.Context) ([]Coverage, error) {
	db := s.w.DB()
	counties := map[int32]bool{}
	rows, err := db.QueryContext(ctx, "SELECT DISTINCT county FROM coverage UNION SELECT DISTINCT county FROM household WHERE county IS NOT NULL")
	if err != nil {
		return nil, fmt.Errorf("completeness: %w", err)
	}
	for rows.Next() {
		var c int32
		if err := rows.Scan(&c); err != nil {
			rows.Close()
			return nil, fmt.Errorf("completeness: %w", err)
		}
		counties[c] = true
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("completeness: %w", err)
	}
	type key struct {
		dataset string
		county  int32
	}
	months := map[key]map[string]bool{}
	batches := map[key]map[int]bool{}
	all := map[string]map[string]bool{}
	if rows, err = db.QueryContext(ctx, "SELECT dataset, county, strftime(month, '%Y-%m'), batch FROM coverage"); err != nil {
		return nil, fmt.Errorf("completeness: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var month string
		var batch int
		if err := rows.Scan(&k.dataset, &k.county, &month, &batch); err != nil {
			return nil, fmt.Errorf("completeness: %w", err)
		}
		if months[k] == nil {
			months[k], batches[k] = map[string]bool{}, map[int]bool{}
		}
		if all[k.dataset] == nil {
			all[k.dataset] = map[string]bool{}
		}
		months[k][month], batches[k][batch], all[k.dataset][month] = true, true, true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("completeness: %w", err)
	}
	order := make([]int32, 0, len(counties))
	for c := range counties {
		order = append(order, c)
	}
	sort.Slice(order, func(i, j int) bool { return order[i] < order[j] })
	var out []Coverage
	for i := range s.pack.Datasets {
		ds := &s.pack.Datasets[i]
		span := sorted(all[ds.ID])
		for _, c := range order {
			k := key{ds.ID, c}
			line := Coverage{Dataset: ds.ID, Name: textOf(ds.Name), County: fmt.Sprintf("%06d", c), CountyName: s.tree.Name(divisionOf(c)), Months: sorted(months[k])}
			for b := range batches[k] {
				line.Batches = append(line.Batches, b)
			}
			sort.Ints(line.Batches)
			for _, m := range span {
				if !months[k][m] {
					line.Missing = append(line.Missing, m)
				}
			}
			out = append(out, line)
		}
	}
	return out, nil
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for m := range set {
		out = append(out, m)
	}
	sort.Strings(out)
	return out
}

// files lists the names below one of the data folder's folders that end in ext, without it.
func (s *Service) files(dir, ext string) (map[string]bool, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, dir, "*"+ext))
	if err != nil {
		return nil, fmt.Errorf("intake: %s: %w", dir, err)
	}
	out := map[string]bool{}
	for _, n := range names {
		base := filepath.Base(n)
		out[base[:len(base)-len(ext)]] = true
	}
	return out, nil
}
