package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"shouwang/internal/errs"
)

// Time is a moment in microseconds since 1970-01-01 UTC, as both engines keep it (BIGINT). The zero Time means "never":
// it is null in JSON, and NULL in a column whose field says nullzero.
type Time int64

// At is the Time of t, to the microsecond; 0 for the zero time.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMicro())
}

// Go is t as time.Time in UTC; the zero time for 0.
func (t Time) Go() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(t)).UTC()
}

// Add moves t.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Microseconds()) }

// Sub is how long t is after u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Microsecond }

// String is RFC 3339 in UTC; "" for never.
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return t.Go().Format(time.RFC3339Nano)
}

// MarshalJSON writes RFC 3339, or null for never.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(t.String())
}

// UnmarshalJSON reads RFC 3339 or null.
func (t *Time) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) || bytes.Equal(text, []byte(`""`)) {
		*t = 0
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return errs.New(errs.Invalid, "时间应为 RFC 3339 格式", "a time must be in RFC 3339")
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return errs.New(errs.Invalid, "时间应为 RFC 3339 格式", "a time must be in RFC 3339")
	}
	*t = At(at)
	return nil
}

// Scan reads a column; NULL is never.
func (t *Time) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t = 0
	case int64:
		*t = Time(v)
	case []byte:
		return t.Scan(string(v))
	case string:
		var n int64
		if _, err := fmt.Sscan(v, &n); err != nil {
			return fmt.Errorf("a time column holds no number: %w", err)
		}
		*t = Time(n)
	default:
		return fmt.Errorf("a time column holds %T", v)
	}
	return nil
}
