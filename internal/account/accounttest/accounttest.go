// Package accounttest makes acting persons for tests: one for every role, along the path from the province down to one
// village. It is for tests only.
package accounttest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/secret"
	packs "shouwang/policy"
)

// Village is 顶洞村 in 西山镇, 从江县, 黔东南州, 贵州省; Department is the department of the officer that [Actors] makes.
const (
	Village    division.Code = 522633105209
	Department               = "medical_insurance"
)

// Actors gives an actor for every role, in the divisions that village lies in. They have no account in any ledger; their ids are "test-ROLE".
func Actors(village division.Code) map[account.Role]account.Actor {
	all := map[account.Role]account.Actor{account.System: account.SystemActor("test")}
	for _, r := range account.Roles() {
		org := orgOf(r, village)
		d, department, err := account.ParseOrg(org)
		if err != nil {
			panic(err) // a wrong village in a test
		}
		all[r] = account.Actor{Account: "test-" + string(r), Org: org, Name: "测试" + string(r), Roles: []account.Role{r}, Division: d, Department: department}
	}
	return all
}

// orgOf is where the person of a role works.
func orgOf(r account.Role, village division.Code) string {
	switch r {
	case account.Policy, account.Auditor, account.Admin:
		return account.OrgFor(account.County, village, "")
	}
	return account.OrgFor(r, village, Department)
}

// Service makes the accounts of a ledger with a keyring of its own and the built-in pack. Nobody must have a second factor.
func Service(t testing.TB, l *ledger.Ledger) *account.Service {
	t.Helper()
	keyring, err := secret.Create(filepath.Join(t.TempDir(), "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	pack, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	return account.New(l, keyring, pack, tree, account.Options{SecondFactor: []account.Role{}}, slog.New(slog.DiscardHandler))
}

// Staff makes an account for every role in the ledger, with login test-ROLE, and gives who they act as and their one-time passwords.
func Staff(t testing.TB, l *ledger.Ledger, s *account.Service, now time.Time, village division.Code) (map[account.Role]account.Actor, map[account.Role]string) {
	t.Helper()
	actors, passwords := map[account.Role]account.Actor{}, map[account.Role]string{}
	for _, r := range account.Roles() {
		err := l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
			a, password, err := s.Create(ctx, tx, account.SystemActor("test"), account.Staff{
				Login: "test-" + string(r), Name: "测试" + string(r), Org: orgOf(r, village), Roles: []account.Role{r},
			})
			passwords[r] = password
			actors[r] = account.Actor{Account: a.ID, Org: a.Org, Name: a.Name, Roles: a.Roles, Division: a.Division, Department: a.Department}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return actors, passwords
}
