package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/division"
)

// casePrecisionDocument is the JSON document of case precision.
type casePrecisionDocument struct {
	Rules []precisionRecord `json:"rules"` // by rule, county and dataset
	names namer
}

type precisionRecord struct {
	Rule       string  `json:"rule"`
	County     string  `json:"county"`
	Dataset    string  `json:"dataset"`
	Verified   int     `json:"verified"`    // warnings that a visit judged
	True       int     `json:"true"`        // right and new
	Known      int     `json:"known"`       // right, and known already
	FalseAlarm int     `json:"false_alarm"` // wrong
	Share      float64 `json:"share"`       // true ÷ verified
	RightShare float64 `json:"right_share"` // (true + known) ÷ verified
	county     division.Code
}

func newCasePrecisionCommand(e *env) *cobra.Command {
	var place, from, to string
	cmd := e.command("precision", words{
		zh: "核实过的预警有多准：按规则、县、数据集", en: "how often verified warnings were right, by rule, county and dataset",
		longZH:  "每条核实过的预警标为属实、误报或已知；按规则、县和数据集统计，用来调整规则。",
		longEN:  "Each verified warning is labelled true, false alarm or known; counted by rule, county and dataset, to tune the rules.",
		example: "shouwang case precision --data ./county --division 522633 --from 2026-01-01",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		var days [2]time.Time
		for i, text := range []string{from, to} {
			if text == "" {
				continue
			}
			day, err := time.ParseInLocation(time.DateOnly, text, time.FixedZone("UTC+8", 8*3600))
			if err != nil {
				return nil, usagef("日期应写成 2026-11-24，不是 %[1]q", "a day is written 2026-11-24, not %[1]q", text)
			}
			days[i] = day
		}
		if !days[1].IsZero() {
			days[1] = days[1].AddDate(0, 0, 1) // its last day counts
		}
		d := &casePrecisionDocument{Rules: []precisionRecord{}}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			d.names = namer{a.Tree}
			code, err := parseDivision(a.Tree, place)
			if err != nil {
				return err
			}
			list, err := s.Precision(ctx, console(), code, days[0], days[1])
			for _, p := range list {
				d.Rules = append(d.Rules, precisionRecord{
					Rule: p.Rule, County: p.County.Prefix(), Dataset: p.Dataset, Verified: p.Verified, True: p.True, Known: p.Known, FalseAlarm: p.FalseAlarm, Share: p.Share, RightShare: p.RightShare, county: p.County,
				})
			}
			return err
		})
	})
	f := cmd.Flags()
	f.StringVar(&place, "division", "", e.t("只要这个行政区划及其下级（代码或名称）", "only this division and what is under it (code or name)"))
	f.StringVar(&from, "from", "", e.t("从这一天核实的起", "verified from this day on"))
	f.StringVar(&to, "to", "", e.t("到这一天核实的为止", "verified up to this day"))
	return cmd
}

func (d *casePrecisionDocument) text(w *page) {
	var rows [][]string
	for _, p := range d.Rules {
		rows = append(rows, []string{p.Rule, d.names.path(p.county), p.Dataset, count(p.Verified), count(p.True), count(p.Known), count(p.FalseAlarm), fmt.Sprintf("%.1f%%", 100*p.Share), fmt.Sprintf("%.1f%%", 100*p.RightShare)})
	}
	w.table([]string{w.t("规则", "rule"), w.t("县", "county"), w.t("数据集", "dataset"), w.t("已核实", "verified"), w.t("属实", "true"), w.t("已知", "known"), w.t("误报", "false alarms"), w.t("属实率", "true share"), w.t("含已知", "with known")}, rows)
}
