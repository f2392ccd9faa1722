package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/config"
	"shouwang/internal/demo"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/evaluate"
	"shouwang/internal/intake"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/synth"
	"shouwang/internal/web"
)

const (
	// defaultDivision is Congjiang county: 300 mountain villages, a county that the state long listed as poor.
	defaultDivision = "522633"
	// defaultHouseholds is enough for every risk to occur, and little enough for a minute on two cores.
	defaultHouseholds = 20_000
	// demoData is the demo's own folder.
	demoData = "./shouwang-demo"
	// demoListen is where the demo's pages are.
	demoListen = "127.0.0.1:8080"
	// worstShown is how many households the summary explains.
	worstShown = 3
)

type demoOptions struct {
	division   string
	households int
	seed       uint64
	asOf       dayFlag
	noServe    bool
	noCases    bool
	listen     string
}

// demoDocument is the JSON document of demo.
type demoDocument struct {
	Data       string                  `json:"data"`       // the data folder
	Keyring    string                  `json:"keyring"`    // its keyring
	Place      string                  `json:"place"`      // names of the divisions
	Synth      synth.Summary           `json:"synth"`      // what was generated
	Intake     intakeTotals            `json:"intake"`     // what was taken in, as totals of intake
	Screening  screening.Summary       `json:"screening"`  // as the document of screen
	Evaluation evaluate.Report         `json:"evaluation"` // as the document of evaluate
	Played     demo.Report             `json:"played"`     // what the staff of the demo did
	Worst      []screening.Explanation `json:"worst"`      // the worst households, as documents of explain
	Seconds    demoSeconds             `json:"seconds"`    // wall-clock seconds
	pack       *policy.Pack
	tree       namer
}

// demoSeconds are wall-clock seconds.
type demoSeconds struct {
	Synth  float64 `json:"synth"`
	Intake float64 `json:"intake"`
	Screen float64 `json:"screen"`
	Play   float64 `json:"play"`
	Total  float64 `json:"total"`
}

func newDemoCommand(e *env) *cobra.Command {
	var o demoOptions
	cmd := e.command("demo", words{
		zh: "用合成数据把全过程演示一遍", en: "show the whole program on synthetic data",
		longZH: `生成一个县的合成农户和各部门文件，全部接收、筛查、对照真相，最后给出看得懂的小结：文件和行数、退回原因、各级预警、数据需求，以及最严重的三户为什么预警。
再让各级工作人员（演示账号和他们的同事）按流程办理几个月：线索派发、入户核实、评议公示、审定、帮扶、交办、消除，每个环节都有在办的户，有的今天到期，有的已超期；--no-cases 时不办。
不写 --data 时使用 ./shouwang-demo，并且只会替换它自己建立的文件夹。合成文件里有意带有错漏，退回若干行是正常的，退出码仍为 0。
小结之后打开网页服务（默认 http://127.0.0.1:8080，被占用时换一个空闲端口），登录页上每个角色有一个演示账号；按 Ctrl-C 结束。--no-serve 时小结之后就结束。`,
		longEN: `Generates a county's households and the departments' files, takes everything in, screens it, compares it with the truth, and ends with a summary: files and rows, rejects by
reason, warnings by level and risk, data requests, and why the three worst households are warned of. Staff of every level (the demo's accounts and their colleagues) then work through some months: leads,
visits, appraisals, notices, decisions, plans, orders, clearings, so that every step has cases, some due today and some overdue; not with --no-cases. Without --data it uses ./shouwang-demo, and replaces only a
folder that it made itself. The synthetic files carry dirt on purpose: some rejected rows are normal, and the exit code is 0 all the same. After the summary
it serves the pages (http://127.0.0.1:8080, or a free port when that one is taken), with an account for every role on the sign-in page, until Ctrl-C; --no-serve ends it after the summary.`,
		example: "shouwang demo\nshouwang demo --division 522633 --households 5000 --data ./try --lang en",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		d, err := runDemo(ctx, e, o)
		if err != nil || o.noServe {
			return d, err
		}
		if err := e.show(d); err != nil {
			return nil, err
		}
		serve := serveOptions{listen: o.listen, development: true}
		if o.listen == demoListen {
			serve.another = "127.0.0.1:0"
		}
		return nil, runServe(ctx, e, serve)
	})
	f := cmd.Flags()
	f.StringVar(&o.division, "division", defaultDivision, e.t("行政区划（代码或名称）", "division (code or name)"))
	f.IntVar(&o.households, "households", defaultHouseholds, e.t("户数", "number of households"))
	f.Uint64Var(&o.seed, "seed", 1, e.t("种子", "seed"))
	f.Var(&o.asOf, "as-of", e.t("筛查日期（默认今天）", "screening day (default today)"))
	f.BoolVar(&o.noServe, "no-serve", false, e.t("小结之后不打开网页服务", "don't serve the pages after the summary"))
	f.BoolVar(&o.noCases, "no-cases", false, e.t("只有农户、数据和预警，不演示办理", "households, data and warnings only: nobody works on cases"))
	f.StringVar(&o.listen, "listen", demoListen, e.t("网页的地址和端口", "address and port of the pages"))
	return cmd
}

func runDemo(ctx context.Context, e *env, o demoOptions) (*demoDocument, error) {
	if o.households < 1 {
		return nil, usagef("--households 应为正数", "--households must be positive")
	}
	began := e.Now()
	if err := prepareDemo(e); err != nil {
		return nil, err
	}
	a, err := e.app()
	if err != nil {
		return nil, err
	}
	defer a.Close()
	code, err := parseDivision(a.Tree, o.division)
	if err != nil {
		return nil, err
	}
	if err := a.Create(ctx, e.Now(), true); err != nil {
		return nil, err
	}
	d := &demoDocument{Data: a.Config.Data, Keyring: a.Config.Keyring, pack: a.Pack, tree: namer{a.Tree}}
	d.Place = d.tree.path(code)
	out := filepath.Join(a.Config.Data, "synth")
	generated, err := generate(ctx, e, a, code, synthOptions{out: out, households: o.households, seed: o.seed, asOf: o.asOf})
	if err != nil {
		return nil, err
	}
	d.Synth = generated.Summary
	mark := e.Now()
	d.Seconds.Synth = mark.Sub(began).Seconds()
	receipts, err := takeIn(ctx, e, a, []string{filepath.Join(out, "files")}, intake.Options{Now: e.Now()})
	if err != nil {
		return nil, err
	}
	d.Intake = addUp(receipts)
	d.Seconds.Intake = e.Now().Sub(mark).Seconds()
	if err := demoLife(ctx, e, a, d, code, o); err != nil {
		return nil, err
	}
	if d.Evaluation, err = evaluate.Run(ctx, a.Warehouse, filepath.Join(out, "truth")); err != nil {
		return nil, err
	}
	if d.Worst, err = worst(ctx, a, worstShown); err != nil {
		return nil, err
	}
	if err := a.Close(); err != nil {
		return nil, err
	}
	d.Seconds.Total = e.Now().Sub(began).Seconds()
	return d, nil
}

// demoLife screens twice and has an account for every role, and their colleagues, carry cases in between and before, around the village of the demo with
// the most red warnings.
func demoLife(ctx context.Context, e *env, a *app.App, d *demoDocument, within division.Code, o demoOptions) error {
	asOf := o.asOf.or(e.Now())
	screen := func(day time.Time) (err error) {
		mark := e.Now()
		bar := e.progress("筛查农户", "screening households")
		d.Screening, err = a.Screening().Run(ctx, screening.Options{AsOf: day, Now: e.Now(), Full: true, Progress: bar.update})
		bar.end(err)
		d.Seconds.Screen += e.Now().Sub(mark).Seconds()
		return err
	}
	now := e.Now()
	first := demo.Screened(asOf)
	if o.noCases {
		first = asOf
	} else if err := demo.EarlierIncomes(ctx, a, within, asOf); err != nil {
		return err
	}
	if err := screen(first); err != nil {
		return err
	}
	villages, err := a.Screening().Areas(ctx, within, division.Village)
	if err != nil {
		return err
	}
	if len(villages) == 0 {
		return errs.New(errs.Invalid, "演示的行政区划里没有村", "the demo's division has no village")
	}
	most := slices.MaxFunc(villages, func(x, y screening.Area) int { return cmp.Compare(x.Red, y.Red) })
	a.SetAccounts(account.Options{SecondFactor: []account.Role{}})
	if err := web.MakeDemoAccounts(ctx, a.Ledger, a.Accounts(), demo.Begins(now), most.Division); err != nil {
		return err
	}
	if o.noCases {
		return nil
	}
	mark, screened := e.Now(), d.Seconds.Screen
	d.Played, err = demo.Play(ctx, a, demo.Options{Now: now, Village: most.Division, Second: func() error { return screen(asOf) }})
	d.Seconds.Play = e.Now().Sub(mark).Seconds() - (d.Seconds.Screen - screened)
	return err
}

// prepareDemo settles the data folder: a named one must be new; the demo's own is replaced if the demo made it.
func prepareDemo(e *env) error {
	named := e.given.Data != "" || e.Getenv("SHOUWANG_DATA") != ""
	if !named {
		given := e.given
		given.Data = demoData
		resolved, err := given.Resolve(e.Getenv)
		if err != nil {
			return err
		}
		e.config = resolved
	}
	folder, err := config.ReadFolder(e.config.Data)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return nil // WriteFolder refuses a folder with anything in it
	case err != nil:
		return err
	case named || !folder.Demo:
		return errs.Newf(errs.Conflict,
			"%[1]s 里已经有数据。查看它：shouwang warnings --data %[1]s；重新演示：换一个文件夹（demo --data 新文件夹），或先删除它",
			"%[1]s holds data already. Look at it: shouwang warnings --data %[1]s. For another demo name a new folder (demo --data NEW), or delete this one first", e.config.Data)
	}
	if err := os.RemoveAll(e.config.Data); err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法替换上次的演示文件夹 "+e.config.Data, "cannot replace the last demo's folder "+e.config.Data)
	}
	if e.given.Keyring == "" {
		if err := os.Remove(e.config.Keyring); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errs.Wrap(errs.Unavailable, err, "无法替换上次演示的密钥文件", "cannot replace the last demo's keyring")
		}
	}
	return nil
}

// worst explains the n households with the most red warnings (then the most rules that hit).
func worst(ctx context.Context, a *app.App, n int) ([]screening.Explanation, error) {
	type score struct {
		no       string
		warnings int
		rules    int
	}
	for _, level := range []policy.Level{policy.Red, policy.Yellow, policy.Blue} {
		by := map[string]*score{}
		err := a.Screening().Warnings(ctx, screening.Filter{Level: level}, func(w screening.Warning) error {
			s := by[w.HouseholdNo]
			if s == nil {
				s = &score{no: w.HouseholdNo}
				by[w.HouseholdNo] = s
			}
			s.warnings++
			s.rules += len(w.Rules)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(by) == 0 {
			continue
		}
		var all []*score
		for _, s := range by {
			all = append(all, s)
		}
		slices.SortFunc(all, func(x, y *score) int {
			return cmp.Or(cmp.Compare(y.warnings, x.warnings), cmp.Compare(y.rules, x.rules), cmp.Compare(x.no, y.no))
		})
		out := []screening.Explanation{}
		for _, s := range all[:min(n, len(all))] {
			x, err := a.Screening().Explain(ctx, s.no, "", 0)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	}
	return []screening.Explanation{}, nil
}

// rejected: rows are rejected on purpose in a demo; a refused file is not.
func (d *demoDocument) rejected() bool { return d.Intake.RefusedFiles > 0 }

func (d *demoDocument) text(w *page) {
	w.linef(w.t("守望演示：%s，合成数据，%s", "Shouwang demo: %s, synthetic data, %s"), d.Place, d.Screening.AsOf)
	w.heading("接收文件", "Files taken in")
	w.linef(w.t("%s 户 %s 人，%d 个村，%d 个部门文件", "%s households, %s persons, %d villages, %d files of departments"),
		count(d.Synth.Households), count(d.Synth.Persons), d.Synth.Villages, d.Synth.Files)
	d.Intake.text(w)
	screen := screenDocument{Summary: d.Screening, pack: d.pack, tree: d.tree}
	screen.warnings(w)
	screen.requests(w, 8)
	w.heading("最严重的三户", "The three worst households")
	for _, x := range d.Worst {
		worstText(w, x)
	}
	d.played(w)
	w.heading("与真相对照", "Against the truth")
	(&evaluateDocument{Report: d.Evaluation, pack: d.pack}).text(w)
	w.heading("接着看", "Look further")
	if len(d.Worst) > 0 {
		w.linef("  shouwang explain   --data %s %s", d.Data, d.Worst[0].HouseholdNo)
		w.linef("  shouwang household --data %s %s", d.Data, d.Worst[0].HouseholdNo)
	}
	w.linef("  shouwang warnings  --data %s --format xlsx --out warnings.xlsx", d.Data)
	w.linef("  shouwang pack show")
	w.linef(w.t("用时 %.1f 秒：生成 %.1f，接收 %.1f，筛查两次 %.1f，办理 %.1f", "%.1f s: generating %.1f, intake %.1f, two screenings %.1f, casework %.1f"),
		d.Seconds.Total, d.Seconds.Synth, d.Seconds.Intake, d.Seconds.Screen, d.Seconds.Play)
}

// played tells what the staff of the demo did: how many cases stand in each state.
func (d *demoDocument) played(w *page) {
	if len(d.Played.Cases) == 0 {
		return
	}
	w.heading("一个县在办的事", "A county at work")
	in := map[string]int{}
	total := 0
	for _, c := range d.Played.Cases {
		in[c.State] += c.Cases
		total += c.Cases
	}
	w.linef(w.t("%s 户有线索或在办、办结的个案；%d 名同事办了 %s 个步骤，收到 %d 件自主申报", "%s households have a lead or a case; %d more colleagues took %s steps, and %d self-applications came in"),
		count(total), d.Played.Staff, count(d.Played.Acts), d.Played.Applications)
	if d.pack.Workflow == nil {
		return
	}
	var told []string
	for i := range d.pack.Workflow.States {
		if st := &d.pack.Workflow.States[i]; in[st.ID] > 0 {
			told = append(told, fmt.Sprintf(w.t("%s %s 户", "%s: %s"), st.Name.In(w.lang), count(in[st.ID])))
		}
	}
	w.linef("  %s", strings.Join(told, w.t("，", "; ")))
}

// worstText tells one household in words: for each risk the worst rule that hit, and the comparisons that force it.
func worstText(w *page, x screening.Explanation) {
	w.linef(w.t("户 %s  %s  %d 人", "household %s  %s  %d members"), x.HouseholdNo, x.Place, x.Members)
	rank := map[string]int{"red": 0, "yellow": 1, "blue": 2}
	rules := slices.Clone(x.Rules)
	slices.SortStableFunc(rules, func(a, b screening.RuleExplanation) int { return rank[a.Level] - rank[b.Level] })
	told := map[string]bool{}
	more := 0
	for _, r := range rules {
		switch {
		case r.Outcome != policy.Hit.String() || r.Class == string(policy.ClassDoubt):
			continue
		case told[r.Risk]:
			more++
			continue
		}
		told[r.Risk] = true
		w.linef("  %s  %s", levelMark(w, r.Level), r.Wording.In(w.lang))
		var why []string
		for _, reason := range r.Reasons {
			why = append(why, reason.Text.In(w.lang))
		}
		if len(why) > 0 {
			w.linef("        %s%s", w.t("依据：", "because: "), strings.Join(why, w.t("；", "; ")))
		}
	}
	if more > 0 {
		w.linef(w.t("        同样的风险还有 %d 条规则命中", "        %d more rules of the same risks hit"), more)
	}
}
