package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// staff are the accounts that act, by what they are and where. Whoever is missing is hired at the moment of their first act.
type staff struct {
	by   map[string]account.Actor
	next int
}

// post is what a person is: role, organisation.
func post(role account.Role, org string) string { return string(role) + " " + org }

// meet finds the accounts that are there.
func (p *play) meet() error {
	p.staff.by = map[string]account.Actor{}
	return p.app.Ledger.Read(p.ctx, func(ctx context.Context, tx *ledger.Tx) error {
		page, err := p.app.Accounts().List(ctx, tx, account.SystemActor("demo"), account.Filter{})
		if err != nil {
			return err
		}
		for _, a := range page.Accounts {
			for _, role := range a.Roles {
				p.staff.by[post(role, a.Org)] = actorOf(a)
			}
		}
		return nil
	})
}

func actorOf(a account.Account) account.Actor {
	return account.Actor{Account: a.ID, Org: a.Org, Name: a.Name, Roles: a.Roles, Division: a.Division, Department: a.Department}
}

// who does a role's work for a village. Villages outside of the demo's township have no worker of their own: their township's staff do it.
func (p *play) who(role account.Role, village division.Code, department string, now time.Time) (account.Actor, error) {
	if role == account.Village && village.At(division.Township) != p.o.Village.At(division.Township) {
		role = account.Township
	}
	org := account.OrgFor(role, village, department)
	if a, ok := p.staff.by[post(role, org)]; ok {
		return a, nil
	}
	family := []string{"石", "潘", "梁", "韦", "蒙", "陆", "龙", "姚", "罗", "欧", "石", "粟"}
	given := []string{"明光", "秀兰", "文才", "金花", "玉梅", "正国", "老帅", "小丽", "建军", "月英", "胜利"}
	n := p.staff.next
	p.staff.next++
	var made account.Account
	err := p.app.Ledger.Write(p.ctx, now, func(ctx context.Context, tx *ledger.Tx) (err error) {
		made, _, err = p.app.Accounts().Create(ctx, tx, account.SystemActor("demo"), account.Staff{
			Login: fmt.Sprintf("colleague-%02d", n+1), Name: family[n%len(family)] + given[n%len(given)], Org: org, Roles: []account.Role{role},
		})
		return err
	})
	if err != nil {
		return account.Actor{}, err
	}
	p.report.Staff++
	a := actorOf(made)
	p.staff.by[post(role, org)] = a
	return a, nil
}

// companions are who goes along on a visit: the village's and the township's person, or two of the township where there is no village worker.
func (p *play) companions(village division.Code, now time.Time) ([]any, error) {
	first, err := p.who(account.Village, village, "", now)
	if err != nil {
		return nil, err
	}
	second, err := p.who(account.Township, village, "", now)
	if err != nil {
		return nil, err
	}
	if first.Account != second.Account {
		return []any{map[string]any{"account": first.Account, "post": "village"}, map[string]any{"account": second.Account, "post": "township"}}, nil
	}
	return []any{map[string]any{"account": first.Account, "post": "township"}, map[string]any{"name": "驻村工作队员", "post": "team"}}, nil
}

// refused reports whether the program said no to a person, rather than failed.
func refused(err error) bool {
	return slices.Contains([]errs.Kind{errs.Refused, errs.Conflict, errs.Invalid}, errs.KindOf(err))
}
