package dispatch

import (
	"context"
	"log/slog"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Service is both ways over open stores. It is safe for concurrent use as far as its parts are: one intake runs at a time.
type Service struct {
	screening *screening.Service
	intake    *intake.Service
	casework  *casework.Service
	measures  Deliveries
	ledger    *ledger.Ledger
	pack      *policy.Pack
	temp      string
	log       *slog.Logger
}

// New makes the service. temp is a folder for files that live for the time of one delivery. measures may be nil: then no measure is delivered back.
func New(s *screening.Service, in *intake.Service, c *casework.Service, measures Deliveries, l *ledger.Ledger, p *policy.Pack, temp string, log *slog.Logger) *Service {
	return &Service{screening: s, intake: in, casework: c, measures: measures, ledger: l, pack: p, temp: temp, log: log}
}

// Sent is what became of the warnings that stand.
type Sent struct {
	Run        int64             `json:"run"`        // newest run among the warnings
	Households int               `json:"households"` // warned
	Received   casework.Received `json:"received"`
	// Unplaced counts warned households whose register entry names no village: nobody can be sent there. Their numbers, at most a hundred, follow.
	Unplaced    int      `json:"unplaced"`
	UnplacedNos []string `json:"unplaced_households"`
}

// sendChunk is how many signals are held in memory at a time.
const sendChunk = 8000

// unplacedTold bounds the list of household numbers in the answer.
const unplacedTold = 100

// Send makes signals of the warnings that stand and hands them to casework: a household's warnings become one lead, or join what is there. It can
// be stopped and run again: a warning is sent once (see screening.Signal.Key). progress, if not nil, is told how many households are done. It needs
// account.DispatchRun; warnings outside the actor's subtree are not sent.
func (s *Service) Send(ctx context.Context, actor account.Actor, now time.Time, f screening.SignalFilter, progress func(households int)) (Sent, error) {
	out := Sent{UnplacedNos: []string{}}
	if err := actor.May(account.DispatchRun); err != nil {
		return out, err
	}
	within, err := within(actor, f.Division)
	if err != nil {
		return out, err
	}
	f.Division = within
	var held []casework.Signal
	flush := func() error {
		if len(held) == 0 {
			return nil
		}
		got, err := s.casework.Receive(ctx, actor, now, held, nil)
		add(&out.Received, got)
		held = held[:0]
		if err == nil && progress != nil {
			progress(out.Households)
		}
		return err
	}
	err = s.screening.Signals(ctx, f, func(list []screening.Signal) error {
		out.Households++
		out.Run = max(out.Run, list[0].Run)
		if list[0].Division.Level() != division.Village {
			if out.Unplaced++; len(out.UnplacedNos) < unplacedTold {
				out.UnplacedNos = append(out.UnplacedNos, list[0].HouseholdNo)
			}
			return nil
		}
		for i := range list {
			held = append(held, signal(&list[i]))
		}
		if len(held) >= sendChunk {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return out, err
	}
	err = s.ledger.Write(ctx, now, func(_ context.Context, tx *ledger.Tx) error {
		e := actor.Event("dispatch.send", "run", "", f.Division)
		e.Detail = map[string]any{"run": out.Run, "households": out.Households, "signals": out.Received.Signals, "opened": out.Received.Opened, "joined": out.Received.Joined,
			"suppressed": out.Received.Suppressed, "repeated": out.Received.Repeated, "unplaced": out.Unplaced}
		return audit.Record(tx, e)
	})
	return out, err
}

// within narrows a division to the actor's subtree: 0 becomes the subtree itself, one outside looks as if it were not there.
func within(actor account.Actor, d division.Code) (division.Code, error) {
	if actor.Has(account.System) {
		return d, nil
	}
	if d == 0 {
		return actor.Division, nil
	}
	return d, actor.Sees(d)
}

// signal is a warning as casework takes it.
func signal(g *screening.Signal) casework.Signal {
	out := casework.Signal{
		Household: g.HouseholdID, HouseholdNo: g.HouseholdNo, Division: g.Division, HouseholdType: g.HouseholdType, Channel: casework.Screening, Risk: g.Risk, Level: int(g.Level),
		Rule: g.Rule, Dataset: g.Dataset, Run: g.Run, Key: g.Key(), Words: g.Words, Evidence: g.Evidence, Happened: g.Since,
	}
	if g.Past > 0 {
		past := g.Past
		out.Amount = &past
	}
	return out
}

func add(total *casework.Received, part casework.Received) {
	total.Signals += part.Signals
	total.Repeated += part.Repeated
	total.Opened += part.Opened
	total.Joined += part.Joined
	total.Reopened += part.Reopened
	total.Suppressed += part.Suppressed
}

// noDataset is the error of a pack without the dataset that feeds back.
func noDataset() error {
	return errs.New(errs.NotFound, "政策包里没有角色为 casework 的数据契约，结果无法回流", "the pack has no dataset in the role of casework, so nothing can be fed back")
}
