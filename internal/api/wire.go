package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Once is the header of requests that may be sent twice.
type Once struct {
	Key string `header:"Idempotency-Key" minLength:"8" maxLength:"100" pattern:"^[A-Za-z0-9_.:-]+$" doc:"Chosen by the caller, one for each intended change: the same request sent again with the same key is carried out once and answered as the first time; another request with it is refused with 409"`
}

// IfMatch is the header of changes to something that others may change, too.
type IfMatch struct {
	Match string `header:"If-Match" maxLength:"40" doc:"The ETag of the state that the caller has read (required); when somebody else has changed it since, the answer is 412 with the present version and state, and nothing is changed"`
}

// version is the version that the caller has read.
func (m IfMatch) version() (int64, error) {
	if m.Match == "" {
		return 0, problem(http.StatusPreconditionRequired, "version_missing", errs.New(errs.Invalid, "请带上 If-Match（读取时的 ETag），以免覆盖别人的修改", "send If-Match with the ETag that you have read, so that nobody's change is overwritten"))
	}
	n, err := strconv.ParseInt(strings.Trim(m.Match, `"`), 10, 64)
	if err != nil || n < 1 || strings.HasPrefix(m.Match, "W/") {
		return 0, fault("header.If-Match", "不是本系统给出的 ETag", "not an ETag of this system")
	}
	return n, nil
}

func etag(version int64) string { return fmt.Sprintf(`"%d"`, version) }

// Paging are the parameters of lists.
type Paging struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"At most so many"`
	After string `query:"after" maxLength:"200" doc:"The 'next' of the page before; empty for the first page"`
}

// reasonFor refuses a reason that holds a resident number, a phone or an account: eleven digits or more in a row.
func reasonFor(location, text string) (string, error) {
	row := 0
	for _, r := range text {
		switch {
		case unicode.IsDigit(r):
			row++
		case r != ' ' && r != '-':
			row = 0
		}
		if row >= 11 {
			return "", fault(location, "理由会留存备查，不要写证件号码、电话或账号", "the reason is kept: leave numbers of persons, phones and accounts out of it")
		}
	}
	return strings.TrimSpace(text), nil
}

// fault is a problem of one place of the input that the schema cannot tell.
func fault(location, zh, en string) *Problem {
	p := problem(http.StatusUnprocessableEntity, "invalid", errs.Newf(errs.Invalid, "%[1]s：%[2]s", "%[1]s: %[3]s", location, zh, en))
	p.Fields = []Fault{{Location: location, ZH: zh, EN: en}}
	return p
}

// description is huma's, with this program's formats and answers: no links to schemas in documents, no pages that load scripts from elsewhere.
func description() huma.Config {
	c := huma.DefaultConfig("守望 Shouwang", "1")
	c.Info.Description = "Watching rural households, warning, and carrying each case until the risk is gone. Answers that are no success are problems (RFC 9457) in Chinese and English. " +
		"Scope holds everywhere: what lies outside the caller's division or department is as if it were not there."
	types := huma.NewMapRegistry("#/components/schemas/", schemaName)
	types.RegisterTypeAlias(reflect.TypeFor[ledger.Time](), reflect.TypeFor[*time.Time]())
	types.RegisterTypeAlias(reflect.TypeFor[intake.Text](), reflect.TypeFor[policy.Text]())
	types.RegisterTypeAlias(reflect.TypeFor[audit.Document](), reflect.TypeFor[any]())
	types.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]())
	c.Components.Schemas = types
	c.CreateHooks = nil
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.Formats = map[string]huma.Format{"application/json": {Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}, "json": {Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}}
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "http", Scheme: "bearer", Description: "The token that signing in gives, for programs"},
		"cookie":  {Type: "apiKey", In: "cookie", Name: cookieName, Description: "The same in a same-site cookie, for the pages"},
		"token":   {Type: "http", Scheme: "bearer", Description: "A department's token, for what its scope names"},
	}
	return c
}

// schemaName names a type in the description; types of other packages carry their package's name.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if pkg, ours := strings.CutPrefix(t.PkgPath(), "shouwang/internal/"); ours && pkg != "api" && t.Name() != "" {
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return name
}

// What unmarshal finds wrong; translate knows the texts.
var (
	errNotText = errors.New("text that is not UTF-8, or control characters")
	errBehind  = errors.New("something behind the JSON document")
)

// unmarshal reads JSON strictly: UTF-8 only, no NUL, nothing behind the document.
func unmarshal(data []byte, v any) error {
	if !utf8.Valid(data) || bytes.Contains(data, []byte(`\u0000`)) || bytes.IndexByte(data, 0) >= 0 {
		return errNotText
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errBehind
	}
	return nil
}

// cleanAddress reports whether path and query are text.
func cleanAddress(u url.URL) bool {
	if !cleanText(u.Path) {
		return false
	}
	if u.RawQuery == "" {
		return true
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return false
	}
	for k, values := range query {
		for _, v := range append(values, k) {
			if !cleanText(v) {
				return false
			}
		}
	}
	return true
}

func cleanText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// personalLooking are the parts of an address that may be somebody's name, number or phone: letters beyond ASCII, or eleven digits and more. Ids of this
// program are neither, but for a division's and a household's number, which lose nothing by it.
func personalLooking(u *url.URL) []string {
	parts := strings.Split(u.Path, "/")
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	return slices.DeleteFunc(parts, func(s string) bool {
		digits := 0
		for _, r := range s {
			if unicode.IsDigit(r) {
				digits++
			}
		}
		return digits < 11 && !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
	})
}

// answersOfHuma has huma answer with problems. Its hooks are the process's, so they are set once.
var answersOfHuma = sync.OnceFunc(func() {
	huma.NewErrorWithContext = humaError
	huma.NewError = func(status int, message string, causes ...error) huma.StatusError {
		return humaError(nil, status, message, causes...)
	}
})

// humaError makes huma's own errors (input that does not fit its schema, a body that cannot be read) into problems.
func humaError(c huma.Context, status int, message string, causes ...error) huma.StatusError {
	p := humaProblem(status, message, causes)
	if c != nil {
		if q := about(c.Context()); q.server != nil {
			return q.server.complete(c.Context(), p)
		}
	}
	return p
}

func humaProblem(status int, message string, causes []error) *Problem {
	for _, c := range causes {
		if p, ok := asProblem(c); ok {
			return p
		}
		var big *http.MaxBytesError
		if errors.As(c, &big) || errors.Is(c, errSlow) {
			return problemOf(c)
		}
		if errors.Is(c, io.ErrUnexpectedEOF) {
			return problem(http.StatusBadRequest, "cut_off", errs.New(errs.Invalid, "请求没有发完", "the request ends too early"))
		}
	}
	switch status {
	case 0: // asked for its type only
		return &Problem{}
	case http.StatusRequestEntityTooLarge:
		return problem(status, "too_large", errs.New(errs.Invalid, "请求太大", "the request is too large"))
	case http.StatusRequestTimeout:
		return tooSlow()
	case http.StatusUnsupportedMediaType:
		return problem(status, "media_type", errs.New(errs.Invalid, "请求的格式不支持，请用 application/json", "the request's format is not supported; send application/json"))
	case http.StatusNotAcceptable:
		return problem(status, "not_acceptable", errs.New(errs.Invalid, "给不出您要的格式", "the format that you ask for cannot be given"))
	}
	if status >= 500 {
		p := problem(http.StatusInternalServerError, "internal", errs.New(errs.Internal, "程序内部错误，请把请求编号告诉管理员", "an internal error; please tell the administrator the request's id"))
		for _, c := range causes {
			p.err = c
		}
		return p
	}
	p := problem(status, "invalid", errs.New(errs.Invalid, "输入有误", "the input is wrong"))
	if message == "unable to read request body" || strings.Contains(message, "body") && len(causes) == 0 {
		p.Fields = append(p.Fields, Fault{Location: "body", ZH: "缺少请求内容", EN: "the request has no content"})
	}
	for _, c := range causes {
		if d, ok := c.(huma.ErrorDetailer); ok {
			detail := d.ErrorDetail()
			zh, en := translate(detail.Message)
			p.Fields = append(p.Fields, Fault{Location: safeLocation(detail.Location), ZH: zh, EN: en})
		} else if c != nil {
			zh, en := translate(c.Error())
			p.Fields = append(p.Fields, Fault{Location: "body", ZH: zh, EN: en})
		}
		if len(p.Fields) == 20 {
			break
		}
	}
	for _, f := range p.Fields[:min(3, len(p.Fields))] {
		p.ZH += "；" + f.Location + " " + f.ZH
		p.EN += "; " + f.Location + " " + f.EN
	}
	return p
}

// safeLocation keeps the names that the description has; a name that the caller made up may be anything.
func safeLocation(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-[]", r)) {
			return r
		}
		return '?'
	}, s)
	if len(s) > 80 {
		s = s[:80]
	}
	if digits := strings.Count(s, "") - 1 - len(strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s)); digits > 8 {
		return "?" // no name of a field has so many digits, but a resident number has
	}
	return s
}
