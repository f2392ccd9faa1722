package demo_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/config"
	"shouwang/internal/demo"
	"shouwang/internal/division"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/screening"
	"shouwang/internal/synth"
	"shouwang/internal/task"
)

// TestPlay: the stories leave cases in every state that they aim at, tasks in time, due, overdue and told to the level above, orders in every state,
// verified warnings of many rules, and a whole audit chain; the same again is the same.
func TestPlay(t *testing.T) {
	now := time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)
	first := play(t, now)
	second := play(t, now)
	if len(first) == 0 || len(first) != len(second) {
		t.Fatalf("%d and %d counts", len(first), len(second))
	}
	for i := range first {
		if first[i] != second[i] {
			t.Errorf("not the same again: %+v and %+v", first[i], second[i])
		}
	}
}

func play(t *testing.T, now time.Time) []casework.Count {
	ctx := t.Context()
	dir := t.TempDir()
	cfg, err := config.Config{Data: filepath.Join(dir, "data"), Threads: 2}.Resolve(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Create(ctx, demo.Begins(now), true); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	village := division.Code(522633105209)
	_, err = synth.Generate(ctx, synth.Options{Out: filepath.Join(dir, "files"), Division: 522633000000, Households: 1500, Seed: 3, AsOf: now, Pack: a.Pack, Tree: a.Tree})
	must(err)
	_, err = a.Intake().Files(ctx, []string{filepath.Join(dir, "files", "files")}, intake.Options{Now: now})
	must(err)
	screen := func(day time.Time) error {
		_, err := a.Screening().Run(ctx, screening.Options{AsOf: day, Now: now, Full: true})
		return err
	}
	must(screen(demo.Screened(now)))
	again := 0
	r, err := demo.Play(ctx, a, demo.Options{Now: now, Village: village, Second: func() error { again++; return screen(now) }})
	must(err)
	if r.Short != 0 || again != 1 || r.Acts < 500 || r.Applications < 5 || r.Staff < 8 {
		t.Errorf("short %d (%s), screened again %d, acts %d, applications %d, staff %d", r.Short, r.Why, again, r.Acts, r.Applications, r.Staff)
	}
	in := map[string]int{}
	for _, c := range r.Cases {
		in[c.State] += c.Cases
	}
	for _, st := range a.Pack.Workflow.States {
		if in[st.ID] == 0 {
			t.Errorf("no case is %s", st.ID)
		}
	}
	if v, err := audit.Verify(ctx, a.Ledger); err != nil || v.Broken != nil || v.Events < 500 {
		t.Errorf("the chain: %+v %v", v, err)
	}
	system := account.SystemActor("test")
	plans, err := a.Plans()
	must(err)
	for _, state := range []string{"sent", "accepted", "rejected", "done"} {
		page, err := plans.Orders(ctx, system, measure.OrderFilter{State: state})
		if err != nil || len(page.Orders) == 0 {
			t.Errorf("no order is %s (%v)", state, err)
		}
	}
	for _, state := range []string{"overdue", "soon", "in_time"} {
		must(a.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			page, err := task.List(ctx, tx, system, task.Filter{State: state})
			if err == nil && len(page.Tasks) == 0 {
				t.Errorf("no task is %s", state)
			}
			return err
		}))
	}
	cases, err := a.Casework()
	must(err)
	precision, err := cases.Precision(ctx, system, 522633000000, now.AddDate(0, -1, 0), now)
	must(err)
	found, wrong := 0, 0
	for _, x := range precision {
		found += x.True
		wrong += x.FalseAlarm
	}
	if found < 10 || wrong < 5 {
		t.Errorf("verified warnings: %d true, %d false alarms", found, wrong)
	}
	return r.Cases
}
