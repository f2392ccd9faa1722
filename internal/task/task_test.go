package task_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/policy"
	"shouwang/internal/task"
	packs "shouwang/policy"
)

// now is 16:30 on Tuesday, 24 November 2026 in China.
var now = time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC)

const (
	village   = accounttest.Village
	neighbour = division.Code(522633105211)
)

func day(text string) time.Time {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return d
}

// beijing is a moment by the clock on the wall in China.
func beijing(text string) time.Time {
	d, err := time.ParseInLocation("2006-01-02 15:04", text, time.FixedZone("", 8*3600))
	if err != nil {
		panic(err)
	}
	return d
}

func writeAt(t testing.TB, l *ledger.Ledger, at time.Time, fn func(context.Context, *ledger.Tx) error) {
	t.Helper()
	if err := l.Write(t.Context(), at, fn); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, l *ledger.Ledger, fn func(context.Context, *ledger.Tx) error) {
	t.Helper()
	if err := l.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func visit(id string) task.New {
	return task.New{Object: "casefile", ObjectID: id, Kind: "accepted", ZH: "入户核实", EN: "Visit and verify", Division: village, Org: account.OrgFor(account.Village, village, ""),
		Urgent: 2, Due: day("2026-12-01"), Warn: day("2026-11-29"), Escalate: day("2026-12-03")}
}

func open(t testing.TB, l *ledger.Ledger, at time.Time, n task.New) (x task.Task) {
	t.Helper()
	writeAt(t, l, at, func(ctx context.Context, tx *ledger.Tx) (err error) {
		x, err = task.Open(ctx, tx, n)
		return err
	})
	return x
}

func get(t testing.TB, l *ledger.Ledger, id string) (x task.Task) {
	t.Helper()
	read(t, l, func(ctx context.Context, tx *ledger.Tx) (err error) {
		x, err = task.Get(ctx, tx, account.SystemActor("test"), id)
		return err
	})
	return x
}

func tick(t testing.TB, l *ledger.Ledger, at time.Time) task.Ticked {
	t.Helper()
	done, err := task.NewService(l).Tick(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func toldOf(t testing.TB, l *ledger.Ledger, id string) (orgs []string) {
	t.Helper()
	read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Table("task_told").Column("org").Where("task = ?", id).OrderExpr("length(org) DESC").Scan(ctx, &orgs)
	})
	return orgs
}

func TestDeadlines(t *testing.T) {
	pack, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	c := task.Calendar(pack)
	for _, x := range []struct {
		from    string
		n       int
		working bool
		want    string
	}{
		{"2026-11-24", 5, false, "2026-11-29"}, {"2026-11-24", 5, true, "2026-12-01"}, {"2026-11-28", 1, true, "2026-11-30"}, // over a week-end
		{"2026-09-30", 1, true, "2026-10-08"},  // National Day, 1 to 7 October
		{"2026-02-28", 1, false, "2026-03-01"}, // end of a month
	} {
		got, err := task.Deadline(c, day(x.from), x.n, x.working)
		if err != nil || got.Format(time.DateOnly) != x.want {
			t.Errorf("%+v: %v, %v", x, got, err)
		}
	}
	if _, err := task.Deadline(c, day("2031-01-01"), 3, true); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a year without holidays: %v", err)
	}
}

// A village's visit that nobody makes goes up: township, county, prefecture, and no further.
func TestLife(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		x := open(t, l, now, visit("c1"))
		if x.Due.Go() != beijing("2026-12-02 00:00").UTC() || x.Warn.Go() != beijing("2026-11-29 00:00").UTC() {
			t.Errorf("due %v, warn %v", x.Due, x.Warn)
		}
		for _, c := range []struct {
			at             string
			warned, over   bool
			told           []string
			warn, due, esc int64 // what the tick did
		}{
			{"2026-11-24 17:00", false, false, nil, 0, 0, 0},
			{"2026-11-28 23:59", false, false, nil, 0, 0, 0},
			{"2026-11-29 00:00", true, false, nil, 1, 0, 0},
			{"2026-11-29 00:00", true, false, nil, 0, 0, 0}, // twice
			{"2026-12-01 23:59", true, false, nil, 0, 0, 0}, // the last day counts in full
			{"2026-12-02 00:00", true, true, nil, 0, 1, 0},
			{"2026-12-03 23:59", true, true, nil, 0, 0, 0},
			{"2026-12-04 00:00", true, true, []string{"522633105"}, 0, 0, 1},
			{"2026-12-05 00:00", true, true, []string{"522633105"}, 0, 0, 0},
			{"2026-12-06 00:00", true, true, []string{"522633105", "522633"}, 0, 0, 1},
			{"2026-12-20 00:00", true, true, []string{"522633105", "522633", "5226"}, 0, 0, 1},
			{"2027-12-20 00:00", true, true, []string{"522633105", "522633", "5226"}, 0, 0, 0},
		} {
			if got, want := tick(t, l, beijing(c.at)), (task.Ticked{Warned: c.warn, Overdue: c.due, Escalated: c.esc}); got != want {
				t.Errorf("%s: %+v, want %+v", c.at, got, want)
			}
			got := get(t, l, x.ID)
			if told := toldOf(t, l, x.ID); (got.Warned != 0) != c.warned || (got.Overdue != 0) != c.over || !slices.Equal(told, c.told) || got.Told != len(c.told) || got.Version != 1 {
				t.Errorf("%s: %+v, told %v", c.at, got, told)
			}
		}
		// All that at once, after a server had stood still for a month.
		late := open(t, l, now, visit("c2"))
		if got, want := tick(t, l, beijing("2027-01-04 09:00")), (task.Ticked{Overdue: 1, Escalated: 3}); got != want {
			t.Errorf("%+v", got)
		}
		if told := toldOf(t, l, late.ID); !slices.Equal(told, []string{"522633105", "522633", "5226"}) {
			t.Errorf("told %v", told)
		}
		// A task that is closed moves no more; one object has one open task.
		writeAt(t, l, now, func(ctx context.Context, tx *ledger.Tx) error {
			if _, err := task.Open(ctx, tx, visit("c2")); errs.KindOf(err) != errs.Conflict {
				t.Errorf("a second task: %v", err)
			}
			had, err := task.Close(ctx, tx, "casefile", "c2", "verify_true")
			if !had {
				t.Error("none closed")
			}
			again, err2 := task.Close(ctx, tx, "casefile", "c2", "verify_true")
			if again {
				t.Error("closed twice")
			}
			_, err3 := task.Open(ctx, tx, visit("c2"))
			return errors.Join(err, err2, err3)
		})
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			all, err := task.History(ctx, tx, "casefile", "c2")
			if len(all) != 2 || all[0].Outcome != "verify_true" || all[0].Closed == 0 || all[1].Closed != 0 {
				t.Errorf("%+v", all)
			}
			_, is, err2 := task.Of(ctx, tx, "casefile", "none")
			if is {
				t.Error("a task of nothing")
			}
			return errors.Join(err, err2)
		})
		if r, err := audit.Verify(t.Context(), l); err != nil || r.Broken != nil || r.Events == 0 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// After any ticks at any times, forwards and backwards, a tick at a time leaves what that time alone asks for.
func TestAnyClock(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		n := 0
		rapid.Check(t, func(r *rapid.T) {
			n++
			x := visit(fmt.Sprint("c", n))
			due := rapid.IntRange(0, 10).Draw(r, "due")
			x.Due = day("2026-12-01").AddDate(0, 0, due)
			x.Warn, x.Escalate = time.Time{}, time.Time{}
			if w := rapid.IntRange(-1, 5).Draw(r, "warn"); w >= 0 {
				x.Warn = x.Due.AddDate(0, 0, -w)
			}
			esc := rapid.IntRange(-1, 4).Draw(r, "escalate")
			if esc >= 0 {
				x.Escalate = x.Due.AddDate(0, 0, esc)
			}
			id := open(t, l, now, x).ID
			var last time.Time
			for range rapid.IntRange(1, 6).Draw(r, "ticks") {
				last = now.Add(time.Duration(rapid.IntRange(0, 40*24).Draw(r, "hours")) * time.Hour)
				tick(t, l, last)
			}
			// Worked out from the days alone.
			china := last.In(time.FixedZone("", 8*3600))
			today := day(china.Format(time.DateOnly))
			over := today.After(x.Due)
			warned := !x.Warn.IsZero() && x.Warn.Before(x.Due) && !today.Before(x.Warn)
			told := 0
			if esc >= 0 {
				step := max(esc, 1)
				for at := x.Due.AddDate(0, 0, esc+1); !at.After(today) && told < 3; at = at.AddDate(0, 0, step) {
					told++
				}
			}
			got := get(t, l, id)
			if (got.Overdue != 0) != over || !over && (got.Warned != 0) != warned || got.Told != told || len(toldOf(t, l, id)) != told {
				r.Fatalf("at %v: %+v; overdue %v, warned %v, told %d", china, got, over, warned, told)
			}
			if again := tick(t, l, last); again != (task.Ticked{}) {
				r.Fatalf("a second tick at the same time did %+v", again)
			}
		})
	})
}

func TestPause(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		actors := accounttest.Actors(village)
		county := actors[account.County]
		pause := func(at time.Time, actor account.Actor, id string, version int64, why string) (x task.Task, err error) {
			err = l.Write(t.Context(), at, func(ctx context.Context, tx *ledger.Tx) (err error) {
				x, err = task.Pause(ctx, tx, actor, id, version, why)
				return err
			})
			return x, err
		}
		resume := func(at time.Time, id string, version int64) (x task.Task, err error) {
			err = l.Write(t.Context(), at, func(ctx context.Context, tx *ledger.Tx) (err error) {
				x, err = task.Resume(ctx, tx, county, id, version)
				return err
			})
			return x, err
		}
		x := open(t, l, now, visit("c1"))
		for name, c := range map[string]struct {
			actor   account.Actor
			version int64
			why     string
			kind    errs.Kind
		}{
			"by the village":      {actors[account.Village], 1, "x", errs.Refused},
			"without a reason":    {county, 1, " ", errs.Invalid},
			"on an old copy":      {county, 9, "x", errs.Conflict},
			"from another county": {func() account.Actor { a := county; a.Division = 522632000000; return a }(), 1, "x", errs.NotFound},
		} {
			if _, err := pause(now, c.actor, x.ID, c.version, c.why); errs.KindOf(err) != c.kind {
				t.Errorf("%s: %v", name, err)
			}
		}
		tick(t, l, beijing("2026-11-29 08:00")) // warned
		x, err := pause(beijing("2026-11-30 10:00"), county, x.ID, 1, "道路中断，无法入户")
		if err != nil || x.Paused == 0 {
			t.Fatalf("%+v, %v", x, err)
		}
		if _, err := pause(now, county, x.ID, x.Version, "x"); errs.KindOf(err) != errs.Conflict {
			t.Errorf("paused twice: %v", err)
		}
		if got := tick(t, l, beijing("2026-12-30 08:00")); got != (task.Ticked{}) {
			t.Errorf("a paused task moved: %+v", got)
		}
		// Paused for five days and three hours: 1 December becomes 7 December, the day that comes out counting in full.
		x, err = resume(beijing("2026-12-05 13:00"), x.ID, x.Version)
		if err != nil || x.Due.Go() != beijing("2026-12-08 00:00").UTC() || x.Escalate.Go() != beijing("2026-12-10 00:00").UTC() || x.Warn.Go() != beijing("2026-12-04 00:00").UTC() {
			t.Errorf("due %v, escalate %v, warn %v, %v", x.Due.Go(), x.Escalate.Go(), x.Warn.Go(), err)
		}
		if _, err := resume(now, x.ID, x.Version); errs.KindOf(err) != errs.Conflict {
			t.Errorf("resumed twice: %v", err)
		}
		if got := tick(t, l, beijing("2026-12-07 23:00")); got != (task.Ticked{}) {
			t.Errorf("%+v", got)
		}
		if got := tick(t, l, beijing("2026-12-08 00:00")); got.Overdue != 1 {
			t.Errorf("%+v", got)
		}
		// What was overdue when it was paused is so afterwards.
		if x, err = pause(beijing("2026-12-08 10:00"), county, x.ID, x.Version, "x"); err != nil {
			t.Fatal(err)
		}
		if x, err = resume(beijing("2026-12-09 10:00"), x.ID, x.Version); err != nil || x.Due.Go() != beijing("2026-12-08 00:00").UTC() || x.Overdue == 0 {
			t.Errorf("%+v, %v", x, err)
		}
	})
}

func TestInboxAndScope(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		s := accounttest.Service(t, l)
		actors, _ := accounttest.Staff(t, l, s, now, village)
		worker := actors[account.Village]
		var all []task.New
		for i := range 130 {
			n := visit(fmt.Sprint("a", i))
			n.Due = n.Due.AddDate(0, 0, i%7)
			if i%3 == 0 {
				n.Account = worker.Account
			}
			if i%13 == 1 {
				n.Account = "somebody-else"
			}
			all = append(all, n)
		}
		other := visit("b1")
		other.Division, other.Org = neighbour, account.OrgFor(account.Village, neighbour, "")
		order := visit("o1")
		order.Object, order.Org = "order", account.OrgFor(account.Department, village, accounttest.Department)
		all = append(all, other, order)
		writeAt(t, l, now, func(ctx context.Context, tx *ledger.Tx) error { return task.OpenAll(ctx, tx, all) })
		if err := l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error { return task.OpenAll(ctx, tx, all[:1]) }); err == nil {
			t.Error("a second task of one object")
		}

		type lister func(context.Context, *ledger.Tx, account.Actor, task.Filter) (task.Page, error)
		walk := func(list lister, actor account.Actor, f task.Filter) (got []task.Task) {
			t.Helper()
			read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
				for {
					p, err := list(ctx, tx, actor, f)
					if err != nil {
						return err
					}
					got = append(got, p.Tasks...)
					if f.After = p.Next; p.Next == "" {
						return nil
					}
				}
			})
			ids := map[string]bool{}
			for i, x := range got {
				if ids[x.ID] || i > 0 && (got[i-1].Due > x.Due || got[i-1].Due == x.Due && got[i-1].ID > x.ID) {
					t.Errorf("%s: twice or out of order", x.ID)
				}
				ids[x.ID] = true
			}
			return got
		}
		mine, free, theirs := 0, 0, 0
		for _, n := range all[:130] {
			switch n.Account {
			case worker.Account:
				mine++
			case "":
				free++
			default:
				theirs++
			}
		}
		for _, c := range []struct {
			name  string
			list  lister
			actor account.Actor
			f     task.Filter
			want  int
		}{
			{"the worker's in-box", task.Inbox, worker, task.Filter{Limit: 7}, mine + free},
			{"the worker's own", task.Inbox, worker, task.Filter{Account: worker.Account}, mine},
			{"the village's", task.List, worker, task.Filter{Limit: 50}, 131},
			{"the village's at another place", task.List, worker, task.Filter{Under: neighbour}, 0},
			{"the township's", task.List, actors[account.Township], task.Filter{Limit: 200}, 132},
			{"the county's", task.List, actors[account.County], task.Filter{Limit: 11}, 132},
			{"the county's, of one village", task.List, actors[account.County], task.Filter{Under: neighbour}, 1},
			{"a department's", task.List, actors[account.Department], task.Filter{}, 1},
			{"a department's in-box", task.Inbox, actors[account.Department], task.Filter{}, 1},
			{"another county's", task.List, func() account.Actor { a := actors[account.County]; a.Division = 522632000000; return a }(), task.Filter{}, 0},
			{"of one kind", task.List, actors[account.County], task.Filter{Object: "order", Kind: "accepted"}, 1},
			{"by day", task.List, actors[account.County], task.Filter{DueUntil: beijing("2026-12-02 00:00")}, 19 + 2},
			{"overdue", task.List, actors[account.County], task.Filter{State: "overdue"}, 0},
			{"in time", task.List, actors[account.County], task.Filter{State: "in_time", Urgent: 2}, 132},
			{"told", task.Told, actors[account.Township], task.Filter{}, 0},
		} {
			if got := walk(c.list, c.actor, c.f); len(got) != c.want {
				t.Errorf("%s: %d tasks, want %d", c.name, len(got), c.want)
			}
		}
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			for _, role := range []account.Role{account.Policy, account.Auditor, account.Admin} {
				for _, list := range []lister{task.Inbox, task.List, task.Told} {
					if _, err := list(ctx, tx, actors[role], task.Filter{}); errs.KindOf(err) != errs.Refused {
						t.Errorf("%s: %v", role, err)
					}
				}
			}
			for _, f := range []task.Filter{{State: "x"}, {After: "x"}, {After: "eHg"}} {
				if _, err := task.List(ctx, tx, worker, f); errs.KindOf(err) != errs.Invalid {
					t.Errorf("%+v: %v", f, err)
				}
			}
			return nil
		})
		// Three days late: the township was told of the visits, the county of the department's order.
		tick(t, l, beijing("2026-12-04 00:00"))
		if got := walk(task.Told, actors[account.Township], task.Filter{}); len(got) != 57+1 {
			t.Errorf("the township was told of %d", len(got))
		}
		if got := walk(task.Told, actors[account.County], task.Filter{}); len(got) != 1 || got[0].Object != "order" {
			t.Errorf("the county was told of %d", len(got))
		}
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			counts, err := task.Counts(ctx, tx, actors[account.County], 0)
			if len(counts) != 3 || counts[0].Org != "522633105209" || counts[0].Open != 130 || counts[0].Overdue != 3*19 {
				t.Errorf("%+v", counts)
			}
			return err
		})

		// Handing on.
		x := walk(task.Inbox, worker, task.Filter{Limit: 200})
		var freeTask, myTask task.Task
		for _, one := range x {
			if one.Account == "" {
				freeTask = one
			} else {
				myTask = one
			}
		}
		assign := func(actor account.Actor, x task.Task, to string) (got task.Task, err error) {
			err = l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) (err error) {
				got, err = task.Assign(ctx, tx, actor, x.ID, x.Version, to)
				return err
			})
			return got, err
		}
		got, err := assign(worker, freeTask, worker.Account)
		if err != nil || got.Account != worker.Account {
			t.Errorf("taking one: %+v, %v", got, err)
		}
		if _, err := assign(worker, freeTask, ""); errs.KindOf(err) != errs.Conflict {
			t.Errorf("an old copy: %v", err)
		}
		if got, err = assign(worker, got, ""); err != nil || got.Account != "" {
			t.Errorf("giving it back: %+v, %v", got, err)
		}
		if _, err := assign(worker, myTask, actors[account.Township].Account); errs.KindOf(err) != errs.Refused {
			t.Errorf("a worker hands on: %v", err)
		}
		for name, to := range map[string]string{"nobody": "none", "a person of no such place": actors[account.Department].Account + "x"} {
			if _, err := assign(actors[account.Township], myTask, to); errs.KindOf(err) != errs.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got, err = assign(actors[account.Township], myTask, actors[account.Township].Account); err != nil || got.Org != "522633105" {
			t.Errorf("to the township: %+v, %v", got, err)
		}
	})
}

func TestDigests(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		s := accounttest.Service(t, l)
		actors, _ := accounttest.Staff(t, l, s, now, village)
		worker := actors[account.Village]
		for i, n := range []struct {
			due     string
			account string
		}{{"2026-12-01", ""}, {"2026-12-02", ""}, {"2026-12-05", worker.Account}, {"2026-12-06", ""}, {"2026-12-30", worker.Account}, {"2026-12-01", "somebody-else"}} {
			x := visit(fmt.Sprint(i))
			x.Due, x.Account = day(n.due), n.account
			x.Warn, x.Escalate = x.Due.AddDate(0, 0, -4), x.Due
			open(t, l, now, x)
		}
		at := beijing("2026-12-02 06:59")
		tick(t, l, at)
		service := task.NewService(l)
		if n, err := service.Digests(t.Context(), at); n != 0 || err != nil {
			t.Errorf("too early: %d, %v", n, err)
		}
		at = at.Add(time.Minute)
		for i, want := range []int{2, 0} { // once a day
			if n, err := service.Digests(t.Context(), at); n != want || err != nil {
				t.Errorf("time %d: %d digests, %v", i+1, n, err)
			}
		}
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			d, ok, err := task.Newest(ctx, tx, worker)
			if !ok || d.Day != "2026-12-02" || d.ZH != "已超期 1 件，今天到期 1 件，即将到期 2 件，其他待办 1 件。" || d.EN != "1 overdue, 1 due today, 2 due soon, 1 other task." {
				t.Errorf("%+v, %v", d, err)
			}
			d, ok, err2 := task.Newest(ctx, tx, actors[account.Township])
			if !ok || d.Escalated != 2 || d.ZH != "下级超期上报 2 件。" || !strings.Contains(d.EN, "2 overdue tasks of units below") {
				t.Errorf("%+v, %v", d, err2)
			}
			_, ok, err3 := task.Newest(ctx, tx, actors[account.Province])
			if ok {
				t.Error("a digest of nothing")
			}
			return errors.Join(err, err2, err3)
		})
		if n, err := service.Digests(t.Context(), at.AddDate(0, 0, 1)); n != 2 || err != nil {
			t.Errorf("the next day: %d, %v", n, err)
		}
	})
}

// TestMine: what stands in somebody's in-box is counted by kind, what is another's is not.
func TestMine(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		worker := accounttest.Actors(village)[account.Village]
		writeAt(t, l, now.AddDate(0, 0, -9), func(ctx context.Context, tx *ledger.Tx) error {
			for i, x := range []struct {
				kind, org, account, due string
			}{
				{"accepted", worker.Org, "", "2026-11-24"}, {"accepted", worker.Org, worker.Account, "2026-11-23"}, {"accepted", worker.Org, "", "2026-11-25"}, {"received", worker.Org, "", "2026-11-24"},
				{"accepted", worker.Org, "somebody-else", "2026-11-20"}, {"accepted", account.OrgID(neighbour, ""), "", "2026-11-20"},
			} {
				_, err := task.Open(ctx, tx, task.New{Object: "casefile", ObjectID: fmt.Sprint("mine", i), Kind: x.kind, ZH: "办", EN: "do", Division: village, Org: x.org, Account: x.account, Due: day(x.due)})
				if err != nil {
					return err
				}
			}
			return nil
		})
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			got, err := task.Mine(ctx, tx, worker, now)
			want := []task.Standing{{Kind: "accepted", ZH: "办", EN: "do", Open: 3, Today: 1, Overdue: 1}, {Kind: "received", ZH: "办", EN: "do", Open: 1, Today: 1}}
			if !slices.Equal(got, want) {
				t.Errorf("%+v", got)
			}
			return err
		})
	})
}

// How deadlines were kept, where one may look: tasks done in time and late, and those that are overdue now.
func TestDeadlinesKept(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		at := beijing("2026-11-20 09:00")
		for i, done := range []string{"2026-11-25 10:00", "2026-12-01 23:00", "2026-12-02 01:00", ""} {
			id := fmt.Sprint("c", i)
			open(t, l, at, visit(id))
			if done == "" {
				continue
			}
			writeAt(t, l, beijing(done), func(ctx context.Context, tx *ledger.Tx) error {
				_, err := task.Close(ctx, tx, "casefile", id, "record_visit")
				return err
			})
		}
		actors := accounttest.Actors(village)
		kept := func(actor account.Actor, under division.Code, since string) (k task.Kept) {
			t.Helper()
			read(t, l, func(ctx context.Context, tx *ledger.Tx) (err error) {
				k, err = task.Deadlines(ctx, tx, actor, under, beijing(since), beijing("2026-12-05 08:00"))
				return err
			})
			return k
		}
		want := task.Kept{Closed: 3, InTime: 2, Open: 1, Overdue: 1}
		for _, role := range []account.Role{account.Province, account.County, account.Village, account.Policy} {
			if k := kept(actors[role], 0, "2026-11-01 00:00"); k != want {
				t.Errorf("%s: %+v", role, k)
			}
		}
		if k := kept(actors[account.County], neighbour, "2026-11-01 00:00"); k != (task.Kept{}) {
			t.Errorf("another village: %+v", k)
		}
		if k := kept(actors[account.County], village, "2026-12-01 00:00"); k.Closed != 2 || k.InTime != 1 {
			t.Errorf("since December: %+v", k)
		}
	})
}
