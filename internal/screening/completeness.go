package screening

import (
	"context"
	"database/sql"
	"time"
)

// Feed is how complete one dataset is for one county on a day.
type Feed struct {
	Dataset    string   `json:"dataset"`
	Department string   `json:"department"`
	County     int32    `json:"county"`
	State      string   `json:"state"`             // covered | stale | missing, by the strictest indicator that reads it
	Through    string   `json:"through,omitempty"` // the last day covered
	Months     []string `json:"months"`            // months covered of the twelve up to the day's, 2026-10, oldest first
}

// Completeness lists every dataset of the pack for every county that has households, in the pack's order.
func (s *Service) Completeness(ctx context.Context, asOf time.Time) ([]Feed, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	cover, err := loadCoverage(ctx, c, asOf, 0)
	if err != nil {
		return nil, err
	}
	first := time.Date(asOf.Year(), asOf.Month()-11, 1, 0, 0, 0, 0, time.UTC)
	type key struct {
		dataset string
		county  int32
	}
	months := map[key][]string{}
	text := "SELECT DISTINCT dataset, county, month FROM coverage WHERE month BETWEEN " + lit(first) + " AND " + lit(asOf) + " ORDER BY dataset, county, month"
	if err := scan(ctx, c, text, func(r *sql.Rows) error {
		var k key
		var month time.Time
		if err := r.Scan(&k.dataset, &k.county, &month); err != nil {
			return err
		}
		months[k] = append(months[k], month.Format("2006-01"))
		return nil
	}); err != nil {
		return nil, err
	}
	strictest := s.loosestFresh(&query{pack: s.pack, asOf: asOf, cover: cover})
	out := []Feed{}
	for i := range s.pack.Datasets {
		ds := &s.pack.Datasets[i]
		for _, county := range cover.counties {
			st, through := cover.of(ds.ID, county, strictest[ds.ID])
			f := Feed{Dataset: ds.ID, Department: ds.Department, County: county, State: map[state]string{covered: "covered", stale: "stale", missing: "missing"}[st], Months: months[key{ds.ID, county}]}
			if f.Months == nil {
				f.Months = []string{}
			}
			if !through.IsZero() {
				f.Through = through.Format(time.DateOnly)
			}
			out = append(out, f)
		}
	}
	return out, nil
}
