// Package intake takes in what departments deliver: it recognises a file by its content, decodes it, holds every row
// against the data contract, and puts what passes into the warehouse through linkage, all or nothing of each file. It owns
// the archive of files as received, the receipts and the rejects files in the data folder.
//
// It never guesses a value, never drops a row or a file silently, and never writes personal data in plain: rejected
// rows and archived files are encrypted, receipts and errors are masked. What rows mean is linkage's and screening's.
package intake

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// Service is the pipeline. It is for one caller at a time: one process owns the warehouse, and one intake runs in it.
type Service struct {
	w         *warehouse.Warehouse
	keyring   *secret.Keyring
	pack      *policy.Pack
	tree      *division.Tree
	dir       string
	log       *slog.Logger
	contracts []contract
}

// New makes the pipeline over an open warehouse whose schema is the pack's. dataDir holds archive, receipts and rejects.
func New(w *warehouse.Warehouse, keyring *secret.Keyring, pack *policy.Pack, tree *division.Tree, dataDir string, logger *slog.Logger) *Service {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Service{w: w, keyring: keyring, pack: pack, tree: tree, dir: dataDir, log: logger, contracts: newContracts(pack)}
}

// Options for one intake. The zero value takes everything from the files and their names.
type Options struct {
	Scope    division.Code // for files whose name has no division code
	Period   Period        // for files whose name has no period
	Dataset  string        // contract id, for files that fit more than one; "" = find out
	Now      time.Time     // when the files were received; zero = the machine's clock
	Workers  int           // decoding goroutines; 0 = all processors
	Progress func(Progress)
}

// Progress of an intake, given now and then from another goroutine.
type Progress struct {
	File  string // base name
	Index int    // 1-based
	Done  int    // files that are through; the next load is decoded while one is linked, so Index goes back and forth
	Files int
	Step  string // hash, decode, link
	Rows  int64  // rows of this file decoded so far
	Bytes int64  // size of this file
}

// item is one file to take in.
type item struct {
	path    string
	file    *file // where its bytes come from, when not from path
	allow   func(*policy.Dataset, division.Code) error
	probe   *probe
	receipt *Receipt // set when there is nothing more to do with it
	order   int
}

// Files takes in the files and the files below the folders in paths, the roster first, then the registration changes,
// then the rest, so that linking happens at the door. It returns one receipt a file, in the order given. The error is for
// what concerns all files (a disk that is full, a cancelled context); what is wrong with one file is in its receipt.
func (s *Service) Files(ctx context.Context, paths []string, o Options) ([]Receipt, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	o.Now = o.Now.UTC().Truncate(time.Second)
	if o.Dataset != "" && s.pack.Dataset(o.Dataset) == nil {
		return nil, errs.Newf(errs.Invalid, "没有数据合同 %[1]s", "there is no dataset %[1]s", o.Dataset)
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	items, err := s.walk(paths, o.Now)
	if err != nil {
		return nil, err
	}
	return s.takeIn(ctx, items, o)
}

// takeIn takes in what has been listed.
func (s *Service) takeIn(ctx context.Context, items []*item, o Options) ([]Receipt, error) {
	for _, it := range items {
		if it.receipt != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := time.Now()
		f, err := it.source()
		if err == nil {
			it.probe, err = s.look(ctx, f, o.Dataset)
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			r := &Receipt{File: it.path, Received: o.Now}
			if f.size > 0 {
				if sc, err := scanFile(ctx, f); err == nil {
					r.SHA256, r.Delivery = sc.sha, sc.sha
				}
			}
			if it.probe != nil {
				r.Form = string(it.probe.form)
			}
			r.refuse(err)
			r.finish(start)
			it.receipt = r
		}
	}
	work := make([]*item, 0, len(items))
	for _, it := range items {
		if it.receipt == nil {
			work = append(work, it)
		}
	}
	rank := func(it *item) int {
		switch it.probe.match.ds.Role {
		case warehouse.RoleRoster:
			return 0
		case warehouse.RoleChanges:
			return 1
		}
		return 2
	}
	place := map[*policy.Dataset]int{}
	for i := range s.pack.Datasets {
		place[&s.pack.Datasets[i]] = i
	}
	slices.SortStableFunc(work, func(a, b *item) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(place[a.probe.match.ds], place[b.probe.match.ds]))
	})
	var one sync.Mutex // reports come from several goroutines
	at, done := 0, 0
	next := func() (*load, error) {
		var ds []*delivery
		var bytes int64
		for ; at < len(work) && len(ds) < loadFiles; at++ {
			it := work[at]
			if len(ds) > 0 && (it.probe.match.ds != ds[0].probe.match.ds || bytes+it.probe.weight() > loadBytes) {
				break
			}
			bytes += it.probe.weight()
			p := Progress{File: it.probe.name, Index: at + 1, Files: len(work), Bytes: it.probe.size}
			d := s.newDelivery(it, o, func(step string, rows int64) {
				if o.Progress != nil {
					one.Lock()
					defer one.Unlock()
					p.Step, p.Rows, p.Done = step, rows, done
					o.Progress(p)
				}
			})
			if it.allow != nil {
				if err := it.allow(it.probe.match.ds, d.scope); err != nil {
					return nil, err
				}
			}
			ds = append(ds, d)
		}
		if len(ds) == 0 {
			return nil, nil
		}
		return s.newLoad(ds), nil
	}
	if err := s.pipeline(ctx, s.w, next, func(list []*entry) error {
		for _, e := range list {
			r := e.r
			e.item.receipt = r
			one.Lock()
			done++
			one.Unlock()
			s.log.Info("intake", "file", e.probe.name, "dataset", r.Dataset, "state", r.State, "rows", r.Rows, "rejected", r.Rejected, "batch", r.Batch)
		}
		return each(list, func(e *entry) error { return s.keep(e.r) })
	}); err != nil {
		return collect(items), err
	}
	for _, it := range items {
		if it.probe == nil || it.probe.match.ds == nil {
			if err := s.keep(it.receipt); err != nil {
				return collect(items), err
			}
			s.log.Info("intake", "file", filepath.Base(it.path), "state", it.receipt.State)
		}
	}
	return collect(items), nil
}

// source is where an item's bytes come from.
func (it *item) source() (file, error) {
	if it.file != nil {
		return *it.file, nil
	}
	return localFile(it.path)
}

func collect(items []*item) []Receipt {
	var out []Receipt
	for _, it := range items {
		if it.receipt != nil {
			out = append(out, *it.receipt)
		}
	}
	return out
}

// keep writes the receipt to the data folder. A receipt without a hash (a file that is not there) is not kept.
func (s *Service) keep(r *Receipt) error {
	if r.Delivery == "" || r.State == Ignored {
		return nil
	}
	path := filepath.Join(s.dir, receiptsDir, r.Delivery+".json")
	if r.State == Already {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
	}
	return writeJSON(path, r)
}

// dataFile says by extension whether a file found in a folder can be a delivery. Files named outright are always tried.
func dataFile(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv", ".txt", ".tsv", ".xlsx", ".xlsm", ".xls", ".et", ".jsonl", ".ndjson", ".parquet", ".pq":
		return true
	}
	return false
}

// walk lists the files to take in. Folders are walked in name order; hidden files and truth folders (the generator's
// answers) are passed over, other files that are no data get a receipt that says so.
func (s *Service) walk(paths []string, now time.Time) ([]*item, error) {
	var items []*item
	seen := map[string]bool{}
	add := func(path string, r *Receipt) {
		if abs, err := filepath.Abs(path); err == nil {
			if seen[abs] {
				return
			}
			seen[abs] = true
		}
		items = append(items, &item{path: path, receipt: r, order: len(items)})
	}
	for _, root := range paths {
		st, err := os.Stat(root)
		if err != nil || !st.IsDir() {
			add(root, nil) // what is wrong with it goes into its receipt
			continue
		}
		before := len(items)
		err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				r := &Receipt{File: path, Received: now}
				r.refuse(errs.Wrap(errs.NotFound, err, "读不了文件夹", "cannot read the folder"))
				add(path, r)
				if e != nil && e.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			name := e.Name()
			if e.IsDir() {
				if path != root && (strings.HasPrefix(name, ".") || name == "truth") {
					return fs.SkipDir
				}
				return nil
			}
			if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~$") {
				return nil
			}
			if !dataFile(name) {
				r := &Receipt{File: path, State: Ignored, Received: now}
				r.warn("not_data", 1, "不是数据文件，已跳过", "no data file, skipped")
				add(path, r)
				return nil
			}
			add(path, nil)
			return nil
		})
		if err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "读不了文件夹", "cannot read the folder")
		}
		if len(items) == before {
			r := &Receipt{File: root, Received: now}
			r.refuse(errs.New(errs.Invalid, "文件夹里没有数据文件", "the folder has no data files"))
			add(root, r)
		}
	}
	return items, nil
}

// delivery is one file on its way in.
type delivery struct {
	item    *item // nil when the warehouse is rebuilt
	probe   *probe
	path    string
	scope   division.Code
	period  Period
	given   bool // scope and period come from the name or the options, not from the rows
	now     time.Time
	workers int
	report  func(step string, rows int64)
	replay  *Record // when the warehouse is rebuilt: the record to follow
}

func (s *Service) newDelivery(it *item, o Options, report func(step string, rows int64)) *delivery {
	parts := parseName(it.probe.name, s.tree)
	d := &delivery{item: it, probe: it.probe, path: it.path, scope: parts.scope, period: parts.period, now: o.Now, workers: o.Workers, report: report}
	if d.scope == 0 {
		d.scope = o.Scope
	}
	if d.period.IsZero() {
		d.period = o.Period
	}
	d.given = !d.period.IsZero()
	return d
}

// name identifies the delivery: the file's hash, and the scope and period it was delivered for. The same bytes for
// another county or another month (an empty list, an unchanged list) are another delivery.
func (d *delivery) name(sha string) string {
	out := sha
	if d.scope != 0 {
		out += "-" + d.scope.Prefix()
	}
	if d.given {
		out += "-" + d.period.String()
	}
	return out
}

// accepted finds an earlier acceptance of the same bytes: for the same scope and period, as far as this delivery names them.
func (s *Service) accepted(ctx context.Context, w *warehouse.Warehouse, dataset, sha string, d *delivery) (*Receipt, error) {
	q := "SELECT batch, CAST(receipt AS VARCHAR), coalesce(together, 0) FROM batch WHERE dataset = ? AND sha256 LIKE ? AND state = 'accepted'"
	args := []any{dataset, sha + "%"}
	if d.scope != 0 {
		q += " AND scope = ?"
		args = append(args, int64(d.scope))
	}
	if d.given {
		q += " AND period_from = CAST(? AS DATE) AND period_to = CAST(? AS DATE)"
		args = append(args, d.period.From.Format(time.DateOnly), d.period.To.Format(time.DateOnly))
	}
	var batch, together int
	var text string
	err := w.DB().QueryRowContext(ctx, q+" ORDER BY batch LIMIT 1", args...).Scan(&batch, &text, &together)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("intake: earlier batches: %w", err)
	}
	r := &Receipt{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		return nil, fmt.Errorf("intake: receipt of batch %d: %w", batch, err)
	}
	r.Batch = batch
	// Killed between commit and the last word of the record: put it right now.
	if rec, err := s.record(r.Delivery); err == nil && rec.Batch != batch {
		rec.Batch, rec.State, rec.Together = batch, Accepted, together
		if err := writeJSON(s.recordPath(r.Delivery), rec); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (s *Service) record(delivery string) (Record, error) {
	var rec Record
	data, err := os.ReadFile(s.recordPath(delivery))
	if err == nil {
		err = json.Unmarshal(data, &rec)
	}
	return rec, err
}
