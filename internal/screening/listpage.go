package screening

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// Cursor says after which warning a page begins: worst level first, then by household and risk. The zero Cursor is the beginning.
type Cursor struct {
	Level     policy.Level
	Household int64
	Risk      string
}

// String is the cursor as an address carries it.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d-%s", c.Level, c.Household, c.Risk)
}

// ParseCursor reads what Cursor.String wrote. Errors: errs.Invalid.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	level, rest, ok := strings.Cut(s, "-")
	id, risk, ok2 := strings.Cut(rest, "-")
	l, err := strconv.ParseUint(level, 10, 8)
	n, err2 := strconv.ParseInt(id, 10, 64)
	if !ok || !ok2 || err != nil || err2 != nil || l > uint64(policy.Red) {
		return Cursor{}, errs.New(errs.Invalid, "页码不对；请从第一页重新开始", "the place in the list is not valid; begin again at the first page")
	}
	return Cursor{policy.Level(l), n, risk}, nil
}

// WarningsPage gives at most limit warnings as they stand after the cursor, and where the next page begins (zero: there is none). It reads only as
// much of the list as it shows, so the last page of 300 000 warnings costs no more than the first. Filter.Run, After and Limit are not used.
func (s *Service) WarningsPage(ctx context.Context, f Filter, after Cursor, limit int) ([]Warning, Cursor, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return nil, Cursor{}, err
	}
	defer c.Close()
	if _, err := s.last(ctx, c); err != nil {
		return nil, Cursor{}, err
	}
	where, args := s.pageWhere(f)
	if after != (Cursor{}) {
		args = append(args, after.Risk)
		where = append(where, fmt.Sprintf("(level < %[1]d OR level = %[1]d AND (household_id > %[2]d OR household_id = %[2]d AND risk > $%[3]d))", after.Level, after.Household, len(args)))
	}
	text := fmt.Sprintf(`WITH chosen AS (SELECT household_id, division, risk, level, known, run, change FROM warning_live AS v%s ORDER BY level DESC, household_id, risk LIMIT %d)
SELECT coalesce(h.household_no, ''), v.household_id, coalesce(h.division, v.division), coalesce(h.members, 0), v.risk, v.level, v.change, v.known, v.run, t.rule, CAST(t.evidence AS VARCHAR)
FROM chosen AS v LEFT JOIN household AS h ON h.household_id = v.household_id
LEFT JOIN hit AS t ON t.household_id = v.household_id AND t.run = v.run AND t.risk = v.risk AND t.class <> 'doubt'
ORDER BY v.level DESC, v.household_id, v.risk, t.level DESC, t.rule`, whereClause(where...), limit+1)
	rows, err := c.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, Cursor{}, fmt.Errorf("screening: page of warnings: %w\n%s", err, short(text))
	}
	defer rows.Close()
	var out []Warning
	for rows.Next() {
		var w Warning
		var level uint8
		var rule, evidence sql.NullString
		if err := rows.Scan(&w.HouseholdNo, &w.HouseholdID, &w.Division, &w.Members, &w.Risk, &level, &w.Change, &w.Known, &w.Run, &rule, &evidence); err != nil {
			return nil, Cursor{}, fmt.Errorf("screening: page of warnings: %w", err)
		}
		if n := len(out); n == 0 || out[n-1].HouseholdID != w.HouseholdID || out[n-1].Risk != w.Risk {
			w.Level, w.Rules, w.Evidence = policy.Level(level).String(), []string{}, []RuleEvidence{}
			out = append(out, w)
		}
		if rule.Valid {
			last := &out[len(out)-1]
			last.Rules = append(last.Rules, rule.String)
			last.Evidence = append(last.Evidence, RuleEvidence{rule.String, s.evidence(rule.String, evidence.String)})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, Cursor{}, fmt.Errorf("screening: page of warnings: %w", err)
	}
	if len(out) <= limit {
		return out, Cursor{}, nil
	}
	out = out[:limit]
	last := out[limit-1]
	return out, Cursor{levelOf(last.Level), last.HouseholdID, last.Risk}, nil
}

// CountWarnings counts the warnings as they stand, and the households that have them.
func (s *Service) CountWarnings(ctx context.Context, f Filter) (warnings, households int64, err error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	if _, err := s.last(ctx, c); err != nil {
		return 0, 0, err
	}
	where, args := s.pageWhere(f)
	text := "SELECT count(*), count(DISTINCT household_id) FROM warning_live AS v" + whereClause(where...)
	if err := c.QueryRowContext(ctx, text, args...).Scan(&warnings, &households); err != nil {
		return 0, 0, fmt.Errorf("screening: count warnings: %w\n%s", err, short(text))
	}
	return warnings, households, nil
}

// pageWhere are the conditions of a filter on warning_live AS v.
func (s *Service) pageWhere(f Filter) (where []string, args []any) {
	where = []string{"level > 0", s.inside("division", f.Division)}
	if f.Level != policy.NoLevel {
		where = append(where, fmt.Sprintf("level = %d", f.Level))
	}
	for _, cond := range []struct{ text, value string }{
		{"risk = $%d", f.Risk}, {"change = $%d", f.Change},
		{"EXISTS (SELECT 1 FROM hit AS x WHERE x.household_id = v.household_id AND x.run = v.run AND x.risk = v.risk AND x.rule = $%d)", f.Rule},
	} {
		if cond.value != "" {
			args = append(args, cond.value)
			where = append(where, fmt.Sprintf(cond.text, len(args)))
		}
	}
	return where, args
}

// levelOf reads Level.String back.
func levelOf(s string) policy.Level {
	for _, l := range []policy.Level{policy.Red, policy.Yellow, policy.Blue} {
		if l.String() == s {
			return l
		}
	}
	return policy.NoLevel
}
