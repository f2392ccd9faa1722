package casework

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/task"
)

// Dossier is everything about one case, for papers and pages. Names of the household's members are not in it: they are joined from the
// register at the edge.
type Dossier struct {
	Case        *Case              `json:"case"`
	Signals     []SignalRow        `json:"signals"`
	Steps       []Step             `json:"steps"`
	Visits      []VisitRow         `json:"visits"`
	Corrections []Correction       `json:"corrections"`
	Notices     []Notice           `json:"notices"`
	Tags        []Tag              `json:"tags"`
	Links       []Link             `json:"links"`
	Tasks       []task.Task        `json:"tasks"`       // oldest first; at most one is open
	Departments []string           `json:"departments"` // that see the case
	Applies     []ApplicationShown `json:"applications"`
	// Revealed tells that personal content of forms and applications is in plain; otherwise it is masked.
	Revealed bool `json:"revealed"`
}

// Dossier gives everything of one case in the actor's scope. It needs account.CaseRead. With a reason, personal content of the forms (names,
// remarks, explanations) is given in plain: that needs account.HouseholdReveal besides and is an audit event; so it is a write.
//
// An officer of a department sees the case's facts and their own department's steps, not what others wrote.
func (s *Service) Dossier(ctx context.Context, actor account.Actor, now time.Time, caseID, reason string) (*Dossier, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	var d *Dossier
	if reason == "" {
		err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
			d, err = s.dossier(ctx, tx, actor, caseID, false)
			return err
		})
		return d, err
	}
	if err := actor.May(account.HouseholdReveal); err != nil {
		return nil, err
	}
	err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) (err error) {
		if d, err = s.dossier(ctx, tx, actor, caseID, true); err != nil {
			return err
		}
		event := actor.Event(audit.Reveal, "casefile", caseID, d.Case.Division)
		event.Reason = reason
		return audit.Record(tx, event)
	})
	return d, err
}

func (s *Service) dossier(ctx context.Context, tx *ledger.Tx, actor account.Actor, caseID string, reveal bool) (*Dossier, error) {
	c, err := s.load(ctx, tx, actor, caseID)
	if err != nil {
		return nil, err
	}
	d := &Dossier{Case: c, Signals: []SignalRow{}, Visits: []VisitRow{}, Corrections: []Correction{}, Notices: []Notice{}, Tags: []Tag{}, Links: []Link{}, Tasks: []task.Task{}, Departments: []string{}, Revealed: reveal}
	if d.Steps, err = s.steps(ctx, tx, caseID); err != nil {
		return nil, err
	}
	for i := range d.Steps {
		if d.Steps[i].Data, err = s.openForm(&d.Steps[i], reveal); err != nil {
			return nil, err
		}
	}
	if _, only := actor.DepartmentOnly(); only {
		kept := d.Steps[:0]
		for _, st := range d.Steps {
			if st.Org == actor.Org {
				kept = append(kept, st)
			}
		}
		d.Steps = kept
		return d, nil
	}
	for _, read := range []*bun.SelectQuery{
		tx.NewSelect().Model(&d.Signals).Where("case_id = ?", caseID).Order("received_at", "id"),
		tx.NewSelect().Model(&d.Visits).Where("case_id = ?", caseID).Order("at", "id"),
		tx.NewSelect().Model(&d.Corrections).Where("case_id = ?", caseID).Order("at", "id"),
		tx.NewSelect().Model(&d.Notices).Where("case_id = ?", caseID).Order("at", "id"),
		tx.NewSelect().Model(&d.Tags).Where("household_id = ?", c.Household).Order("from_on", "tag"),
		tx.NewSelect().Model(&d.Links).Where("case_id = ? OR other = ?", caseID, caseID).Order("at", "id"),
	} {
		if err := read.Scan(ctx); err != nil {
			return nil, err
		}
	}
	if err := tx.NewSelect().Model((*caseDepartment)(nil)).Column("department").Where("case_id = ?", caseID).Order("department").Scan(ctx, &d.Departments); err != nil {
		return nil, err
	}
	if d.Tasks, err = task.History(ctx, tx, taskObject, caseID); err != nil {
		return nil, err
	}
	d.Applies, err = s.applicationsOf(ctx, tx, caseID, reveal)
	return d, err
}

// PublicNotices are the notices that may hang in a division on a day: posted, and not expired. They hold white-listed fields only. It needs
// account.CaseRead.
func (s *Service) PublicNotices(ctx context.Context, actor account.Actor, under division.Code, day time.Time) ([]Notice, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	list := []Notice{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("division")
		lo, hi := under.Range()
		on := Civil(day).Format(time.DateOnly)
		return tx.NewSelect().Model(&list).Where(where, args...).Where("division BETWEEN ? AND ?", lo, hi).Where("posted_on <= ?", on).Where("expires_on > ?", on).Order("division", "posted_on", "id").Limit(10_000).Scan(ctx)
	})
	return list, err
}

// TagsOn are the low-income classes of a household that hold on a day; several may. It needs account.CaseRead and the household's
// village in scope.
func (s *Service) TagsOn(ctx context.Context, actor account.Actor, household int64, day time.Time) ([]Tag, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	list := []Tag{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("division")
		on := Civil(day).Format(time.DateOnly)
		return tx.NewSelect().Model(&list).Where(where, args...).Where("household_id = ?", household).Where("from_on <= ?", on).Where("until_on = '' OR until_on >= ?", on).Order("tag").Scan(ctx)
	})
	return list, err
}
