package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
)

func newCaseCommand(e *env) *cobra.Command {
	cmd := e.command("case", words{
		zh: "个案：列出、统计、查看、办理", en: "cases: list, count, show, act",
		longZH:  "个案是一户从第一条线索到消除风险、持续关注的全过程。在命令行上办理的人是系统管理员，审计链如实记录。",
		longEN:  "A case is one household's way from the first signal to cleared and watched. Who acts on the command line is the system's administrator, and the audit chain says so.",
		example: "shouwang case list --data ./county --level red\nshouwang case show --data ./county CASE\nshouwang case act --data ./county CASE accept --role village --version 1",
	}, cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newCaseListCommand(e), newCaseCountCommand(e), newCaseShowCommand(e), newCaseActCommand(e), newCasePrecisionCommand(e))
	return cmd
}

// withCases opens the program and runs fn with its casework.
func withCases(ctx context.Context, e *env, fn func(*app.App, *casework.Service) error) error {
	a, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	s, err := a.Casework()
	if err != nil {
		return err
	}
	if err := fn(a, s); err != nil {
		return err
	}
	return a.Close()
}

// caseFilter are the flags that choose cases.
type caseFilter struct {
	division, level, risk, rule, channel, owner, household string
	states, phases                                         []string
	days                                                   int
	overdue                                                bool
}

func (f *caseFilter) flags(e *env, cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.division, "division", "", e.t("只要这个行政区划及其下级（代码或名称）", "only this division and what is under it (code or name)"))
	fl.StringSliceVar(&f.states, "state", nil, e.t("只要这些状态（政策包中的标识）", "only these states (ids in the pack)"))
	fl.StringSliceVar(&f.phases, "phase", nil, e.t("只要这些阶段：lead、identify、support、clear、watch、closed（默认除 closed 外）", "only these phases: lead, identify, support, clear, watch, closed (default all but closed)"))
	fl.StringVar(&f.level, "level", "", e.t("至少这个级别：red、yellow、blue", "at least this level: red, yellow, blue"))
	fl.StringVar(&f.risk, "risk", "", e.t("只要这个风险类型", "only this risk"))
	fl.StringVar(&f.rule, "rule", "", e.t("只要这条规则触发的", "only where this rule hit"))
	fl.StringVar(&f.channel, "channel", "", e.t("只要这个渠道：screening、application、visit、hotline、disaster", "only this channel: screening, application, visit, hotline, disaster"))
	fl.StringVar(&f.owner, "owner", "", e.t("只要这个账号负责的", "only those of this account"))
	fl.StringVar(&f.household, "household", "", e.t("只要这一户（户编号，含已办结的）", "only this household (number; closed ones too)"))
	fl.IntVar(&f.days, "days", 0, e.t("只要发现线索满这么多天的", "only those whose lead is at least so many days old"))
	fl.BoolVar(&f.overdue, "overdue", false, e.t("只要待办已逾期的", "only those with an overdue task"))
}

func (f *caseFilter) filter(a *app.App) (casework.Filter, error) {
	code, err := parseDivision(a.Tree, f.division)
	if err != nil {
		return casework.Filter{}, err
	}
	level, err := parseLevel(f.level)
	if err != nil {
		return casework.Filter{}, err
	}
	out := casework.Filter{Under: code, States: f.states, Phases: f.phases, MinLevel: int(level), Risk: f.risk, Rule: f.rule, Channel: casework.Channel(f.channel), Owner: f.owner, MinDays: f.days, Overdue: f.overdue}
	for _, s := range f.states {
		if a.Pack.Workflow == nil || a.Pack.Workflow.State(s) == nil {
			return out, usagef("政策包里没有状态 %[1]q", "the pack has no state %[1]q", s)
		}
	}
	if f.household != "" {
		id, _, ok := registry.HouseholdID(f.household)
		if !ok {
			return out, usagef("不是户编号：%[1]q", "that is no household number: %[1]q", f.household)
		}
		out.Household = id
	}
	return out, nil
}

// caseListDocument is the JSON document of case list.
type caseListDocument struct {
	Cases []caseRecord `json:"cases"` // worst level first, then oldest
	Next  string       `json:"next"`  // give it to --after for the next page; "" at the end
	pack  *policy.Pack
}

// caseRecord is a case with the names that a reader needs.
type caseRecord struct {
	ID          string `json:"id"`
	Version     int64  `json:"version"`
	HouseholdNo string `json:"household_no"`
	Division    string `json:"division"` // village
	Path        string `json:"path"`     // names of the divisions down to the village
	State       string `json:"state"`
	StateName   string `json:"state_name"` // in the user's language
	Phase       string `json:"phase"`
	Level       string `json:"level"` // red, yellow, blue or ""
	Channel     string `json:"channel"`
	Green       bool   `json:"green"`
	Signals     int    `json:"signals"` // that ask for a look
	Since       string `json:"since"`   // day on which the lead's clock began
	Owner       string `json:"owner"`   // account
	Explanation string `json:"explanation"`
}

func newCaseRecord(a *app.App, c *casework.Case, lang string) caseRecord {
	r := caseRecord{
		ID: c.ID, Version: c.Version, HouseholdNo: c.HouseholdNo, Division: c.Division.Prefix(), Path: namer{a.Tree}.path(c.Division), State: c.State, StateName: stateName(a.Pack, c.State, lang), Phase: c.Phase,
		Level: levelName(c.Level), Channel: string(c.Channel), Green: c.Green, Signals: c.Signals, Since: casework.Civil(c.LeadAt.Go()).Format("2006-01-02"), Owner: c.Owner, Explanation: c.ExplanationZH,
	}
	if lang == "en" {
		r.Explanation = c.ExplanationEN
	}
	return r
}

func stateName(p *policy.Pack, id, lang string) string {
	if p.Workflow != nil {
		if s := p.Workflow.State(id); s != nil {
			return s.Name.In(lang)
		}
	}
	return id
}

func levelName(level int) string {
	if level < 0 || level > 3 {
		return ""
	}
	return policy.Level(level).String()
}

func newCaseListCommand(e *env) *cobra.Command {
	var f caseFilter
	var after string
	var limit int
	cmd := e.command("list", words{
		zh: "列出个案，最急的在前", en: "list cases, the most urgent first",
		longZH:  "列出个案：级别高的在前，同级的先发现的在前。不含姓名。",
		longEN:  "Lists cases: the worst level first, then the oldest lead. No names.",
		example: "shouwang case list --data ./county --phase lead --level red --limit 20\nshouwang case list --data ./county --division 522633105 --overdue --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		d := &caseListDocument{Cases: []caseRecord{}}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			d.pack = a.Pack
			filter, err := f.filter(a)
			if err != nil {
				return err
			}
			page, err := s.List(ctx, console(), e.Now(), filter, after, limit)
			for i := range page.Cases {
				d.Cases = append(d.Cases, newCaseRecord(a, &page.Cases[i], e.lang))
			}
			d.Next = page.Next
			return err
		})
	})
	f.flags(e, cmd)
	cmd.Flags().StringVar(&after, "after", "", e.t("上一页给出的 next", "the next that the page before gave"))
	cmd.Flags().IntVar(&limit, "limit", 50, e.t("一页最多多少件（1 至 500）", "at most so many a page (1 to 500)"))
	return cmd
}

func (d *caseListDocument) text(w *page) {
	var rows [][]string
	for _, c := range d.Cases {
		rows = append(rows, []string{levelMark(w, c.Level), c.ID, c.HouseholdNo, c.Path, c.StateName, c.Since, fmt.Sprint(c.Signals)})
	}
	w.table([]string{w.t("级别", "level"), w.t("个案", "case"), w.t("户编号", "household"), w.t("村", "village"), w.t("状态", "state"), w.t("发现日期", "since"), w.t("线索", "signals")}, rows)
	if d.Next != "" {
		w.linef(w.t("还有，下一页：--after %s", "there are more: --after %s"), d.Next)
	}
}

// caseCountDocument is the JSON document of case count.
type caseCountDocument struct {
	Total  int              `json:"total"`
	Counts []casework.Count `json:"counts"`
	pack   *policy.Pack
}

func newCaseCountCommand(e *env) *cobra.Command {
	var f caseFilter
	cmd := e.command("count", words{
		zh: "按状态和级别统计个案", en: "count cases by state and level",
		longZH:  "按状态和级别统计个案数，筛选条件与 case list 相同。",
		longEN:  "Counts cases by state and level, chosen as in case list.",
		example: "shouwang case count --data ./county --division 522633",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		d := &caseCountDocument{Counts: []casework.Count{}}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			d.pack = a.Pack
			filter, err := f.filter(a)
			if err != nil {
				return err
			}
			if d.Counts, err = s.Counts(ctx, console(), e.Now(), filter); err != nil {
				return err
			}
			for _, c := range d.Counts {
				d.Total += c.Cases
			}
			return nil
		})
	})
	f.flags(e, cmd)
	return cmd
}

func (d *caseCountDocument) text(w *page) {
	var rows [][]string
	for _, c := range d.Counts {
		rows = append(rows, []string{c.Phase, stateName(d.pack, c.State, w.lang), levelMark(w, levelName(c.Level)), count(c.Cases)})
	}
	w.table([]string{w.t("阶段", "phase"), w.t("状态", "state"), w.t("级别", "level"), w.t("件数", "cases")}, rows)
	w.linef(w.t("共 %s 件", "%s in all"), count(d.Total))
}

// caseDocument is the JSON document of case show and case act.
type caseDocument struct {
	Case    caseRecord     `json:"case"`
	Signals []caseSignal   `json:"signals"`
	Steps   []caseStep     `json:"steps"`
	Tasks   []caseTask     `json:"tasks"`
	Offers  []caseOffer    `json:"offers"` // what may be done next
	Tags    []casework.Tag `json:"tags"`
	pack    *policy.Pack
}

type caseSignal struct {
	Channel  string `json:"channel"`
	Risk     string `json:"risk"`
	Level    string `json:"level"`
	Rule     string `json:"rule"`
	Words    string `json:"words"`
	Label    string `json:"label"`    // true, false_alarm, known; "" while nobody has verified it
	Repeated bool   `json:"repeated"` // repeats what was verified: asks for no visit
}

type caseStep struct {
	Seq    int             `json:"seq"`
	Action string          `json:"action"`
	From   string          `json:"from"`
	To     string          `json:"to"`
	At     string          `json:"at"`
	Actor  string          `json:"actor"`
	Flags  []string        `json:"flags"` // guards that flagged it
	Data   json.RawMessage `json:"data"`  // the form; personal content is masked without --reason
}

type caseTask struct {
	Name   string `json:"name"`
	Org    string `json:"org"`
	Due    string `json:"due"`    // overdue from then on
	Closed string `json:"closed"` // ""
}

type caseOffer struct {
	Action   string   `json:"action"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles"`
	Allowed  bool     `json:"allowed"`
	Refusals []string `json:"refusals"` // which condition and which fact stand in the way
}

func newCaseShowCommand(e *env) *cobra.Command {
	var reason string
	cmd := e.command("show CASE", words{
		zh: "查看一个个案的全部记录", en: "show everything of one case",
		longZH:  "显示一个个案：线索、步骤、待办、接下来能办什么和为什么不能。姓名、备注等个人内容不显示；要看须用 --reason 写明理由，并记入审计链。",
		longEN:  "Shows one case: signals, steps, tasks, what may be done next and why not. Personal content is masked; --reason shows it, which is an event of the audit chain.",
		example: "shouwang case show --data ./county 019a2b3c-0000-7000-8000-000000000001\nshouwang case show --data ./county CASE --reason 核对入户人员 --json",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		d := &caseDocument{}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error { return d.read(ctx, e, a, s, args[0], reason) })
	})
	cmd.Flags().StringVar(&reason, "reason", "", e.t("查看个人内容的理由", "why personal content is looked at"))
	return cmd
}

// read fills the document.
func (d *caseDocument) read(ctx context.Context, e *env, a *app.App, s *casework.Service, id, reason string) error {
	got, err := s.Dossier(ctx, console(), e.Now(), id, reason)
	if err != nil {
		return err
	}
	d.pack, d.Case, d.Tags = a.Pack, newCaseRecord(a, got.Case, e.lang), got.Tags
	d.Signals, d.Steps, d.Tasks, d.Offers = []caseSignal{}, []caseStep{}, []caseTask{}, []caseOffer{}
	for _, g := range got.Signals {
		text := policy.Text{ZH: g.WordsZH, EN: g.WordsEN}.In(e.lang)
		d.Signals = append(d.Signals, caseSignal{Channel: string(g.Channel), Risk: g.Risk, Level: levelName(g.Level), Rule: g.Rule, Words: text, Label: g.Label, Repeated: g.SuppressedBy != ""})
	}
	for _, st := range got.Steps {
		d.Steps = append(d.Steps, caseStep{Seq: st.Seq, Action: st.Action, From: st.FromState, To: st.ToState, At: st.At.String(), Actor: st.Actor, Flags: st.Flags, Data: json.RawMessage(st.Data)})
	}
	for _, t := range got.Tasks {
		d.Tasks = append(d.Tasks, caseTask{Name: policy.Text{ZH: t.ZH, EN: t.EN}.In(e.lang), Org: t.Org, Due: t.Due.String(), Closed: t.Closed.String()})
	}
	everybody := console()
	everybody.Roles = append(everybody.Roles, account.Roles()...)
	offers, err := s.Offers(ctx, everybody, e.Now(), id)
	for _, o := range offers {
		one := caseOffer{Action: o.Action.ID, Name: o.Action.Name.In(e.lang), Roles: o.Action.Roles, Allowed: o.Allowed || o.NeedsForm, Refusals: []string{}}
		for _, r := range o.Refusals {
			var why []string
			for _, x := range r.Reasons {
				why = append(why, x.Text.In(e.lang))
			}
			one.Refusals = append(one.Refusals, r.Name.In(e.lang)+e.t("：", ": ")+strings.Join(why, e.t("；", "; ")))
		}
		d.Offers = append(d.Offers, one)
	}
	return err
}

func (d *caseDocument) text(w *page) {
	c := d.Case
	w.linef("%s  %s  %s  %s", c.ID, levelMark(w, c.Level), c.StateName, c.Path)
	w.linef(w.t("户编号 %s，第 %d 版，%s 起", "household %s, version %d, since %s"), c.HouseholdNo, c.Version, c.Since)
	w.linef("%s", c.Explanation)
	w.heading("步骤", "Steps")
	var rows [][]string
	for _, s := range d.Steps {
		rows = append(rows, []string{fmt.Sprint(s.Seq), s.At, s.Action, stateName(d.pack, s.To, w.lang), s.Actor, strings.Join(s.Flags, " ")})
	}
	w.table([]string{"#", w.t("时间", "at"), w.t("动作", "action"), w.t("到", "to"), w.t("办理人", "by"), w.t("标记", "flags")}, rows)
	w.heading("接下来", "Next")
	for _, o := range d.Offers {
		mark := w.t("可办", "may")
		if !o.Allowed {
			mark = w.t("不可", "not")
		}
		w.linef("  [%s] %s  %s  (%s)", mark, o.Action, o.Name, strings.Join(o.Roles, ", "))
		for _, r := range o.Refusals {
			w.linef("      %s", r)
		}
	}
}

func newCaseActCommand(e *env) *cobra.Command {
	var role, data, key string
	var version int64
	cmd := e.command("act CASE ACTION", words{
		zh: "办理一个动作", en: "take an action",
		longZH: `以某个角色办理一个动作；表单是 JSON，用 --form 给出，@文件 从文件读，- 从标准输入读。
条件不满足时说明是哪个条件、哪个事实。--version 是查看时的版本：别人先改了就不会覆盖。`,
		longEN: `Takes an action in a role; the form is JSON, given by --form, with @FILE from a file, with - from standard input.
Where a condition is not met it says which, and which fact. --version is the version that was seen: nobody is overwritten.`,
		example: "shouwang case act --data ./county CASE accept --role village --version 1\nshouwang case act --data ./county CASE record_visit --role village --version 2 --form @visit.json",
	}, cobra.ExactArgs(2), func(ctx context.Context, args []string) (result, error) {
		form, err := readForm(e, data)
		if err != nil {
			return nil, err
		}
		actor := console()
		if role != "" {
			if !slices.Contains(account.Roles(), account.Role(role)) {
				return nil, usagef("没有角色 %[1]q", "there is no role %[1]q", role)
			}
			actor.Roles = append(actor.Roles, account.Role(role))
		}
		d := &caseDocument{}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			if _, err := s.Act(ctx, actor, e.Now(), casework.Act{Case: args[0], Action: args[1], Version: version, Key: key, Data: form}); err != nil {
				return err
			}
			return d.read(ctx, e, a, s, args[0], "")
		})
	})
	f := cmd.Flags()
	f.StringVar(&role, "role", "", e.t("以哪个角色办理：village、township、county、department（默认 system）", "in which role: village, township, county, department (default system)"))
	f.StringVar(&data, "form", "", e.t("表单 JSON、@文件 或 -", "the form as JSON, @FILE or -"))
	f.Int64Var(&version, "version", 0, e.t("查看时的版本（必填）", "the version that was seen (required)"))
	f.StringVar(&key, "key", "", e.t("幂等键：同一个键只办一次", "idempotency key: one key is carried out once"))
	return cmd
}

// maxForm bounds a form, in bytes.
const maxForm = 1 << 20

// readForm reads a JSON object from a flag, a file or standard input. "" is an empty form.
func readForm(e *env, data string) (map[string]any, error) {
	if data == "" {
		return nil, nil
	}
	var text io.Reader = strings.NewReader(data)
	switch {
	case data == "-":
		text = e.Stdin
	case data[0] == '@':
		f, err := os.Open(e.path(data[1:]))
		if err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "无法打开表单文件", "cannot open the form's file")
		}
		defer f.Close()
		text = f
	}
	b, err := io.ReadAll(io.LimitReader(text, maxForm))
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法读取表单", "cannot read the form")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var out map[string]any
	if err := dec.Decode(&out); err != nil {
		return nil, errs.New(errs.Invalid, "表单不是 JSON 对象", "the form is no JSON object")
	}
	return out, nil
}
