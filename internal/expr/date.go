package expr

// Civil calendar arithmetic on days since 1970-01-01, without allocation and without time zones. The two functions are Howard
// Hinnant's days_from_civil and civil_from_days (http://howardhinnant.github.io/date_algorithms.html).

func daysOf(year, month, day int) int {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	mp := (month + 9) % 12
	doy := (153*mp+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

func civil(days int) (year, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func isLeap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func daysIn(year, month int) int {
	switch month {
	case 2:
		if isLeap(year) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// parseDate reads YYYY-MM-DD.
func parseDate(s string) (days int, ok bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	digits := func(s string) int {
		n := 0
		for i := 0; i < len(s); i++ {
			if s[i] < '0' || s[i] > '9' {
				return -1
			}
			n = n*10 + int(s[i]-'0')
		}
		return n
	}
	y, m, d := digits(s[:4]), digits(s[5:7]), digits(s[8:])
	if y < 1 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return daysOf(y, m, d), true
}

// formatDate writes YYYY-MM-DD.
func formatDate(days float64) string {
	y, m, d := civil(int(days))
	b := [10]byte{'0', '0', '0', '0', '-', '0', '0', '-', '0', '0'}
	if y < 0 || y > 9999 {
		y = 0
	}
	for i := 3; i >= 0; i-- {
		b[i] = byte('0' + y%10)
		y /= 10
	}
	b[5], b[6] = byte('0'+m/10), byte('0'+m%10)
	b[8], b[9] = byte('0'+d/10), byte('0'+d%10)
	return string(b[:])
}

// A date's key orders dates like the calendar and makes whole months and years a division: with
//
//	key = (12·year + month)·32 + day
//
// two days of the month differ by less than 32, so trunc((key(b) − key(a)) / 32) counts the months whose day has been reached.
// The same with 512 days to a "year" for whole years. SQL spells the same numbers with extract.
const (
	monthKey = 32
	yearKey  = 512
)

func monthsBetween(a, b float64) float64 {
	ya, ma, da := civil(int(a))
	yb, mb, db := civil(int(b))
	// Integer division truncates towards zero: symmetric in a and b.
	return float64(((yb*12+mb)*monthKey + db - (ya*12+ma)*monthKey - da) / monthKey)
}

func yearsBetween(a, b float64) float64 {
	ya, ma, da := civil(int(a))
	yb, mb, db := civil(int(b))
	return float64((yb*yearKey + mb*monthKey + db - ya*yearKey - ma*monthKey - da) / yearKey)
}
