package app

import (
	"context"
	"errors"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/amendment"
	"shouwang/internal/errs"
	"shouwang/internal/evaluate"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Amendments are the changes of the policy pack that the ledger keeps.
func (a *App) Amendments() *amendment.Service {
	a.people.mu.Lock()
	defer a.people.mu.Unlock()
	if a.people.amendments == nil {
		a.people.amendments = amendment.New(a.Ledger, a.base)
	}
	return a.people.amendments
}

// Place is the last amendment that the program's pack has, by its place among the approved ones; 0 for none.
func (a *App) Place() int64 { return a.place }

// UsePolicy puts the pack in force that holds on the civil day of now: the folder's with the approved amendments whose day has come. It is called when the program has been
// opened and nobody else uses it yet; a program at work is followed by another one ([App.Next]).
func (a *App) UsePolicy(ctx context.Context, now time.Time) error {
	if a.lent {
		return nil
	}
	pack, place, err := a.Amendments().InForce(ctx, now)
	if err != nil {
		return err
	}
	return a.use(ctx, pack, place)
}

// ReadPolicy is UsePolicy for a program that is not open and will not be opened as it is: the pack that holds is read from the ledger, which is closed again.
func (a *App) ReadPolicy(ctx context.Context, now time.Time) error {
	if a.lent {
		return nil
	}
	l, err := ledger.Open(ctx, a.Config.LedgerURL(), a.Log)
	if err != nil {
		return err
	}
	pack, place, err := amendment.New(l, a.base).InForce(ctx, now)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	a.Pack, a.place = pack, place
	return nil
}

func (a *App) use(ctx context.Context, pack *policy.Pack, place int64) error {
	if pack.Hash != a.Pack.Hash {
		if err := a.Warehouse.Schema(ctx, pack); err != nil {
			return err
		}
	}
	if pack.Hash != a.Pack.Hash || place != a.place {
		a.people.mu.Lock()
		options := a.people.options
		a.people.mu.Unlock()
		a.people = &people{options: options}
	}
	a.Pack, a.place = pack, place
	return nil
}

// Next gives the program that is to go on from now: itself as long as the same amendments hold, otherwise another one over the same stores with the pack that
// holds today. What was begun on the old one ends with the old pack. The stores stay the first one's: Open and Close of the next do nothing. It waits for batch work that is
// under way, because tables may have to be made.
func (a *App) Next(ctx context.Context, now time.Time) (*App, error) {
	if a.Warehouse == nil || a.Ledger == nil {
		return nil, errs.New(errs.Unavailable, "数据文件夹没有打开", "the data folder is not open")
	}
	place, err := a.Amendments().PlaceOn(ctx, now)
	if err != nil || place == a.place {
		return a, err
	}
	release, err := a.Batch(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	pack, place, err := a.Amendments().InForce(ctx, now)
	if err != nil {
		return nil, err
	}
	b := a.Lend()
	if err := b.use(ctx, pack, place); err != nil {
		return nil, err
	}
	return b, nil
}

// lowPrecision and leastJudged are what a test of an amendment asks to be mended: rules that are right less often than two times in three, once five warnings were judged. They choose what
// is pointed out, nothing else.
const (
	lowPrecision = 2.0 / 3
	leastJudged  = 5
)

// TestAmendment tests an amendment as it stands: it loads, its examples are run, and it is tried on what staff found out in the last two years, beside the pack in force. The report is kept
// with the amendment, which is tested when every example comes out as it says. The error joins policy errors when the pack does not load. progress counts households.
func (a *App) TestAmendment(ctx context.Context, actor account.Actor, now time.Time, id string, progress func(done, total int64)) (evaluate.TestReport, error) {
	began := time.Now()
	out := evaluate.TestReport{At: now}
	s := a.Amendments()
	d, err := s.Get(ctx, actor, id)
	if err != nil {
		return out, err
	}
	pack, err := s.Pack(d)
	if err != nil {
		return out, err
	}
	out.Digest, out.Examples, out.Failures = pack.Hash, pack.Summary().Examples, evaluate.Failures(pack)
	if a.Pack.Workflow != nil {
		cases, err := a.Casework()
		if err != nil {
			return out, err
		}
		list, err := evaluate.Judgements(ctx, cases, now.AddDate(-2, 0, 0), now)
		if err != nil {
			return out, err
		}
		tried, err := evaluate.Try(ctx, a.Screening(), a.Pack, pack, list, evaluate.BacktestOptions{Precision: lowPrecision, Least: leastJudged, Progress: progress})
		if err != nil {
			return out, err
		}
		if tried.Impossible || tried.Would != nil {
			out.Backtest = &tried
		}
	}
	out.Seconds = time.Since(began).Seconds()
	_, err = s.Report(ctx, actor, now, id, pack.Hash, len(out.Failures) == 0, out)
	return out, err
}
