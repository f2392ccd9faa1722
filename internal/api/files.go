package api

import (
	"bufio"
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"shouwang/internal/account"
)

// formats are the media types of files that are given out, by their format's name.
func mediaType(format string) string {
	switch format {
	case "csv":
		return "text/csv; charset=utf-8"
	case "xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case "pdf":
		return "application/pdf"
	case "json":
		return "application/json"
	}
	return "application/octet-stream"
}

// document is a file to be given out. write makes it; nothing may have been promised to the caller before it begins.
type document struct {
	name   string // file name; no personal data: it ends up in download folders
	format string
	write  func(ctx context.Context, w io.Writer) error
}

// opFile adds an operation whose answer is a file of one of the formats.
func opFile[I any](s *Server, method, path, id, tag, summary, description string, a access, formats []string, h func(ctx context.Context, who account.Actor, in *I) (*document, error)) {
	content := map[string]*huma.MediaType{}
	for _, f := range formats {
		content[mediaType(f)] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary", Description: "The file"}}
	}
	s.files[id] = map[string]*huma.Response{strconv.Itoa(http.StatusOK): {Description: "The file", Content: content}}
	op(s, method, path, id, tag, summary, description, a, func(ctx context.Context, who account.Actor, in *I) (*huma.StreamResponse, error) {
		d, err := h(ctx, who, in)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) { s.give(c, d) }}, nil
	})
}

// give writes a document. An error before the first bytes have gone out is answered as any other; a later one cuts the connection, so that half a file
// is not taken for a whole one.
func (s *Server) give(c huma.Context, d *document) {
	out := &onFirst{w: c.BodyWriter(), first: func() {
		c.SetHeader("Content-Type", mediaType(d.format))
		c.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.name}))
		c.SetStatus(http.StatusOK)
	}}
	buffered := bufio.NewWriterSize(out, 64<<10)
	err := d.write(c.Context(), buffered)
	if err == nil {
		out.begin() // an empty file is a file
		err = buffered.Flush()
	}
	switch {
	case err == nil:
	case out.begun:
		s.log.Error("a file broke off", "id", about(c.Context()).id, "error", problemOf(err).EN)
		panic(http.ErrAbortHandler)
	default:
		s.refuse(c, err)
	}
}

// onFirst runs first before the first bytes.
type onFirst struct {
	w     io.Writer
	first func()
	begun bool
}

func (o *onFirst) begin() {
	if !o.begun {
		o.begun = true
		o.first()
	}
}

func (o *onFirst) Write(p []byte) (int, error) {
	o.begin()
	return o.w.Write(p)
}
