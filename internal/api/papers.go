package api

import (
	"context"
	"io"
	"slices"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/paper"
	"shouwang/internal/policy"
	"shouwang/internal/report"
)

// Papers write themselves from a case. They name people, so each needs a reason, which goes into the audit chain.

// desk makes papers.
func (s *Server) desk() (*report.Desk, error) {
	font, err := s.font()
	if err != nil {
		return nil, err
	}
	return s.app.Desk(font)
}

type papersOutput struct {
	Body struct {
		Forms   []paperForm `json:"forms" doc:"Papers of a case, in the order of the procedure"`
		Ledgers []paperForm `json:"ledgers" doc:"Ledgers of an area"`
	}
}

type paperForm struct {
	ID    string      `json:"id" doc:"Id"`
	Title policy.Text `json:"title" doc:"Title"`
}

func (s *Server) papers(context.Context, account.Actor, *struct{}) (*papersOutput, error) {
	out := &papersOutput{}
	for _, f := range report.Forms() {
		out.Body.Forms = append(out.Body.Forms, paperForm{f.ID, f.Title})
	}
	for _, l := range report.Ledgers() {
		out.Body.Ledgers = append(out.Body.Ledgers, paperForm{l.ID, l.Title})
	}
	return out, nil
}

type paperInput struct {
	CasePath
	Form string `path:"form" minLength:"1" maxLength:"60" doc:"Id of the form; 'notice' is the public notice"`
	Body struct {
		Reason string `json:"reason" minLength:"2" maxLength:"200" doc:"What for; it is kept in the audit chain"`
	}
}

func (s *Server) casePaper(ctx context.Context, who account.Actor, in *paperInput) (*document, error) {
	if _, err := reasonFor("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	// Asked for here, so that no error repeats what was typed.
	if in.Form != "notice" && !slices.ContainsFunc(report.Forms(), func(f report.Form) bool { return f.ID == in.Form }) {
		return nil, account.NotThere()
	}
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	var doc *paper.Doc
	if in.Form == "notice" {
		doc, err = d.Notice(ctx, who, s.now(), in.ID, in.Body.Reason)
	} else {
		doc, err = d.Paper(ctx, who, s.now(), in.ID, in.Form, in.Body.Reason)
	}
	if err != nil {
		return nil, err
	}
	return &document{name: "paper.pdf", format: "pdf", write: func(_ context.Context, w io.Writer) error { return writeDoc(doc, w) }}, nil
}

type ledgerInput struct {
	Kind string `path:"ledger" minLength:"1" maxLength:"60" doc:"Id of the ledger"`
	Body struct {
		Division string `json:"division,omitempty" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
		Format   string `json:"format,omitempty" enum:"xlsx,csv,pdf" default:"xlsx" doc:"Format of the file"`
		Masked   bool   `json:"masked,omitempty" doc:"Names and numbers masked: no reason is needed"`
		Reason   string `json:"reason,omitempty" maxLength:"200" doc:"What the names are for; it is kept in the audit chain"`
	}
}

func (s *Server) ledgerSheet(ctx context.Context, who account.Actor, in *ledgerInput) (*document, error) {
	if _, err := reasonFor("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(report.Ledgers(), func(l report.LedgerKind) bool { return l.ID == in.Kind }) {
		return nil, account.NotThere()
	}
	code, err := s.area(who, in.Body.Division)
	if err != nil {
		return nil, err
	}
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	l, err := d.Sheet(ctx, who, s.now(), report.LedgerOptions{Kind: in.Kind, Under: code, Reason: in.Body.Reason, Masked: in.Body.Masked}, func(int) {})
	if err != nil {
		return nil, err
	}
	return &document{name: "ledger." + in.Body.Format, format: in.Body.Format, write: func(_ context.Context, w io.Writer) error {
		if in.Body.Format != "pdf" {
			return l.Write(w, in.Body.Format)
		}
		doc, err := l.PDF(d.Font, casework.Civil(s.now()))
		if err != nil {
			return err
		}
		return writeDoc(doc, w)
	}}, nil
}

func writeDoc(doc *paper.Doc, w io.Writer) error {
	_, err := doc.WriteTo(w)
	return err
}
