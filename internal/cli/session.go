package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/ledger"
)

func newSessionCommand(e *env) *cobra.Command {
	cmd := e.command("session", words{
		zh: "登录：查看、结束", en: "sessions: list, end",
		longZH: "查看一个账号在用的登录，或结束它们。", longEN: "Lists the open sessions of an account, or ends them.",
		example: "shouwang session list --data ./county wang\nshouwang session end --data ./county wang",
	}, cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newSessionListCommand(e), newSessionEndCommand(e))
	return cmd
}

// sessionListDocument is the JSON document of session list.
type sessionListDocument struct {
	Account  string        `json:"account"`  // its id
	Sessions []sessionLine `json:"sessions"` // newest first
}

// sessionLine is one open session.
type sessionLine struct {
	ID      string `json:"id"`      // lets nobody in
	Created string `json:"created"` // RFC 3339
	Seen    string `json:"seen"`    // to some minutes
	Until   string `json:"until"`   // ends then at the latest
	Stage   string `json:"stage"`   // full, or what the sign-in still lacks: second, password, enrol
	Method  string `json:"method"`  // password, sso
	Address string `json:"address"` // of the network
	Agent   string `json:"agent"`   // the browser
}

func newSessionListCommand(e *env) *cobra.Command {
	return e.command("list ACCOUNT", words{
		zh: "列出账号在用的登录", en: "list an account's open sessions",
		longZH: "列出账号在用的登录。ACCOUNT 是登录名或编号。", longEN: "Lists the open sessions of an account. ACCOUNT is a login or an id.",
		example: "shouwang session list --data ./county wang",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) { return runSessionList(ctx, e, args[0]) })
}

func runSessionList(ctx context.Context, e *env, which string) (*sessionListDocument, error) {
	d := &sessionListDocument{Sessions: []sessionLine{}}
	err := withAccounts(ctx, e, func(ctx context.Context, a *app.App, s *account.Service) error {
		return a.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			found, err := findAccount(ctx, tx, s, which)
			if err != nil {
				return err
			}
			d.Account = found.ID
			open, err := s.Sessions(ctx, tx, console(), found.ID, e.Now())
			for _, x := range open {
				d.Sessions = append(d.Sessions, sessionLine{x.ID, x.Created.String(), x.Seen.String(), x.Until.String(), string(x.Stage), x.Method, x.Address, x.Agent})
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *sessionListDocument) text(w *page) {
	if len(d.Sessions) == 0 {
		w.linef("%s", w.t("没有在用的登录", "no open session"))
		return
	}
	var rows [][]string
	for _, x := range d.Sessions {
		seen, _ := time.Parse(time.RFC3339Nano, x.Seen)
		rows = append(rows, []string{x.ID[:12], seen.In(time.FixedZone("UTC+8", 8*3600)).Format("2006-01-02 15:04"), x.Address, x.Agent})
	}
	w.table([]string{w.t("编号", "id"), w.t("最近使用", "last used"), w.t("地址", "address"), w.t("浏览器", "browser")}, rows)
}

// sessionEndDocument is the JSON document of session end.
type sessionEndDocument struct {
	Account string `json:"account"` // its id
	Ended   int64  `json:"ended"`   // sessions
}

func newSessionEndCommand(e *env) *cobra.Command {
	return e.command("end ACCOUNT", words{
		zh: "结束账号的全部登录", en: "end an account's sessions",
		longZH: "结束账号的全部登录，账号仍可重新登录；要禁止登录请用 account disable。ACCOUNT 是登录名或编号。",
		longEN: "Ends all sessions of an account, which may sign in again; to keep it out use account disable. ACCOUNT is a login or an id.", example: "shouwang session end --data ./county wang",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) { return runSessionEnd(ctx, e, args[0]) })
}

func runSessionEnd(ctx context.Context, e *env, which string) (*sessionEndDocument, error) {
	d := &sessionEndDocument{}
	err := changeAccounts(ctx, e, func(ctx context.Context, tx *ledger.Tx, s *account.Service) error {
		found, err := findAccount(ctx, tx, s, which)
		if err != nil {
			return err
		}
		d.Account = found.ID
		d.Ended, err = s.EndSessions(ctx, tx, console(), found.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *sessionEndDocument) text(w *page) {
	w.linef(w.t("结束了 %d 个登录", "%d sessions ended"), d.Ended)
}
