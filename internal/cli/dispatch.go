package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/dispatch"
	"shouwang/internal/screening"
)

func newDispatchCommand(e *env) *cobra.Command {
	cmd := e.command("dispatch", words{
		zh: "把预警变成线索，把核实和帮扶结果送回数据", en: "warnings to leads, and what staff did back to the data",
		longZH:  "dispatch send 把现有预警合并成线索（一户一条），dispatch feed 把核实、走访、措施和更正作为“帮扶闭环记录”送回仓库，下次筛查就能用。",
		longEN:  "dispatch send makes leads of the warnings that stand (one a household); dispatch feed delivers what was verified, visited, given and corrected back to the warehouse as casework records, so that the next screening knows it.",
		example: "shouwang dispatch send --data ./county\nshouwang dispatch feed --data ./county",
	}, cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newDispatchSendCommand(e), newDispatchFeedCommand(e))
	return cmd
}

// dispatchSendDocument is the JSON document of dispatch send.
type dispatchSendDocument struct{ dispatch.Sent }

type dispatchSendOptions struct{ division, level string }

func newDispatchSendCommand(e *env) *cobra.Command {
	var o dispatchSendOptions
	cmd := e.command("send", words{
		zh: "把现有预警合并成线索", en: "make leads of the warnings that stand",
		longZH: `一户的全部预警合并为一条线索、一份说明。已有在办线索或对象的并入其中；与近期核实过的原因重复且没有加重的，不再要求入户。
可以随时中断、重复运行：同一条预警只送一次。`,
		longEN: `All warnings of one household become one lead with one explanation. They join a case that is open; one that repeats a cause verified lately, and is
not worse, asks for no visit. It can be stopped and run again at any time: a warning is sent once.`,
		example: "shouwang dispatch send --data ./county\nshouwang dispatch send --data ./county --division 522633105 --level red --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runDispatchSend(ctx, e, o) })
	cmd.Flags().StringVar(&o.division, "division", "", e.t("只送这个区划（代码或名称）的预警", "only warnings of this division (code or name)"))
	cmd.Flags().StringVar(&o.level, "level", "", e.t("只送这一级及更高的预警：red、yellow、blue", "only this level and worse: red, yellow, blue"))
	return cmd
}

func runDispatchSend(ctx context.Context, e *env, o dispatchSendOptions) (*dispatchSendDocument, error) {
	level, err := parseLevel(o.level)
	if err != nil {
		return nil, err
	}
	a, d, err := e.dispatch(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	within, err := parseDivision(a.Tree, o.division)
	if err != nil {
		return nil, err
	}
	bar := e.progress("送出预警户", "sending warned households")
	var doc dispatchSendDocument
	doc.Sent, err = d.Send(ctx, console(), e.Now(), screening.SignalFilter{Division: within, Level: level}, func(n int) { bar.update(int64(n), 0) })
	bar.end(err)
	if err != nil {
		return nil, err
	}
	return &doc, a.Close()
}

// dispatch opens the program and its dispatch.
func (e *env) dispatch(ctx context.Context) (*app.App, *dispatch.Service, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, err := a.Dispatch()
	if err != nil {
		_ = a.Close() // the first error is the one to tell
		return nil, nil, err
	}
	return a, d, nil
}

func (d *dispatchSendDocument) text(w *page) {
	r := d.Received
	w.linef(w.t("第 %d 次筛查：%s 户预警，%s 条", "run %d: %s households with %s warnings"), d.Run, count(d.Households), count(r.Signals))
	w.linef(w.t("  新线索 %s 条，并入在办 %s 条，重新查看 %s 户，重复已核实的原因 %s 条（不再入户），以前已送 %s 条",
		"  %s new leads, %s joined open cases, %s looked at again, %s repeat a verified cause (no visit), %s sent before"),
		count(r.Opened), count(r.Joined), count(r.Reopened), count(r.Suppressed), count(r.Repeated))
	if d.Unplaced > 0 {
		w.linef(w.t("  %s 户在花名册里没有村，无法派送，请补充：%s", "  %s households have no village in the register and cannot be sent; mend: %s"), count(d.Unplaced), strings.Join(d.UnplacedNos[:min(5, len(d.UnplacedNos))], ", "))
	}
}

// dispatchFeedDocument is the JSON document of dispatch feed.
type dispatchFeedDocument struct{ dispatch.Fed }

func newDispatchFeedCommand(e *env) *cobra.Command {
	return e.command("feed", words{
		zh: "把核实和帮扶结果送回仓库", en: "deliver what staff did back to the warehouse",
		longZH:  "把上次以来的核实结论、走访、认定、消除、措施落实和数据更正写成“帮扶闭环记录”，像部门数据一样接收、归档、关联。每县一份；没有新事项也送空表，表示确实没有。",
		longEN:  "Writes what was verified, visited, identified, cleared, delivered and corrected since the last time as casework records, which are taken in, archived and linked like any department's. One file a county; an empty one says that nothing happened.",
		example: "shouwang dispatch feed --data ./county",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		a, d, err := e.dispatch(ctx)
		if err != nil {
			return nil, err
		}
		defer a.Close()
		release, err := a.Batch(ctx)
		if err != nil {
			return nil, err
		}
		defer release()
		var doc dispatchFeedDocument
		if doc.Fed, err = d.Feed(ctx, console(), e.Now()); err != nil {
			return nil, err
		}
		return &doc, a.Close()
	})
}

func (d *dispatchFeedDocument) text(w *page) {
	w.linef(w.t("送回 %s 条闭环记录，%d 个县", "%s casework records of %d counties delivered"), count(d.Events), len(d.Files))
	names := []struct{ kind, zh, en string }{
		{"verified", "核实", "verified"}, {"visit", "走访", "visits"}, {"identified", "认定", "identified"}, {"refused", "不予认定", "refused"}, {"measure", "措施落实", "measures"},
		{"cleared", "风险消除", "cleared"}, {"rolled_back", "消除回退", "rolled back"}, {"closed", "办结", "closed"}, {"correction", "数据更正", "corrections"},
	}
	var rows [][]string
	for _, n := range names {
		if d.Kinds[n.kind] > 0 {
			rows = append(rows, []string{w.t(n.zh, n.en), count(d.Kinds[n.kind])})
		}
	}
	if len(rows) > 0 {
		w.table([]string{w.t("事项", "kind"), w.t("条", "records")}, rows)
	}
}
