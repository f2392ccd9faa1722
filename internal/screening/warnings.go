package screening

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// Filter chooses warnings. The zero value is all of them.
type Filter struct {
	Division division.Code // and everything under it; 0 = everywhere
	Level    policy.Level  // exactly this level
	Risk     string
	Rule     string
	Change   string
	Run      int64  // warnings as a run found them; 0 = as they stand now
	After    string // keyset: household number of the last row seen, with AfterRisk
	Limit    int    // 0 = no limit
}

// Warning is one risk of one household, with every rule that found it.
type Warning struct {
	HouseholdNo string         `json:"household_no"`
	HouseholdID int64          `json:"household_id"`
	Division    division.Code  `json:"division"`
	Members     int            `json:"members"`
	Risk        string         `json:"risk"`
	Level       string         `json:"level"`
	Change      string         `json:"change"`
	Known       bool           `json:"known"` // false: it was found before and can't be told now
	Run         int64          `json:"run"`
	Rules       []string       `json:"rules"`
	Evidence    []RuleEvidence `json:"evidence"`
}

// RuleEvidence is the values that made a rule hit, in the unit of each indicator or parameter.
type RuleEvidence struct {
	Rule   string          `json:"rule"`
	Values []EvidenceValue `json:"values"`
}

// EvidenceValue is one of them.
type EvidenceValue struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Known bool    `json:"known"`
	Unit  string  `json:"unit,omitempty"`
}

// Warnings hands the warnings to fn, worst level first, then by household number and risk.
func (s *Service) Warnings(ctx context.Context, f Filter, fn func(Warning) error) error {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if ok, err := tableExists(ctx, c, "warning_live"); err != nil {
		return err
	} else if !ok {
		return errs.New(errs.NotFound, "还没有筛查过；请先运行 shouwang screen", "nothing has been screened yet; run shouwang screen first")
	}
	table, conds := "(SELECT household_id, risk, level, known, run, change FROM warning_live)", []string{"v.level > 0"}
	var args []any
	arg := func(cond string, v any) {
		args = append(args, v)
		conds = append(conds, strings.ReplaceAll(cond, "?", "$"+strconv.Itoa(len(args))))
	}
	if f.Run > 0 {
		table = fmt.Sprintf("(SELECT household_id, risk, level, change <> 'unknown' AS known, run, change FROM warning WHERE run = %d)", f.Run)
	}
	if f.Division != 0 {
		lo, hi := s.tree.Range(f.Division)
		conds = append(conds, fmt.Sprintf("h.division BETWEEN %d AND %d", lo, hi))
	}
	if f.Level != policy.NoLevel {
		conds = append(conds, fmt.Sprintf("v.level = %d", f.Level))
	}
	if f.Risk != "" {
		arg("v.risk = ?", f.Risk)
	}
	if f.Change != "" {
		arg("v.change = ?", f.Change)
	}
	if f.Rule != "" {
		arg("EXISTS (SELECT 1 FROM hit AS x WHERE x.household_id = v.household_id AND x.run = v.run AND x.risk = v.risk AND x.rule = ?)", f.Rule)
	}
	limit := ""
	if f.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	if f.After != "" {
		arg("h.household_no > ?", f.After)
	}
	text := "WITH chosen AS (SELECT v.*, h.household_no, h.division, h.members FROM " + table + " AS v JOIN household AS h ON h.household_id = v.household_id WHERE " + strings.Join(conds, " AND ") +
		" ORDER BY v.level DESC, h.household_no, v.risk" + limit + `)
SELECT v.household_no, v.household_id, v.division, v.members, v.risk, v.level, v.change, v.known, v.run, t.rule, CAST(t.evidence AS VARCHAR)
FROM chosen AS v LEFT JOIN hit AS t ON t.household_id = v.household_id AND t.run = v.run AND t.risk = v.risk AND t.class <> 'doubt'
ORDER BY v.level DESC, v.household_no, v.risk, t.level DESC, t.rule`
	rows, err := c.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("screening: warnings: %w", err)
	}
	defer rows.Close()
	var cur Warning
	open := false
	flush := func() error {
		if !open {
			return nil
		}
		return fn(cur)
	}
	for rows.Next() {
		var w Warning
		var level uint8
		var rule, evidence sql.NullString
		if err := rows.Scan(&w.HouseholdNo, &w.HouseholdID, &w.Division, &w.Members, &w.Risk, &level, &w.Change, &w.Known, &w.Run, &rule, &evidence); err != nil {
			return fmt.Errorf("screening: warnings: %w", err)
		}
		if !open || w.HouseholdID != cur.HouseholdID || w.Risk != cur.Risk {
			if err := flush(); err != nil {
				return err
			}
			w.Level = policy.Level(level).String()
			w.Rules, w.Evidence = []string{}, []RuleEvidence{}
			cur, open = w, true
		}
		if rule.Valid {
			cur.Rules = append(cur.Rules, rule.String)
			cur.Evidence = append(cur.Evidence, RuleEvidence{rule.String, s.evidence(rule.String, evidence.String)})
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("screening: warnings: %w", err)
	}
	return flush()
}

// evidence reads a stored list of values back into names and units; a rule that the pack no longer has gives none.
func (s *Service) evidence(rule, list string) []EvidenceValue {
	out := []EvidenceValue{}
	r := s.pack.Rule(rule)
	if r == nil {
		return out
	}
	fields := strings.Split(strings.Trim(list, "[]"), ",")
	i := 0
	for _, v := range r.When.Vars() {
		if v.Name == "as_of" {
			continue
		}
		if i >= len(fields) {
			break
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(fields[i]), 64)
		out = append(out, EvidenceValue{Name: v.Name, Value: n, Known: err == nil, Unit: v.Unit})
		i++
	}
	return out
}
