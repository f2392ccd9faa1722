package synth

import "time"

// day counts days since 1970-01-01.
type day int32

// noDay is an absent date.
const noDay day = -1 << 31

func dayOf(t time.Time) day {
	return dayOn(t.Year(), int(t.Month()), t.Day())
}

// dayOn is the proleptic Gregorian day number (Hinnant, days_from_civil).
func dayOn(y, m, d int) day {
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return day(era*146097 + doe - 719468)
}

// civil is the inverse of dayOn for years after 0.
func (d day) civil() (y, m, dd int) {
	z := int(d) + 719468
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	y = yoe + era*400
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	dd = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	if m <= 2 {
		y++
	}
	return y, m, dd
}

// monthStart is the first day of the month n months after d's.
func (d day) monthStart(n int) day {
	y, m, _ := d.civil()
	k := y*12 + m - 1 + n
	return dayOn(k/12, k%12+1, 1)
}

func (d day) year() int { y, _, _ := d.civil(); return y }

type dateForm uint8

// Forms in which departments write a date.
const (
	dateISO     dateForm = iota // 2026-10-05
	dateSlash                   // 2026/10/5
	dateCompact                 // 20261005
	dateChinese                 // 2026年10月5日
	dateSerial                  // 46300, the spreadsheet's own day number (XLSX only)
)

func appendPadded(b []byte, n, width int) []byte {
	var tmp [20]byte
	i := len(tmp)
	for n > 0 || width > 0 {
		i--
		tmp[i] = byte('0' + n%10)
		n /= 10
		width--
	}
	return append(b, tmp[i:]...)
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		b = append(b, '-')
		n = -n
	}
	return appendPadded(b, int(n), 1)
}

// excelEpoch is day 0 of the spreadsheet calendar (1899-12-30).
const excelEpoch day = -25569

func appendDate(b []byte, d day, form dateForm) []byte {
	if form == dateSerial {
		return appendInt(b, int64(d-excelEpoch))
	}
	y, m, dd := d.civil()
	switch form {
	case dateSlash:
		b = append(appendPadded(b, y, 4), '/')
		b = append(appendInt(b, int64(m)), '/')
		return appendInt(b, int64(dd))
	case dateCompact:
		return appendPadded(appendPadded(appendPadded(b, y, 4), m, 2), dd, 2)
	case dateChinese:
		b = append(appendPadded(b, y, 4), "年"...)
		b = append(appendInt(b, int64(m)), "月"...)
		return append(appendInt(b, int64(dd)), "日"...)
	}
	b = append(appendPadded(b, y, 4), '-')
	b = append(appendPadded(b, m, 2), '-')
	return appendPadded(b, dd, 2)
}

func appendMonth(b []byte, d day, form dateForm) []byte {
	y, m, _ := d.civil()
	b = appendPadded(b, y, 4)
	switch form {
	case dateSlash:
		return appendInt(append(b, '/'), int64(m))
	case dateCompact:
		return appendPadded(b, m, 2)
	case dateChinese:
		b = appendInt(append(b, "年"...), int64(m))
		return append(b, "月"...)
	}
	return appendPadded(append(b, '-'), m, 2)
}
