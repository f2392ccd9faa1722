package api

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
)

// What is made for a whole village at once, and for a whole staff.

// VillagePath names a village.
type VillagePath struct {
	Village string `path:"village" minLength:"12" maxLength:"12" pattern:"^[0-9]+$" doc:"Code of the village, 12 digits"`
}

// village is the village in the caller's area.
func (s *Server) village(who account.Actor, in *VillagePath) (division.Code, error) {
	code, err := division.Parse(in.Village)
	if _, known := s.app.Tree.Get(code); err != nil || !known || code.Level() != division.Village {
		return 0, account.NotThere()
	}
	return code, who.Sees(code)
}

// villageCards are the cards of all codes in force, as sheets to cut.
func (s *Server) villageCards(ctx context.Context, who account.Actor, in *VillagePath) (*document, error) {
	code, err := s.village(who, in)
	if err != nil {
		return nil, err
	}
	var base string
	if err := s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		base, err = s.codes.Base(ctx, tx)
		return err
	}); err != nil {
		return nil, err
	}
	if base == "" {
		return nil, errs.New(errs.Conflict, "还没有设置扫码打开的网址", "the address that a scan opens is not set yet")
	}
	font, err := s.font()
	if err != nil {
		return nil, err
	}
	print := housecode.Print{Base: base, Hotline: app.Hotline, Font: font, Place: func(c division.Code) (above, name string) {
		town := c.At(division.Township)
		return s.app.Tree.Name(town.At(division.County)) + " " + s.app.Tree.Name(town), s.app.Tree.Name(c)
	}}
	return &document{name: "cards.pdf", format: "pdf", write: func(ctx context.Context, w io.Writer) error {
		_, err := s.codes.Sheets(ctx, s.app.Ledger, s.now(), who, code, print, func(division.Code) (io.WriteCloser, error) { return unclosed{w}, nil })
		return err
	}}, nil
}

// unclosed is a writer that closing leaves as it is.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// villageNotices are the notices that hang in a village now, as sheets.
func (s *Server) villageNotices(ctx context.Context, who account.Actor, in *VillagePath) (*document, error) {
	code, err := s.village(who, in)
	if err != nil {
		return nil, err
	}
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	doc, err := d.Notices(ctx, who, s.now(), code)
	if err != nil {
		return nil, err
	}
	return &document{name: "notices.pdf", format: "pdf", write: func(_ context.Context, w io.Writer) error { return writeDoc(doc, w) }}, nil
}

type importStaffInput struct{ request *http.Request }

// Resolve keeps the request: its body is read as it comes, never held in memory.
func (in *importStaffInput) Resolve(c huma.Context) []error {
	in.request, _ = humago.Unwrap(c)
	return nil
}

type importStaffOutput struct{ Body account.Imported }

// staffBody describes a staff list.
func staffBody() *huma.RequestBody {
	return &huma.RequestBody{Required: true, Description: "One XLSX, in the form field 'file'", Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: &huma.Schema{Type: "object", Required: []string{"file"}, Properties: map[string]*huma.Schema{
			"file": {Type: "string", Format: "binary", Description: "The first sheet has a header with 登录名, 姓名, 单位编号, 角色 and perhaps 手机"},
		}}},
	}}
}

// importStaff makes accounts from a list; rows with a mistake are told with their column and reason.
func (s *Server) importStaff(ctx context.Context, who account.Actor, in *importStaffInput) (*importStaffOutput, error) {
	_, file, size, err := receive(in.request, s.app)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	got, err := s.accounts.Import(ctx, s.now(), who, io.NewSectionReader(file, 0, size))
	return &importStaffOutput{Body: got}, err
}
