package api

import (
	"context"
	"encoding/json"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/registry"
)

// Household codes. A code's list and changes are the household's; what a scan shows depends on who scans.

type codesOutput struct {
	Body struct {
		Codes []housecode.Code `json:"codes" doc:"The newest first"`
	}
}

// codesFor runs a change or look of a household's codes, in the caller's area.
func (s *Server) codesFor(ctx context.Context, who account.Actor, no string, fn func(ctx context.Context, tx *ledger.Tx, home registry.Household) error) error {
	home, err := s.within(ctx, who, no)
	if err != nil {
		return err
	}
	return s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) error { return fn(ctx, tx, home) })
}

func (s *Server) listCodes(ctx context.Context, who account.Actor, in *HouseholdPath) (*codesOutput, error) {
	out := &codesOutput{}
	err := s.codesFor(ctx, who, in.No, func(ctx context.Context, tx *ledger.Tx, home registry.Household) (err error) {
		out.Body.Codes, err = s.codes.OfHousehold(ctx, tx, who, home.ID)
		return err
	})
	if out.Body.Codes == nil {
		out.Body.Codes = []housecode.Code{}
	}
	return out, err
}

type issueCodeInput struct {
	HouseholdPath
	Body struct {
		Expires string `json:"expires" format:"date" doc:"Last day on which the card is good"`
	}
}

type issuedOutput struct{ Body housecode.Issued }

func (s *Server) issueCode(ctx context.Context, who account.Actor, in *issueCodeInput) (*issuedOutput, error) {
	expires, err := s.expiry(in.Body.Expires)
	if err != nil {
		return nil, err
	}
	out := &issuedOutput{}
	return out, s.codesFor(ctx, who, in.No, func(ctx context.Context, tx *ledger.Tx, home registry.Household) (err error) {
		out.Body, err = s.codes.Issue(ctx, tx, who, []housecode.Holder{{Household: home.ID, HouseholdNo: home.No, Village: home.Division}}, expires)
		return err
	})
}

func (s *Server) expiry(text string) (time.Time, error) {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil || !d.After(s.now()) || d.After(s.now().AddDate(20, 0, 0)) {
		return d, fault("body.expires", "应为今天以后、二十年以内的日期", "must be a day after today and within twenty years")
	}
	return d, nil
}

type reprintCodeInput struct {
	HouseholdPath
	Body struct {
		Reason  string `json:"reason" minLength:"2" maxLength:"200" doc:"Why, such as: lost"`
		Expires string `json:"expires" format:"date" doc:"Last day of the new card, should the old one's have passed"`
	}
}

type codeOutput struct{ Body housecode.Code }

func (s *Server) reprintCode(ctx context.Context, who account.Actor, in *reprintCodeInput) (*codeOutput, error) {
	if _, err := reasonFor("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	expires, err := s.expiry(in.Body.Expires)
	if err != nil {
		return nil, err
	}
	out := &codeOutput{}
	return out, s.codesFor(ctx, who, in.No, func(ctx context.Context, tx *ledger.Tx, home registry.Household) (err error) {
		out.Body, err = s.codes.Reprint(ctx, tx, who, home.ID, in.Body.Reason, expires)
		return err
	})
}

type revokeCodeInput struct {
	HouseholdPath
	Body struct {
		Reason string `json:"reason" minLength:"2" maxLength:"200" doc:"Why"`
	}
}

func (s *Server) revokeCode(ctx context.Context, who account.Actor, in *revokeCodeInput) (*codeOutput, error) {
	if _, err := reasonFor("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	out := &codeOutput{}
	return out, s.codesFor(ctx, who, in.No, func(ctx context.Context, tx *ledger.Tx, home registry.Household) (err error) {
		out.Body, err = s.codes.Revoke(ctx, tx, who, home.ID, in.Body.Reason)
		return err
	})
}

type onceOutput struct {
	Body struct {
		Digits  string    `json:"digits" doc:"Six digits for the household, good once"`
		Expires time.Time `json:"expires" doc:"Until then"`
	}
}

func (s *Server) onceCode(ctx context.Context, who account.Actor, in *HouseholdPath) (*onceOutput, error) {
	out := &onceOutput{}
	return out, s.codesFor(ctx, who, in.No, func(ctx context.Context, tx *ledger.Tx, home registry.Household) (err error) {
		out.Body.Digits, out.Body.Expires, err = s.codes.MakeOnce(ctx, tx, who, home.ID)
		return err
	})
}

// scanning

type scanInput struct {
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"2000" doc:"What was scanned: the whole link, or its last part"`
		Once string `json:"once,omitempty" maxLength:"12" doc:"The household's six digits"`
	}
}

type scanOutput struct{ Body housecode.View }

// scan judges a code for anybody: that it is valid and of which village; the household's own facts need its one-time digits.
func (s *Server) scan(ctx context.Context, _ account.Actor, in *scanInput) (*scanOutput, error) {
	return s.open(ctx, housecode.Viewer{Once: in.Body.Once}, in.Body.Text)
}

func (s *Server) scanAsStaff(ctx context.Context, who account.Actor, in *scanInput) (*scanOutput, error) {
	return s.open(ctx, housecode.Viewer{Actor: who}, in.Body.Text)
}

func (s *Server) open(ctx context.Context, v housecode.Viewer, text string) (*scanOutput, error) {
	out := &scanOutput{}
	return out, s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body, err = s.codes.Open(ctx, tx, v, text)
		return err
	})
}

type keyListOutput struct {
	Body json.RawMessage `doc:"The list as a file for checks without network"`
}

// keyList is all that a check without network needs; nothing in it is secret or personal.
func (s *Server) keyList(ctx context.Context, _ account.Actor, _ *struct{}) (*keyListOutput, error) {
	var text []byte
	err := s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		l, err := s.codes.List(ctx, tx, s.now())
		if err != nil {
			return err
		}
		text, err = l.MarshalJSON()
		return err
	})
	if errs.KindOf(err) == errs.NotFound {
		return nil, account.NotThere()
	}
	return &keyListOutput{Body: text}, err
}
