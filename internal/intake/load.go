package intake

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/linkage"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// Files of one dataset are taken in together, as many as make a good load: what a commit and some forty statements cost is paid once for all of them. Each
// is still accepted or refused for itself; the commit is all or nothing for the load, and a kill before it leaves none of them. While one load is linked,
// the next is decoded.
const (
	loadBytes = 32 << 20 // of CSV; a single file may be larger
	loadFiles = 200
	smallFile = 4 << 20 // smaller files are decoded side by side, larger ones by all workers
	syncs     = 4       // files made durable at a time
)

// weight is about how many bytes of CSV a file is.
func (p *probe) weight() int64 {
	switch p.form {
	case formXLSX, formParquet:
		return p.size * 6
	}
	return p.size
}

// entry is one delivery of a load.
type entry struct {
	*delivery
	start    time.Time
	r        *Receipt
	sc       scan
	encoding encoding
	trusted  bool
	dec      *decoder
	rejects  *rejectFile
	tally    tally
	done     bool  // nothing more to do: refused, or accepted before
	twin     bool  // the same file as another of the load: to be looked at when that one is through
	changed  error // the file changed while it was read
}

// load is deliveries of one dataset on their way in together. An entry's index is its number in the staging table.
type load struct {
	ds      *policy.Dataset
	entries []*entry
	conn    *sql.Conn
}

// stageTable is the temporary table that rows pass through, one a connection.
const stageTable = "intake_stage"

func (s *Service) newLoad(ds []*delivery) *load {
	g := &load{ds: ds[0].probe.match.ds}
	for _, d := range ds {
		g.entries = append(g.entries, s.newEntry(d))
	}
	return g
}

func (s *Service) newEntry(d *delivery) *entry {
	p, ds := d.probe, d.probe.match.ds
	r := &Receipt{File: d.path, Form: string(p.form), Dataset: ds.ID, Name: textOf(ds.Name), Received: d.now, Warnings: append([]Note(nil), p.notes...), Period: d.period}
	for _, i := range p.match.extra {
		r.Extra = append(r.Extra, p.match.safe(i))
	}
	if dep := s.pack.Department(ds.Department); dep != nil {
		r.Department = textOf(dep.Name)
	}
	if d.scope != 0 {
		r.Scope, r.ScopeName = d.scope.String(), strings.Join(s.tree.Path(d.scope), "")
	}
	return &entry{delivery: d, r: r}
}

// workers is how many goroutines read and decode.
func (g *load) workers() int {
	if n := g.entries[0].delivery.workers; n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// live are the entries that are still on their way.
func (g *load) live() []*entry {
	var out []*entry
	for _, e := range g.entries {
		if !e.done && !e.twin {
			out = append(out, e)
		}
	}
	return out
}

// failed ends an entry with a refusal, unless the trouble is ours: then the error comes back.
func (e *entry) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch errs.KindOf(err) {
	case errs.Invalid, errs.Refused, errs.Conflict, errs.NotFound:
		e.r.refuse(err)
		e.r.finish(e.start)
		e.done = true
		return nil
	}
	return err
}

// pipeline takes loads in: the next is staged while one is linked. next gives nil at the end; through is told the entries of a load that is committed.
func (s *Service) pipeline(ctx context.Context, w *warehouse.Warehouse, next func() (*load, error), through func([]*entry) error) error {
	eg, ctx := errgroup.WithContext(ctx)
	staged := make(chan *load)
	eg.Go(func() error {
		defer close(staged)
		for {
			g, err := next()
			if g == nil || err != nil {
				return err
			}
			if err := s.stageLoad(ctx, w, g); err != nil {
				g.close(ctx)
				return err
			}
			select {
			case staged <- g:
			case <-ctx.Done():
				g.close(ctx)
				return ctx.Err()
			}
		}
	})
	eg.Go(func() error {
		for g := range staged {
			err := s.linkLoad(ctx, w, g)
			g.close(ctx)
			if err != nil {
				if g, err = s.oneByOne(ctx, w, g, err); err != nil {
					return err
				}
			}
			for i, e := range g.entries {
				if e.twin {
					if g.entries[i], err = s.single(ctx, w, e.delivery); err != nil {
						return err
					}
				}
			}
			if err := through(g.entries); err != nil {
				return err
			}
		}
		return nil
	})
	return eg.Wait()
}

// close gives the load's connection back and throws away rejects files that are not kept by now. A table that could not be dropped only
// costs memory until the next stage replaces it, a file that could not be removed is swept away by the next intake.
func (g *load) close(ctx context.Context) {
	for _, e := range g.entries {
		if e.rejects != nil {
			_ = e.rejects.close(false)
		}
	}
	if g.conn == nil {
		return
	}
	_, _ = g.conn.ExecContext(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS temp."+stageTable)
	_ = g.conn.Close()
	g.conn = nil
}

// single takes one delivery in.
func (s *Service) single(ctx context.Context, w *warehouse.Warehouse, d *delivery) (*entry, error) {
	g := s.newLoad([]*delivery{d})
	defer g.close(ctx)
	if err := s.stageLoad(ctx, w, g); err != nil {
		return nil, err
	}
	if err := s.linkLoad(ctx, w, g); err != nil {
		return nil, err
	}
	return g.entries[0], nil
}

// oneByOne takes the files of a load that could not be committed each for itself, so that only the file at fault is refused.
func (s *Service) oneByOne(ctx context.Context, w *warehouse.Warehouse, g *load, err error) (*load, error) {
	live := g.live()
	if ctx.Err() != nil || len(live) < 2 || live[0].replay != nil {
		return g, err
	}
	s.log.Warn("intake: a load of files is taken in one by one", "files", len(live), "error", err.Error())
	for i, e := range g.entries {
		if e.done || e.twin {
			continue
		}
		if g.entries[i], err = s.single(ctx, w, e.delivery); err != nil {
			return g, err
		}
	}
	return g, nil
}

// stageLoad hashes, archives, decodes and checks the files of a load.
func (s *Service) stageLoad(ctx context.Context, w *warehouse.Warehouse, g *load) error {
	if err := s.readBytes(ctx, w, g); err != nil {
		return err
	}
	live := g.live()
	if len(live) == 0 {
		return nil
	}
	var err error
	if g.conn, err = w.Conn(ctx); err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	if err := w.CreateStage(ctx, g.conn, stageTable, g.ds); err != nil {
		return err
	}
	if err := s.decodeLoad(ctx, w, g); err != nil {
		return err
	}
	return s.checkLoad(ctx, g)
}

// readBytes hashes the files, looks at their encoding, and finds those that were accepted before.
func (s *Service) readBytes(ctx context.Context, w *warehouse.Warehouse, g *load) error {
	eg, gctx := errgroup.WithContext(ctx)
	eg.SetLimit(g.workers())
	for _, e := range g.entries {
		eg.Go(func() error {
			e.start = time.Now()
			e.report("hash", 0)
			var err error
			if e.sc, err = scanFile(gctx, e.probe.file); err != nil {
				return e.failed(gctx, err)
			}
			p := e.probe
			e.r.SHA256, e.r.Delivery = e.sc.sha, e.name(e.sc.sha)
			e.encoding = p.encoding
			if p.form == formCSV || p.form == formJSON {
				switch {
				case e.sc.utf8:
					e.encoding, e.trusted = encUTF8, true
				case p.ascii && !e.sc.mostly: // a header in ASCII and something else below
					e.encoding = encGB18030
				}
				e.r.Encoding = string(e.encoding)
			} else {
				e.encoding = encUTF8
			}
			if e.replay != nil {
				return nil
			}
			return s.before(gctx, w, e)
		})
	}
	if err := eg.Wait(); err != nil {
		return err
	}
	for i, e := range g.entries {
		for _, f := range g.entries[:i] {
			if !e.done && !f.done && !f.twin && e.replay == nil && e.covers(f) {
				e.twin = true
			}
		}
	}
	return nil
}

// covers reports whether f, once accepted, would be an earlier acceptance of e.
func (e *entry) covers(f *entry) bool {
	return e.sc.sha == f.sc.sha && (e.scope == 0 || e.scope == f.scope) && (!e.given || f.given && e.period.String() == f.period.String())
}

// before ends an entry whose bytes were accepted before.
func (s *Service) before(ctx context.Context, w *warehouse.Warehouse, e *entry) error {
	old, err := s.accepted(ctx, w, e.probe.match.ds.ID, e.sc.sha, e.delivery)
	if err != nil || old == nil {
		return err
	}
	old.File, old.State, old.Received = e.path, Already, e.now
	e.r, e.done = old, true
	return nil
}

// decodeLoad puts the files into the archive and their rows into the staging table.
func (s *Service) decodeLoad(ctx context.Context, w *warehouse.Warehouse, g *load) error {
	eg, gctx := errgroup.WithContext(ctx)
	live := g.live()
	eg.Go(func() error { return s.storeFiles(gctx, live) })
	eg.Go(func() error {
		app, err := w.Appender(gctx, g.conn, stageTable, warehouse.StageColumns(g.ds))
		if err != nil {
			return err
		}
		var one sync.Mutex
		sink := func(c *warehouse.Chunk) error {
			one.Lock()
			defer one.Unlock()
			return app.Append(c)
		}
		return errors.Join(s.decodeFiles(gctx, g, sink), app.Close())
	})
	if err := eg.Wait(); err != nil {
		return err
	}
	if left := len(g.live()); left == 0 || left == len(g.entries) {
		return nil
	}
	return g.forget(ctx)
}

// forget deletes the rows of entries that are done with from the staging table.
func (g *load) forget(ctx context.Context) error {
	var files []string
	for i, e := range g.entries {
		if e.done || e.twin {
			files = append(files, strconv.Itoa(i))
		}
	}
	if len(files) == 0 {
		return nil
	}
	if _, err := g.conn.ExecContext(ctx, "DELETE FROM "+stageTable+" WHERE file IN ("+strings.Join(files, ", ")+")"); err != nil {
		return fmt.Errorf("intake: stage: %w", err)
	}
	return nil
}

// storeFiles puts the files into the archive.
func (s *Service) storeFiles(ctx context.Context, list []*entry) error {
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(syncs)
	for _, e := range list {
		if e.replay == nil {
			eg.Go(func() error {
				err := s.store(ctx, e.probe.file, e.sc.sha)
				if err != nil && errs.KindOf(err) == errs.Conflict { // the entry ends when its decoding has
					e.changed = err
					return nil
				}
				return err
			})
		}
	}
	return eg.Wait()
}

// decodeFiles decodes small files side by side, large ones one after the other by all workers.
func (s *Service) decodeFiles(ctx context.Context, g *load, sink func(*warehouse.Chunk) error) error {
	eg, ctx := errgroup.WithContext(ctx)
	all := g.workers()
	eg.SetLimit(all)
	for i, e := range g.entries {
		if e.done || e.twin {
			continue
		}
		workers := 1
		if e.probe.weight() >= smallFile || len(g.entries) == 1 {
			workers = all
		}
		eg.Go(func() error {
			if err := s.decodeFile(ctx, g, i, workers, sink); err != nil {
				return e.failed(ctx, err)
			}
			return nil
		})
	}
	return eg.Wait()
}

func (s *Service) decodeFile(ctx context.Context, g *load, file, workers int, sink func(*warehouse.Chunk) error) error {
	e := g.entries[file]
	p := e.probe
	e.dec = s.newDecoder(p, e.encoding, e.trusted, e.scope, e.now)
	e.dec.file = int32(file)
	e.rejects = &rejectFile{s: s, path: filepath.Join(s.dir, rejectsDir, e.r.Delivery+".age"), ds: g.ds, headers: p.match.headers}
	if e.replay != nil {
		e.rejects.path = "" // the rejects file is there from the first time
	}
	last := time.Now()
	var err error
	e.tally, err = e.dec.decode(ctx, p, workers, sink, e.refuse, func(rows int64) {
		if now := time.Now(); now.Sub(last) > 100*time.Millisecond {
			last = now
			e.report("decode", rows)
		}
	})
	return err
}

// refuse takes note of a rejected row.
func (e *entry) refuse(row rejected) error {
	e.r.reject(e.dec.ds, e.probe.match.safeHeaders(), row)
	if e.rejects.path == "" {
		return nil
	}
	return e.rejects.add(row)
}

// linkLoad links the staged rows of a load and commits its batches, all or nothing.
func (s *Service) linkLoad(ctx context.Context, w *warehouse.Warehouse, g *load) error {
	// A load that was committed while this one was decoded may have had the same file.
	for _, e := range g.live() {
		if e.replay == nil {
			if err := s.before(ctx, w, e); err != nil {
				return err
			}
		}
	}
	live := g.live()
	if len(live) == 0 {
		return nil
	}
	for _, e := range live {
		e.report("link", int64(e.r.Rows))
	}
	// The records and the rejects stand before the commit: an accepted batch can always be taken in again.
	if err := each(live, func(e *entry) error {
		if e.replay != nil {
			return nil
		}
		if err := e.rejects.close(true); err != nil {
			return err
		}
		return writeJSON(s.recordPath(e.r.Delivery), s.newRecord(e))
	}); err != nil {
		return err
	}
	together, err := s.commit(ctx, w, g)
	if err != nil && len(live) == 1 {
		err = live[0].failed(ctx, err)
	}
	if e := each(live, func(e *entry) error {
		switch {
		case e.replay != nil:
			return nil
		case e.r.State != Accepted: // not taken in: only the file itself stays
			if err := os.Remove(s.recordPath(e.r.Delivery)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}
		rec := s.newRecord(e)
		rec.Batch, rec.State, rec.Together = e.r.Batch, e.r.State, together
		return writeJSON(s.recordPath(e.r.Delivery), rec)
	}); e != nil {
		err = errors.Join(err, e)
	}
	return err
}

// each does a thing for every entry, several at a time: most of it is waiting for the disk.
func each(list []*entry, do func(*entry) error) error {
	var eg errgroup.Group
	eg.SetLimit(syncs)
	for _, e := range list {
		eg.Go(func() error { return do(e) })
	}
	return eg.Wait()
}

func (s *Service) newRecord(e *entry) Record {
	return Record{Delivery: e.r.Delivery, SHA256: e.sc.sha, Size: e.sc.size, File: e.probe.name, Dataset: e.dec.ds.ID, Contract: e.dec.ds.Version, PackHash: s.pack.Hash,
		Scope: e.scope, Period: e.r.Period, Given: e.given, Received: e.now}
}

// commit links the staged rows and writes the batches in one transaction. It returns the last batch.
func (s *Service) commit(ctx context.Context, w *warehouse.Warehouse, g *load) (last int, err error) {
	conn := g.conn
	bs := make([]*linkage.Batch, len(g.entries)) // nil: not taken in
	for i, e := range g.entries {
		if e.done || e.twin {
			continue
		}
		bs[i] = &linkage.Batch{Dataset: g.ds, SHA256: e.r.Delivery, FileName: e.probe.name, Scope: e.scope, From: e.r.Period.From, To: e.r.Period.To,
			Rows: e.r.Rows, Rejected: e.r.Rejected, ReceivedAt: e.now, Unique: len(g.ds.Key) > 0} // see duplicates
		if e.scope != 0 {
			bs[i].Counties = s.counties(e.scope)
		}
	}
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return 0, fmt.Errorf("intake: begin: %w", err)
	}
	done := false
	defer func() {
		if !done {
			if _, e := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); e != nil && err == nil {
				err = fmt.Errorf("intake: rollback: %w", e)
			}
		}
	}()
	own := func(i int, r *linkage.Result) bool { // a linked feed whose households mostly lie outside its scope is another division's
		return bs[i].Scope == 0 || g.ds.Role == warehouse.RoleRoster || r.Linked == 0 || r.OtherCounty*2 <= r.Linked
	}
	res, err := linkage.AcceptAll(ctx, conn, w, s.pack, bs, stageTable, own)
	if err != nil {
		return 0, err
	}
	var texts []any
	var rows []string
	var taken []*entry
	for i, e := range g.entries {
		switch {
		case bs[i] == nil:
		case res[i].Duplicate:
			return 0, errs.Newf(errs.Conflict, "同一文件已作为批次 %[1]d 接收过", "the same file was accepted as batch %[1]d", res[i].Batch)
		case res[i].Refused:
			if err := e.failed(ctx, s.otherCounty(e, &res[i])); err != nil {
				return 0, err
			}
		default:
			e.accept(&res[i])
			taken, last = append(taken, e), res[i].Batch
			text, err := json.Marshal(e.r)
			if err != nil {
				return 0, fmt.Errorf("intake: receipt: %w", err)
			}
			rows = append(rows, fmt.Sprintf("(%d, $%d)", res[i].Batch, len(texts)+1))
			texts = append(texts, string(text))
		}
	}
	if len(taken) > 0 {
		if _, err = conn.ExecContext(ctx, "UPDATE batch SET receipt = CAST(v.receipt AS JSON) FROM (VALUES "+strings.Join(rows, ", ")+") AS v(batch, receipt) WHERE batch.batch = v.batch", texts...); err != nil {
			err = fmt.Errorf("intake: receipt: %w", err)
		}
	}
	if err == nil {
		if _, err = conn.ExecContext(ctx, "COMMIT"); err != nil {
			err = fmt.Errorf("intake: commit: %w", err)
		}
	}
	if err != nil {
		for _, e := range taken {
			e.r.State, e.r.Batch = "", 0
		}
		return 0, err
	}
	done = true
	return last, nil
}

// accept fills the receipt from what linking found.
func (e *entry) accept(res *linkage.Result) {
	r := e.r
	r.Batch, r.State = res.Batch, Accepted
	r.Linked, r.Pending, r.Superseded, r.Relinked, r.PendingWhy = res.Linked, res.Pending, res.Superseded, res.Relinked, res.Why
	r.warn("unlinked", res.Unlinked, "同一期花名册把同一人列在两户，其已比对的记录改为待比对", "linked rows wait again: rosters of one period put their person into two households")
	r.ByTier = map[string]int{}
	for tier, n := range res.ByTier {
		if n > 0 {
			r.ByTier[strconv.Itoa(tier)] = n
		}
	}
	r.finish(e.start)
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
func (s *Service) otherCounty(e *entry, res *linkage.Result) error {
	where := "?"
	if res.MainCounty != 0 {
		where = scopeText(s.tree, division.OfCounty(res.MainCounty))
	}
	return errs.Newf(errs.Refused,
		"整批退回：比对到户的 %[1]d 行中有 %[2]d 行的户不在 %[3]s 内，多数在 %[4]s，像是别的地区的文件。请核对文件名中的区划代码",
		"the whole file is refused: %[2]d of %[1]d linked rows belong to households outside %[3]s, most of them in %[4]s: this looks like another division's file. Check the division code in the file name",
		res.Linked, res.OtherCounty, scopeText(s.tree, e.scope), where)
}
