package app

import (
	"os"

	"shouwang/internal/dispatch"
	"shouwang/internal/errs"
)

// Dispatch is the way from warnings to leads and back.
func (a *App) Dispatch() (*dispatch.Service, error) {
	cases, err := a.Casework()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(a.Config.Temp(), 0o700); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法建立临时文件夹", "cannot make the folder for temporary files")
	}
	return dispatch.New(a.Screening(), a.Intake(), cases, nil, a.Ledger, a.Pack, a.Config.Temp(), a.Log), nil
}
