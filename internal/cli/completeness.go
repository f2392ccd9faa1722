package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// completenessDocument is the JSON document of completeness.
type completenessDocument struct {
	AsOf  string           `json:"as_of"`
	Feeds []screening.Feed `json:"feeds"`
	pack  *policy.Pack
	tree  namer
	day   time.Time
}

func newCompletenessCommand(e *env) *cobra.Command {
	var asOf dayFlag
	cmd := e.command("completeness", words{
		zh: "各部门数据的完整性：数据 × 县 × 月", en: "how complete the departments' data are: dataset by county by month",
		longZH:  "列出每份数据在每个县最近十二个月哪些月已报送、数据到哪天、是否过期或从未报送。没有报送的数据，相关规则对该县判为未知。",
		longEN:  "Lists for each dataset and county which of the last twelve months were delivered, up to which day the data go, and whether they are too old or never came. Rules over data that never came are unknown for that county.",
		example: "shouwang completeness --data ./county\nshouwang completeness --data ./county --as-of 2026-11-01 --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runCompleteness(ctx, e, asOf) })
	cmd.Flags().Var(&asOf, "as-of", e.t("截至日期（默认今天）", "day to look from (default today)"))
	return cmd
}

func runCompleteness(ctx context.Context, e *env, asOf dayFlag) (*completenessDocument, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	day := asOf.or(e.Now())
	feeds, err := a.Screening().Completeness(ctx, day)
	if err != nil {
		return nil, err
	}
	return &completenessDocument{AsOf: day.Format(time.DateOnly), Feeds: feeds, pack: a.Pack, tree: namer{a.Tree}, day: day}, a.Close()
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
		name := f.Dataset
		if ds := d.pack.Dataset(f.Dataset); ds != nil {
			name = ds.Name.In(w.lang)
		}
		state := map[string]string{"covered": w.t("有效", "up to date"), "stale": w.t("已过期", "too old"), "missing": w.t("从未报送", "never came")}[f.State]
		row := []string{d.tree.county(f.County), name, state, f.Through}
		have := " " + strings.Join(f.Months, " ") + " "
		for _, m := range months {
			mark := "·"
			if strings.Contains(have, " "+m+" ") {
				mark = "■"
			}
			row = append(row, mark)
		}
		rows = append(rows, row)
	}
	w.table(append([]string{w.t("县", "county"), w.t("数据", "dataset"), w.t("情况", "state"), w.t("数据至", "data up to")}, header...), rows)
}
