package housecode

import (
	"context"
	"net/url"
	"strings"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// setting is one remembered value.
type setting struct {
	bun.BaseModel `bun:"table:code_setting"`

	Name    string `bun:",pk"`
	Value   string
	Version int64
}

const baseSetting = "base"

// Base gives the address that codes lead to, as it was last set; "" when it never was.
func (cs *Codes) Base(ctx context.Context, tx *ledger.Tx) (string, error) {
	var s setting
	err := tx.NewSelect().Model(&s).Where("name = ?", baseSetting).Scan(ctx)
	if ledger.Missing(err) {
		return "", nil
	}
	return s.Value, err
}

// SetBase sets the address that codes lead to, such as https://sw.example.gov.cn/c. Cards that are out already keep theirs: the host must go on answering.
func (cs *Codes) SetBase(ctx context.Context, tx *ledger.Tx, actor account.Actor, base string) error {
	if err := actor.May(account.CodeKey); err != nil {
		return err
	}
	u, err := url.Parse(strings.TrimSpace(base))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || len(base) > 60 {
		return errs.Newf(errs.Invalid, "户码网址 %[1]q 不对：应为 https://域名/路径，不超过 60 个字符，如 https://sw.example.gov.cn/c",
			"the address %[1]q does not do: it is https://host/path of at most 60 characters, such as https://sw.example.gov.cn/c", base)
	}
	if _, err := new(matrices).encode(Address(base, "0")); err != nil {
		return err
	}
	s := setting{Name: baseSetting}
	err = tx.NewSelect().Model(&s).WherePK().Scan(ctx)
	switch {
	case ledger.Missing(err):
		s.Value, s.Version = base, 1
		_, err = tx.NewInsert().Model(&s).Exec(ctx)
	case err == nil && s.Value == base:
		return nil
	case err == nil:
		s.Value = base
		err = ledger.Update(ctx, tx, &s, &s.Version, "value")
	}
	if err != nil {
		return err
	}
	event := actor.Event("code.base", "code_setting", baseSetting, 0)
	event.Detail = map[string]string{"base": base}
	return audit.Record(tx, event)
}
