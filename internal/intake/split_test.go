package intake

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// splitAll cuts and splits a text as an intake does.
func splitAll(t testing.TB, r io.Reader, delim byte) (rows [][]string, count int) {
	t.Helper()
	c := newCutter(r, delim, 1)
	var sp splitter
	for {
		b, err := c.block(context.Background())
		if err == io.EOF {
			return rows, count
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.first != count+1 {
			t.Fatalf("block begins at record %d, want %d", b.first, count+1)
		}
		sp.reset(b.data, delim)
		n := 0
		for {
			fields, _, ok := sp.next()
			if !ok {
				break
			}
			n++
			row := make([]string, len(fields))
			for i, f := range fields {
				row[i] = string(f)
			}
			rows = append(rows, row)
		}
		if n != b.count {
			t.Fatalf("block counts %d records, has %d", b.count, n)
		}
		count += b.count
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		in   string
		want [][]string
	}{
		{"a,b\nc,d\n", [][]string{{"a", "b"}, {"c", "d"}}},
		{"a,b\r\nc,d", [][]string{{"a", "b"}, {"c", "d"}}},
		{"\"a,1\",b\n", [][]string{{"a,1", "b"}}},
		{"\"a\"\"b\",\"c\nd\"\r\ne,f\n", [][]string{{`a"b`, "c\nd"}, {"e", "f"}}},
		{"a\"b,c\n\"\",x\n", [][]string{{`a"b`, "c"}, {"", "x"}}},
		{",,\n\nx\n", [][]string{{"", "", ""}, {""}, {"x"}}},
		{"\"open,b\nc,d\n", [][]string{{"open,b\nc,d\n"}}},
		{"\"a\"x,b\n", [][]string{{"ax", "b"}}},
	} {
		got, _ := splitAll(t, strings.NewReader(c.in), ',')
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, diff)
		}
	}
}

// A record may lie across pieces of any size.
func TestSplitAcrossBlocks(t *testing.T) {
	var b strings.Builder
	var want [][]string
	for i := range 30000 {
		v := strings.Repeat("x", i%50)
		switch i % 4 {
		case 0:
			b.WriteString(`"q,` + v + "\n\"\"" + v + `",2` + "\r\n")
			want = append(want, []string{"q," + v + "\n\"" + v, "2"})
		default:
			b.WriteString(v + ",é中\n")
			want = append(want, []string{v, "é中"})
		}
	}
	for _, r := range []io.Reader{strings.NewReader(b.String()), iotest.HalfReader(strings.NewReader(b.String())), iotest.DataErrReader(strings.NewReader(b.String()))} {
		got, n := splitAll(t, r, ',')
		if n != len(want) || !cmp.Equal(want, got) {
			t.Fatalf("%d records, want %d; or they differ", n, len(want))
		}
	}
}

func TestLongLine(t *testing.T) {
	endless := io.LimitReader(zeros{}, 300<<20)
	read := &counting{r: io.MultiReader(strings.NewReader("a,b\n1,2\n"), endless)}
	c := newCutter(read, ',', 1)
	var err error
	for err == nil {
		_, err = c.block(context.Background())
	}
	if !errors.Is(err, errTooLong) {
		t.Fatalf("error %v, want errTooLong", err)
	}
	if read.n > 4<<20 {
		t.Errorf("%d bytes read before the error", read.n)
	}
	if c.next != 3 {
		t.Errorf("the error is at record %d, want 3", c.next)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += n
	return n, err
}

// FuzzSplit holds the splitter against encoding/csv on everything that the strict reader takes.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\"\"b\",c\r\nd,e", "\n\n", "\"x\ny\",z\n", "é,\"中,文\"\n", "\"", "a\r\r\nb", "\"a\r\nb\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, _ := splitAll(t, bytes.NewReader(in), ',')
		small, _ := splitAll(t, iotest.OneByteReader(bytes.NewReader(in)), ',')
		if !cmp.Equal(got, small) {
			t.Fatalf("pieces matter for %q", in)
		}
		if bytes.Contains(in, []byte("\r")) { // encoding/csv rewrites \r\n within quotes
			return
		}
		r := csv.NewReader(bytes.NewReader(in))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			return
		}
		kept := got[:0:0]
		for _, row := range got {
			if len(row) == 1 && row[0] == "" {
				continue // encoding/csv drops empty lines, and cannot tell a lone "" from one
			}
			kept = append(kept, row)
		}
		oracle := want[:0:0]
		for _, row := range want {
			if len(row) == 1 && row[0] == "" {
				continue
			}
			oracle = append(oracle, row)
		}
		if len(oracle)+len(kept) > 0 && !cmp.Equal(oracle, kept) {
			t.Fatalf("%q:\n%q, want\n%q", in, kept, oracle)
		}
	})
}
