package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"shouwang/internal/division"
	"shouwang/internal/policy"
)

// dayFlag is a flag that holds a day, 2026-11-01.
type dayFlag struct{ time.Time }

var _ pflag.Value = (*dayFlag)(nil)

func (d *dayFlag) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

func (d *dayFlag) Set(s string) error {
	t, err := time.Parse(time.DateOnly, s)
	d.Time = t
	return err
}

func (d *dayFlag) Type() string { return "YYYY-MM-DD" }

// or is the day, or the day of now in its own time zone.
func (d *dayFlag) or(now time.Time) time.Time {
	if !d.IsZero() {
		return d.Time
	}
	y, m, day := now.Date()
	return time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
}

// parseDivision reads a division code of 2, 4, 6, 9 or 12 digits, or a name; empty is 0, everywhere.
func parseDivision(tree *division.Tree, s string) (division.Code, error) {
	if s == "" {
		return 0, nil
	}
	if strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseInt(s, 10, 64)
		for i := len(s); i < 12; i++ {
			n *= 10
		}
		if err == nil && len(s) <= 12 {
			if _, found := tree.Get(division.Code(n)); found {
				return division.Code(n), nil
			}
		}
		return 0, usagef("没有行政区划 %[1]s", "there is no division %[1]s", s)
	}
	code, found, ambiguous := tree.Find(s, 0)
	switch {
	case ambiguous:
		return 0, usagef("行政区划名称 %[1]s 不止一个，请用代码", "there is more than one division named %[1]s; give its code", s)
	case !found:
		return 0, usagef("没有行政区划 %[1]s", "there is no division %[1]s", s)
	}
	return code, nil
}

func parseLevel(s string) (policy.Level, error) {
	for _, l := range []policy.Level{policy.NoLevel, policy.Blue, policy.Yellow, policy.Red} {
		if s == l.String() {
			return l, nil
		}
	}
	return 0, usagef("--level 只能是 red、yellow 或 blue，不能是 %[1]q", "--level must be red, yellow or blue, not %[1]q", s)
}

// levelMark is a level as people see it: a shape besides the colour word, so that it can be told without colours.
func levelMark(w *page, level string) string {
	switch level {
	case "red":
		return w.t("▲红", "▲ red")
	case "yellow":
		return w.t("◆黄", "◆ yellow")
	case "blue":
		return w.t("●蓝", "● blue")
	}
	return ""
}
