package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/audit"
	"shouwang/internal/config"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

var now = time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC)

func newApp(t *testing.T, cfg config.Config) *app.App {
	t.Helper()
	a, err := app.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// people makes an account and a few events.
func people(t *testing.T, a *app.App, login string) (account.Account, string) {
	t.Helper()
	s := account.New(a.Ledger, a.Keyring, a.Pack, a.Tree, account.Options{}, a.Log)
	var made account.Account
	var password string
	err := a.Ledger.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) (err error) {
		made, password, err = s.Create(ctx, tx, account.SystemActor("test"), account.Staff{Login: login, Name: "王\t三\\n\"", Org: "522633105209", Roles: []account.Role{account.Village}, Phone: "13800138000"})
		return err
	})
	if err == nil || errs.KindOf(err) != errs.Invalid {
		t.Fatalf("a name with a tab: %v", err)
	}
	err = a.Ledger.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) (err error) {
		made, password, err = s.Create(ctx, tx, account.SystemActor("test"), account.Staff{Login: login, Name: `王三\N "x"`, Org: "522633105209", Roles: []account.Role{account.Village}, Phone: "13800138000"})
		if err != nil {
			return err
		}
		return audit.Record(tx, audit.Event{Actor: "test", Action: "test.x", Object: "x", Reason: "一\t二\n三\\四\r\v", Detail: map[string]string{"a": "b\\N\t"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return made, password
}

func TestBackupAndRestore(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		cfg := config.Config{Data: filepath.Join(dir, "county"), Keyring: filepath.Join(dir, "county.keyring")}
		if strings.HasPrefix(url, "postgres") {
			cfg.Ledger = url
		}
		a := newApp(t, cfg)
		if err := a.Create(t.Context(), now, false); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close() })
		if _, err := a.Jobs(t.Context(), time.Now); err != nil {
			t.Fatal(err)
		}
		made, password := people(t, a, "wang")
		for name, text := range map[string]string{"archive/ab.age": "ciphertext", "archive/ab.json": "{}", "rejects/x.age": "", "archive/half.part": "x", "tmp/spill": "x"} {
			path := filepath.Join(cfg.Data, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		secret, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		// People go on working while the backup is made.
		stop, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		worked := make(chan struct{}, 1)
		for i := range 4 {
			group.Go(func() {
				for n := 0; stop.Err() == nil; n++ {
					err := a.Ledger.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
						return audit.Record(tx, audit.Event{Actor: fmt.Sprint(i), Action: "test.work", Object: "x"})
					})
					if err != nil {
						t.Error(err)
					}
					select {
					case worked <- struct{}{}:
					default:
					}
				}
			})
		}
		<-worked // on a busy machine a wait would be over before anybody had written
		file := filepath.Join(dir, "backup.swb")
		b, err := a.Backup(t.Context(), now, file, []age.Recipient{secret.Recipient()}, nil, func(int64) {})
		cancel()
		group.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if b.Events < 3 || b.Head.Seq != b.Events || b.Archive != 1 || b.Keyring != a.Keyring.ID() || b.Rows < b.Events || len(b.SHA256) != 64 {
			t.Errorf("%+v", b)
		}
		left, _ := filepath.Glob(filepath.Join(dir, ".shouwang-*"))
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		text, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(text), "wang") || int64(len(text)) != b.Bytes {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		if _, err := a.Backup(t.Context(), now, file, []age.Recipient{secret.Recipient()}, nil, func(int64) {}); errs.KindOf(err) != errs.Conflict {
			t.Errorf("over another backup: %v", err)
		}
		if _, err := a.Backup(t.Context(), now, filepath.Join(cfg.Data, "b.swb"), []age.Recipient{secret.Recipient()}, nil, func(int64) {}); errs.KindOf(err) != errs.Refused {
			t.Errorf("into the data folder: %v", err)
		}

		// Everything is lost; another machine.
		fresh := config.Config{Data: filepath.Join(dir, "other", "county"), Keyring: filepath.Join(dir, "keys", "keyring")}
		if cfg.Ledger != "" {
			fresh.Ledger = ledgertest.Postgres(t)
		}
		restore := func(file string, identity age.Identity, cfg config.Config) (app.Restored, error) {
			return newApp(t, cfg).Restore(t.Context(), file, identity, func(int64) {})
		}
		stranger, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		cut, changed := filepath.Join(dir, "cut"), filepath.Join(dir, "changed")
		flipped := []byte(string(text))
		flipped[len(flipped)/2] ^= 1
		if err := errors.Join(os.WriteFile(cut, text[:len(text)-100], 0o600), os.WriteFile(changed, flipped, 0o600)); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			file     string
			identity age.Identity
			kind     errs.Kind
		}{
			"another key": {file, stranger, errs.Refused}, "no file": {file + "x", secret, errs.NotFound}, "cut off": {cut, secret, errs.Invalid}, "changed": {changed, secret, errs.Invalid},
			"no backup": {cfg.Keyring, secret, errs.Invalid},
		} {
			if _, err := restore(c.file, c.identity, fresh); errs.KindOf(err) != c.kind {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := restore(file, secret, cfg); errs.KindOf(err) != errs.Refused {
			t.Errorf("over a data folder: %v", err)
		}
		if cfg.Ledger != "" {
			same := fresh
			same.Ledger = cfg.Ledger
			if _, err := restore(file, secret, same); errs.KindOf(err) != errs.Refused {
				t.Errorf("over a ledger: %v", err)
			}
		}
		for _, path := range []string{fresh.Data, fresh.Keyring} {
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s was left by a restore that failed", path)
			}
		}
		r, err := restore(file, secret, fresh)
		if err != nil {
			t.Fatal(err)
		}
		if r.Head != b.Head || r.Events != b.Events || !r.New || r.Keyring != b.Keyring {
			t.Errorf("%+v, the backup was %+v", r, b)
		}
		second := newApp(t, fresh)
		if err := second.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = second.Close() })
		for name, there := range map[string]bool{"archive/ab.age": true, "archive/ab.json": true, "rejects/x.age": true, "archive/half.part": false, "tmp/spill": false} {
			if _, err := os.Stat(filepath.Join(fresh.Data, name)); (err == nil) != there {
				t.Errorf("%s: %v", name, err)
			}
		}
		s := account.New(second.Ledger, second.Keyring, second.Pack, second.Tree, account.Options{}, second.Log)
		if in, err := s.SignIn(t.Context(), now, account.Credentials{Login: "wang", Password: password}); err != nil || in.Account.ID != made.ID || in.Account.Name != made.Name {
			t.Errorf("%+v, %v", in, err)
		}
		err = second.Ledger.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
			phone, err := s.Phone(ctx, tx, account.SystemActor("test"), made.ID, "test")
			if phone != "13800138000" {
				t.Errorf("phone %q", phone)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		// Life goes on: jobs are queued, the chain grows from where it was.
		q, err := second.Jobs(t.Context(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		err = second.Ledger.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
			_, err := q.Enqueue(ctx, tx, "wang", "task.tick", nil)
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if report, err := audit.Verify(t.Context(), second.Ledger, b.Head); err != nil || report.Broken != nil || report.Events <= b.Events {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestBackupOfABrokenChainIsRefused(t *testing.T) {
	dir := t.TempDir()
	a := newApp(t, config.Config{Data: filepath.Join(dir, "county"), Keyring: filepath.Join(dir, "k")})
	if err := a.Create(t.Context(), now, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	people(t, a, "wang")
	err := a.Ledger.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE audit_event SET actor = 'x' WHERE seq = 1")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	identity, err := age.NewScryptIdentity("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := age.NewScryptRecipient("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "b")
	if _, err := a.Backup(t.Context(), now, out, []age.Recipient{recipient}, identity, func(int64) {}); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Text(err, "zh"), "第 1 号") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was left")
	}
}
