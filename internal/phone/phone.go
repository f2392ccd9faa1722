// Package phone is what a village worker carries to where there is no signal, and what comes back: one document of a village that a visit needs, and visits
// that were made off line and are merged, field by field, with what others did meanwhile.
//
// It owns no table. It joins the register, the last run, cases, codes and attachments at the edge, and changes a case through casework alone, with the
// same guards as everybody. It never gives out a name or number that is not masked, and never decides which of two answers is right: it asks.
package phone

import (
	"shouwang/internal/attachment"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// Service gives villages and takes visits. It is safe for concurrent use.
type Service struct {
	ledger    *ledger.Ledger
	warehouse *warehouse.Warehouse
	keyring   *secret.Keyring
	pack      *policy.Pack
	tree      *division.Tree
	cases     *casework.Service
	screening *screening.Service
	files     *attachment.Store
	codes     *housecode.Codes
}

// Parts are what a service works on.
type Parts struct {
	Ledger    *ledger.Ledger
	Warehouse *warehouse.Warehouse
	Keyring   *secret.Keyring
	Pack      *policy.Pack
	Tree      *division.Tree
	Cases     *casework.Service
	Screening *screening.Service
	Files     *attachment.Store
}

// New makes the service. The error is errs.NotFound when the pack's workflow has no action that records a visit.
func New(p Parts) (*Service, error) {
	if p.Pack.Workflow == nil || casework.VisitAction(p.Pack.Workflow) == nil {
		return nil, errs.New(errs.NotFound, "政策包的流程里没有登记入户的动作，手机走访不能使用", "the pack's workflow has no action that records a visit, so visits cannot be made on the phone")
	}
	codes, err := housecode.New(p.Keyring)
	if err != nil {
		return nil, err
	}
	return &Service{ledger: p.Ledger, warehouse: p.Warehouse, keyring: p.Keyring, pack: p.Pack, tree: p.Tree, cases: p.Cases, screening: p.Screening, files: p.Files, codes: codes}, nil
}

// Text is wording in both languages.
type Text = policy.Text
