package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/workflow"
)

// Problem is every answer that is not a success: RFC 9457 with the kind, a stable key and the text in both languages. It never holds personal data, and
// of a fault of the program it says nothing but the request's id.
type Problem struct {
	Type      string   `json:"type" doc:"Stable name of the problem, urn:shouwang:problem:KEY" example:"urn:shouwang:problem:not_found"`
	Title     string   `json:"title" doc:"What sort of problem it is, in the language of Accept-Language"`
	Status    int      `json:"status" doc:"HTTP status"`
	Kind      string   `json:"kind" doc:"Kind of error" enum:"invalid,not_found,conflict,refused,locked,unavailable,internal"`
	Key       string   `json:"key" doc:"Message key: finer than the kind and as stable"`
	Detail    string   `json:"detail" doc:"What is wrong, where, and what to do, in the language of Accept-Language"`
	ZH        string   `json:"zh" doc:"The same in Chinese"`
	EN        string   `json:"en" doc:"The same in English"`
	RequestID string   `json:"request_id" doc:"Id of the request, as in the log and in the header X-Request-Id"`
	Fields    []Fault  `json:"fields,omitempty" doc:"Where the input is wrong, for kind invalid"`
	Current   *Current `json:"current,omitempty" doc:"The present state, when somebody else has changed it meanwhile"`

	err error // for the log
}

// Fault is one wrong place of the input. The wrong value is not repeated: it may be personal data.
type Fault struct {
	Location string `json:"location" doc:"Where, such as body.data.visitors or query.limit"`
	ZH       string `json:"zh" doc:"What is wrong, in Chinese"`
	EN       string `json:"en" doc:"What is wrong, in English"`
}

// Current is what a caller that lost a race needs for another try.
type Current struct {
	Version int64  `json:"version" doc:"Version now; send it as If-Match"`
	State   string `json:"state,omitempty" doc:"State now"`
}

// Error is the English text, for logs.
func (p *Problem) Error() string { return p.EN }

// Unwrap is the cause.
func (p *Problem) Unwrap() error { return p.err }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is RFC 9457's.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem makes a problem of an error's texts.
func problem(status int, key string, err *errs.Error) *Problem {
	return &Problem{Type: "urn:shouwang:problem:" + key, Status: status, Kind: err.Kind.String(), Key: key, ZH: err.In("zh"), EN: err.In("en"), err: err}
}

// problemWith is a problem of another status and key than the error's kind has.
func problemWith(status int, key string, err error) *Problem {
	return &Problem{Type: "urn:shouwang:problem:" + key, Status: status, Kind: errs.KindOf(err).String(), Key: key, ZH: publicText(err, "zh"), EN: publicText(err, "en"), err: err}
}

func tooLarge(limit int64) *Problem {
	return problem(http.StatusRequestEntityTooLarge, "too_large", errs.Newf(errs.Invalid, "请求太大，最多 %[1]d 字节", "the request is too large; at most %[1]d bytes", limit))
}

func tooSlow() *Problem {
	return problem(http.StatusRequestTimeout, "too_slow", errs.New(errs.Unavailable, "请求发送得太慢，已中止", "the request came too slowly and was given up"))
}

// statuses of the kinds.
func statusOf(k errs.Kind) int {
	switch k {
	case errs.Invalid:
		return http.StatusUnprocessableEntity
	case errs.NotFound:
		return http.StatusNotFound
	case errs.Conflict:
		return http.StatusConflict
	case errs.Refused:
		return http.StatusForbidden
	case errs.Locked:
		return http.StatusLocked
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// problemOf makes the answer for any error: the one place where errors become answers.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return tooLarge(big.Limit)
	case errors.Is(err, errSlow):
		return tooSlow()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "stopped", errs.Wrap(errs.Unavailable, nil, "请求没有做完就中止了，什么也没有改", "the request was stopped before it was done; nothing was changed"))
	}
	var stale *ledger.Stale
	if errors.As(err, &stale) {
		out := problemWith(http.StatusPreconditionFailed, "version", err)
		out.Current = &Current{Version: stale.Is}
		return out
	}
	var form *workflow.FormError
	if errors.As(err, &form) {
		out := problemWith(http.StatusUnprocessableEntity, "form", err)
		for _, f := range form.Faults {
			out.Fields = append(out.Fields, Fault{Location: "body.data." + f.Path, ZH: f.Text.ZH, EN: f.Text.EN})
		}
		return out
	}
	var guards *workflow.Refused
	if errors.As(err, &guards) {
		out := problemWith(http.StatusForbidden, "guard", err)
		for _, r := range guards.Refusals {
			out.Fields = append(out.Fields, Fault{Location: "guard." + r.Guard, ZH: r.Wording.ZH, EN: r.Wording.EN})
		}
		return out
	}
	kind := errs.KindOf(err)
	if kind == errs.Internal {
		out := problem(http.StatusInternalServerError, "internal", errs.New(errs.Internal, "程序内部错误，请把请求编号告诉管理员", "an internal error; please tell the administrator the request's id"))
		out.err = err
		return out
	}
	return problemWith(statusOf(kind), kind.String(), err)
}

// publicText is what an error says to people, without causes that are no texts for people (paths, SQL, addresses).
func publicText(err error, lang string) string {
	var e *errs.Error
	if !errors.As(err, &e) {
		return ""
	}
	text, colon := e.ZH, "："
	if lang == "en" {
		text, colon = e.EN, ": "
	}
	if e.Err != nil {
		if inner := publicText(e.Err, lang); inner != "" {
			text += colon + inner
		}
	}
	return text
}

// titles are the short names of statuses.
func title(status int, lang string) string {
	zh := map[int]string{
		400: "请求有误", 401: "需要登录", 403: "不允许", 404: "没有找到", 405: "方法不对", 406: "给不出这种格式", 408: "太慢", 409: "冲突", 412: "已被他人修改", 413: "太大", 415: "格式不支持", 422: "输入有误",
		423: "被占用", 428: "缺少版本号", 429: "太频繁", 500: "内部错误", 503: "暂时不可用",
	}
	if text, ok := zh[status]; ok && lang != "en" {
		return text
	}
	return http.StatusText(status)
}

// complete fills what depends on the request, and logs what the caller is not told.
func (s *Server) complete(ctx context.Context, p *Problem) *Problem {
	q := about(ctx)
	out := *p
	for _, typed := range q.typed {
		out.ZH, out.EN = strings.ReplaceAll(out.ZH, typed, "…"), strings.ReplaceAll(out.EN, typed, "…")
	}
	out.RequestID, out.Title, out.Detail = q.id, title(p.Status, q.lang), out.ZH
	if q.lang == "en" {
		out.Detail = out.EN
	}
	if p.Status >= 500 {
		text := p.EN
		if p.err != nil {
			text = p.err.Error()
		}
		s.log.ErrorContext(ctx, "failed", "id", q.id, "route", q.route, "error", text)
	}
	return &out
}

// answer writes a problem outside of operations.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, p *Problem) {
	out := s.complete(r.Context(), p)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(out.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(out) // a caller that went away is told nothing
}
