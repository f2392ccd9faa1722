package app_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/amendment"
	"shouwang/internal/app"
	"shouwang/internal/config"
	"shouwang/internal/evaluate"
	"shouwang/internal/intake"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/synth"
)

// screened is a program over a synthetic county that was screened.
func screened(t *testing.T) *app.App {
	t.Helper()
	dir := t.TempDir()
	a := newApp(t, config.Config{Data: filepath.Join(dir, "county"), Keyring: filepath.Join(dir, "county.keyring"), Threads: 2})
	if err := a.Create(t.Context(), now, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	files := filepath.Join(dir, "files")
	if _, err := synth.Generate(t.Context(), synth.Options{Out: files, Division: 522633000000, Households: 350, Seed: 7, AsOf: now, Pack: a.Pack, Tree: a.Tree}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Intake().Files(t.Context(), []string{filepath.Join(files, "files")}, intake.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	screen(t, a.Screening())
	return a
}

func screen(t *testing.T, s *screening.Service) screening.Summary {
	t.Helper()
	sum, err := s.Run(t.Context(), screening.Options{AsOf: now, Now: now, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// officers are two policy officers of the province.
func officers() (first, second account.Actor) {
	first = accounttest.Actors(accounttest.Village)[account.Policy]
	first.Account, first.Org, first.Division = "test-first", "520000", 520000000000
	second = first
	second.Account = "test-second"
	return first, second
}

// draft is an amendment that moves the line from a day on.
func draft(t *testing.T, a *app.App, who account.Actor, from string, value float64) *amendment.Draft {
	t.Helper()
	day, err := time.Parse(time.DateOnly, from)
	if err != nil {
		t.Fatal(err)
	}
	text, err := policy.SetValue(a.Pack.Files["parameters.yaml"], "line", "", day, value, "黔农发 7")
	if err != nil {
		t.Fatal(err)
	}
	d, err := a.Amendments().Begin(t.Context(), who, now, "监测线", "黔农发 7", map[string][]byte{"parameters.yaml": text})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// hit is one household's rules of a run, as the warehouse's table has them.
type hit struct {
	household int64
	risk      string
}

func hitsOf(t *testing.T, a *app.App, run int64) (risks map[hit]bool, rules map[string]map[int64]bool) {
	t.Helper()
	rows, err := a.Warehouse.DB().QueryContext(t.Context(), "SELECT household_id, risk, rule FROM hit WHERE class <> 'doubt' AND run = "+fmt.Sprint(run))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	risks, rules = map[hit]bool{}, map[string]map[int64]bool{}
	for rows.Next() {
		var h hit
		var rule string
		if err := rows.Scan(&h.household, &h.risk, &rule); err != nil {
			t.Fatal(err)
		}
		risks[h] = true
		if rules[rule] == nil {
			rules[rule] = map[int64]bool{}
		}
		rules[rule][h.household] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return risks, rules
}

// TestBacktestAgainstScreenings: what a back-test says of the past, said again by real screenings with either pack and by what-if, which decide in SQL.
func TestBacktestAgainstScreenings(t *testing.T) {
	a := screened(t)
	first, _ := officers()
	d := draft(t, a, first, "2027-01-01", 11000)
	pack, err := a.Amendments().Pack(d)
	if err != nil {
		t.Fatal(err)
	}
	before, rules := hitsOf(t, a, 1)
	// Every fifth household is judged, for two risks; what staff found is made up.
	var list []evaluate.Judgement
	labels := []string{"true", "false_alarm", "known", "false_alarm"}
	rows, err := a.Warehouse.DB().QueryContext(t.Context(), "SELECT household_id FROM household ORDER BY household_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for i := 0; rows.Next(); i++ {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		for k, risk := range []string{"illness", "other"} {
			if (i+k)%2 == 0 {
				list = append(list, evaluate.Judgement{Household: id, Risk: risk, Label: labels[(i/2+k)%4], Run: int64(i % 2), Received: now.Add(time.Hour), Verified: now.Add(48 * time.Hour)})
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	list = append(list, evaluate.Judgement{Household: 1, Label: "true", Received: now.AddDate(-1, 0, 0)}) // before anything was screened
	got, err := evaluate.Try(t.Context(), a.Screening(), a.Pack, pack, list, evaluate.BacktestOptions{Precision: 0.9, Least: 3})
	if err != nil {
		t.Fatal(err)
	}
	list = list[:len(list)-1]
	whatIf, err := a.Screening().WhatIf(t.Context(), screening.Question{Set: map[string]float64{"line": 11000}})
	if err != nil {
		t.Fatal(err)
	}
	w, total := got.Would, whatIf.Total
	if w.Before != total.Before || w.After != total.After || w.Enter != total.Enter || w.EnterPersons != total.EnterPersons || w.Leave != total.Leave || w.LeavePersons != total.LeavePersons || w.Worse != total.Worse || w.Better != total.Better || w.Enter == 0 {
		t.Errorf("would warn %+v, what-if says %+v", w, total)
	}
	then := policy.Backdate(a.Pack, pack)
	if sum := screen(t, a.Screening().Under(then)); sum.Run != 2 {
		t.Fatalf("run %d", sum.Run)
	}
	after, rulesAfter := hitsOf(t, a, 2)
	score := func(risks map[hit]bool) (s evaluate.Score) {
		hardships := 0
		for _, j := range list {
			right := j.Label != "false_alarm"
			if right {
				hardships++
			}
			if risks[hit{j.Household, j.Risk}] {
				s.Hit++
				if right {
					s.Right++
				}
			}
		}
		s.Recall, s.Precision = float64(s.Right)/float64(hardships), float64(s.Right)/float64(max(1, s.Hit))
		return s
	}
	if want := score(before); got.Before != want || want.Hit == 0 {
		t.Errorf("before: %+v, the screening says %+v", got.Before, want)
	}
	if want := score(after); got.After != want || want.Hit <= got.Before.Hit {
		t.Errorf("after: %+v, the screening says %+v", got.After, want)
	}
	if got.Judged != len(list) || got.TooEarly != 1 || len(got.Runs) != 1 {
		t.Errorf("%d judged, %d too early, runs %v", got.Judged, got.TooEarly, got.Runs)
	}
	of := func(rule string, households map[int64]bool) (n int) {
		for _, j := range list {
			if r := a.Pack.Rule(rule); households[j.Household] && r.Risk == j.Risk {
				n++
			}
		}
		return n
	}
	mended := 0
	for _, r := range got.Rules {
		if b, f := of(r.Rule, rules[r.Rule]), of(r.Rule, rulesAfter[r.Rule]); r.Before.Hit != b || r.After.Hit != f {
			t.Errorf("%s: %d → %d, the screenings say %d → %d", r.Rule, r.Before.Hit, r.After.Hit, b, f)
		}
		if r.Mend == nil {
			continue
		}
		mended++
		if mended > 1 {
			continue
		}
		// The mended threshold, screened with.
		q, err := then.WithParam(map[string]float64{r.Mend.Parameter: r.Mend.To})
		if err != nil {
			t.Fatal(err)
		}
		sum := screen(t, a.Screening().Under(q))
		risks, rules := hitsOf(t, a, sum.Run)
		if n := of(r.Rule, rules[r.Rule]); n != r.Mend.Rule.Hit {
			t.Errorf("%s with %s = %v hits %d judged ones, the screening %d", r.Rule, r.Mend.Parameter, r.Mend.To, r.Mend.Rule.Hit, n)
		}
		if want := score(risks); r.Mend.Pack != want {
			t.Errorf("%s with %s = %v: the pack %+v, the screening says %+v", r.Rule, r.Mend.Parameter, r.Mend.To, r.Mend.Pack, want)
		}
		if r.Mend.Rule.Precision <= r.After.Precision {
			t.Errorf("%s: mended from %v to %v", r.Rule, r.After.Precision, r.Mend.Rule.Precision)
		}
	}
	if mended == 0 {
		t.Error("no rule is mended")
	}
}

// TestTheApprovedPackIsUsed: from its day on, and after a restart, the program screens with the amended pack; before that with the old one.
func TestTheApprovedPackIsUsed(t *testing.T) {
	a := screened(t)
	ctx := t.Context()
	first, second := officers()
	d := draft(t, a, first, "2026-11-25", 9000)
	report, err := a.TestAmendment(ctx, first, now, d.ID, nil)
	if err != nil || len(report.Failures) > 0 || report.Examples < 100 || report.Backtest == nil || report.Backtest.Would == nil {
		t.Fatalf("%+v, %v", report, err)
	}
	s := a.Amendments()
	if d, err = s.Get(ctx, first, d.ID); err != nil || d.State != amendment.Tested {
		t.Fatalf("%+v, %v", d.Amendment, err)
	}
	if d, err = s.Submit(ctx, first, now, d.ID, d.Version, "2026-11-25"); err != nil {
		t.Fatal(err)
	}
	if d, err = s.Approve(ctx, second, now, d.ID, d.Version); err != nil {
		t.Fatal(err)
	}
	if same, err := a.Next(ctx, now); err != nil || same != a {
		t.Fatalf("the day before: another program, %v", err)
	}
	old := a.Pack.Hash
	tomorrow := now.Add(24 * time.Hour)
	next, err := a.Next(ctx, tomorrow)
	if err != nil || next == a || next.Pack.Hash != d.Result || a.Pack.Hash != old || next.Place() != 1 {
		t.Fatalf("on its day: %v", err)
	}
	if again, err := next.Next(ctx, tomorrow); err != nil || again != next {
		t.Errorf("asked again: another program, %v", err)
	}
	sum, err := next.Screening().Run(ctx, screening.Options{AsOf: tomorrow, Now: tomorrow})
	if err != nil || sum.PackHash != d.Result {
		t.Fatalf("the screening used %s, %v", sum.PackHash, err)
	}
	// What the first run said is still explained by the pack that it used.
	if kept, err := next.Screening().KeptPack(old); err != nil || kept.Hash != old {
		t.Errorf("the old pack: %v", err)
	}
	// The whole program again, as after a restart or a kill.
	if err := next.Close(); err != nil || a.Ledger == nil {
		t.Fatalf("the next one closed the stores: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := newApp(t, a.Config)
	if err := b.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.UsePolicy(ctx, now); err != nil || b.Pack.Hash != old {
		t.Errorf("started the day before: %s, %v", b.Pack.Hash, err)
	}
	if err := b.UsePolicy(ctx, tomorrow); err != nil || b.Pack.Hash != d.Result {
		t.Errorf("started on its day: %s, %v", b.Pack.Hash, err)
	}
}
