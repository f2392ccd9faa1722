package task_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/task"
)

// openTasks is how many tasks are open in BenchmarkMany; `go test ./internal/task -run none -bench Many -open 300000 -benchtime 1x` is a province.
var openTasks = flag.Int("open", 5000, "open tasks in BenchmarkMany")

// BenchmarkMany opens tasks all over the province, lets them all become overdue, and looks at in-boxes and lists.
func BenchmarkMany(b *testing.B) {
	tree, err := division.Load()
	if err != nil {
		b.Fatal(err)
	}
	villages := tree.Villages(520000000000)
	actors := accounttest.Actors(village)
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			for b.Loop() {
				url := ""
				if engine == "sqlite" {
					url = ledgertest.SQLite(b)
				} else {
					url = ledgertest.Postgres(b)
				}
				l := ledgertest.Open(b, url)
				began := time.Now()
				for from := 0; from < *openTasks; from += 2000 {
					var all []task.New
					for i := from; i < min(from+2000, *openTasks); i++ {
						n := visit(fmt.Sprint("c", i))
						n.Division = villages[i%len(villages)].Code
						n.Org, n.Due = account.OrgFor(account.Village, n.Division, ""), n.Due.AddDate(0, 0, i%20)
						all = append(all, n)
					}
					writeAt(b, l, now, func(ctx context.Context, tx *ledger.Tx) error { return task.OpenAll(ctx, tx, all) })
				}
				b.ReportMetric(float64(*openTasks)/time.Since(began).Seconds(), "opened/s")
				if engine == "postgres" { // which it does by itself a minute later
					writeAt(b, l, now, func(ctx context.Context, tx *ledger.Tx) error {
						_, err := tx.ExecContext(ctx, "ANALYZE task")
						return err
					})
				}
				for _, c := range []struct {
					name  string
					list  func(context.Context, *ledger.Tx, account.Actor, task.Filter) (task.Page, error)
					actor account.Actor
				}{{"inbox", task.Inbox, actors[account.Village]}, {"village", task.List, actors[account.Village]}, {"county", task.List, actors[account.County]}, {"province", task.List, actors[account.Province]}} {
					var took []time.Duration
					for range 200 {
						at := time.Now()
						read(b, l, func(ctx context.Context, tx *ledger.Tx) error {
							_, err := c.list(ctx, tx, c.actor, task.Filter{})
							return err
						})
						took = append(took, time.Since(at))
					}
					slices.Sort(took)
					b.ReportMetric(float64(took[197].Microseconds())/1000, "ms-p99-"+c.name)
				}
				began = time.Now()
				done := tick(b, l, beijing("2027-03-01 08:00"))
				if done.Overdue != int64(*openTasks) {
					b.Fatalf("%+v", done)
				}
				b.ReportMetric(float64(done.Overdue+done.Escalated)/time.Since(began).Seconds(), "moved/s")
			}
		})
	}
}
