package cli

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
)

func newLeadCommand(e *env) *cobra.Command {
	cmd := e.command("lead", words{
		zh: "线索：上报、批量分派、申报受理", en: "leads: report, hand out, take applications",
		longZH:  "线索是还在核实阶段的个案。一户的全部线索合成一件，一次入户一并核实。",
		longEN:  "A lead is a case that is still to be verified. All signals of a household make one, to be verified in one visit.",
		example: "shouwang lead report --data ./county 5226330010001 --channel visit --risk illness --words 入户发现大病\nshouwang lead hand-out --data ./county --division 522633",
	}, cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newLeadReportCommand(e), newLeadHandOutCommand(e), newLeadApplicationsCommand(e), newLeadTakeCommand(e), newLeadAnswerCommand(e))
	return cmd
}

// household finds a registered household by its number.
func household(ctx context.Context, a *app.App, no string) (registry.Household, error) {
	conn, err := a.Warehouse.Conn(ctx)
	if err != nil {
		return registry.Household{}, err
	}
	defer conn.Close()
	return registry.ByHouseholdNo(ctx, conn, no)
}

// leadReportDocument is the JSON document of lead report.
type leadReportDocument struct {
	Received casework.Received `json:"received"`
	Case     caseRecord        `json:"case"` // the household's newest case
}

type leadReportOptions struct{ channel, risk, level, words string }

func newLeadReportCommand(e *env) *cobra.Command {
	var o leadReportOptions
	cmd := e.command("report NO", words{
		zh: "上报一户的线索", en: "report a household",
		longZH:  "按户编号上报一条线索（走访、热线信访或灾害名单），并入该户未办结的个案，没有则新建一件。灾害开通绿色通道。",
		longEN:  "Reports a signal about the household of a number (visit, hotline or disaster list); it joins the household's case or opens one. A disaster opens the green channel.",
		example: "shouwang lead report --data ./county 5226330010001 --channel disaster --risk disaster --level red --words 房屋被山洪冲毁",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		level, err := parseLevel(o.level)
		if err != nil {
			return nil, err
		}
		d := &leadReportDocument{}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			h, err := household(ctx, a, args[0])
			if err != nil {
				return err
			}
			sig := casework.Signal{
				Household: h.ID, HouseholdNo: h.No, Division: h.Division, HouseholdType: h.Type, Channel: casework.Channel(o.channel), Risk: o.risk, Level: int(level),
				Words: policy.Text{ZH: o.words}, Happened: casework.Civil(e.Now()).Format("2006-01-02"),
			}
			if d.Received, err = s.Receive(ctx, console(), e.Now(), []casework.Signal{sig}, nil); err != nil {
				return err
			}
			page, err := s.List(ctx, console(), e.Now(), casework.Filter{Household: h.ID}, "", 1)
			if err == nil && len(page.Cases) > 0 {
				d.Case = newCaseRecord(a, &page.Cases[0], e.lang)
			}
			return err
		})
	})
	f := cmd.Flags()
	f.StringVar(&o.channel, "channel", "visit", e.t("渠道：visit、hotline、disaster", "channel: visit, hotline, disaster"))
	f.StringVar(&o.risk, "risk", "", e.t("风险类型（政策包中的标识）", "risk (id in the pack)"))
	f.StringVar(&o.level, "level", "yellow", e.t("级别：red、yellow、blue", "level: red, yellow, blue"))
	f.StringVar(&o.words, "words", "", e.t("发现了什么（不写姓名和号码；必填）", "what was found (no names or numbers; required)"))
	return cmd
}

func (d *leadReportDocument) text(w *page) {
	receivedText(w, d.Received)
	w.linef("%s  %s  %s", d.Case.ID, d.Case.StateName, d.Case.Path)
	w.linef("%s", d.Case.Explanation)
}

func receivedText(w *page, r casework.Received) {
	w.linef(w.t("收到线索 %s 条：新建 %s 件，并入 %s 条，重新核实 %s 件，免再核实 %s 条，以前收过 %s 条", "%s signals: %s cases opened, %s joined, %s looked at again, %s suppressed, %s received before"),
		count(r.Signals), count(r.Opened), count(r.Joined), count(r.Reopened), count(r.Suppressed), count(r.Repeated))
}

// leadHandOutDocument is the JSON document of lead hand-out.
type leadHandOutDocument struct {
	HandedOut int `json:"handed_out"` // leads that went to the villages
}

func newLeadHandOutCommand(e *env) *cobra.Command {
	var f caseFilter
	var owners string
	cmd := e.command("hand-out", words{
		zh: "把新线索批量分派到村（网格）", en: "hand new leads out to the villages (grids)",
		longZH:  "把已接收的线索批量受理并分派到各村核实。--owners 给出村到网格员账号的 JSON（{\"522633105209\": \"账号\"}），没有写到的村派给村级组织。可以中断后重来。",
		longEN:  "Accepts received leads in bulk and hands them to the villages to verify. --owners gives the JSON of village to grid worker's account; other villages get them as an organisation. It may be stopped and run again.",
		example: "shouwang lead hand-out --data ./county --division 522633\nshouwang lead hand-out --data ./county --division 522633 --owners @grid.json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		given, err := readForm(e, owners)
		if err != nil {
			return nil, err
		}
		d := &leadHandOutDocument{}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			filter, err := f.filter(a)
			if err != nil {
				return err
			}
			if len(filter.States) == 0 {
				filter.States = []string{s.Machine(0, e.Now()).Start()}
			}
			people := map[division.Code]string{}
			for place, who := range given {
				code, err := neededDivision(a, place)
				if err != nil {
					return err
				}
				name, ok := who.(string)
				if !ok {
					return usagef("--owners 应为 村代码到账号 的 JSON", "--owners is the JSON of village code to account")
				}
				people[code] = name
			}
			actor := console()
			actor.Roles = append(actor.Roles, account.County)
			bar := e.progress("分派线索", "handing leads out")
			d.HandedOut, err = s.ActAll(ctx, actor, e.Now(), "accept", filter, people, func(int) {})
			bar.end(err)
			return err
		})
	})
	f.flags(e, cmd)
	cmd.Flags().StringVar(&owners, "owners", "", e.t("村到账号的 JSON、@文件 或 -", "village to account as JSON, @FILE or -"))
	return cmd
}

func (d *leadHandOutDocument) text(w *page) {
	w.linef(w.t("已分派 %s 件", "%s leads handed out"), count(d.HandedOut))
}

// leadApplicationsDocument is the JSON document of lead applications.
type leadApplicationsDocument struct {
	Applications []applicationRecord `json:"applications"` // oldest first
}

type applicationRecord struct {
	ID         string `json:"id"`
	Version    int64  `json:"version"`
	Division   string `json:"division"`   // village
	Path       string `json:"path"`       // its names
	Name       string `json:"name"`       // masked
	Phone      string `json:"phone"`      // masked
	Difficulty string `json:"difficulty"` // masked without --reason
	State      string `json:"state"`      // waiting, taken, answered
	Received   string `json:"received"`
	Case       string `json:"case"` // once taken
}

func newApplicationRecord(a *app.App, x *casework.ApplicationShown) applicationRecord {
	return applicationRecord{ID: x.ID, Version: x.Version, Division: x.Division.Prefix(), Path: namer{a.Tree}.path(x.Division), Name: x.Name, Phone: x.Phone, Difficulty: x.Difficulty, State: x.State, Received: x.ReceivedAt.String(), Case: x.CaseID}
}

func newLeadApplicationsCommand(e *env) *cobra.Command {
	var state, after, reason, id string
	var limit int
	cmd := e.command("applications", words{
		zh: "列出农户自主申报", en: "list self-applications",
		longZH:  "列出等待受理的自主申报，先到的在前，姓名和电话脱敏。--id 与 --reason 一起用可看一件的原文，并记入审计链。",
		longEN:  "Lists self-applications that wait, oldest first, names and phones masked. --id with --reason shows one in plain, which is an event of the audit chain.",
		example: "shouwang lead applications --data ./county\nshouwang lead applications --data ./county --id APPLICATION --reason 联系申报人",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		d := &leadApplicationsDocument{Applications: []applicationRecord{}}
		if (id == "") != (reason == "") {
			return nil, usagef("--id 和 --reason 要一起用", "--id and --reason go together")
		}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			if id != "" {
				one, err := s.Reveal(ctx, console(), e.Now(), id, reason)
				d.Applications = append(d.Applications, newApplicationRecord(a, &one))
				return err
			}
			list, err := s.Applications(ctx, console(), state, after, limit)
			for i := range list {
				d.Applications = append(d.Applications, newApplicationRecord(a, &list[i]))
			}
			return err
		})
	})
	f := cmd.Flags()
	f.StringVar(&state, "state", "waiting", e.t("waiting、taken 或 answered", "waiting, taken or answered"))
	f.StringVar(&after, "after", "", e.t("上一页最后一件的 id", "the id of the last one of the page before"))
	f.IntVar(&limit, "limit", 100, e.t("最多多少件", "at most so many"))
	f.StringVar(&id, "id", "", e.t("只看这一件的原文", "show this one in plain"))
	f.StringVar(&reason, "reason", "", e.t("查看原文的理由", "why it is looked at"))
	return cmd
}

func (d *leadApplicationsDocument) text(w *page) {
	var rows [][]string
	for _, x := range d.Applications {
		rows = append(rows, []string{x.ID, x.Received, x.Path, x.Name, x.Phone, x.Difficulty, x.State})
	}
	w.table([]string{w.t("申报", "application"), w.t("收到", "received"), w.t("村", "village"), w.t("姓名", "name"), w.t("电话", "phone"), w.t("困难", "difficulty"), w.t("状态", "state")}, rows)
}

// leadTakeDocument is the JSON document of lead take.
type leadTakeDocument struct {
	Case caseRecord `json:"case"`
}

func newLeadTakeCommand(e *env) *cobra.Command {
	var version int64
	var risk, level string
	cmd := e.command("take APPLICATION NO", words{
		zh: "受理一件自主申报：它是哪一户", en: "take an application: whose household it is",
		longZH:  "把一件自主申报对应到户编号，成为该户的线索。",
		longEN:  "Makes an application a signal of the household of a number.",
		example: "shouwang lead take --data ./county APPLICATION 5226330010001 --version 1 --risk illness",
	}, cobra.ExactArgs(2), func(ctx context.Context, args []string) (result, error) {
		parsed, err := parseLevel(level)
		if err != nil {
			return nil, err
		}
		d := &leadTakeDocument{}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			h, err := household(ctx, a, args[1])
			if err != nil {
				return err
			}
			c, err := s.TakeApplication(ctx, console(), e.Now(), args[0], version, casework.Household{ID: h.ID, No: h.No, Division: h.Division, Type: h.Type}, risk, int(parsed))
			if err != nil {
				return err
			}
			d.Case = newCaseRecord(a, c, e.lang)
			return nil
		})
	})
	f := cmd.Flags()
	f.Int64Var(&version, "version", 0, e.t("查看时的版本（必填）", "the version that was seen (required)"))
	f.StringVar(&risk, "risk", "", e.t("风险类型", "risk"))
	f.StringVar(&level, "level", "", e.t("级别（默认 yellow）", "level (default yellow)"))
	return cmd
}

func (d *leadTakeDocument) text(w *page) {
	w.linef("%s  %s  %s", d.Case.ID, d.Case.StateName, d.Case.Path)
}

// leadAnswerDocument is the JSON document of lead answer.
type leadAnswerDocument struct {
	Application string `json:"application"`
	Answered    bool   `json:"answered"` // always true
}

func newLeadAnswerCommand(e *env) *cobra.Command {
	var version int64
	var reason string
	cmd := e.command("answer APPLICATION", words{
		zh: "答复一件不能受理的申报，理由申报人可见", en: "answer an application that cannot be taken; the applicant reads the reason",
		longZH:  "答复一件不能成为个案的申报（查无此户、转其他县等）。申报人凭查询码看到理由。",
		longEN:  "Answers an application that cannot become a case (no such household, sent to another county). The applicant reads the reason with the code.",
		example: "shouwang lead answer --data ./county APPLICATION --version 1 --reason 户籍在外省，已转当地",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		return &leadAnswerDocument{Application: args[0], Answered: true}, withCases(ctx, e, func(_ *app.App, s *casework.Service) error {
			return s.AnswerApplication(ctx, console(), e.Now(), args[0], version, reason)
		})
	})
	cmd.Flags().Int64Var(&version, "version", 0, e.t("查看时的版本（必填）", "the version that was seen (required)"))
	cmd.Flags().StringVar(&reason, "reason", "", e.t("理由（必填）", "the reason (required)"))
	return cmd
}

func (d *leadAnswerDocument) text(w *page) { w.linef("%s", w.t("已答复", "answered")) }

// applyDocument is the JSON document of apply.
type applyDocument struct {
	Code   string `json:"code"`   // to follow it with; shown once
	Joined bool   `json:"joined"` // the same person applied before
	Words  string `json:"words"`
}

func newApplyCommand(e *env) *cobra.Command {
	return e.command("apply", words{
		zh: "代农户登记一件自主申报（从标准输入读四个字段）", en: "enter a self-application (four fields from standard input)",
		longZH: `从标准输入读一个 JSON 对象：name 姓名，phone 电话，village 村（代码或名称），difficulty 困难。
不放在命令行参数里，因为别人看得到。返回查询码，只显示一次。`,
		longEN: `Reads one JSON object from standard input: name, phone, village (code or name), difficulty. They are no arguments, because others could see
them. Gives the query code, which is shown once.`,
		example: `shouwang apply --data ./county < application.json`,
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		text, err := io.ReadAll(io.LimitReader(e.Stdin, maxForm))
		if err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "无法读取标准输入", "cannot read standard input")
		}
		var in struct {
			Name       string `json:"name"`
			Phone      string `json:"phone"`
			Village    string `json:"village"`
			Difficulty string `json:"difficulty"`
		}
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			// The decoder's error could quote what was typed in.
			return nil, errs.New(errs.Invalid, "标准输入应为有 name、phone、village、difficulty 的 JSON 对象", "standard input must be a JSON object with name, phone, village and difficulty")
		}
		d := &applyDocument{}
		return d, withCases(ctx, e, func(a *app.App, s *casework.Service) error {
			code, err := neededDivision(a, in.Village)
			if err != nil {
				return err
			}
			got, err := s.Apply(ctx, e.Now(), "command-line", casework.ApplicationForm{Name: in.Name, Phone: in.Phone, Division: code, Difficulty: in.Difficulty})
			if err != nil {
				return err
			}
			d.Code, d.Joined, d.Words = got.Code, got.Joined, got.Words.In(e.lang)
			return nil
		})
	})
}

func (d *applyDocument) text(w *page) {
	w.linef("%s", d.Code)
	w.linef("%s", d.Words)
}

// followDocument is the JSON document of application follow.
type followDocument struct {
	State    string `json:"state"` // waiting, taken, answered
	Phase    string `json:"phase"` // of the case; ""
	Words    string `json:"words"`
	Reason   string `json:"reason"` // why it was refused, once the household was told
	Received string `json:"received"`
}

func newApplicationCommand(e *env) *cobra.Command {
	cmd := e.command("application", words{
		zh: "自主申报：查询进展", en: "self-applications: follow one",
		longZH: "凭查询码查询一件自主申报的进展。", longEN: "Shows how far a self-application is, by its code.",
		example: "shouwang application follow --data ./county 7K3M-9QWX-2B4D-ZZ11",
	}, cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(e.command("follow CODE", words{
		zh: "凭查询码查询进展", en: "show how far it is",
		longZH: "凭查询码查询，与申报人自己看到的一样。", longEN: "Shows what the applicant sees.",
		example: "shouwang application follow --data ./county 7K3M-9QWX-2B4D-ZZ11 --json",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		d := &followDocument{}
		return d, withCases(ctx, e, func(_ *app.App, s *casework.Service) error {
			p, err := s.Follow(ctx, args[0])
			d.State, d.Phase, d.Words, d.Reason, d.Received = p.State, p.Phase, p.Words.In(e.lang), p.Reason, p.ReceivedAt.String()
			return err
		})
	}))
	return cmd
}

func (d *followDocument) text(w *page) {
	w.linef("%s", d.Words)
	if d.Reason != "" {
		w.linef("%s%s", w.t("理由：", "reason: "), d.Reason)
	}
}
