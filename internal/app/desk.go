package app

import (
	"shouwang/internal/paper"
	"shouwang/internal/report"
)

// Hotline is the national consultation line on monitoring against falling back into poverty.
const Hotline = "12317"

// Desk makes papers and ledgers with a font. The error is NotFound when the pack has no workflow.
func (a *App) Desk(font *paper.Font) (*report.Desk, error) {
	cases, err := a.Casework()
	if err != nil {
		return nil, err
	}
	plans, err := a.Plans()
	if err != nil {
		return nil, err
	}
	return &report.Desk{Pack: a.Pack, Tree: a.Tree, Warehouse: a.Warehouse, Keyring: a.Keyring, Ledger: a.Ledger, Cases: cases, Screening: a.Screening(), Font: font, Hotline: Hotline,
		Measures: report.MeasuresOf(a.Pack, plans)}, nil
}
