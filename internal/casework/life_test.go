package casework_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/task"
)

// publicised carries a household until its notice hangs.
func (w *world) publicised(household int64) *casework.Case {
	w.t.Helper()
	w.receive(signal(household, "illness", 3))
	c := w.act(account.Village, w.of(household), "accept", nil)
	c = w.act(account.Village, c, "record_visit", w.visit(nil))
	c = w.act(account.Village, c, "verify_true", form{"risks": []any{form{"risk": "illness"}}})
	c = w.act(account.Village, c, "authorise", form{"signed_on": w.day(), "signer": "proxy", "handprint": true, "scope": []any{"hukou"}, "letter": []any{hash}})
	c = w.act(account.Township, c, "finish_comparison", form{"checked_before": true})
	c = w.act(account.Village, c, "appraise", minutes(w))
	return w.act(account.Village, c, "publicise", form{"posted_on": w.day()})
}

// TestObjection: an objection stops the review until somebody has looked into it; unfounded, the same notice runs on; founded, the household is
// told why it is not identified. There is no second notice in a round, and a new round after a send-back.
func TestObjection(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		c := w.publicised(6001)
		w.later(2)
		c = w.act(account.Village, c, "object", form{"reason": "家里有门面房"})
		if _, err := w.try(account.Township, c, "township_review", form{"opinion": "同意"}); errs.KindOf(err) != errs.Conflict {
			t.Errorf("reviewed while an objection is open: %v", err)
		}
		c = w.act(account.Township, c, "dismiss_objection", form{"reason": "门面房已于去年出售"})
		w.refused(account.Township, c, "township_review", form{"opinion": "同意"}, "publicity_over")
		w.later(3)
		c = w.act(account.Township, c, "township_review", form{"opinion": "同意"})
		c = w.act(account.County, c, "send_back", form{"reason": "评议记录不全"})
		if c.State != "accepted" || c.Round != 2 {
			t.Errorf("sent back: %s round %d", c.State, c.Round)
		}
		w.refused(account.Village, c, "verify_true", form{"risks": []any{form{"risk": "illness"}}}, "visited")
		c = w.publicised(6002)
		c = w.act(account.Village, c, "object", form{"reason": "家庭成员有公职"})
		c = w.act(account.Township, c, "uphold_objection", form{"reason": "核实有公职人员，家庭能够应对"})
		if c.State != "refused" {
			t.Errorf("upheld: %s", c.State)
		}
		w.check()
	})
}

// TestGreenChannel: help first. The clock of the papers is the long one, and the lead is urgent.
func TestGreenChannel(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		w.receive(signal(6101, "illness", 2))
		due := func(c *casework.Case) string {
			var x task.Task
			err := w.l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
				x, _, err = task.Of(ctx, tx, "casefile", c.ID)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return task.Civil((x.Due - 1).Go()).Format(time.DateOnly)
		}
		c := w.of(6101)
		if got := due(c); got != "2026-03-04" {
			t.Errorf("two days to accept: %s", got)
		}
		c = w.act(account.Village, c, "open_green", form{"reason": "房屋被火烧毁", "happened_on": w.day()})
		if got := due(c); !c.Green || got != "2026-03-03" {
			t.Errorf("one day when it is urgent: %s", got)
		}
		c = w.act(account.Village, c, "accept", nil)
		c = w.act(account.Village, c, "record_visit", w.visit(nil))
		c = w.act(account.Village, c, "verify_true", form{"risks": []any{form{"risk": "accident"}}})
		w.later(12)
		c = w.act(account.Village, c, "authorise", form{"signed_on": w.day(), "signer": "head", "scope": []any{"hukou"}, "letter": []any{hash}})
		if got := due(c); got != "2026-03-19" { // five days for the comparison; the thirty days of the papers end later
			t.Errorf("papers after help: %s", got)
		}
	})
}

// TestHouseholdsChange: moved, split, merged, died out, withdrawn.
func TestHouseholdsChange(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		next := division.Code(522633105210)
		w.receive(signal(6201, "illness", 2), signal(6202, "labour", 2), signal(6203, "water", 1), signal(6204, "illness", 1), signal(6205, "illness", 1))
		// Moved to the next village: that village sees it, this one no longer; the signals go along.
		c := w.act(account.Township, w.of(6201), "move", form{"to_division": "522633105210", "moved_on": w.day()})
		if _, err := w.try(account.Village, c, "accept", nil); errs.KindOf(err) != errs.NotFound {
			t.Errorf("the old village still acts: %v", err)
		}
		if _, err := w.s.Act(t.Context(), accounttest.Actors(next)[account.Village], w.now, casework.Act{Case: c.ID, Action: "accept", Version: c.Version}); err != nil {
			t.Errorf("the new village may not act: %v", err)
		}
		d, err := w.s.Dossier(t.Context(), w.actors[account.Township], w.now, c.ID, "")
		if err != nil || d.Signals[0].Division != next || d.Tasks[len(d.Tasks)-1].Org != "522633105210" {
			t.Errorf("after the move: %+v %v", d.Tasks, err)
		}
		// Split: the new household has a lead of its own.
		got, err := w.try(account.Township, w.of(6202), "split", form{"new_household": "6299", "new_division": "522633105210"})
		if err != nil || got.Opened == "" {
			t.Fatalf("split: %+v %v", got, err)
		}
		if made := w.of(6299); made.ID != got.Opened || made.State != "received" || made.Division != next || !strings.Contains(made.ExplanationZH, "分户") {
			t.Errorf("the new household: %+v", made)
		}
		// Two numbers of one household: one case goes on with all signals.
		into := w.of(6204)
		c = w.act(account.Township, w.of(6205), "merge_duplicate", form{"into": into.ID})
		if c.Live() {
			t.Error("a merged case is open")
		}
		if d, err = w.s.Dossier(t.Context(), w.actors[account.Township], w.now, into.ID, ""); err != nil || len(d.Signals) != 2 || len(d.Links) != 1 || d.Case.Signals != 2 || !strings.Contains(d.Case.ExplanationZH, "共 2 条") {
			t.Errorf("the case that goes on: %d signals, %v", len(d.Signals), err)
		}
		if _, err := w.try(account.Township, d.Case, "merge_duplicate", form{"into": d.Case.ID}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("merged into itself: %v", err)
		}
		if _, err := w.try(account.Township, d.Case, "merge_duplicate", form{"into": c.ID}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("merged into a closed case: %v", err)
		}
		c = w.act(account.Township, w.of(6203), "die_out", form{"reason": "户内仅有老人已去世"})
		if c.State != "died_out" || c.Live() {
			t.Errorf("died out: %s", c.State)
		}
		c = w.act(account.Village, w.of(6204), "withdraw", form{"reason": "农户自愿撤回", "letter": []any{hash}})
		if _, err := w.try(account.Village, c, "add_note", form{"note": "x"}); errs.KindOf(err) != errs.Conflict {
			t.Errorf("a closed case still takes a note: %v", err)
		}
		w.check()
	})
}

// TestConsistency: what is recorded must fit what is known, and says what does not.
func TestConsistency(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		n := expr.NumberValue
		w.receive(signal(6301, "illness", 2))
		c := w.act(account.Village, w.of(6301), "accept", nil)
		c = w.act(account.Village, c, "record_visit", w.visit(nil))
		risk := func(ids ...string) form {
			var rows []any
			for _, id := range ids {
				rows = append(rows, form{"risk": id, "remark": "说明"})
			}
			return form{"risks": rows}
		}
		w.indicators["disabled"], w.indicators["serious_ill"], w.indicators["chronic_ill"], w.indicators["compliant_self_paid_12m"] = n(0), n(0), n(0), n(0)
		w.indicators["members"], w.indicators["labourers"], w.indicators["able_labourers"] = n(4), n(3), n(2)
		w.refused(account.Village, c, "verify_true", risk("disability"), "risk_disability_fits")
		w.refused(account.Village, c, "verify_true", risk("illness"), "risk_illness_fits")
		w.refused(account.Village, c, "verify_true", risk("labour"), "risk_labour_fits")
		w.indicators["labourers"] = n(0)
		w.refused(account.Village, c, "verify_true", risk("employment"), "risk_employment_fits")
		// A visit that finds what the data did not know stands over them.
		c = w.act(account.Village, c, "record_visit", w.visit(form{"facts": []any{form{"indicator": "disabled", "value": 1.0}}, "members": []any{
			form{"age": 45.0, "labour": "lost", "health": "disabled"}, form{"age": 44.0, "labour": "weak", "health": "chronic"}, form{"age": 10.0, "labour": "none"}}}))
		if _, err := w.try(account.Village, c, "verify_true", risk("illness", "illness", "illness", "illness", "illness", "illness")); errs.KindOf(err) != errs.Invalid {
			t.Errorf("six risks: %v", err)
		}
		got, err := w.try(account.Village, c, "verify_true", risk("disability", "labour"))
		if err != nil {
			t.Fatal(err)
		}
		c = got.Case
		// Low-income classes overlap, each with its dates; the same one again from the same day is the same with its end.
		c = w.act(account.Township, c, "set_tags", form{"tags": []any{form{"tag": "l2", "from": "2026-01-01"}, form{"tag": "l4", "from": "2026-02-01", "until": "2026-12-31"}}})
		w.act(account.Township, c, "set_tags", form{"tags": []any{form{"tag": "l2", "from": "2026-01-01", "until": "2026-06-30"}}})
		for on, want := range map[string]string{"2025-12-31": "", "2026-01-15": "l2", "2026-03-01": "l2l4", "2026-07-01": "l4", "2027-01-01": ""} {
			day, err := time.Parse(time.DateOnly, on)
			if err != nil {
				t.Fatal(err)
			}
			tags, err := w.s.TagsOn(t.Context(), w.actors[account.County], 6301, day)
			all := ""
			for _, x := range tags {
				all += x.Tag
			}
			if err != nil || all != want {
				t.Errorf("%s: %q, want %q: %v", on, all, want, err)
			}
		}
		notices, err := w.s.PublicNotices(t.Context(), w.actors[account.Village], village, w.now)
		if err != nil || len(notices) != 0 {
			t.Errorf("notices %v %v", notices, err)
		}
		clear(w.indicators)
		w.publicised(6302)
		for days, want := range map[int]int{0: 1, 5: 1, 6: 0} {
			notices, err := w.s.PublicNotices(t.Context(), w.actors[account.Village], village, w.now.AddDate(0, 0, days))
			if err != nil || len(notices) != want {
				t.Errorf("after %d days: %d notices, %v", days, len(notices), err)
			}
		}
		w.check()
	})
}
