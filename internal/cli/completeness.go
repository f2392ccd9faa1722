package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/intake"
)

// completenessDocument is the JSON document of completeness.
type completenessDocument struct {
	Feeds []intake.Coverage `json:"feeds"` // one a dataset and county
	day   time.Time
}

func newCompletenessCommand(e *env) *cobra.Command {
	var asOf dayFlag
	cmd := e.command("completeness", words{
		zh: "各部门数据的完整性：数据 × 县 × 月", en: "how complete the departments' data are: dataset by county by month",
		longZH:  "列出每份数据在每个县哪些月已报送、缺哪些月、来自哪些批次。没有报送的数据，相关规则对该县判为未知。屏幕上显示截至 --as-of 的十二个月。",
		longEN:  "Lists for each dataset and county which months were delivered, which are missing, and by which batches. Rules over data that never came are unknown for that county. The screen shows the twelve months up to --as-of.",
		example: "shouwang completeness --data ./county\nshouwang completeness --data ./county --as-of 2026-11-01 --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runCompleteness(ctx, e, asOf) })
	cmd.Flags().Var(&asOf, "as-of", e.t("屏幕上显示截至这一天的十二个月（默认今天）", "day that the twelve months on screen end with (default today)"))
	return cmd
}

func runCompleteness(ctx context.Context, e *env, asOf dayFlag) (*completenessDocument, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	feeds, err := a.Intake().Completeness(ctx)
	if err != nil {
		return nil, err
	}
	if feeds == nil {
		feeds = []intake.Coverage{}
	}
	return &completenessDocument{Feeds: feeds, day: asOf.or(e.Now())}, a.Close()
}

func (d *completenessDocument) text(w *page) {
	if len(d.Feeds) == 0 {
		w.linef("%s", w.t("还没有农户花名册", "there is no roster yet"))
		return
	}
	var header []string
	var months []string
	for i := -11; i <= 0; i++ {
		m := time.Date(d.day.Year(), d.day.Month()+time.Month(i), 1, 0, 0, 0, 0, time.UTC)
		months = append(months, m.Format("2006-01"))
		header = append(header, m.Format("01"))
	}
	var rows [][]string
	for _, f := range d.Feeds {
		last := w.t("从未报送", "never came")
		if n := len(f.Months); n > 0 {
			last = f.Months[n-1]
		}
		row := []string{f.CountyName, f.Name.In(w.lang), last}
		for _, m := range months {
			mark := "·"
			if slices.Contains(f.Months, m) {
				mark = "■"
			}
			row = append(row, mark)
		}
		rows = append(rows, row)
	}
	w.table(append([]string{w.t("县", "county"), w.t("数据", "dataset"), w.t("数据至", "data up to")}, header...), rows)
}
