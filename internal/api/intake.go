package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/report"
)

// upload

type uploadInput struct {
	Scope   string `query:"scope" maxLength:"12" doc:"Division that the file is of, where its name doesn't say"`
	Period  string `query:"period" maxLength:"20" doc:"Months that the file is for, 202610 or 202511-202610, where its name doesn't say"`
	Dataset string `query:"dataset" maxLength:"60" doc:"Id of the data contract; default recognised by the header"`

	request *http.Request
}

// Resolve keeps the request: its body is read as it comes, never held in memory.
func (in *uploadInput) Resolve(c huma.Context) []error {
	in.request, _ = humago.Unwrap(c)
	return nil
}

// uploadBody describes what the request carries.
func uploadBody() *huma.RequestBody {
	return &huma.RequestBody{Required: true, Description: "One file, in the form field 'file', with its name", Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: &huma.Schema{Type: "object", Required: []string{"file"}, Properties: map[string]*huma.Schema{
			"file": {Type: "string", Format: "binary", Description: "The file as the department made it: CSV, XLSX, JSON lines or Parquet"},
		}}},
	}}
}

type receiptOutput struct{ Body intake.Receipt }

func (s *Server) upload(ctx context.Context, who account.Actor, in *uploadInput) (*receiptOutput, error) {
	o := intake.Options{Now: s.now(), Dataset: in.Dataset}
	var err error
	if o.Scope, err = s.area(who, in.Scope); err != nil {
		return nil, err
	}
	if o.Scope.Level() == division.Province {
		o.Scope = 0 // by the name, or by the rows
	}
	if in.Period != "" {
		if o.Period, err = intake.ParsePeriod(in.Period); err != nil {
			return nil, fault("query.period", "应写成 202610 或 202511-202610", "must look like 202610 or 202511-202610")
		}
	}
	name, file, size, err := receive(in.request, s.app)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	release, err := s.app.Batch(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	r, err := s.app.Intake().Upload(ctx, intake.Upload{
		Name: name, Size: size, Open: func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(file, 0, size)), nil },
		Allow: func(d *policy.Dataset, scope division.Code) error { return mayDeliver(who, d, scope) },
	}, o)
	if err != nil {
		return nil, err
	}
	err = s.app.Ledger.Write(ctx, s.now(), func(_ context.Context, tx *ledger.Tx) error {
		e := who.Event("intake.upload", "delivery", r.Delivery, who.Division)
		e.Detail = map[string]any{"dataset": r.Dataset, "state": r.State, "rows": r.Rows, "rejected": r.Rejected, "batch": r.Batch}
		return audit.Record(tx, e)
	})
	return &receiptOutput{Body: r}, err
}

// national

type nationalInput struct {
	Scope  string `query:"scope" maxLength:"12" doc:"Division that the file is of, where its name doesn't say"`
	Period string `query:"period" maxLength:"20" doc:"Month that the file is for, such as 202611, where its name doesn't say"`

	request *http.Request
}

// Resolve keeps the request: its body is read as it comes.
func (in *nationalInput) Resolve(c huma.Context) []error {
	in.request, _ = humago.Unwrap(c)
	return nil
}

type nationalOutput struct{ Body report.Imported }

func (s *Server) national(ctx context.Context, who account.Actor, in *nationalInput) (*nationalOutput, error) {
	o := intake.Options{Now: s.now()}
	var err error
	if o.Scope, err = s.area(who, in.Scope); err != nil {
		return nil, err
	}
	if in.Period != "" {
		if o.Period, err = intake.ParsePeriod(in.Period); err != nil {
			return nil, fault("query.period", "应写成 202610 或 202511-202610", "must look like 202610 or 202511-202610")
		}
	}
	name, file, size, err := receive(in.request, s.app)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	release, err := s.app.Batch(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	r, err := report.ImportNational(ctx, who, s.app.Pack, s.app.Intake(), name, io.NewSectionReader(file, 0, size), o)
	if err != nil {
		return nil, err
	}
	if r.Receipt == nil {
		return &nationalOutput{Body: r}, nil
	}
	err = s.app.Ledger.Write(ctx, s.now(), func(_ context.Context, tx *ledger.Tx) error {
		e := who.Event("intake.national", "delivery", r.Receipt.Delivery, who.Division)
		e.Detail = map[string]any{"kind": r.Kind, "dataset": r.Receipt.Dataset, "state": r.Receipt.State, "rows": r.Rows, "rejected": r.Receipt.Rejected, "batch": r.Receipt.Batch}
		return audit.Record(tx, e)
	})
	return &nationalOutput{Body: r}, err
}

// mayDeliver lets a department deliver its own datasets, and everybody only for their own area.
func mayDeliver(who account.Actor, d *policy.Dataset, scope division.Code) error {
	if department, bound := who.DepartmentOnly(); bound && d.Department != department {
		return errs.New(errs.Refused, "这份数据不属于您的部门，已退回", "this dataset is another department's; the file is refused")
	}
	if scope != 0 && !who.Within(scope) || scope == 0 && who.Division.Level() != division.Province {
		return errs.New(errs.Refused, "文件所属的行政区划不在您的范围内，已退回", "the file is of a division outside your area; it is refused")
	}
	return nil
}

// receive puts the uploaded file where no name leads to it: what it holds is personal, and nothing of it may stay behind, whatever happens.
func receive(r *http.Request, a *app.App) (name string, file *os.File, size int64, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return "", nil, 0, problem(http.StatusUnsupportedMediaType, "media_type", errs.New(errs.Invalid, "请用 multipart/form-data 上传文件", "upload the file as multipart/form-data"))
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return "", nil, 0, fault("body.file", "缺少文件", "the file is missing")
		}
		if err != nil {
			return "", nil, 0, bodyError(err)
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue
		}
		name = strings.ToValidUTF8(part.FileName(), "")
		file, size, err = spool(part, a.Config.Temp())
		return name, file, size, err
	}
}

func spool(part *multipart.Part, dir string) (_ *os.File, _ int64, err error) {
	unavailable := func(err error) error {
		return errs.Wrap(errs.Unavailable, err, "服务器上没有地方放这个文件", "there is no room for the file on the server")
	}
	file, err := os.CreateTemp(dir, "upload-*")
	if err != nil {
		return nil, 0, unavailable(err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, 0, unavailable(err)
	}
	size, err := io.Copy(onlyWriter{file}, part)
	var disk *os.PathError
	switch {
	case errors.As(err, &disk):
		return nil, 0, unavailable(err)
	case err != nil:
		return nil, 0, bodyError(err)
	}
	return file, size, nil
}

// onlyWriter hides a file's other methods.
type onlyWriter struct{ io.Writer }

// bodyError words what went wrong while a body was read.
func bodyError(err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) || errors.Is(err, errSlow) {
		return err
	}
	return problem(http.StatusBadRequest, "cut_off", errs.Wrap(errs.Invalid, err, "请求没有发完，或者不是正确的表单", "the request ends too early, or is no right form"))
}

// receipts

type receiptsInput struct {
	Dataset string `query:"dataset" maxLength:"60" doc:"Only of this dataset"`
	State   string `query:"state" enum:"accepted,refused" doc:"Only in this state"`
}

type receiptsOutput struct {
	Body struct {
		Receipts []intake.Receipt `json:"receipts" doc:"Accepted batches in their order, then refused files by time"`
	}
}

func (s *Server) receipts(_ context.Context, who account.Actor, in *receiptsInput) (*receiptsOutput, error) {
	all, err := s.app.Intake().Receipts()
	if err != nil {
		return nil, err
	}
	out := &receiptsOutput{}
	out.Body.Receipts = []intake.Receipt{}
	for _, r := range all {
		if s.seesReceipt(who, &r) && (in.Dataset == "" || r.Dataset == in.Dataset) && (in.State == "" || string(r.State) == in.State) {
			out.Body.Receipts = append(out.Body.Receipts, r)
		}
	}
	return out, nil
}

// seesReceipt: one's own department's, of one's own area. A file that does not say its area is the province's.
func (s *Server) seesReceipt(who account.Actor, r *intake.Receipt) bool {
	if department, bound := who.DepartmentOnly(); bound && s.departmentOf(r.Dataset) != department {
		return false
	}
	if r.Scope == "" {
		return who.Division.Level() == division.Province
	}
	code, err := division.Parse(r.Scope)
	return err == nil && who.Within(code)
}

type rejectsInput struct {
	Delivery string `path:"delivery" minLength:"1" maxLength:"120" pattern:"^[0-9a-f]{64}[0-9-]*$" doc:"'delivery' of the receipt"`
	Reason   string `query:"reason" required:"true" minLength:"2" maxLength:"200" doc:"What for: the file holds personal data in plain, and the reason is kept in the audit chain"`
}

func (s *Server) rejects(ctx context.Context, who account.Actor, in *rejectsInput) (*document, error) {
	if _, err := reasonFor("query.reason", in.Reason); err != nil {
		return nil, err
	}
	all, err := s.app.Intake().Receipts()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.Delivery != in.Delivery || !s.seesReceipt(who, &r) {
			continue
		}
		err := s.app.Ledger.Write(ctx, s.now(), func(_ context.Context, tx *ledger.Tx) error {
			e := who.Event("intake.rejects", "delivery", r.Delivery, who.Division)
			e.Reason = in.Reason
			e.Detail = map[string]any{"dataset": r.Dataset, "rows": r.Rejected}
			return audit.Record(tx, e)
		})
		if err != nil {
			return nil, err
		}
		return &document{name: "rejects-" + r.Delivery[:12] + ".csv", format: "csv", write: func(ctx context.Context, w io.Writer) error {
			return s.app.Intake().Rejects(ctx, r.Delivery, w)
		}}, nil
	}
	return nil, account.NotThere()
}

// verification of the warehouse

type verifyOutput struct{ Body intake.Verification }

func (s *Server) verifyWarehouse(ctx context.Context, _ account.Actor, _ *struct{}) (*verifyOutput, error) {
	release, err := s.app.Batch(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	v, err := s.app.Intake().Verify(ctx, nil)
	return &verifyOutput{Body: v}, err
}
