// Package intake takes in what departments deliver: it recognises a file by its content, decodes it, holds every row
// against the data contract, and puts what passes into the warehouse through linkage, one transaction a file. It owns
// the archive of files as received, the receipts and the rejects files in the data folder.
//
// It never guesses a value, never drops a row or a file silently, and never writes personal data in plain: rejected
// rows and archived files are encrypted, receipts and errors are masked. What rows mean is linkage's and screening's.
package intake

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/linkage"
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
	sort.SliceStable(work, func(i, j int) bool { return rank(work[i]) < rank(work[j]) })
	for i, it := range work {
		report := func(step string, rows int64) {
			if o.Progress != nil {
				o.Progress(Progress{File: it.probe.name, Index: i + 1, Files: len(work), Step: step, Rows: rows, Bytes: it.probe.size})
			}
		}
		parts := parseName(it.probe.name, s.tree)
		d := delivery{probe: it.probe, path: it.path, scope: parts.scope, period: parts.period, now: o.Now, workers: o.Workers, report: report}
		if d.scope == 0 {
			d.scope = o.Scope
		}
		if d.period.IsZero() {
			d.period = o.Period
		}
		d.given = !d.period.IsZero()
		if it.allow != nil {
			if err := it.allow(it.probe.match.ds, d.scope); err != nil {
				return collect(items), err
			}
		}
		r, err := s.take(ctx, s.w, &d)
		if err != nil {
			return collect(items), err
		}
		if err := s.keep(r); err != nil {
			return collect(items), err
		}
		it.receipt = r
		s.log.Info("intake", "file", it.probe.name, "dataset", r.Dataset, "state", r.State, "rows", r.Rows, "rejected", r.Rejected, "batch", r.Batch)
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

// stageTable is the temporary table that rows pass through.
const stageTable = "intake_stage"

// take takes one file in. What is wrong with the file is in the receipt; the error is for what concerns all.
func (s *Service) take(ctx context.Context, w *warehouse.Warehouse, d *delivery) (r *Receipt, err error) {
	start := time.Now()
	p := d.probe
	ds := p.match.ds
	r = &Receipt{File: d.path, Form: string(p.form), Dataset: ds.ID, Name: textOf(ds.Name), Received: d.now, Warnings: p.notes}
	for _, i := range p.match.extra {
		r.Extra = append(r.Extra, p.match.safe(i))
	}
	headers := p.match.safeHeaders()
	if dep := s.pack.Department(ds.Department); dep != nil {
		r.Department = textOf(dep.Name)
	}
	if d.scope != 0 {
		r.Scope, r.ScopeName = d.scope.String(), strings.Join(s.tree.Path(d.scope), "")
	}
	r.Period = d.period
	defer func() { r.finish(start) }()
	// fail ends with a refusal, unless the trouble is ours.
	fail := func(err error) (*Receipt, error) {
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		switch errs.KindOf(err) {
		case errs.Invalid, errs.Refused, errs.Conflict, errs.NotFound:
			r.refuse(err)
			return r, nil
		}
		return r, err
	}

	d.report("hash", 0)
	sc, err := scanFile(ctx, p.file)
	if err != nil {
		return fail(err)
	}
	r.SHA256, r.Delivery = sc.sha, d.name(sc.sha)
	enc, trusted := p.encoding, false
	if p.form == formCSV || p.form == formJSON {
		switch {
		case sc.utf8:
			enc, trusted = encUTF8, true
		case p.ascii && !sc.mostly: // a header in ASCII and something else below
			enc = encGB18030
		}
		r.Encoding = string(enc)
	} else {
		enc, trusted = encUTF8, false
	}
	if d.replay == nil {
		if old, err := s.accepted(ctx, w, ds.ID, sc.sha, d); err != nil {
			return r, err
		} else if old != nil {
			old.File, old.State, old.Received = d.path, Already, d.now
			return old, nil
		}
	}

	conn, err := w.Conn(ctx)
	if err != nil {
		return r, fmt.Errorf("intake: %w", err)
	}
	defer conn.Close()
	if err := w.CreateStage(ctx, conn, stageTable, ds); err != nil {
		return r, err
	}
	// The connection is given back: a table that could not be dropped only costs memory until the next stage replaces it.
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS temp."+stageTable) }()

	dec := s.newDecoder(p, enc, trusted, d.scope, d.now)
	rejects := &rejectFile{s: s, path: filepath.Join(s.dir, rejectsDir, r.Delivery+".age"), ds: ds, headers: p.match.headers}
	defer rejects.close(false)
	if d.replay != nil {
		rejects.path = "" // the rejects file is there from the first time
	}
	refuse := func(row rejected) error {
		r.reject(ds, headers, row)
		if rejects.path == "" {
			return nil
		}
		return rejects.add(row)
	}
	g, gctx := errgroup.WithContext(ctx)
	if d.replay == nil {
		g.Go(func() error { return s.store(gctx, p.file, sc.sha) })
	}
	var t tally
	g.Go(func() error {
		var err error
		t, err = s.stage(gctx, w, conn, dec, p, d, refuse)
		return err
	})
	if err := g.Wait(); err != nil {
		return fail(err)
	}
	r.Rows, r.Rejected, r.Blank = t.Rows, t.Rejected, t.Blank
	if err := s.settle(ctx, conn, ds, r, t); err != nil {
		return r, err
	}
	if err := s.twoHeads(ctx, conn, dec, d, r, refuse); err != nil {
		return fail(err)
	}
	r.Accepted = r.Rows - r.Rejected - r.Duplicates
	if err := s.totals(ctx, conn, ds, r); err != nil {
		return r, err
	}
	if r.Period.IsZero() {
		if err := s.periodOfRows(ctx, conn, ds, d, r); err != nil {
			return r, err
		}
	}
	if r.Rejected > 0 && (r.Rejected == r.Rows || r.Rows >= 20 && float64(r.Rejected) > ds.RejectCeiling*float64(r.Rows)) {
		if err := rejects.close(true); err != nil {
			return r, err
		}
		return fail(s.overCeiling(ds, r))
	}
	if ds.Role == "roster" && r.Accepted == 0 {
		// An empty list of patients says that nobody is ill; an empty roster would say that nobody lives there.
		return fail(errs.New(errs.Refused, "花名册里没有一户农户：空的花名册会注销全县农户，已整批退回。请检查导出是否完整",
			"the roster holds nobody: it would strike every household of its county off the register, so it is refused. Check whether the export is complete"))
	}

	d.report("link", int64(r.Rows))
	rec := Record{Delivery: r.Delivery, SHA256: sc.sha, Size: sc.size, File: p.name, Dataset: ds.ID, Contract: ds.Version, PackHash: s.pack.Hash,
		Scope: d.scope, Period: r.Period, Given: d.given, Received: d.now}
	if d.replay == nil {
		// The record and the rejects stand before the commit: an accepted batch can always be taken in again.
		if err := rejects.close(true); err != nil {
			return r, err
		}
		if err := writeJSON(s.recordPath(r.Delivery), rec); err != nil {
			return r, err
		}
	}
	if err := s.commit(ctx, w, conn, ds, d, r, start); err != nil {
		if d.replay == nil { // not taken in: only the file itself stays
			if e := os.Remove(s.recordPath(r.Delivery)); e != nil && !errors.Is(e, fs.ErrNotExist) {
				return r, errors.Join(err, e)
			}
		}
		return fail(err)
	}
	if d.replay == nil {
		rec.Batch, rec.State = r.Batch, r.State
		if err := writeJSON(s.recordPath(r.Delivery), rec); err != nil {
			return r, err
		}
	}
	return r, nil
}

// accepted finds an earlier acceptance of the same bytes: for the same scope and period, as far as this delivery names them.
func (s *Service) accepted(ctx context.Context, w *warehouse.Warehouse, dataset, sha string, d *delivery) (*Receipt, error) {
	q := "SELECT batch, CAST(receipt AS VARCHAR) FROM batch WHERE dataset = ? AND sha256 LIKE ? AND state = 'accepted'"
	args := []any{dataset, sha + "%"}
	if d.scope != 0 {
		q += " AND scope = ?"
		args = append(args, int64(d.scope))
	}
	if d.given {
		q += " AND period_from = CAST(? AS DATE) AND period_to = CAST(? AS DATE)"
		args = append(args, d.period.From.Format(time.DateOnly), d.period.To.Format(time.DateOnly))
	}
	var batch int
	var text string
	err := w.DB().QueryRowContext(ctx, q+" ORDER BY batch LIMIT 1", args...).Scan(&batch, &text)
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
		rec.Batch, rec.State = batch, Accepted
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

// stage decodes the file into the staging table.
func (s *Service) stage(ctx context.Context, w *warehouse.Warehouse, conn *sql.Conn, dec *decoder, p *probe, d *delivery, refuse func(rejected) error) (tally, error) {
	app, err := w.Appender(ctx, conn, stageTable, dec.stage)
	if err != nil {
		return tally{}, err
	}
	workers := d.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	last := time.Now()
	t, err := dec.decode(ctx, p, workers, app.Append, refuse, func(rows int64) {
		if now := time.Now(); now.Sub(last) > 100*time.Millisecond {
			last = now
			d.report("decode", rows)
		}
	})
	return t, errors.Join(err, app.Close())
}

// settle removes rows that a later row of the file replaces, and notes what the workers counted.
func (s *Service) settle(ctx context.Context, conn *sql.Conn, ds *policy.Dataset, r *Receipt, t tally) error {
	r.warn("damaged_number", t.DamagedNumber, "证件号码有误，按其他信息比对", "damaged resident numbers, linked by other columns")
	r.warn("damaged_card", t.DamagedCard, "残疾证号有误，按其他信息比对", "damaged disability cards, linked by other columns")
	r.warn("no_number", t.NoNumber, "没有可用的证件号码，按户编号和姓名登记", "members without a usable number, registered by household number and name")
	r.warn("blank_rows", t.Blank, "空白行", "blank rows")
	r.warn("unknown_keys", t.LateKeys, "样本以外才出现的 JSON 字段，未读取", "JSON keys that appear late in the file, not read")
	if t.Staged == 0 || len(ds.Key) == 0 {
		return nil
	}
	var extra int
	if err := conn.QueryRowContext(ctx, "SELECT count(nk) - count(DISTINCT nk) FROM "+stageTable).Scan(&extra); err != nil {
		return fmt.Errorf("intake: duplicates: %w", err)
	}
	if extra == 0 {
		return nil
	}
	res, err := conn.ExecContext(ctx, "DELETE FROM "+stageTable+" AS s USING (SELECT nk, max(row_no) AS last FROM "+stageTable+
		" WHERE nk IS NOT NULL GROUP BY nk HAVING count(*) > 1) AS d WHERE s.nk = d.nk AND s.row_no < d.last")
	if err != nil {
		return fmt.Errorf("intake: duplicates: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("intake: duplicates: %w", err)
	}
	r.Duplicates = int(n)
	return nil
}

// headRelation is the code of the household head in the roster's contract.
const headRelation = "head"

// twoHeads rejects roster rows that name a second head of a household, and notes households without one.
func (s *Service) twoHeads(ctx context.Context, conn *sql.Conn, dec *decoder, d *delivery, r *Receipt, refuse func(rejected) error) error {
	if dec.ds.Role != warehouse.RoleRoster || !hasHead(dec.ds) {
		return nil
	}
	rows, err := conn.QueryContext(ctx, "SELECT row_no FROM "+stageTable+" WHERE relation = '"+headRelation+
		"' AND house_id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY house_id ORDER BY row_no) > 1 ORDER BY row_no")
	if err != nil {
		return fmt.Errorf("intake: heads: %w", err)
	}
	surplus := map[int]bool{}
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			rows.Close()
			return fmt.Errorf("intake: heads: %w", err)
		}
		surplus[n] = true
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("intake: heads: %w", err)
	}
	if len(surplus) > 0 {
		if _, err := conn.ExecContext(ctx, "DELETE FROM "+stageTable+" WHERE row_no IN (SELECT row_no FROM "+stageTable+" WHERE relation = '"+headRelation+
			"' AND house_id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY house_id ORDER BY row_no) > 1)"); err != nil {
			return fmt.Errorf("intake: heads: %w", err)
		}
		field := -1
		for _, f := range dec.fields {
			if f.col.Type == policy.TypeCode && f.col.ID == "relation" {
				field = f.src
			}
		}
		if err := dec.pick(ctx, d.probe, surplus, func(row int, cells []string) error {
			value := ""
			if field >= 0 && field < len(cells) {
				value = mask(cells[field])
			}
			return refuse(rejected{row: row, field: field, code: "two_heads", value: value, cells: cells})
		}); err != nil {
			return err
		}
		r.Rejected += len(surplus)
	}
	var headless int
	if err := conn.QueryRowContext(ctx, "SELECT count(DISTINCT house_id) - count(DISTINCT house_id) FILTER (WHERE relation = '"+headRelation+"') FROM "+stageTable).Scan(&headless); err != nil {
		return fmt.Errorf("intake: heads: %w", err)
	}
	r.warn("no_head", headless, "没有户主的户", "households without a head")
	return nil
}

func hasHead(ds *policy.Dataset) bool {
	for _, c := range ds.Columns {
		if c.ID == "relation" && c.Type == policy.TypeCode {
			for _, code := range c.Codes {
				if code.ID == headRelation {
					return true
				}
			}
		}
	}
	return false
}

// pick reads the file again for the cells of certain rows.
func (d *decoder) pick(ctx context.Context, p *probe, want map[int]bool, fn func(row int, cells []string) error) error {
	w := d.worker()
	pool := make(chan []byte, 1)
	return p.blocks(ctx, pool, func(b *block) error {
		w.sp.reset(b.data, w.delim)
		for i := 0; i < b.count; i++ {
			var cells [][]byte
			var ok bool
			switch {
			case b.cells != nil:
				cells, ok = b.cells.record(i, w.cells), true
			case w.form == formJSON:
				var line []byte
				if line, ok = w.line(); ok && want[b.first+i] {
					cells, _ = w.object(line)
				}
			default:
				cells, _, ok = w.sp.next()
			}
			if !ok {
				break
			}
			if want[b.first+i] {
				if err := fn(b.first+i, w.plain(cells)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// totals adds the control totals over the accepted rows, and the span of event dates.
func (s *Service) totals(ctx context.Context, conn *sql.Conn, ds *policy.Dataset, r *Receipt) error {
	var list []string
	var cols []policy.Column
	stored := map[string]string{}
	for _, c := range warehouse.StoredColumns(ds) {
		if !c.Text {
			stored[c.Contract] = c.Name
		}
	}
	for _, c := range ds.Columns {
		name, ok := stored[c.ID]
		if !ok {
			continue
		}
		id := `"` + name + `"`
		switch c.Type {
		case policy.TypeMoney:
			list = append(list, "CAST(coalesce(sum("+id+"), 0) AS DOUBLE) / 100, count("+id+")")
		case policy.TypeNumber, policy.TypeInteger:
			list = append(list, "round(CAST(coalesce(sum("+id+"), 0) AS DOUBLE), 6), count("+id+")")
		default:
			continue
		}
		cols = append(cols, c)
	}
	event := "CAST(max(NULL) AS VARCHAR), CAST(max(NULL) AS VARCHAR)"
	if name, ok := stored[ds.EventDate]; ok {
		event = `strftime(min("` + name + `"), '%Y-%m-%d'), strftime(max("` + name + `"), '%Y-%m-%d')`
	}
	list = append(list, event)
	var earliest, latest sql.NullString
	dest := make([]any, 0, len(cols)*2+2)
	sums, counts := make([]float64, len(cols)), make([]int, len(cols))
	for i := range cols {
		dest = append(dest, &sums[i], &counts[i])
	}
	if err := conn.QueryRowContext(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+stageTable).Scan(append(dest, &earliest, &latest)...); err != nil {
		return fmt.Errorf("intake: control totals: %w", err)
	}
	r.Earliest, r.Latest = earliest.String, latest.String
	for i, c := range cols {
		if counts[i] == 0 {
			continue
		}
		unit := c.Unit
		if unit == "" && c.Type == policy.TypeMoney {
			unit = "元"
		}
		r.Totals = append(r.Totals, Total{Column: c.ID, Header: c.Header, Unit: unit, Sum: sums[i], Rows: counts[i]})
	}
	return nil
}

// periodOfRows finds the period of a file that does not name one: for events the months between the 2nd and the 98th
// percentile of the event dates (a few stragglers must not claim that years are covered), else the month of receipt.
func (s *Service) periodOfRows(ctx context.Context, conn *sql.Conn, ds *policy.Dataset, d *delivery, r *Receipt) error {
	r.Period = months(d.now.Year(), int(d.now.Month()), d.now.Year(), int(d.now.Month()))
	if d.replay != nil {
		r.Period = d.replay.Period
		return nil
	}
	if ds.Kind == policy.Event && ds.EventDate != "" && r.Latest != "" {
		var from, to sql.NullTime
		if err := conn.QueryRowContext(ctx, `SELECT quantile_disc("`+ds.EventDate+`", 0.02), quantile_disc("`+ds.EventDate+`", 0.98) FROM `+stageTable).Scan(&from, &to); err != nil {
			return fmt.Errorf("intake: period: %w", err)
		}
		if from.Valid && to.Valid {
			if to.Time.After(r.Period.To) { // dates in the future cover nothing
				to.Time = r.Period.To
			}
			if !from.Time.After(to.Time) {
				r.Period = months(from.Time.Year(), int(from.Time.Month()), to.Time.Year(), int(to.Time.Month()))
			}
		}
	}
	r.warn("period_guessed", 1, "文件名里没有期次，按数据推定为 "+r.Period.String(), "the file name has no period; taken from the data: "+r.Period.String())
	return nil
}

// overCeiling is the refusal of a file with too many rejected rows. Where most lie in another county it says so.
func (s *Service) overCeiling(ds *policy.Dataset, r *Receipt) error {
	r.sortRejects()
	top := r.Rejects[0]
	if top.Code == "outside_scope" {
		return errs.Newf(errs.Refused,
			"整批退回：%[1]d 行中有 %[2]d 行的行政村不在 %[3]s %[4]s 内，像是别的地区的文件。请核对文件名中的区划代码",
			"the whole file is refused: %[2]d of %[1]d rows lie outside %[3]s %[4]s: this looks like another division's file. Check the division code in the file name",
			r.Rows, top.Count, r.Scope, r.ScopeName)
	}
	sample := ""
	if len(top.Samples) > 0 {
		sample = fmt.Sprintf("%d", top.Samples[0].Row)
	}
	return errs.Newf(errs.Refused,
		"整批退回：%[1]d 行中有 %[2]d 行不合格（上限 %[3]s%%），最多的原因是“%[4]s”（%[5]d 行，如第 %[7]s 行）。请按退回文件修改后重新报送",
		"the whole file is refused: %[2]d of %[1]d rows are rejected (ceiling %[3]s%%), most often: %[6]s (%[5]d rows, for example row %[7]s). Mend them by the rejects file and deliver again",
		r.Rows, r.Rejected, strconv.FormatFloat(ds.RejectCeiling*100, 'f', -1, 64), top.Text.ZH, top.Count, top.Text.EN, sample)
}

// commit links the staged rows and writes the batch, all or nothing.
func (s *Service) commit(ctx context.Context, w *warehouse.Warehouse, conn *sql.Conn, ds *policy.Dataset, d *delivery, r *Receipt, start time.Time) (err error) {
	b := &linkage.Batch{Dataset: ds, SHA256: r.Delivery, FileName: d.probe.name, Scope: d.scope, From: r.Period.From, To: r.Period.To,
		Rows: r.Rows, Rejected: r.Rejected, ReceivedAt: d.now}
	if d.scope != 0 {
		b.Counties = s.counties(d.scope)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("intake: begin: %w", err)
	}
	done := false
	defer func() {
		if !done {
			if _, e := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); e != nil && err == nil {
				err = fmt.Errorf("intake: rollback: %w", e)
			}
		}
	}()
	res, err := linkage.Accept(ctx, conn, w, s.pack, b, stageTable)
	if err != nil {
		return err
	}
	if res.Duplicate {
		return errs.Newf(errs.Conflict, "同一文件已作为批次 %[1]d 接收过", "the same file was accepted as batch %[1]d", res.Batch)
	}
	if d.scope != 0 && ds.Role != warehouse.RoleRoster && res.Linked > 0 && res.OtherCounty*2 > res.Linked {
		return s.otherCounty(ctx, conn, ds, d, res)
	}
	r.Batch, r.State = res.Batch, Accepted
	r.Linked, r.Pending, r.Superseded, r.Relinked, r.PendingWhy = res.Linked, res.Pending, res.Superseded, res.Relinked, res.Why
	r.ByTier = map[string]int{}
	for tier, n := range res.ByTier {
		if n > 0 {
			r.ByTier[strconv.Itoa(tier)] = n
		}
	}
	r.finish(start)
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("intake: receipt: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "UPDATE batch SET receipt = CAST(? AS JSON) WHERE batch = ?", string(text), res.Batch); err != nil {
		return fmt.Errorf("intake: receipt: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("intake: commit: %w", err)
	}
	done = true
	return nil
}

// counties lists the six-digit counties under (or above) a scope.
func (s *Service) counties(scope division.Code) []int32 {
	if scope.Level() >= division.County {
		return []int32{scope.County()}
	}
	var out []int32
	for _, c := range s.tree.Counties(scope) {
		out = append(out, c.Code.County())
	}
	return out
}

// otherCounty is the refusal of a linked feed whose households mostly lie outside its scope; it names where they lie.
func (s *Service) otherCounty(ctx context.Context, conn *sql.Conn, ds *policy.Dataset, d *delivery, res linkage.Result) error {
	var county int32
	if err := conn.QueryRowContext(ctx, "SELECT h.county FROM fact_"+ds.ID+" f JOIN household h USING (household_id) WHERE f.batch = ? GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1", res.Batch).Scan(&county); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("intake: counties: %w", err)
	}
	where := "?"
	if county != 0 {
		where = scopeText(s.tree, division.OfCounty(county))
	}
	return errs.Newf(errs.Refused,
		"整批退回：比对到户的 %[1]d 行中有 %[2]d 行的户不在 %[3]s 内，多数在 %[4]s，像是别的地区的文件。请核对文件名中的区划代码",
		"the whole file is refused: %[2]d of %[1]d linked rows belong to households outside %[3]s, most of them in %[4]s: this looks like another division's file. Check the division code in the file name",
		res.Linked, res.OtherCounty, scopeText(s.tree, d.scope), where)
}
