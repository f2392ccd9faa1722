package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

func TestUploadName(t *testing.T) {
	for given, want := range map[string]string{
		"花名册_522633.csv": "花名册_522633.csv", "../../etc/passwd": "passwd", `..\..\windows\x.csv`: "x.csv", "/abs/y.csv": "y.csv", "a/../../b.csv": "b.csv",
		"..": "", ".": "", "": "", "/": "", ".hidden.csv": "hidden.csv", "a\x00b\n.csv": "ab.csv",
	} {
		if got := uploadName(given); got != want {
			t.Errorf("%q gives %q, want %q", given, got, want)
		}
	}
	if got := uploadName(strings.Repeat("长", 300) + ".csv"); len(got) > maxName || !strings.HasSuffix(got, ".csv") {
		t.Errorf("a long name gives %d bytes", len(got))
	}
}

// TestUploadIsAskedFirst: the same bytes give the same receipt as a file of this machine; what is not allowed leaves nothing behind.
func TestUploadIsAskedFirst(t *testing.T) {
	w := newWorld(t)
	text := []byte(rosterCSV(people(w.tree, county, 20)))
	const name = "农户花名册_522633_202610.csv"
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	no := errors.New("no")
	u := Upload{Name: "../" + name, Size: int64(len(text)), Open: open, Allow: func(*policy.Dataset, division.Code) error { return no }}
	if _, err := w.Upload(context.Background(), u, Options{Now: now}); !errors.Is(err, no) {
		t.Fatalf("error %v, want the refusal", err)
	}
	if all, err := w.Receipts(); err != nil || len(all) != 0 {
		t.Fatalf("%d receipts after a refusal, %v", len(all), err)
	}
	var dataset string
	u.Allow = func(d *policy.Dataset, _ division.Code) error { dataset = d.ID; return nil }
	r, err := w.Upload(context.Background(), u, Options{Now: now})
	if err != nil || r.State != Accepted || r.File != name || dataset != r.Dataset {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := w.Upload(context.Background(), u, Options{Now: now}); err != nil || again.State != Already || again.Batch != r.Batch {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := w.Upload(context.Background(), Upload{Name: "..", Open: open}, Options{}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("no name: %v", err)
	}
}
