package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"shouwang/internal/app"
	"shouwang/internal/errs"
	"shouwang/internal/relay"
)

// One process owns a data folder. When that is a running server, a verb that needs the folder is run by the server: open finds the server,
// gives it the whole command line, and passes on what it says. So a verb needs to know nothing of this, except that paths which the user named
// go through path or paths, because the server works in another folder.

// relayed ends a run whose command line was run by the server. It is no failure: the server has written everything.
type relayed struct{ code int }

func (r *relayed) Error() string { return fmt.Sprintf("run by the server with exit code %d", r.code) }

// passedOn are the variables that the server may know of the caller's environment. Where things are is the server's own matter.
var passedOn = []string{"SHOUWANG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}

// handover is how long a verb waits for a server that is just starting or stopping: the folder is locked and nobody answers.
const handover = 5 * time.Second

// open is the program with its data folder open. When a server has it open, the command line is run there, and the error is *relayed.
func (e *env) open(ctx context.Context) (*app.App, error) {
	if e.Lent != nil {
		return e.Lent, nil
	}
	for began := time.Now(); ; {
		if err := e.relay(ctx); !errors.Is(err, relay.ErrNoServer) {
			return nil, err
		}
		a, err := e.app()
		if err != nil {
			return nil, err
		}
		err = a.Open(ctx)
		if err == nil {
			if err := a.UsePolicy(ctx, e.Now()); err != nil {
				return nil, errors.Join(err, a.Close())
			}
			return a, nil
		}
		if errs.KindOf(err) != errs.Locked || time.Since(began) > handover {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// alone is the program for work that must own the data folder, with nothing opened yet. A running server is in the way.
func (e *env) alone(ctx context.Context) (*app.App, error) {
	if e.Lent == nil {
		c, err := relay.Dial(ctx, e.config.Socket())
		if err == nil {
			c.Close()
			return nil, errs.New(errs.Locked, "服务正在使用这个数据文件夹；请先停止 shouwang serve 再执行本命令", "a server has this data folder open; stop shouwang serve first")
		}
		if !errors.Is(err, relay.ErrNoServer) {
			return nil, err
		}
	}
	return e.app()
}

// relay gives the command line to the server of the data folder: *relayed when it was run there, relay.ErrNoServer when there is none.
func (e *env) relay(ctx context.Context) error {
	c, err := relay.Dial(ctx, e.config.Socket())
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		c.Close()
		return errs.Wrap(errs.Unavailable, err, "无法得知当前文件夹", "cannot tell the current folder")
	}
	call := relay.Call{Args: e.Args, Dir: dir, Env: map[string]string{}}
	for _, name := range passedOn {
		if v := e.Getenv(name); v != "" {
			call.Env[name] = v
		}
	}
	code, err := c.Run(ctx, call, e.Stdin, e.Stdout, e.Stderr)
	if err != nil {
		return err
	}
	return &relayed{code}
}

// borrow takes the server's settings for a command line that it runs, and refuses one that asks for others.
func (e *env) borrow() error {
	e.config = e.Lent.Config
	for _, c := range []struct{ flag, given, have string }{{"--pack", e.given.Pack, e.config.Pack}, {"--keyring", e.given.Keyring, e.config.Keyring}} {
		if c.given != "" && !sameFile(e.path(c.given), c.have) {
			return errs.Newf(errs.Conflict, "正在运行的服务用的是另外的 %[1]s；请去掉它，或用它重新启动服务", "the running server uses another %[1]s; leave it out, or start the server with it", c.flag)
		}
	}
	if e.given.Ledger != "" && e.given.Ledger != e.config.Ledger {
		return errs.New(errs.Conflict, "正在运行的服务用的是另外的 --ledger；请去掉它，或用它重新启动服务", "the running server uses another --ledger; leave it out, or start the server with it")
	}
	return nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// path is a path that the user named, as this process must open it.
func (e *env) path(p string) string {
	if e.Dir == "" || p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(e.Dir, p)
}

// paths are paths that the user named, as this process must open them.
func (e *env) paths(list []string) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = e.path(p)
	}
	return out
}
