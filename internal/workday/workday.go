// Package workday counts working days with the public holidays and make-up work days of the policy pack.
//
// It owns the arithmetic only: the days come from the pack, the day to start from comes from the caller. It never reads a clock and
// never assumes a calendar for a year that it was not given: that is an error, because a deadline computed without the year's
// holidays would be wrong.
package workday

import (
	"slices"
	"sort"
	"time"

	"shouwang/internal/errs"
)

// Day is an exception from the plain week: a holiday, or (Work) a day on which people work although it is a week-end.
type Day struct {
	Date time.Time
	Work bool
}

// Calendar counts working days in the years that have at least one Day. It is read-only and safe for concurrent use. Times are
// taken as civil dates in their own location; dates that it gives are at midnight UTC.
type Calendar struct {
	first int     // number of the first day that is known, counted from 1970-01-01
	upto  []int32 // upto[i]: working days from first to first+i, both inclusive
	years []int   // known years, in order
}

// New makes a calendar. Of two entries for one date the later one counts. Without any day it knows no year.
func New(days []Day) *Calendar {
	c := new(Calendar)
	work := make(map[int]bool, len(days))
	for _, d := range days {
		work[dayNumber(d.Date)] = d.Work
		c.years = append(c.years, d.Date.Year())
	}
	slices.Sort(c.years)
	c.years = slices.Compact(c.years)
	if len(c.years) == 0 {
		return c
	}
	c.first = dayNumber(time.Date(c.years[0], 1, 1, 0, 0, 0, 0, time.UTC))
	last := dayNumber(time.Date(c.years[len(c.years)-1], 12, 31, 0, 0, 0, 0, time.UTC))
	c.upto = make([]int32, 0, last-c.first+1)
	sum := int32(0)
	for n := c.first; n <= last; n++ {
		works, listed := work[n]
		if !listed {
			weekday := date(n).Weekday()
			works = weekday != time.Saturday && weekday != time.Sunday
		}
		if works {
			sum++
		}
		c.upto = append(c.upto, sum)
	}
	return c
}

// Years gives the first and the last year that the calendar knows (a year between them may be missing); 0, 0 when it knows none.
func (c *Calendar) Years() (first, last int) {
	if len(c.years) == 0 {
		return 0, 0
	}
	return c.years[0], c.years[len(c.years)-1]
}

// IsWorkday reports whether people work on t's date. The error, of kind NotFound, says that the year is not known.
func (c *Calendar) IsWorkday(t time.Time) (bool, error) {
	if err := c.know(t.Year(), t.Year()); err != nil {
		return false, err
	}
	n := dayNumber(t)
	return c.sum(n) > c.sum(n-1), nil
}

// AddWorkdays gives the n-th working day after t; t itself is not counted, as in every deadline ("within 15 working days of
// receipt"). With a negative n it is the −n-th working day before t, with 0 t's own date, whether people work on it or not. The
// error, of kind NotFound, names the year that is not known.
func (c *Calendar) AddWorkdays(t time.Time, n int) (time.Time, error) {
	if err := c.know(t.Year(), t.Year()); err != nil {
		return time.Time{}, err
	}
	start := dayNumber(t)
	if n == 0 {
		return date(start), nil
	}
	want := c.sum(start) + n // the count on the day we look for
	if n < 0 {
		want = c.sum(start-1) + n + 1
	}
	if want < 1 {
		return time.Time{}, c.unknown(c.years[0] - 1)
	}
	i := sort.Search(len(c.upto), func(i int) bool { return int(c.upto[i]) >= want })
	if i == len(c.upto) {
		return time.Time{}, c.unknown(c.years[len(c.years)-1] + 1)
	}
	end := date(c.first + i)
	if err := c.know(min(t.Year(), end.Year()), max(t.Year(), end.Year())); err != nil {
		return time.Time{}, err
	}
	return end, nil
}

// WorkdaysBetween counts the working days after a up to and including b; when b lies before a it is minus the working days from b
// up to and excluding a. So WorkdaysBetween(t, AddWorkdays(t, n)) is n. The error, of kind NotFound, names the year that
// is not known.
func (c *Calendar) WorkdaysBetween(a, b time.Time) (int, error) {
	if err := c.know(min(a.Year(), b.Year()), max(a.Year(), b.Year())); err != nil {
		return 0, err
	}
	from, to := dayNumber(a), dayNumber(b)
	if to >= from {
		return c.sum(to) - c.sum(from), nil
	}
	return c.sum(to-1) - c.sum(from-1), nil
}

// sum is the number of working days from the first known day to day n.
func (c *Calendar) sum(n int) int {
	if n < c.first {
		return 0
	}
	return int(c.upto[n-c.first])
}

// know refuses a stretch of years of which one is not known.
func (c *Calendar) know(first, last int) error {
	for y := first; y <= last; y++ {
		if _, ok := slices.BinarySearch(c.years, y); !ok {
			return c.unknown(y)
		}
	}
	return nil
}

func (c *Calendar) unknown(year int) error {
	return errs.Newf(errs.NotFound,
		"政策包中没有%[1]d年的节假日安排，无法计算工作日；请在 holidays.yaml 中补充该年的放假和调休日期",
		"the policy pack has no holidays for %[1]d, so working days cannot be counted; add that year's holidays and make-up days to holidays.yaml", year)
}

// dayNumber counts civil dates from 1970-01-01.
func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	seconds := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()
	return int(seconds / 86400) // exact: both midnights are UTC
}

func date(n int) time.Time { return time.Unix(int64(n)*86400, 0).UTC() }
