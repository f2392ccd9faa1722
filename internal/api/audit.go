package api

import (
	"context"
	"io"
	"strconv"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
)

// AuditFilter chooses events.
type AuditFilter struct {
	Actor    string    `query:"actor" maxLength:"80" doc:"Only this account's events"`
	Action   string    `query:"action" maxLength:"60" doc:"Only this action; with a dot at the end, every action of the subject"`
	Object   string    `query:"object" maxLength:"60" doc:"Only events of this sort of thing"`
	ObjectID string    `query:"object_id" maxLength:"80" doc:"Only events of this thing"`
	From     time.Time `query:"from" doc:"Not before"`
	To       time.Time `query:"to" doc:"Before"`
}

// filter is what the caller chooses, within their own area; a province's auditor also sees what happened nowhere.
func (f AuditFilter) filter(who account.Actor) audit.Filter {
	within := who.Division
	if within.Level() == division.Province {
		within = 0
	}
	return audit.Filter{Within: within, Actor: f.Actor, Action: f.Action, Object: f.Object, ObjectID: f.ObjectID, From: ledger.At(f.From), To: ledger.At(f.To)}
}

type auditInput struct {
	AuditFilter
	Before int64 `query:"before" minimum:"0" doc:"The 'next' of the page before"`
	Limit  int   `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"At most so many"`
}

type auditOutput struct{ Body audit.Page }

func (s *Server) auditEvents(ctx context.Context, who account.Actor, in *auditInput) (*auditOutput, error) {
	f := in.filter(who)
	f.Before, f.Limit = in.Before, in.Limit
	out := &auditOutput{}
	return out, s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body, err = audit.Show(ctx, tx, f)
		return err
	})
}

type auditVerifyInput struct {
	Seq  int64  `query:"seq" minimum:"0" doc:"Number of an event that was noted earlier"`
	Hash string `query:"hash" maxLength:"64" pattern:"^[0-9a-f]*$" doc:"Its hash: the chain must still hold it"`
}

type auditVerifyOutput struct{ Body audit.Report }

func (s *Server) auditVerify(ctx context.Context, _ account.Actor, in *auditVerifyInput) (*auditVerifyOutput, error) {
	var known []audit.Head
	if in.Seq > 0 {
		known = append(known, audit.Head{Seq: in.Seq, Hash: in.Hash})
	}
	r, err := audit.Verify(ctx, s.app.Ledger, known...)
	return &auditVerifyOutput{Body: r}, err
}

type auditExportInput struct {
	AuditFilter
	Format string `query:"format" enum:"csv,xlsx,json" default:"csv" doc:"Format of the file"`
}

func (s *Server) auditExport(ctx context.Context, who account.Actor, in *auditExportInput) (*document, error) {
	// That somebody took the chain away is an event, too. It is written before the file.
	err := s.app.Ledger.Write(ctx, s.now(), func(_ context.Context, tx *ledger.Tx) error {
		e := who.Event("audit.export", "audit", "", who.Division)
		e.Detail = map[string]string{"format": in.Format} // not the filter: it may hold whatever somebody typed
		return audit.Record(tx, e)
	})
	if err != nil {
		return nil, err
	}
	lang := about(ctx).lang
	return &document{name: "audit-" + strconv.FormatInt(s.now().Unix(), 10) + "." + in.Format, format: in.Format, write: func(ctx context.Context, w io.Writer) error {
		return s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			_, err := audit.Export(ctx, tx, w, in.Format, lang, in.filter(who))
			return err
		})
	}}, nil
}
