package app

import (
	"context"
	"sync"

	"shouwang/internal/account"
	"shouwang/internal/amendment"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/matching"
	"shouwang/internal/measure"
	"shouwang/internal/phone"
	"shouwang/internal/registry"
	"shouwang/internal/task"
	"shouwang/internal/workflow"
)

// people are the subjects on the ledger, made when they are first asked for and shared with those the program is lent to.
type people struct {
	mu       sync.Mutex
	options  account.Options // the rules of signing in
	accounts *account.Service
	cases    *casework.Service
	matching *matching.Service
	plans    *measure.Service

	amendments *amendment.Service
}

// SetAccounts sets the rules of signing in; before anybody asks for Accounts.
func (a *App) SetAccounts(o account.Options) {
	a.people.mu.Lock()
	defer a.people.mu.Unlock()
	a.people.options = o
	a.people.accounts = account.New(a.Ledger, a.Keyring, a.Pack, a.Tree, o, a.Log)
}

// Accounts are the accounts of the ledger.
func (a *App) Accounts() *account.Service {
	a.people.mu.Lock()
	defer a.people.mu.Unlock()
	return a.people.open(a)
}

func (p *people) open(a *App) *account.Service {
	if p.accounts == nil {
		p.accounts = account.New(a.Ledger, a.Keyring, a.Pack, a.Tree, p.options, a.Log)
	}
	return p.accounts
}

// Casework is the cases of the ledger, with what the last run knows of a household as facts for the guards. The error is NotFound when the pack has no workflow.
func (a *App) Casework() (*casework.Service, error) {
	a.people.mu.Lock()
	defer a.people.mu.Unlock()
	if a.people.cases != nil {
		return a.people.cases, nil
	}
	s, err := casework.New(a.Ledger, a.Keyring, a.Pack, a.people.open(a), casework.Hooks{Indicators: a.indicators, Measures: measure.Facts(a.Pack), Household: registry.HouseholdID}, a.Log)
	if err != nil {
		return nil, err
	}
	a.people.cases = s
	return s, nil
}

// Matching proposes measures.
func (a *App) Matching() *matching.Service {
	a.people.mu.Lock()
	defer a.people.mu.Unlock()
	return a.people.match(a)
}

func (p *people) match(a *App) *matching.Service {
	if p.matching == nil {
		p.matching = matching.NewService(a.Screening(), a.Pack)
	}
	return p.matching
}

// Plans are the plans of cases, checked at entry by what the last run knows of the household. The error is that of Casework.
func (a *App) Plans() (*measure.Service, error) {
	cases, err := a.Casework()
	if err != nil {
		return nil, err
	}
	a.people.mu.Lock()
	defer a.people.mu.Unlock()
	if a.people.plans == nil {
		a.people.plans = measure.New(a.Ledger, a.Keyring, a.Pack, cases, task.Calendar(a.Pack), a.people.match(a).Checker(), a.Log)
	}
	return a.people.plans, nil
}

// Phone gives villages to take along and takes visits that were made off line. The error is NotFound when the pack has no workflow, or none with visits.
func (a *App) Phone() (*phone.Service, error) {
	cases, err := a.Casework()
	if err != nil {
		return nil, err
	}
	return phone.New(phone.Parts{Ledger: a.Ledger, Warehouse: a.Warehouse, Keyring: a.Keyring, Pack: a.Pack, Tree: a.Tree, Cases: cases, Screening: a.Screening(), Files: a.Attachments()})
}

// indicators are the values of one household as the last run left them. What is unknown, or a household that was never screened, is left out.
func (a *App) indicators(ctx context.Context, household int64) (workflow.Facts, error) {
	conn, err := a.Warehouse.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	facts := workflow.Facts{}
	home, err := registry.ByID(ctx, conn, household)
	if errs.KindOf(err) == errs.NotFound {
		return facts, nil
	}
	if err != nil {
		return nil, err
	}
	row, err := a.Screening().Row(ctx, home.No)
	if errs.KindOf(err) == errs.NotFound {
		return facts, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range a.Pack.Indicators {
		if row[i].Known {
			facts[a.Pack.Indicators[i].ID] = row[i]
		}
	}
	return facts, nil
}
