package workday_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shouwang/internal/errs"
	"shouwang/internal/workday"
)

func day(t testing.TB, s string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// spring2026 is the published calendar around the Spring Festival of 2026: off from 15 to 23 February, work on Saturday the
// 14th and Saturday the 28th; off on 1 to 3 January, work on Sunday the 4th.
func spring2026(t testing.TB) *workday.Calendar {
	days := []workday.Day{{day(t, "2026-01-01"), false}, {day(t, "2026-01-02"), false}, {day(t, "2026-01-03"), false}, {day(t, "2026-01-04"), true},
		{day(t, "2026-02-14"), true}, {day(t, "2026-02-28"), true}}
	for d := 15; d <= 23; d++ {
		days = append(days, workday.Day{Date: time.Date(2026, 2, d, 0, 0, 0, 0, time.UTC)})
	}
	return workday.New(days)
}

func TestSpringFestival2026(t *testing.T) {
	c := spring2026(t)
	for date, want := range map[string]bool{
		"2026-01-01": false, "2026-01-04": true, "2026-01-05": true, "2026-01-10": false, "2026-02-13": true, "2026-02-14": true, "2026-02-15": false,
		"2026-02-23": false, "2026-02-24": true, "2026-02-28": true, "2026-03-01": false, "2026-12-31": true,
	} {
		if got, err := c.IsWorkday(day(t, date)); err != nil || got != want {
			t.Errorf("IsWorkday(%s) = %v, %v, want %v", date, got, err, want)
		}
	}
	for _, x := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-02-13", 1, "2026-02-14"}, // a Saturday of work
		{"2026-02-13", 2, "2026-02-24"},
		{"2026-02-16", 1, "2026-02-24"}, // from within the holidays
		{"2026-02-16", -1, "2026-02-14"},
		{"2026-02-24", -1, "2026-02-14"},
		{"2026-02-24", 4, "2026-02-28"},
		{"2026-02-24", 5, "2026-03-02"},
		{"2026-01-01", 1, "2026-01-04"},
		{"2026-02-16", 0, "2026-02-16"},
		{"2026-03-02", 15, "2026-03-23"}, // three plain weeks
	} {
		got, err := c.AddWorkdays(day(t, x.from), x.n)
		if err != nil || !got.Equal(day(t, x.want)) {
			t.Errorf("AddWorkdays(%s, %d) = %v, %v, want %s", x.from, x.n, got, err, x.want)
		}
	}
	for _, x := range []struct {
		from, to string
		want     int
	}{
		{"2026-02-13", "2026-02-24", 2},  // the 14th and the 24th
		{"2026-02-24", "2026-02-13", -2}, // the 13th and the 14th
		{"2026-02-16", "2026-02-22", 0},
		{"2026-02-22", "2026-02-16", 0},
		{"2026-03-02", "2026-03-02", 0},
		{"2026-03-02", "2026-03-09", 5},
	} {
		if got, err := c.WorkdaysBetween(day(t, x.from), day(t, x.to)); err != nil || got != x.want {
			t.Errorf("WorkdaysBetween(%s, %s) = %d, %v, want %d", x.from, x.to, got, err, x.want)
		}
	}
}

func TestTheCivilDateCounts(t *testing.T) {
	c := spring2026(t)
	shanghai := time.FixedZone("UTC+8", 8*3600)
	late := time.Date(2026, 2, 14, 23, 59, 0, 0, shanghai) // still the 14th there, and 15:59 on the 14th in UTC
	early := time.Date(2026, 2, 14, 0, 1, 0, 0, shanghai)  // the 14th there, the 13th in UTC
	for _, x := range []time.Time{late, early} {
		if got, err := c.IsWorkday(x); err != nil || !got {
			t.Errorf("IsWorkday(%v) = %v, %v", x, got, err)
		}
		if got, err := c.AddWorkdays(x, 1); err != nil || !got.Equal(day(t, "2026-02-24")) {
			t.Errorf("AddWorkdays(%v, 1) = %v, %v", x, got, err)
		}
	}
}

func TestUnknownYears(t *testing.T) {
	gap := workday.New([]workday.Day{{Date: day(t, "2024-01-01")}, {Date: day(t, "2026-01-01")}})
	if first, last := gap.Years(); first != 2024 || last != 2026 {
		t.Errorf("Years = %d, %d", first, last)
	}
	empty := workday.New(nil)
	if first, last := empty.Years(); first != 0 || last != 0 {
		t.Errorf("Years = %d, %d", first, last)
	}
	only := spring2026(t)
	for name, x := range map[string]struct {
		year string
		f    func() error
	}{
		"day before":     {"2025", func() error { _, err := only.IsWorkday(day(t, "2025-12-31")); return err }},
		"day after":      {"2027", func() error { _, err := only.IsWorkday(day(t, "2027-01-01")); return err }},
		"add over end":   {"2027", func() error { _, err := only.AddWorkdays(day(t, "2026-12-31"), 1); return err }},
		"add over start": {"2025", func() error { _, err := only.AddWorkdays(day(t, "2026-01-04"), -1); return err }},
		"far":            {"2027", func() error { _, err := only.AddWorkdays(day(t, "2026-06-01"), 1<<40); return err }},
		"far back":       {"2025", func() error { _, err := only.AddWorkdays(day(t, "2026-06-01"), -1<<40); return err }},
		"start":          {"2025", func() error { _, err := only.AddWorkdays(day(t, "2025-06-01"), 1); return err }},
		"between":        {"2027", func() error { _, err := only.WorkdaysBetween(day(t, "2026-06-01"), day(t, "2027-06-01")); return err }},
		"over a gap":     {"2025", func() error { _, err := gap.WorkdaysBetween(day(t, "2024-06-01"), day(t, "2026-06-01")); return err }},
		"add over a gap": {"2025", func() error { _, err := gap.AddWorkdays(day(t, "2024-12-31"), 300); return err }},
		"add into a gap": {"2025", func() error { _, err := gap.AddWorkdays(day(t, "2024-12-31"), 3); return err }},
		"in the gap":     {"2025", func() error { _, err := gap.IsWorkday(day(t, "2025-06-02")); return err }},
		"no calendar":    {"2026", func() error { _, err := empty.AddWorkdays(day(t, "2026-06-01"), 1); return err }},
	} {
		err := x.f()
		if errs.KindOf(err) != errs.NotFound || !strings.Contains(errs.Text(err, "zh"), x.year+"年") || !strings.Contains(errs.Text(err, "en"), x.year) {
			t.Errorf("%s: %v, want a word about %s", name, err, x.year)
		}
	}
}

// calendar draws a calendar of four years, and the same as a plain function.
func calendar(t *rapid.T) (*workday.Calendar, func(time.Time) bool) {
	start := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	var days []workday.Day
	for y := 2023; y <= 2026; y++ {
		days = append(days, workday.Day{Date: time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)})
	}
	for range rapid.IntRange(0, 60).Draw(t, "exceptions") {
		days = append(days, workday.Day{Date: start.AddDate(0, 0, rapid.IntRange(0, 1460).Draw(t, "day")), Work: rapid.Bool().Draw(t, "work")})
	}
	listed := map[string]bool{}
	for _, d := range days {
		listed[d.Date.Format(time.DateOnly)] = d.Work
	}
	return workday.New(days), func(x time.Time) bool {
		if w, ok := listed[x.Format(time.DateOnly)]; ok {
			return w
		}
		return x.Weekday() != time.Saturday && x.Weekday() != time.Sunday
	}
}

// Every answer agrees with walking from day to day, and the two directions undo one another.
func TestAgreesWithWalking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, works := calendar(t)
		a := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 700).Draw(t, "a"))
		n := rapid.IntRange(-200, 200).Draw(t, "n")

		if got, err := c.IsWorkday(a); err != nil || got != works(a) {
			t.Fatalf("IsWorkday(%v) = %v, %v", a, got, err)
		}
		step := 1
		if n < 0 {
			step = -1
		}
		walked := a
		for left := n; left != 0; {
			if walked = walked.AddDate(0, 0, step); works(walked) {
				left -= step
			}
		}
		got, err := c.AddWorkdays(a, n)
		if err != nil || !got.Equal(walked) {
			t.Fatalf("AddWorkdays(%v, %d) = %v, %v, want %v", a, n, got, err, walked)
		}
		if back, err := c.WorkdaysBetween(a, got); err != nil || back != n {
			t.Fatalf("WorkdaysBetween(%v, %v) = %d, %v, want %d", a, got, back, err, n)
		}
		if works(a) {
			if home, err := c.AddWorkdays(got, -n); err != nil || !home.Equal(a) {
				t.Fatalf("there and back from %v is %v, %v", a, home, err)
			}
		}
	})
}

func FuzzNoPanic(f *testing.F) {
	f.Add(int64(0), 1, int64(1))
	f.Add(int64(1767225600), -300, int64(1790000000))
	c := spring2026(f)
	f.Fuzz(func(t *testing.T, seconds int64, n int, other int64) {
		const limit = 1 << 38
		a, b := time.Unix(seconds%limit, 0).UTC(), time.Unix(other%limit, 0).UTC()
		_, _ = c.IsWorkday(a)
		_, _ = c.WorkdaysBetween(a, b)
		if end, err := c.AddWorkdays(a, n); err == nil {
			if back, err := c.WorkdaysBetween(a, end); err != nil || back != n {
				t.Fatalf("%v + %d = %v, back %d, %v", a, n, end, back, err)
			}
		}
	})
}
