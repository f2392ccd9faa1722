package audit_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/xuri/excelize/v2"

	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

var now = time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC)

const village = division.Code(522633105209)

func record(t *testing.T, l *ledger.Ledger, events ...audit.Event) {
	t.Helper()
	err := l.Write(t.Context(), now, func(_ context.Context, tx *ledger.Tx) error {
		for _, e := range events {
			if err := audit.Record(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func event(action, id string) audit.Event {
	return audit.Event{Actor: "wang", Org: "522633105209", Action: action, Object: "casefile", ObjectID: id, Division: village, Reason: "入户核实",
		Detail: map[string]any{"b": 1, "a": "<&>"}}
}

func verify(t *testing.T, l *ledger.Ledger, known ...audit.Head) audit.Report {
	t.Helper()
	r, err := audit.Verify(t.Context(), l, known...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func show(t *testing.T, l *ledger.Ledger, f audit.Filter) (p audit.Page) {
	t.Helper()
	err := l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		p, err = audit.Show(ctx, tx, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tamper(t *testing.T, l *ledger.Ledger, query string, args ...any) {
	t.Helper()
	err := l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The hash computed here by the words of the doc comment, not by the package.
func TestHashIsAsDescribed(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		record(t, l, event("case.act", "1"), event("case.act", "2"))
		before := ""
		events := show(t, l, audit.Filter{}).Events
		slices.Reverse(events)
		for i, e := range events {
			var b bytes.Buffer
			text := func(s string) {
				_ = binary.Write(&b, binary.BigEndian, uint32(len(s)))
				b.WriteString(s)
			}
			number := func(n int64) { _ = binary.Write(&b, binary.BigEndian, n) }
			text("shouwang audit 1")
			text(before)
			number(int64(i + 1))
			number(now.UnixMicro())
			number(522633105209)
			for _, s := range []string{"wang", "522633105209", "case.act", "casefile", fmt.Sprint(i + 1), "入户核实", `{"a":"\u003c\u0026\u003e","b":1}`} {
				text(s)
			}
			sum := sm3.Sum(b.Bytes())
			if before = hex.EncodeToString(sum[:]); before != e.Hash {
				t.Errorf("event %d: %s, want %s", i+1, e.Hash, before)
			}
		}
		if r := verify(t, l); r.Broken != nil || r.Events != 2 || r.Head != (audit.Head{Seq: 2, Hash: before}) {
			t.Errorf("%+v", r)
		}
	})
}

func TestEventAndChangeAreOne(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		stop := errors.New("stop")
		err := l.Write(t.Context(), now, func(_ context.Context, tx *ledger.Tx) error {
			if err := audit.Record(tx, event("case.act", "1")); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Error(err)
		}
		for name, e := range map[string]audit.Event{
			"no actor":  {Action: "a", Object: "o"},
			"no action": {Actor: "a", Object: "o"},
			"no object": {Actor: "a", Action: "o"},
			"no reason": {Actor: "a", Action: audit.Reveal, Object: "household", Reason: " "},
			"too long":  {Actor: "a", Action: "a", Object: "o", Detail: strings.Repeat("x", audit.MaxDetail)},
			"no JSON":   {Actor: "a", Action: "a", Object: "o", Detail: func() {}},
		} {
			if err := l.Write(t.Context(), now, func(_ context.Context, tx *ledger.Tx) error { return audit.Record(tx, e) }); err == nil {
				t.Errorf("%s was recorded", name)
			}
		}
		if r := verify(t, l); r.Events != 0 || r.Broken != nil || r.Head != (audit.Head{}) {
			t.Errorf("%+v", r)
		}
		// An event that is recorded as late as by another package's Last joins the chain all the same.
		err = l.Write(t.Context(), now, func(_ context.Context, tx *ledger.Tx) error {
			if err := audit.Record(tx, event("case.act", "1")); err != nil {
				return err
			}
			tx.Last(func(context.Context) error {
				return audit.Record(tx, audit.Event{Actor: "system:x", Action: "late.one", Object: "x", Reason: "a\x00b\xff"})
			})
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if r := verify(t, l); r.Events != 2 || r.Broken != nil {
			t.Errorf("%+v", r)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		var group sync.WaitGroup
		for p := range 20 {
			group.Go(func() {
				for i := range 5 {
					err := l.Write(t.Context(), now, func(_ context.Context, tx *ledger.Tx) error {
						return errors.Join(audit.Record(tx, event("case.act", fmt.Sprint(p, i))), audit.Record(tx, event("task.close", fmt.Sprint(p, i))))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		if r := verify(t, l); r.Events != 200 || r.Broken != nil {
			t.Errorf("%+v", r)
		}
	})
}

func TestVerifyFindsTampering(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		var events []audit.Event
		for i := range 2500 { // more than one page of the walk
			events = append(events, event("case.act", fmt.Sprint(i)))
		}
		record(t, l, events...)
		whole := verify(t, l)
		if whole.Broken != nil || whole.Events != 2500 {
			t.Fatalf("%+v", whole)
		}
		if r := verify(t, l, whole.Head, audit.Head{}); r.Broken != nil {
			t.Errorf("%+v", r)
		}
		for _, c := range []struct {
			name, do, undo string
			broken         int64
			known          []audit.Head
		}{
			{"another actor", "UPDATE audit_event SET actor = 'li' WHERE seq = 2200", "UPDATE audit_event SET actor = 'wang' WHERE seq = 2200", 2200, nil},
			{"another time", "UPDATE audit_event SET at = at + 1 WHERE seq = 7", "UPDATE audit_event SET at = at - 1 WHERE seq = 7", 7, nil},
			{"fields moved", "UPDATE audit_event SET org = 'x' || org, action = 'ase.act' WHERE seq = 9", "UPDATE audit_event SET org = '522633105209', action = 'case.act' WHERE seq = 9", 9, nil},
			{"a hash", "UPDATE audit_event SET hash = '00' WHERE seq = 1", "", 1, nil},
		} {
			if c.undo == "" {
				c.undo = "UPDATE audit_event SET hash = '" + show(t, l, audit.Filter{Before: 2, Limit: 1}).Events[0].Hash + "' WHERE seq = 1"
			}
			tamper(t, l, c.do)
			if r := verify(t, l, c.known...); r.Broken == nil || r.Broken.Seq != c.broken || r.Broken.Why.ZH == "" || r.Events != c.broken-1 {
				t.Errorf("%s: %+v", c.name, r)
			}
			tamper(t, l, c.undo)
		}
		tamper(t, l, "DELETE FROM audit_event WHERE seq = 2500")
		if r := verify(t, l); r.Broken != nil {
			t.Errorf("the chain itself cannot know its end: %+v", r)
		}
		if r := verify(t, l, whole.Head); r.Broken == nil || r.Broken.Seq != 2500 {
			t.Errorf("the end cut off: %+v", r)
		}
		record(t, l, event("case.act", "another"))
		if r := verify(t, l, whole.Head); r.Broken == nil || r.Broken.Seq != 2500 {
			t.Errorf("written anew: %+v", r)
		}
		tamper(t, l, "DELETE FROM audit_event WHERE seq = 1000")
		if r := verify(t, l); r.Broken == nil || r.Broken.Seq != 1000 || r.Events != 999 {
			t.Errorf("a gap: %+v", r)
		}
	})
}

func TestShow(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		other := audit.Event{Actor: "li", Action: "account.disable", Object: "account", ObjectID: "9"}
		elsewhere := event("case_x.act", "3")
		elsewhere.Division = 522632000000
		record(t, l, event("case.act", "1"), event("case.assign", "1"), event("case.act", "2"), other, elsewhere)
		for _, c := range []struct {
			name   string
			filter audit.Filter
			want   []int64
		}{
			{"all", audit.Filter{}, []int64{5, 4, 3, 2, 1}},
			{"a village's", audit.Filter{Within: village}, []int64{3, 2, 1}},
			{"a county's", audit.Filter{Within: 522633000000}, []int64{3, 2, 1}},
			{"a province's", audit.Filter{Within: 520000000000}, []int64{5, 3, 2, 1}},
			{"another village's", audit.Filter{Within: 522633105210}, []int64{}},
			{"one object", audit.Filter{Object: "casefile", ObjectID: "1"}, []int64{2, 1}},
			{"one action", audit.Filter{Action: "case.act"}, []int64{3, 1}},
			{"a subject's actions", audit.Filter{Action: "case."}, []int64{3, 2, 1}},
			{"one actor", audit.Filter{Actor: "li"}, []int64{4}},
			{"from", audit.Filter{From: ledger.At(now).Add(1000)}, []int64{}},
			{"to", audit.Filter{To: ledger.At(now)}, []int64{}},
			{"day", audit.Filter{From: ledger.At(now), To: ledger.At(now).Add(time.Hour)}, []int64{5, 4, 3, 2, 1}},
			{"by hostile text", audit.Filter{Action: "%.", Actor: "' OR 1=1 --"}, []int64{}},
		} {
			got := []int64{}
			for _, e := range show(t, l, c.filter).Events {
				got = append(got, e.Seq)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
		var walked []int64
		f := audit.Filter{Limit: 2}
		for {
			p := show(t, l, f)
			for _, e := range p.Events {
				walked = append(walked, e.Seq)
			}
			if f.Before = p.Next; p.Next == 0 {
				break
			}
		}
		if !slices.Equal(walked, []int64{5, 4, 3, 2, 1}) {
			t.Errorf("pages: %v", walked)
		}
		err := l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
			_, err := audit.Show(ctx, tx, audit.Filter{Limit: audit.MaxPage + 1})
			return err
		})
		if errs.KindOf(err) != errs.Invalid {
			t.Error(err)
		}
	})
}

func TestExport(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		record(t, l, event("case.act", "1"), audit.Event{Actor: "system:tick", Action: "task.warn", Object: "task", ObjectID: "=1+1"})
		write := func(format, lang string, f audit.Filter) *bytes.Buffer {
			var b bytes.Buffer
			err := l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
				n, err := audit.Export(ctx, tx, &b, format, lang, f)
				if n != 2 && f.Actor == "" {
					t.Errorf("%s: %d events", format, n)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return &b
		}
		rows, err := csv.NewReader(write("csv", "zh", audit.Filter{})).ReadAll()
		if err != nil || len(rows) != 3 || rows[1][1] != "2026-11-24T08:30:00Z" || rows[2][6] != "'=1+1" || rows[1][7] != "522633105209" {
			t.Errorf("%v, %v", rows, err)
		}
		file, err := excelize.OpenReader(write("xlsx", "en", audit.Filter{}))
		if err != nil {
			t.Fatal(err)
		}
		if v, err := file.GetCellValue("Audit", "G3"); err != nil || v != "=1+1" {
			t.Errorf("%q, %v", v, err)
		}
		var events []audit.Recorded
		if err := json.Unmarshal(write("json", "zh", audit.Filter{}).Bytes(), &[]map[string]any{}); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal(write("json", "zh", audit.Filter{Actor: "nobody"}).Bytes(), &events); err != nil || len(events) != 0 {
			t.Errorf("%v, %v", events, err)
		}
		err = l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
			_, err := audit.Export(ctx, tx, &bytes.Buffer{}, "pdf", "zh", audit.Filter{})
			return err
		})
		if errs.KindOf(err) != errs.Invalid {
			t.Error(err)
		}
	})
}
