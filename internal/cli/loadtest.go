package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/errs"
	"shouwang/internal/load"
)

type loadtestOptions struct {
	leads int
	staff int
	think time.Duration
	span  time.Duration
	dir   string
	seed  uint64
	out   string
}

// loadtestDocument is the JSON document of loadtest.
type loadtestDocument struct{ load.Report }

func newLoadtestCommand(e *env) *cobra.Command {
	var o loadtestOptions
	cmd := e.command("loadtest", words{
		zh: "测量很多人同时办公时服务的快慢", en: "measure the server while many people work",
		longZH: `在一个临时文件夹里造出未结线索和已登录的工作人员，在本机启动服务，让每个人不断查看待办列表、打开个案，给出各百分位的用时。
请求只发往 127.0.0.1，人数、线索数和时间都有上限。用 --ledger 可以测 PostgreSQL（应为空库）。`,
		longEN: `Makes open leads and signed-in staff in a temporary folder, runs the server on this machine, and has everybody look at the work list and open cases; the answer is how
long that took. Requests go to 127.0.0.1 only; people, leads and time are bounded. With --ledger it measures PostgreSQL (an empty database).`,
		example: "shouwang loadtest --leads 30000 --staff 200 --for 20s\nshouwang loadtest --leads 300000 --staff 2000 --for 2m --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runLoadtest(ctx, e, o) })
	f := cmd.Flags()
	f.IntVar(&o.leads, "leads", 300_000, e.t("未结线索数", "open leads"))
	f.IntVar(&o.staff, "staff", 2000, e.t("已登录的工作人员数", "signed-in staff"))
	f.DurationVar(&o.think, "think", 10*time.Second, e.t("每人两次请求之间的平均间隔", "mean pause of one person between two requests"))
	f.DurationVar(&o.span, "for", time.Minute, e.t("发请求的时间", "how long requests are sent"))
	f.StringVar(&o.dir, "dir", "", e.t("放数据的空文件夹（默认临时文件夹）", "empty folder for the data (default a temporary one)"))
	f.Uint64Var(&o.seed, "seed", 1, e.t("种子", "seed"))
	f.StringVar(&o.out, "out", "", e.t("另存为 Markdown 表格", "also write a Markdown table to this file"))
	return cmd
}

func runLoadtest(ctx context.Context, e *env, o loadtestOptions) (*loadtestDocument, error) {
	steps := &stepProgress{e: e}
	report, err := load.Run(ctx, load.Options{
		Dir: e.path(o.dir), Ledger: e.given.Ledger, Leads: o.leads, Staff: o.staff, Think: o.think, For: o.span, Seed: o.seed, Now: e.Now, Progress: steps.update,
	})
	steps.end(err)
	if err != nil {
		return nil, err
	}
	d := &loadtestDocument{report}
	if o.out != "" {
		w := newPage("en")
		w.linef("%s open leads, %s signed-in staff, %s, %d cores (which also make the requests): %s requests in %.0f s, %.0f a second, %d failed.\n",
			count(d.Leads), count(d.Staff), d.Engine, d.Cores, count(d.Requests), d.Seconds, d.PerSecond, d.Failed)
		w.linef("| request | count | p50 ms | p95 ms | p99 ms | max ms |\n|---|---:|---:|---:|---:|---:|")
		for _, row := range d.rows() {
			w.linef("| %s | %s | %s | %s | %s | %s |", row[0], row[1], row[2], row[3], row[4], row[5])
		}
		if err := os.WriteFile(e.path(o.out), []byte(w.String()), 0o644); err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "无法写文件 "+o.out, "cannot write the file "+o.out)
		}
	}
	return d, nil
}

func (d *loadtestDocument) rows() (rows [][]string) {
	ms := func(v float64) string { return fmt.Sprintf("%.1f", v) }
	for _, f := range d.Figures {
		rows = append(rows, []string{f.Job, count(f.Count), ms(f.P50), ms(f.P95), ms(f.P99), ms(f.Max)})
	}
	return rows
}

func (d *loadtestDocument) text(w *page) {
	w.linef(w.t("%s 条未结线索，%s 人在线，%s，%d 个处理器：%.0f 秒 %s 个请求（每秒 %.0f），失败 %d；接收线索每秒 %s", "%s open leads, %s people signed in, %s, %d cores: in %.0f s %s requests (%.0f a second), %d failed; %s leads taken in a second"),
		count(d.Leads), count(d.Staff), d.Engine, d.Cores, d.Seconds, count(d.Requests), d.PerSecond, d.Failed, count(int64(d.Receiving)))
	rows := d.rows()
	for i, name := range map[string]string{"work list": "待办列表", "open a case": "打开个案"} {
		for _, row := range rows {
			if row[0] == i {
				row[0] = w.t(name, i)
			}
		}
	}
	w.table([]string{w.t("请求", "request"), w.t("次数", "count"), "p50 ms", "p95 ms", "p99 ms", w.t("最长 ms", "max ms")}, rows)
}
