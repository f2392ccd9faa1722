package intake

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/warehouse"
)

func divisionOf(county int32) division.Code { return division.OfCounty(county) }

// Severity of a finding.
type Severity string

// Severities.
const (
	Broken Severity = "error"  // data are lost, doubled or changed
	Notice Severity = "notice" // nothing is wrong with the data
)

// Finding is one thing that Verify found.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // archive_missing, archive_damaged, record_missing, orphan, unfinished, arithmetic, doubled, coverage, registry, unknown_household
	Batch    int      `json:"batch,omitempty"`
	Delivery string   `json:"delivery,omitempty"`
	Text     Text     `json:"text"`
}

// Verification is what Verify reports.
type Verification struct {
	OK       bool      `json:"ok"` // no finding of severity error
	Batches  int       `json:"batches"`
	Files    int       `json:"files"` // archived files read and hashed
	Rows     int64     `json:"rows"`  // rows of accepted batches
	Findings []Finding `json:"findings"`
	Digest   string    `json:"digest"` // of the warehouse's content: the same after a rebuild
}

func (v *Verification) find(sev Severity, code string, batch int, delivery, zh, en string, args ...any) {
	e := errs.Newf(errs.Internal, zh, en, args...)
	v.Findings = append(v.Findings, Finding{sev, code, batch, delivery, Text{e.In("zh"), e.In("en")}})
	if sev == Broken {
		v.OK = false
	}
}

// Verify holds the warehouse against the archive and against itself: every accepted batch has its file, which decrypts
// to the hash it is named by; its rows are all somewhere and none twice; completeness says what the batches say; facts belong
// to known households; and the registry comes out the same when it is derived again. It changes nothing but the archive's
// records, where a kill left one behind the warehouse.
func (s *Service) Verify(ctx context.Context, progress func(Progress)) (Verification, error) {
	v := Verification{OK: true}
	if err := s.reconcile(ctx); err != nil {
		return v, err
	}
	batches, err := s.batches(ctx)
	if err != nil {
		return v, err
	}
	v.Batches = len(batches)
	if err := s.verifyFiles(ctx, &v, batches, progress); err != nil {
		return v, err
	}
	for i := range s.pack.Datasets {
		if err := s.verifyRows(ctx, &v, &s.pack.Datasets[i], batches); err != nil {
			return v, err
		}
	}
	if err := s.verifyCoverage(ctx, &v, batches); err != nil {
		return v, err
	}
	if err := s.verifyRegistry(ctx, &v); err != nil {
		return v, err
	}
	v.Digest, err = s.Digest(ctx)
	return v, err
}

// batchRow is one row of the table batch.
type batchRow struct {
	batch, rows, accepted, rejected, linked, pending int
	dataset, delivery, receipt                       string
	scope                                            division.Code
	from, to                                         time.Time
}

func (s *Service) batches(ctx context.Context) ([]batchRow, error) {
	rows, err := s.w.DB().QueryContext(ctx, `SELECT batch, dataset, sha256, scope, period_from, period_to, rows, accepted, rejected, linked, pending, CAST(receipt AS VARCHAR)
		FROM batch WHERE state = 'accepted' ORDER BY batch`)
	if err != nil {
		return nil, fmt.Errorf("verify: batches: %w", err)
	}
	defer rows.Close()
	var out []batchRow
	for rows.Next() {
		var b batchRow
		if err := rows.Scan(&b.batch, &b.dataset, &b.delivery, &b.scope, &b.from, &b.to, &b.rows, &b.accepted, &b.rejected, &b.linked, &b.pending, &b.receipt); err != nil {
			return nil, fmt.Errorf("verify: batches: %w", err)
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

func (s *Service) verifyFiles(ctx context.Context, v *Verification, batches []batchRow, progress func(Progress)) error {
	recs, err := s.records()
	if err != nil {
		return err
	}
	byDelivery := map[string]Record{}
	referred := map[string]bool{}
	for _, r := range recs {
		byDelivery[r.Delivery] = r
		referred[r.SHA256] = true
	}
	inWarehouse := map[string]bool{}
	hashed := map[string]bool{}
	for i, b := range batches {
		inWarehouse[b.delivery] = true
		rec, ok := byDelivery[b.delivery]
		if !ok {
			v.find(Broken, "record_missing", b.batch, b.delivery, "批次 %[1]d 没有归档记录", "batch %[1]d has no record in the archive", b.batch)
			continue
		}
		if hashed[rec.SHA256] {
			continue
		}
		hashed[rec.SHA256] = true
		if progress != nil {
			progress(Progress{File: rec.File, Index: i + 1, Files: len(batches), Step: "verify", Bytes: rec.Size})
		}
		f, err := s.archived(rec).open()
		if err != nil {
			v.find(Broken, "archive_missing", b.batch, b.delivery, "批次 %[1]d 的归档文件缺失或打不开", "the archived file of batch %[1]d is missing or cannot be opened", b.batch)
			continue
		}
		h := sha256.New()
		_, err = io.Copy(h, readerFunc(func(p []byte) (int, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return f.Read(p)
		}))
		err = errors.Join(err, f.Close())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || hex.EncodeToString(h.Sum(nil)) != rec.SHA256 || !strings.HasPrefix(b.delivery, rec.SHA256) {
			v.find(Broken, "archive_damaged", b.batch, b.delivery, "批次 %[1]d 的归档文件已损坏（摘要不符）", "the archived file of batch %[1]d is damaged (its hash differs)", b.batch)
			continue
		}
		v.Files++
	}
	for _, r := range recs {
		switch {
		case inWarehouse[r.Delivery]:
		case r.Batch > 0:
			v.find(Broken, "batch_missing", r.Batch, r.Delivery, "归档记录中的批次 %[1]d 不在仓库里，请执行 rebuild", "batch %[1]d of the archive's records is not in the warehouse: run rebuild", r.Batch)
		default:
			v.find(Notice, "unfinished", 0, r.Delivery, "文件 %[1]s 归档后没有接收完成，可以重新报送", "the file %[1]s was archived but never accepted; it may be delivered again", r.File)
		}
	}
	archived, err := s.files(archiveDir, ".age")
	if err != nil {
		return err
	}
	refused := map[string]bool{}
	receipts, err := s.files(receiptsDir, ".json")
	if err != nil {
		return err
	}
	for name := range receipts {
		if len(name) >= 64 {
			refused[name[:64]] = true
		}
	}
	names := sorted(archived)
	for _, sha := range names {
		if !referred[sha] && !refused[sha] {
			v.find(Notice, "orphan", 0, sha, "归档文件 %[1]s 不属于任何批次（接收中断所致）", "the archived file %[1]s belongs to no batch (an intake was interrupted)", sha)
		}
	}
	return nil
}

// verifyRows holds the batches of one dataset against its tables. Linked rows stay for ever, in the facts or in the
// past; rows that wait may be replaced before they are ever linked.
func (s *Service) verifyRows(ctx context.Context, v *Verification, ds *policy.Dataset, batches []batchRow) error {
	type count struct{ all, live, liveRows, waiting int }
	counts := map[int]count{}
	scan := func(q string, put func(c *count, n, distinct int)) error {
		rows, err := s.w.DB().QueryContext(ctx, q)
		if err != nil {
			return fmt.Errorf("verify: rows of %s: %w", ds.ID, err)
		}
		defer rows.Close()
		for rows.Next() {
			var b, n, distinct int
			if err := rows.Scan(&b, &n, &distinct); err != nil {
				return fmt.Errorf("verify: rows of %s: %w", ds.ID, err)
			}
			c := counts[b]
			put(&c, n, distinct)
			counts[b] = c
		}
		return rows.Err()
	}
	fact := "fact_" + ds.ID
	if err := scan("SELECT batch, count(*), count(DISTINCT row_no) FROM "+fact+" GROUP BY batch", func(c *count, n, d int) { c.live, c.liveRows = n, d }); err != nil {
		return err
	}
	if err := scan("SELECT batch, count(*), count(DISTINCT row_no) FROM pending_"+ds.ID+" GROUP BY batch", func(c *count, n, d int) { c.waiting = n }); err != nil {
		return err
	}
	if err := scan("SELECT batch, count(*), count(DISTINCT row_no) FROM (SELECT batch, row_no FROM "+fact+" UNION ALL SELECT batch, row_no FROM "+fact+"_past UNION ALL SELECT batch, row_no FROM pending_"+ds.ID+") GROUP BY batch",
		func(c *count, n, d int) { c.all = d }); err != nil {
		return err
	}
	known := map[int]bool{}
	for _, b := range batches {
		if b.dataset != ds.ID {
			continue
		}
		known[b.batch] = true
		v.Rows += int64(b.rows)
		var r Receipt
		if err := json.Unmarshal([]byte(b.receipt), &r); err != nil {
			v.find(Broken, "receipt", b.batch, b.delivery, "批次 %[1]d 的回执已损坏", "the receipt of batch %[1]d is damaged", b.batch)
			continue
		}
		if b.rows != b.accepted+b.rejected+r.Duplicates || b.accepted != b.linked+b.pending || r.Rows != b.rows || r.Accepted != b.accepted {
			v.find(Broken, "arithmetic", b.batch, b.delivery, "批次 %[1]d 的行数对不上：%[2]d 行 ≠ 接收 %[3]d + 退回 %[4]d + 重复 %[5]d，或接收数 ≠ 已比对 %[6]d + 待比对 %[7]d",
				"the rows of batch %[1]d do not add up: %[2]d rows ≠ %[3]d accepted + %[4]d rejected + %[5]d duplicates, or accepted ≠ %[6]d linked + %[7]d waiting",
				b.batch, b.rows, b.accepted, b.rejected, r.Duplicates, b.linked, b.pending)
		}
		c := counts[b.batch]
		if c.all > b.accepted || c.all < b.linked {
			v.find(Broken, "arithmetic", b.batch, b.delivery, "批次 %[1]d 接收了 %[2]d 行（%[3]d 行已比对），仓库里却有 %[4]d 行",
				"batch %[1]d accepted %[2]d rows (%[3]d linked), but the warehouse has %[4]d of them", b.batch, b.accepted, b.linked, c.all)
		}
		if c.live != c.liveRows {
			v.find(Broken, "doubled", b.batch, b.delivery, "批次 %[1]d 有 %[2]d 行重复入库", "%[2]d rows of batch %[1]d are in the facts twice", b.batch, c.live-c.liveRows)
		}
	}
	strays := 0
	for b := range counts {
		if !known[b] {
			strays++
		}
	}
	if strays > 0 {
		v.find(Broken, "stray_rows", 0, "", "%[1]s 中有不属于任何批次的行", "%[1]s has rows of no batch", ds.ID)
	}
	var unknown int
	if err := s.w.DB().QueryRowContext(ctx, "SELECT count(*) FROM (SELECT DISTINCT household_id FROM "+fact+
		") f WHERE NOT EXISTS (SELECT 1 FROM household h WHERE h.household_id = f.household_id) AND NOT EXISTS (SELECT 1 FROM household_past h WHERE h.household_id = f.household_id)").Scan(&unknown); err != nil {
		return fmt.Errorf("verify: households of %s: %w", ds.ID, err)
	}
	if unknown > 0 {
		v.find(Broken, "unknown_household", 0, "", "%[1]s 中有 %[2]d 个户不在花名册内", "%[1]s has facts of %[2]d households that the register does not know", ds.ID, unknown)
	}
	return nil
}

func (s *Service) verifyCoverage(ctx context.Context, v *Verification, batches []batchRow) error {
	rows, err := s.w.DB().QueryContext(ctx, `SELECT c.batch, count(*), count(DISTINCT (c.county, c.month)), count(*) FILTER (WHERE b.batch IS NULL OR c.month < date_trunc('month', b.period_from) OR c.month > b.period_to OR c.dataset <> b.dataset)
		FROM coverage c LEFT JOIN batch b ON b.batch = c.batch AND b.state = 'accepted' GROUP BY c.batch`)
	if err != nil {
		return fmt.Errorf("verify: completeness: %w", err)
	}
	defer rows.Close()
	have := map[int]int{}
	for rows.Next() {
		var batch, n, distinct, bad int
		if err := rows.Scan(&batch, &n, &distinct, &bad); err != nil {
			return fmt.Errorf("verify: completeness: %w", err)
		}
		have[batch] = distinct
		if bad > 0 || n != distinct {
			v.find(Broken, "coverage", batch, "", "批次 %[1]d 的完整性记录与批次不符", "the completeness rows of batch %[1]d do not agree with the batch", batch)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("verify: completeness: %w", err)
	}
	for _, b := range batches {
		ds := s.pack.Dataset(b.dataset)
		if b.scope == 0 || ds == nil || ds.Role == warehouse.RoleRoster {
			continue // these cover the counties of their rows
		}
		n := (b.to.Year()*12 + int(b.to.Month())) - (b.from.Year()*12 + int(b.from.Month())) + 1
		if want := n * len(s.counties(b.scope)); have[b.batch] != want {
			v.find(Broken, "coverage", b.batch, b.delivery, "批次 %[1]d 应覆盖 %[2]d 个县·月，记录了 %[3]d 个", "batch %[1]d should cover %[2]d county-months, %[3]d are recorded", b.batch, want, have[b.batch])
		}
	}
	return nil
}

// verifyRegistry derives the whole registry again inside a transaction that is rolled back: nothing may change.
func (s *Service) verifyRegistry(ctx context.Context, v *Verification) error {
	conn, err := s.w.Conn(ctx)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer conn.Close()
	var last sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT max(batch) FROM batch").Scan(&last); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if !last.Valid {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	// Without the rollback the connection's end undoes the transaction just the same.
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }()
	before, err := registry.Digest(ctx, conn)
	if err != nil {
		return err
	}
	seed := "SELECT household_id FROM household"
	for _, ds := range s.pack.Datasets {
		if ds.Role != "" {
			seed += " UNION SELECT household_id FROM fact_" + ds.ID
		}
	}
	if _, err := conn.ExecContext(ctx, s.w.Dialect().TempTable("reg_seed", seed)); err != nil {
		return fmt.Errorf("verify: registry: %w", err)
	}
	if _, err := registry.Refresh(ctx, conn, s.w.Dialect(), s.pack, int(last.Int64)); err != nil {
		return err
	}
	after, err := registry.Digest(ctx, conn)
	if err != nil {
		return err
	}
	if before != after {
		v.find(Broken, "registry", 0, "", "由花名册和户籍变动重新推导的户与人员，和仓库中的不一致", "households and persons derived again from roster and changes differ from what the warehouse has")
	}
	return nil
}

// Digest is a hash over the content of the warehouse's tables that intake fills, independent of the order of rows, of
// times of receipt and of how long things took: equal digests mean equal content.
func (s *Service) Digest(ctx context.Context) (string, error) { return DigestOf(ctx, s.w, s.pack) }

// DigestOf is Digest of any warehouse with the pack's schema.
func DigestOf(ctx context.Context, w *warehouse.Warehouse, p *policy.Pack) (string, error) {
	conn, err := w.Conn(ctx)
	if err != nil {
		return "", fmt.Errorf("digest: %w", err)
	}
	defer conn.Close()
	var lines []string
	for _, t := range warehouse.Tables(p) {
		var cols []string
		for _, c := range t.Columns {
			if t.Name == "batch" && (c.Name == "receipt" || c.Name == "received_at") {
				continue
			}
			cols = append(cols, w.Dialect().Ident(c.Name))
		}
		sum, err := registry.TableDigest(ctx, conn, t.Name, cols)
		if err != nil {
			return "", err
		}
		lines = append(lines, t.Name+" "+sum)
	}
	sort.Strings(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:]), nil
}
