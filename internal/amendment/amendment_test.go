package amendment_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/amendment"
	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/policy"
	packs "shouwang/policy"
)

var (
	morning = time.Date(2026, 11, 24, 9, 0, 0, 0, time.FixedZone("UTC+8", 8*3600))
	guizhou = sync.OnceValues(func() (*policy.Pack, error) { return policy.Load(packs.Guizhou()) })
)

// office is two policy officers of the province, one of a county, and others, over one ledger.
type office struct {
	*testing.T
	l                    *ledger.Ledger
	s                    *amendment.Service
	base                 *policy.Pack
	first, second, local account.Actor
	auditor, county      account.Actor
	now                  time.Time
}

func open(t *testing.T, l *ledger.Ledger) *office {
	t.Helper()
	base, err := guizhou()
	if err != nil {
		t.Fatal(err)
	}
	actors := accounttest.Actors(accounttest.Village)
	o := &office{T: t, l: l, base: base, s: amendment.New(l, base), local: actors[account.Policy], auditor: actors[account.Auditor], county: actors[account.County], now: morning}
	o.first = o.local
	o.first.Account, o.first.Org, o.first.Division = "test-first", "520000", 520000000000
	o.second = o.first
	o.second.Account = "test-second"
	return o
}

// line is parameters.yaml with the line at a value from a day on, for a division.
func (o *office) line(p *policy.Pack, division, from string, value float64) []byte {
	o.Helper()
	day, err := time.Parse(time.DateOnly, from)
	if err != nil {
		o.Fatal(err)
	}
	text, err := policy.SetValue(p.Files["parameters.yaml"], "line", division, day, value, "黔农发 7")
	if err != nil {
		o.Fatal(err)
	}
	return text
}

func (o *office) begin(who account.Actor, texts map[string][]byte) *amendment.Draft {
	o.Helper()
	d, err := o.s.Begin(o.Context(), who, o.now, "明年的监测线", "黔农发 7", texts)
	if err != nil {
		o.Fatal(err)
	}
	return d
}

// test does what a test of the program does: load, run the examples, report.
func (o *office) test(who account.Actor, d *amendment.Draft) *amendment.Draft {
	o.Helper()
	pack, err := o.s.Pack(d)
	if err != nil {
		o.Fatal(err)
	}
	d, err = o.s.Report(o.Context(), who, o.now, d.ID, pack.Hash, len(pack.Test()) == 0, map[string]int{"examples": pack.Summary().Examples})
	if err != nil {
		o.Fatal(err)
	}
	return d
}

func (o *office) kind(err error, want errs.Kind, what string) {
	o.Helper()
	if err == nil || errs.KindOf(err) != want {
		o.Errorf("%s: %v, should be %v", what, err, want)
	}
}

// must checks an error away.
func (o *office) must(d *amendment.Draft, err error) *amendment.Draft {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
	return d
}

func (o *office) lineOn(day string) float64 {
	o.Helper()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		o.Fatal(err)
	}
	pack, _, err := o.s.InForce(o.Context(), at.Add(4*time.Hour)) // noon in China
	if err != nil {
		o.Fatal(err)
	}
	v, err := pack.Param("line", 0, at)
	if err != nil {
		o.Fatal(err)
	}
	return v.Value
}

// TestFromDraftToForce: an amendment takes two persons, holds from its day on, and each step is an event.
func TestFromDraftToForce(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		o := open(t, l)
		ctx := t.Context()
		d := o.begin(o.first, map[string][]byte{"parameters.yaml": o.line(o.base, "", "2026-12-01", 9000)})
		if d.State != amendment.Drafted || len(d.Texts) != 1 || d.Base != o.base.Hash {
			t.Fatalf("%+v", d.Amendment)
		}
		_, err := o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-12-01")
		o.kind(err, errs.Conflict, "submitting untested")
		d = o.test(o.first, d)
		_, err = o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-11-23")
		o.kind(err, errs.Invalid, "from yesterday")
		_, err = o.s.Submit(ctx, o.first, o.now, d.ID, d.Version-1, "2026-12-01")
		o.kind(err, errs.Conflict, "an old version")
		d = o.must(o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-12-01"))
		_, err = o.s.Save(ctx, o.first, o.now, d.ID, d.Version, "parameters.yaml", []byte("x"))
		o.kind(err, errs.Conflict, "changing what was submitted")
		_, err = o.s.Approve(ctx, o.first, o.now, d.ID, d.Version)
		o.kind(err, errs.Refused, "the same person approves")
		for _, who := range []account.Actor{o.county, o.auditor, {}} {
			_, err = o.s.Approve(ctx, who, o.now, d.ID, d.Version)
			o.kind(err, errs.Refused, "another role approves")
		}
		_, err = o.s.Return(ctx, o.second, o.now, d.ID, d.Version, " ")
		o.kind(err, errs.Invalid, "returning without a reason")
		d = o.must(o.s.Return(ctx, o.second, o.now, d.ID, d.Version, "文号不对"))
		_, err = o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-12-01")
		o.kind(err, errs.Conflict, "handing it in again untested")
		d = o.must(o.s.Rename(ctx, o.first, o.now, d.ID, d.Version, "明年的监测线", "黔农发 8"))
		d = o.test(o.first, d)
		d = o.must(o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-12-01"))
		d = o.must(o.s.Approve(ctx, o.second, o.now, d.ID, d.Version))
		if d.State != amendment.Approved || d.Place != 1 || d.DecidedBy != "test-second" {
			t.Fatalf("%+v", d.Amendment)
		}
		// A clock in another zone: the day is China's.
		for day, want := range map[string]float64{"2026-11-24": 8500, "2026-11-30": 8500, "2026-12-01": 9000, "2027-06-01": 9000} {
			if got := o.lineOn(day); got != want {
				t.Errorf("the line on %s is %v, should be %v", day, got, want)
			}
		}
		eve := time.Date(2026, 11, 30, 16, 30, 0, 0, time.UTC)
		if place, err := o.s.PlaceOn(ctx, eve); err != nil || place != 1 {
			t.Errorf("half an hour into 1 December in China: place %d, %v", place, err)
		}
		// What another process reads of the same ledger is the same pack, to the digest.
		again := amendment.New(l, o.base)
		pack, place, err := again.InForce(ctx, eve)
		if err != nil || place != 1 || pack.Hash != d.Result {
			t.Errorf("read again: place %d, %v", place, err)
		}
		versions, err := o.s.Versions(ctx, o.auditor)
		if err != nil || len(versions) != 2 || versions[0].Digest != d.Result || versions[1].Digest != o.base.Hash {
			t.Errorf("versions: %+v, %v", versions, err)
		}
		if _, err := o.s.Get(ctx, o.auditor, d.ID); err != nil {
			t.Errorf("an auditor reads an approved one: %v", err)
		}
		var actions []string
		err = l.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			var list []audit.Recorded
			err := tx.NewSelect().Model(&list).Where("object = 'amendment'").Order("seq").Scan(ctx)
			for _, e := range list {
				actions = append(actions, strings.TrimPrefix(e.Action, "policy.")+" "+e.Actor)
			}
			return err
		})
		want := "begin test-first, test test-first, submit test-first, return test-second, name test-first, test test-first, submit test-first, approve test-second"
		if err != nil || strings.Join(actions, ", ") != want {
			t.Errorf("events: %v, %v", actions, err)
		}
	})
}

// TestTwoEditors: the second to save on the same copy is told so and nothing is lost; both then had a hand in it and neither may approve.
func TestTwoEditors(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		o := open(t, l)
		ctx := t.Context()
		d := o.begin(o.first, map[string][]byte{"parameters.yaml": o.line(o.base, "", "2026-12-01", 9000)})
		mine, his := o.line(o.base, "", "2026-12-01", 9100), o.line(o.base, "", "2026-12-01", 9200)
		kept := o.must(o.s.Save(ctx, o.second, o.now, d.ID, d.Version, "parameters.yaml", his))
		_, err := o.s.Save(ctx, o.first, o.now, d.ID, d.Version, "parameters.yaml", mine)
		o.kind(err, errs.Conflict, "saving over somebody's change")
		if now := o.must(o.s.Get(ctx, o.first, d.ID)); now.Texts[0].Text != string(his) || now.Version != kept.Version {
			t.Error("what was saved first is not there any more")
		}
		d = o.test(o.first, kept)
		d = o.must(o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-12-01"))
		_, err = o.s.Approve(ctx, o.second, o.now, d.ID, d.Version)
		o.kind(err, errs.Refused, "an editor approves")
		// A change that is taken back is no change.
		d = o.begin(o.first, map[string][]byte{"parameters.yaml": his})
		if d = o.must(o.s.Save(ctx, o.first, o.now, d.ID, d.Version, "parameters.yaml", o.base.Files["parameters.yaml"])); len(d.Texts) != 0 {
			t.Errorf("%d changed files", len(d.Texts))
		}
		for _, file := range []string{"../x.yaml", "rules/../pack.yaml", "rules/.x.yaml", "x.txt", "rules/a/b.yaml", ""} {
			_, err = o.s.Save(ctx, o.first, o.now, d.ID, d.Version, file, []byte("x: 1\n"))
			o.kind(err, errs.Invalid, "a file named "+file)
		}
	})
}

// TestWhatDoesNotLoadIsNotSubmitted: errors are kept with their places; nothing with errors, or with an example that comes out otherwise, gets through.
func TestWhatDoesNotLoadIsNotSubmitted(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		o := open(t, l)
		ctx := t.Context()
		broken := strings.Replace(string(o.base.Files["parameters.yaml"]), "value: 8500", "value: viel", 1)
		d := o.begin(o.first, map[string][]byte{"parameters.yaml": []byte(broken)})
		_, err := o.s.Pack(d)
		list := policy.Errors(err)
		if len(list) != 1 || list[0].File != "parameters.yaml" || list[0].Line == 0 || !strings.Contains(list[0].Path, "line") {
			t.Fatalf("%v", err)
		}
		_, err = o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-12-01")
		o.kind(err, errs.Invalid, "submitting what does not load")
		// The example "exactly on the line" of a rule comes out otherwise with another line on the examples' day.
		d = o.must(o.s.Save(ctx, o.first, o.now, d.ID, d.Version, "parameters.yaml", o.line(o.base, "", "2025-01-01", 12000)))
		d = o.test(o.first, d)
		if d.State != amendment.Drafted || d.TestDigest == "" {
			t.Errorf("a test that failed leaves it %s", d.State)
		}
		_, err = o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-12-01")
		o.kind(err, errs.Conflict, "submitting what fails its examples")
		_, err = o.s.Report(ctx, o.first, o.now, d.ID, o.base.Hash, true, nil)
		o.kind(err, errs.Conflict, "the report of another text")
	})
}

// TestOneAfterTheOther: an amendment that was begun before another was approved has to be brought up; both changes are kept, or the conflict is shown.
func TestOneAfterTheOther(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		o := open(t, l)
		ctx := t.Context()
		rule := "rules/01_illness.yaml"
		blue, err := policy.SetField(o.base.Files[rule], "rules", "illness_burden", "level", "blue", false)
		if err != nil {
			t.Fatal(err)
		}
		apart := o.begin(o.second, map[string][]byte{rule: blue})
		same := o.begin(o.second, map[string][]byte{"parameters.yaml": o.line(o.base, "", "2027-01-01", 9500)})
		d := o.test(o.first, o.begin(o.first, map[string][]byte{"parameters.yaml": o.line(o.base, "", "2026-12-01", 9000)}))
		d = o.must(o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-12-01"))
		d = o.must(o.s.Approve(ctx, o.second, o.now, d.ID, d.Version))

		apart = o.must(o.s.Get(ctx, o.second, apart.ID))
		if !apart.Behind {
			t.Fatal("it is not told that another was approved")
		}
		_, err = o.s.Submit(ctx, o.second, o.now, apart.ID, apart.Version, "2026-12-01")
		o.kind(err, errs.Conflict, "submitting over an old pack")
		apart = o.test(o.second, o.must(o.s.Renew(ctx, o.second, o.now, apart.ID, apart.Version)))
		_, err = o.s.Submit(ctx, o.second, o.now, apart.ID, apart.Version, "2026-11-30")
		o.kind(err, errs.Invalid, "before the one approved last")
		apart = o.must(o.s.Submit(ctx, o.second, o.now, apart.ID, apart.Version, "2026-12-15"))
		apart = o.must(o.s.Approve(ctx, o.first, o.now, apart.ID, apart.Version))
		pack, place, err := o.s.InForce(ctx, morning.AddDate(0, 2, 0))
		if err != nil || place != 2 || pack.Rule("illness_burden").Level != policy.Blue {
			t.Fatalf("place %d, %v", place, err)
		}
		if v, err := pack.Param("line", 0, morning.AddDate(0, 2, 0)); err != nil || v.Value != 9000 {
			t.Errorf("the line of the first amendment is lost: %v %v", v, err)
		}
		same = o.must(o.s.Get(ctx, o.second, same.ID))
		same = o.must(o.s.Renew(ctx, o.second, o.now, same.ID, same.Version))
		if _, err := o.s.Pack(same); err == nil || !strings.Contains(same.Texts[0].Text, "<<<<<<<") {
			t.Errorf("both changed the same place, and nobody is asked: %v", err)
		}
		// The last approved one can be withdrawn while its day has not come; one in force can't.
		_, err = o.s.Withdraw(ctx, o.second, o.now, d.ID, d.Version, "搞错了")
		o.kind(err, errs.Conflict, "withdrawing one that is not the last")
		if _, err = o.s.Withdraw(ctx, o.second, o.now, apart.ID, apart.Version, "搞错了"); err != nil {
			t.Error(err)
		}
		_, err = o.s.Withdraw(ctx, o.second, morning.AddDate(0, 0, 7), d.ID, d.Version, "搞错了")
		o.kind(err, errs.Conflict, "withdrawing one in force")
		if _, err = o.s.Withdraw(ctx, o.first, o.now, same.ID, same.Version, "不要了"); err != nil {
			t.Error(err)
		}
	})
}

// TestTheFolderChanges: when the folder's pack itself is another later, an approved amendment is joined with it, or what does not fit is named; who keeps the machine can
// retire it.
func TestTheFolderChanges(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		o := open(t, l)
		ctx := t.Context()
		d := o.test(o.first, o.begin(o.first, map[string][]byte{"parameters.yaml": o.line(o.base, "", "2026-12-01", 9000)}))
		d = o.must(o.s.Submit(ctx, o.first, o.now, d.ID, d.Version, "2026-11-24"))
		d = o.must(o.s.Approve(ctx, o.second, o.now, d.ID, d.Version))
		later := func(old, now string) *amendment.Service {
			t.Helper()
			text := strings.Replace(string(o.base.Files["parameters.yaml"]), old, now, 1)
			p, err := policy.LoadFiles(o.base.Overlay(map[string][]byte{"parameters.yaml": []byte(text)}))
			if err != nil {
				t.Fatal(err)
			}
			return amendment.New(l, p)
		}
		s := later("value: 0.7,", "value: 0.75,") // another parameter of the same file
		pack, _, err := s.InForce(ctx, morning.AddDate(0, 1, 0))
		if err != nil {
			t.Fatal(err)
		}
		line, err1 := pack.Param("line", 0, morning.AddDate(0, 1, 0))
		severe, err2 := pack.Param("income_severe", 0, morning)
		if err1 != nil || err2 != nil || line.Value != 9000 || severe.Value != 0.75 {
			t.Errorf("the line is %v, income_severe %v (%v, %v)", line.Value, severe.Value, err1, err2)
		}
		s = later("{from: 2025-01-01, value: 8500, document: default}", "{from: 2025-01-01, value: 8600, document: default}") // beside the new line
		_, _, err = s.InForce(ctx, morning)
		o.kind(err, errs.Conflict, "a folder that does not fit")
		if err != nil && !strings.Contains(err.Error(), d.ID) {
			t.Errorf("%v does not say which", err)
		}
		_, err = s.Retire(ctx, o.county, o.now, d.ID, "已并入文件夹")
		o.kind(err, errs.Refused, "a county retires")
		if n, err := s.Retire(ctx, account.SystemActor("command-line"), o.now, d.ID, "已并入文件夹"); n != 1 || err != nil {
			t.Errorf("retired %d: %v", n, err)
		}
		if pack, place, err := s.InForce(ctx, morning); err != nil || place != 0 || pack != s.Base() {
			t.Errorf("after that: place %d, %v", place, err)
		}
	})
}

// TestACountysOfficer may change what holds for the county, and nothing else.
func TestACountysOfficer(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		o := open(t, l)
		ctx := t.Context()
		_, err := o.s.Begin(ctx, o.county, o.now, "县里的线", "", nil)
		o.kind(err, errs.Refused, "a county's staff begins one")
		d := o.test(o.local, o.begin(o.local, map[string][]byte{"parameters.yaml": o.line(o.base, "", "2026-12-01", 9000)}))
		_, err = o.s.Submit(ctx, o.local, o.now, d.ID, d.Version, "2026-12-01")
		o.kind(err, errs.Refused, "a county's officer moves the province's line")
		d = o.test(o.local, o.must(o.s.Save(ctx, o.local, o.now, d.ID, d.Version, "parameters.yaml", o.line(o.base, "522633", "2026-12-01", 9000))))
		d = o.must(o.s.Submit(ctx, o.local, o.now, d.ID, d.Version, "2026-12-01"))
		d = o.must(o.s.Approve(ctx, o.second, o.now, d.ID, d.Version))
		if o.lineOn("2027-01-01") != 8500 {
			t.Error("the province's line has moved")
		}
		_, err = o.s.Get(ctx, o.auditor, o.begin(o.first, nil).ID)
		o.kind(err, errs.NotFound, "an auditor reads a draft")
		if list, err := o.s.List(ctx, o.auditor); err != nil || len(list) != 1 || list[0].ID != d.ID {
			t.Errorf("an auditor's list: %+v, %v", list, err)
		}
	})
}

// TestTwoApproveAtOnce: of two amendments over the same pack that are approved at the same moment one is in force, and the other has to be brought up.
func TestTwoApproveAtOnce(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		o := open(t, l)
		var ready []*amendment.Draft
		for _, value := range []float64{9000, 9100} {
			d := o.test(o.first, o.begin(o.first, map[string][]byte{"parameters.yaml": o.line(o.base, "", "2026-12-01", value)}))
			ready = append(ready, o.must(o.s.Submit(t.Context(), o.first, o.now, d.ID, d.Version, "2026-12-01")))
		}
		failed := make([]error, len(ready))
		var g sync.WaitGroup
		for i, d := range ready {
			g.Go(func() { _, failed[i] = o.s.Approve(t.Context(), o.second, o.now, d.ID, d.Version) })
		}
		g.Wait()
		if (failed[0] == nil) == (failed[1] == nil) {
			t.Fatalf("%v, %v", failed[0], failed[1])
		}
		versions, err := o.s.Versions(t.Context(), o.auditor)
		if err != nil || len(versions) != 2 {
			t.Errorf("%d versions, %v", len(versions), err)
		}
	})
}
