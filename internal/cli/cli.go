// Package cli is the command line: a file a verb. Each verb has a newXCommand that declares its flags and words and a
// runX(ctx, e, options) that does the work and returns a result, which is then written as text or as one JSON document.
//
// It owns flags, exit codes, the wording of results, and progress bars. It never computes: every figure it shows comes
// from a package below. docs/cli.md is the contract that scripts rely on; a test holds the two together.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"shouwang/internal/app"
	"shouwang/internal/config"
	"shouwang/internal/errs"
	"shouwang/internal/locale"
)

// Exit codes: a contract for scripts.
const (
	exitDone     = 0 // done
	exitFailed   = 1 // failed; nothing is half done
	exitUsage    = 2 // wrong flags or arguments
	exitRejected = 3 // done, but some rows or files were rejected (or, for verify and pack test, did not pass)
)

// Env is the world around the command line. Tests make their own.
type Env struct {
	Args     []string // without the program's name
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	Terminal bool // standard error is a terminal: progress bars may be drawn

	// In a server that runs somebody's command line: where the caller's relative paths start, and the program that is open.
	Dir  string
	Lent *app.App
}

// Main runs the program with the process's own arguments, streams and signals, and returns the exit code. A first
// SIGINT or SIGTERM asks the work to stop cleanly; a second one ends the process.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Now: time.Now, Terminal: term.IsTerminal(int(os.Stderr.Fd())),
	})
}

// env is one run of the command line: the world, plus what the global flags said.
type env struct {
	Env
	lang    string
	langSet string // --lang as given
	json    bool
	quiet   bool
	given   config.Config // as the flags said
	config  config.Config // resolved
	code    int
}

// result is what a verb returns. It is marshalled as the verb's JSON document; text writes it for people.
type result interface {
	text(w *page)
}

// partial is a result that may be done with rejects: exit code 3.
type partial interface {
	rejected() bool
}

// Run runs one command line to its end and returns the exit code.
func Run(ctx context.Context, world Env) (code int) {
	e := &env{Env: world}
	e.lang = locale.Lang(langFlag(world.Args), locale.FromEnv(world.Getenv))
	defer func() {
		if v := recover(); v != nil {
			e.fail(errs.Newf(errs.Internal,
				"程序内部错误（%[1]s）。数据没有半途写入；请带上这一行报告问题",
				"an internal error (%[1]s); nothing was left half written; please report it with this line", panicPlace()))
			code = exitFailed
		}
	}()
	root := newRootCommand(e)
	root.SetArgs(world.Args)
	root.SetIn(world.Stdin)
	root.SetOut(world.Stdout)
	root.SetErr(world.Stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		var elsewhere *relayed
		if errors.As(err, &elsewhere) {
			return elsewhere.code // the server has said everything
		}
		e.fail(err)
		var usage *usageError
		if errors.As(err, &usage) {
			return exitUsage
		}
		return exitFailed
	}
	return e.code
}

// langFlag finds --lang before flags are parsed: the help texts depend on it.
func langFlag(args []string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--lang="); ok {
			return v
		}
		if a == "--lang" && i+1 < len(args) {
			return args[i+1]
		}
		if a == "--" {
			break
		}
	}
	return ""
}

// panicPlace names the innermost place of this program's code on a panicking stack: the values of a panic may carry
// personal data, the place never does.
func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "shouwang/") {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		if !more {
			return "?"
		}
	}
}

// t picks the wording in the user's language.
func (e *env) t(zh, en string) string {
	if e.lang == "en" {
		return en
	}
	return zh
}

// usageError is a wrong command line: exit code 2.
type usageError struct{ err *errs.Error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

// usagef makes a usage error; both formats take the same args.
func usagef(zh, en string, args ...any) error {
	return &usageError{errs.Newf(errs.Invalid, zh, en, args...)}
}

// errorDocument is the JSON document of a failed run.
type errorDocument struct {
	Error struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
		ZH      string `json:"zh"`
		EN      string `json:"en"`
	} `json:"error"`
}

// fail tells the user what went wrong: the text on standard error, and with --json the document on standard output.
func (e *env) fail(err error) {
	if errors.Is(err, context.Canceled) {
		err = errs.Wrap(errs.Unavailable, err, "已按要求中止，没有写入半途的数据", "stopped as asked; nothing was left half written")
	}
	text := errs.Text(err, e.lang)
	fmt.Fprintf(e.Stderr, "%s%s\n", e.t("错误：", "error: "), text)
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(e.Stderr, e.t("用法见 shouwang help [命令]", "see shouwang help [command]"))
	}
	if !e.json {
		return
	}
	var doc errorDocument
	doc.Error.Kind = kindName(err)
	doc.Error.Message = text
	doc.Error.ZH, doc.Error.EN = errs.Text(err, "zh"), errs.Text(err, "en")
	// The run has failed already; a closed standard output cannot be told to anybody.
	_ = writeJSON(e.Stdout, doc)
}

// kindName is the error kind as scripts see it.
func kindName(err error) string {
	var usage *usageError
	if errors.As(err, &usage) {
		return "usage"
	}
	return errs.KindOf(err).String()
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// show writes a result and notes the exit code.
func (e *env) show(r result) error {
	if p, ok := r.(partial); ok && p.rejected() {
		e.code = exitRejected
	}
	if e.json {
		return e.written(writeJSON(e.Stdout, r))
	}
	w := newPage(e.lang)
	r.text(w)
	_, err := io.WriteString(e.Stdout, w.String())
	return e.written(err)
}

func (e *env) written(err error) error {
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法写到标准输出", "cannot write to standard output")
	}
	return nil
}

// logger is the program's log: warnings and errors on standard error, everything with SHOUWANG_LOG=debug, nothing below
// errors with --quiet.
func (e *env) logger() *slog.Logger {
	level := slog.LevelWarn
	switch {
	case e.Getenv("SHOUWANG_LOG") == "debug":
		level = slog.LevelDebug
	case e.quiet:
		level = slog.LevelError
	}
	return slog.New(slog.NewTextHandler(e.Stderr, &slog.HandlerOptions{Level: level}))
}

// app is the program over the configured pack, with no data folder opened yet. (In a server it is the server's own, which is open.)
func (e *env) app() (*app.App, error) {
	if e.Lent != nil {
		return e.Lent, nil
	}
	return app.New(e.config, e.logger())
}

// words are a verb's texts.
type words struct {
	zh, en         string // one line
	longZH, longEN string
	example        string
}

// command makes a verb. run returns the result to show; a nil result shows nothing.
func (e *env) command(use string, w words, args cobra.PositionalArgs, run func(ctx context.Context, args []string) (result, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:     use,
		Short:   e.t(w.zh, w.en),
		Long:    e.t(w.longZH, w.longEN),
		Example: indent(w.example),
		Args: func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return usagef("参数个数不对：应为 shouwang %[1]s", "wrong number of arguments; the form is shouwang %[1]s", strings.TrimPrefix(cmd.UseLine(), "shouwang "))
			}
			return nil
		},
	}
	if run != nil {
		cmd.RunE = func(cmd *cobra.Command, given []string) error {
			r, err := run(cmd.Context(), given)
			if err != nil || r == nil {
				return err
			}
			return e.show(r)
		}
	}
	return cmd
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ")
}

func newRootCommand(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "shouwang",
		Short: e.t("守望：防止返贫致贫监测预警", "Shouwang: early warning against falling back into poverty"),
		Long: e.t(`守望接收各部门的数据文件，把每一行对应到农户和人，按政策包筛查每一户，说明谁有返贫致贫风险、为什么、有多确定。

数据放在一个文件夹里（--data），身份信息只以密文保存，密钥在文件夹外（--keyring）。
第一次使用请运行：shouwang demo`,
			`Shouwang takes in the departments' files, links every row to a household and a person, screens every household by
the policy pack, and says who is at risk of falling into poverty, why, and how sure that is.

Data lives in one folder (--data); identities are kept as ciphertext only, the keys outside the folder (--keyring).
The first thing to run: shouwang demo`),
		Example:       indent("shouwang demo\nshouwang init --data ./county\nshouwang intake --data ./county ./files\nshouwang screen --data ./county --json"),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			near := strings.Join(cmd.SuggestionsFor(args[0]), ", ")
			if near != "" {
				return usagef("没有命令 %[1]q，是不是 %[2]s？", "unknown command %[1]q; did you mean %[2]s?", args[0], near)
			}
			return usagef("没有命令 %[1]q", "unknown command %[1]q", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if e.langSet != "" && e.langSet != "zh" && e.langSet != "en" {
				return usagef("--lang 只能是 zh 或 en，不能是 %[1]q", "--lang must be zh or en, not %[1]q", e.langSet)
			}
			e.given = e.config
			if e.Lent != nil {
				return e.borrow()
			}
			resolved, err := e.config.Resolve(e.Getenv)
			e.config = resolved
			return err
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SuggestionsMinimumDistance = 2
	f := root.PersistentFlags()
	f.StringVar(&e.config.Data, "data", "", e.t("数据文件夹（默认 ./shouwang-data）", "data folder (default ./shouwang-data)"))
	f.StringVar(&e.config.Keyring, "keyring", "", e.t("密钥文件（默认 <数据文件夹>.keyring）", "keyring file (default <data folder>.keyring)"))
	f.StringVar(&e.config.Pack, "pack", "", e.t("政策包文件夹（默认内置的贵州政策包）", "policy pack folder (default the built-in pack of Guizhou)"))
	f.StringVar(&e.config.Ledger, "ledger", "", e.t("台账库（默认数据文件夹里的 SQLite 文件；也可以是 postgres://…）", "the ledger (default an SQLite file in the data folder; or postgres://…)"))
	f.StringVar(&e.langSet, "lang", "", e.t("语言 zh 或 en（默认按系统语言）", "language, zh or en (default by locale)"))
	f.BoolVar(&e.json, "json", false, e.t("在标准输出打印一份 JSON 文档", "print one JSON document on standard output"))
	f.BoolVar(&e.quiet, "quiet", false, e.t("不显示进度", "show no progress"))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		// Parsing stopped before --json was read if it stands later; a script wants its document all the same.
		for _, a := range e.Args {
			e.json = e.json || a == "--json"
		}
		return flagError(err)
	})
	root.SetUsageTemplate(e.usageTemplate())
	root.SetHelpTemplate("{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}\n\n{{end}}{{.UsageString}}")
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [" + e.t("命令", "command") + "]",
		Short: e.t("显示命令的说明", "show the help of a command"),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 && found == cmd.Root() {
				return usagef("没有命令 %[1]q", "unknown command %[1]q", strings.Join(args, " "))
			}
			return found.Help()
		},
	})
	root.AddCommand(
		newVersionCommand(e),
		newPackCommand(e),
		newSynthCommand(e),
		newInitCommand(e),
		newIntakeCommand(e),
		newReceiptsCommand(e),
		newRejectsCommand(e),
		newCompletenessCommand(e),
		newScreenCommand(e),
		newWarningsCommand(e),
		newHouseholdCommand(e),
		newLookupCommand(e),
		newExplainCommand(e),
		newWhatifCommand(e),
		newMatchCommand(e),
		newPlanCommand(e),
		newOrderCommand(e),
		newLeadCommand(e),
		newCaseCommand(e),
		newApplyCommand(e),
		newApplicationCommand(e),
		newEffectCommand(e),
		newEvaluateCommand(e),
		newRebuildCommand(e),
		newVerifyCommand(e),
		newBackupCommand(e),
		newRestoreCommand(e),
		newAccountCommand(e),
		newSessionCommand(e),
		newAuditCommand(e),
		newBenchCommand(e),
		newDemoCommand(e),
		newServeCommand(e),
		newLoadtestCommand(e),
		newCodeCommand(e),
		newPaperCommand(e),
		newLedgerSheetCommand(e),
		newNationalCommand(e),
		newDispatchCommand(e),
	)
	for _, c := range root.Commands() {
		c.Flags().BoolP("help", "h", false, e.t("显示本命令的说明", "help for this command"))
		for _, sub := range c.Commands() {
			sub.Flags().BoolP("help", "h", false, e.t("显示本命令的说明", "help for this command"))
		}
	}
	root.Flags().BoolP("help", "h", false, e.t("显示说明", "help for shouwang"))
	return root
}

// flagError words pflag's errors for people.
func flagError(err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return usagef("没有选项 --%[1]s", "unknown flag --%[1]s", strings.TrimLeft(unknown.GetSpecifiedName(), "-"))
	case errors.As(err, &missing):
		return usagef("选项 --%[1]s 后面要有值", "flag --%[1]s needs a value", missing.GetSpecifiedName())
	case errors.As(err, &invalid):
		return usagef("选项 --%[1]s 的值 %[2]q 不对", "flag --%[1]s: %[2]q is not a valid value", invalid.GetFlag().Name, invalid.GetValue())
	}
	return usagef("命令行写法不对：%[1]v", "wrong command line: %[1]v", err)
}

func (e *env) usageTemplate() string {
	return strings.NewReplacer(
		"@usage", e.t("用法", "Usage"), "@examples", e.t("例子", "Examples"), "@commands", e.t("命令", "Commands"), // before @command: the first that fits is taken
		"@command", e.t("命令", "command"), "@global", e.t("通用选项", "Global flags"), "@flags", e.t("选项", "Flags"),
	).Replace(`@usage:{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [@command]{{else}}
  {{.UseLine}}{{end}}{{if .HasExample}}

@examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

@commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

@flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

@global:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`)
}
