package cli

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/errs"
	"shouwang/internal/registry"
	"shouwang/internal/residentid"
)

// maxLookups bounds one call: looking up is for single cases, not for matching lists.
const maxLookups = 1000

// lookupDocument is the JSON document of lookup. Numbers are masked.
type lookupDocument struct {
	Results []lookupResult `json:"results"`
}

type lookupResult struct {
	Line        int            `json:"line"`            // line of standard input
	Number      string         `json:"number"`          // masked
	Error       string         `json:"error,omitempty"` // what is wrong with the number
	Memberships []lookupMember `json:"memberships"`     // empty: nobody in the register has it
}

type lookupMember struct {
	HouseholdNo string `json:"household_no"`
	Division    string `json:"division"`
	Place       string `json:"place"`
	Members     int    `json:"members"`
	Relation    string `json:"relation"`
	From        string `json:"from,omitempty"`
	To          string `json:"to,omitempty"` // absent: a member now
	Contested   bool   `json:"contested"`    // two households claim the person
}

func newLookupCommand(e *env) *cobra.Command {
	return e.command("lookup", words{
		zh: "按公民身份号码查户（从标准输入读号码）", en: "find households by resident number (read from standard input)",
		longZH: `从标准输入逐行读公民身份号码（18 位、15 位、全角数字都可以；残疾证号按其中的身份证号），给出所在的户。
号码不能写在命令行上：那样会留在命令历史和进程列表里。输出中的号码已遮盖。有号码不对或查不到时退出码为 3。`,
		longEN: `Reads resident numbers from standard input, one a line (18 or 15 digits, full-width digits too; of a disability card the number in it), and tells the household. A number is
never given on the command line, where shell history and process lists would keep it. Numbers in the output are masked. Exit code 3 when a number is wrong or unknown.`,
		example: "shouwang lookup --data ./county < numbers.txt\nshouwang lookup --data ./county --json < numbers.txt",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runLookup(ctx, e) })
}

func runLookup(ctx context.Context, e *env) (*lookupDocument, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	conn, err := a.Warehouse.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if !e.quiet && e.Terminal {
		fmt.Fprintln(e.Stderr, e.t("请输入公民身份号码，每行一个，结束按 Ctrl-D：", "Resident numbers, one a line, Ctrl-D to end:"))
	}
	d := &lookupDocument{Results: []lookupResult{}}
	lines := bufio.NewScanner(e.Stdin)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		if len(d.Results) == maxLookups {
			return nil, errs.Newf(errs.Refused, "一次最多查 %[1]d 个号码", "at most %[1]d numbers in one call", maxLookups)
		}
		r, err := lookUp(ctx, e, a, conn, text)
		if err != nil {
			return nil, err
		}
		r.Line = n
		d.Results = append(d.Results, r)
	}
	if err := lines.Err(); err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "读不了标准输入", "cannot read standard input")
	}
	if len(d.Results) == 0 {
		return nil, usagef("标准输入里没有号码：每行写一个公民身份号码", "no numbers on standard input; give one resident number a line")
	}
	return d, nil
}

func lookUp(ctx context.Context, e *env, a *app.App, conn *sql.Conn, text string) (lookupResult, error) {
	r := lookupResult{Number: residentid.MaskAny(text), Memberships: []lookupMember{}}
	number, err := residentid.Parse(text)
	if err != nil {
		card, notCard := residentid.ParseCard(text)
		if notCard != nil {
			r.Error = errs.Text(err, e.lang) // wrong numbers are results of a lookup, not its failure
			return r, nil                    //nolint:nilerr
		}
		number = card.Number()
	}
	r.Number = number.String()
	persons, err := registry.ByNumber(ctx, conn, a.Keyring.PersonKey([]byte(number.Reveal())))
	if err != nil {
		return r, err
	}
	names := namer{a.Tree}
	for _, p := range persons {
		m := lookupMember{Relation: p.Relation, Contested: p.Contested}
		if !p.From.IsZero() {
			m.From = p.From.Format(time.DateOnly)
		}
		if !p.To.IsZero() {
			m.To = p.To.Format(time.DateOnly)
		}
		home, err := registry.ByID(ctx, conn, p.HouseholdID)
		switch {
		case errs.KindOf(err) == errs.NotFound:
			continue
		case err != nil:
			return r, err
		}
		m.HouseholdNo, m.Members, m.Division, m.Place = home.No, home.Members, home.Division.Prefix(), names.path(home.Division)
		r.Memberships = append(r.Memberships, m)
	}
	return r, nil
}

func (d *lookupDocument) rejected() bool {
	for _, r := range d.Results {
		if len(r.Memberships) == 0 {
			return true
		}
	}
	return false
}

func (d *lookupDocument) text(w *page) {
	for _, r := range d.Results {
		switch {
		case r.Error != "":
			w.linef("%s  %s", r.Number, r.Error)
		case len(r.Memberships) == 0:
			w.linef("%s  %s", r.Number, w.t("不在册", "not in the register"))
		}
		for _, m := range r.Memberships {
			to := ""
			if m.To != "" {
				to = w.t("（已于 "+m.To+" 离开）", " (left on "+m.To+")")
			}
			w.linef(w.t("%s  户 %s  %s  %d 人%s", "%s  household %s  %s  %d members%s"), r.Number, m.HouseholdNo, m.Place, m.Members, to)
		}
	}
}
