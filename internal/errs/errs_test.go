package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"shouwang/internal/errs"
)

func TestTextsInBothLanguages(t *testing.T) {
	plain := errs.New(errs.Invalid, "第3行有误", "row 3 is wrong")
	wrapped := errs.Wrap(errs.Unavailable, io.ErrUnexpectedEOF, "无法读取文件", "cannot read the file")
	nested := errs.Wrap(errs.Conflict, plain, "批次被拒收", "the batch is refused")
	positions := errs.Newf(errs.NotFound, "%[2]s 中没有 %[1]s", "no %[1]s in %[2]s", "列", "文件")
	onlyChinese := errs.Newf(errs.Invalid, "共 %d 行", "rows are wrong", 7)

	for _, c := range []struct {
		name   string
		err    error
		zh, en string
	}{
		{"plain", plain, "第3行有误", "row 3 is wrong"},
		{"foreign cause", wrapped, "无法读取文件：unexpected EOF", "cannot read the file: unexpected EOF"},
		{"own cause", nested, "批次被拒收：第3行有误", "the batch is refused: row 3 is wrong"},
		{"positions", positions, "文件 中没有 列", "no 列 in 文件"},
		{"an argument one language leaves out", onlyChinese, "共 7 行", "rows are wrong"},
		{"wrapper without a text for people", fmt.Errorf("load: %w", plain), "第3行有误", "row 3 is wrong"},
		{"joined", errors.Join(plain, positions), "第3行有误\n文件 中没有 列", "row 3 is wrong\nno 列 in 文件"},
		{"wrapped join", fmt.Errorf("pack: %w", errors.Join(plain, plain)), "第3行有误\n第3行有误", "row 3 is wrong\nrow 3 is wrong"},
		{"no text at all", io.EOF, "EOF", "EOF"},
		{"nil", nil, "", ""},
	} {
		if got := errs.Text(c.err, "zh"); got != c.zh {
			t.Errorf("%s: zh %q, want %q", c.name, got, c.zh)
		}
		if got := errs.Text(c.err, "en"); got != c.en {
			t.Errorf("%s: en %q, want %q", c.name, got, c.en)
		}
	}
	if got := wrapped.Error(); got != "cannot read the file: unexpected EOF" {
		t.Errorf("Error() = %q", got)
	}
	if !errors.Is(wrapped, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want errs.Kind
	}{
		{nil, 0},
		{errs.New(errs.Locked, "", ""), errs.Locked},
		{fmt.Errorf("x: %w", errs.New(errs.Refused, "", "")), errs.Refused},
		{errs.Wrap(errs.Invalid, errs.New(errs.NotFound, "", ""), "", ""), errs.Invalid},
		{fmt.Errorf("x: %w", context.Canceled), errs.Unavailable},
		{context.DeadlineExceeded, errs.Unavailable},
		{fs.ErrNotExist, errs.Internal},
	} {
		if got := errs.KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	names := map[string]bool{}
	for k := errs.Invalid; k <= errs.Internal; k++ {
		names[k.String()] = true
	}
	if len(names) != 7 || names["none"] {
		t.Errorf("the seven kinds have the names %v", names)
	}
}
