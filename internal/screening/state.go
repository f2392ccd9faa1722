package screening

import (
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
)

// State is what the newest run and the registry know of one household, for those who decide what to do about it: the
// row that rules see, the warnings as they stand, and the members with the pack's member facts. It names nobody.
type State struct {
	HouseholdNo string
	HouseholdID int64
	Division    division.Code
	Place       string
	Members     int
	Run         int64
	AsOf        time.Time
	Row         []expr.Value // slots of policy.Pack.RuleEnv
	Warnings    []StandingWarning
	Persons     []MemberState // head first, then by birth and key
}

// StandingWarning is one risk as the warnings stand, with the rules that found it.
type StandingWarning struct {
	Risk  string
	Level policy.Level
	Rules []string
}

// MemberState is one member: the pseudonymous key (32 hexadecimal digits) and the values of the pack's member facts.
type MemberState struct {
	Key   string
	Facts []expr.Value
}

// StateFilter chooses households: by number, or those with a warning of any class but doubt in a division (0 = everywhere).
type StateFilter struct {
	Numbers  []string
	Division division.Code
	All      bool // of the division: households without a warning, too
	Bare     bool // without the members
}

// States hands the state of every chosen household to fn, by household id. Errors: errs.NotFound (nothing screened yet, or
// a household that is not in the register or was never screened), errs.Conflict (the pack has changed since the last run).
func (s *Service) States(ctx context.Context, f StateFilter, fn func(State) error) error {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	rec, err := s.currentRun(ctx, c)
	if err != nil {
		return err
	}
	values, err := newParameters(s.pack, rec.AsOf, nil)
	if err != nil {
		return err
	}
	cover, err := loadCoverage(ctx, c, rec.AsOf, rec.UpTo)
	if err != nil {
		return err
	}
	q := &query{pack: s.pack, asOf: rec.AsOf, cover: cover, values: values}
	where := "household_id IN (SELECT household_id FROM warning_live WHERE level > 0)"
	switch {
	case len(f.Numbers) > 0:
		var ids []int64
		for _, no := range f.Numbers {
			home, err := registry.ByHouseholdNo(ctx, c, no)
			if err != nil {
				return err
			}
			ids = append(ids, home.ID)
		}
		where = scope{ids: ids}.where("")
	case f.All:
		where = ""
	}
	if f.Division != 0 {
		lo, hi := s.tree.Range(f.Division)
		where = conj(where, fmt.Sprintf("division BETWEEN %d AND %d", lo, hi))
	}
	if err := exec(ctx, c, "CREATE OR REPLACE TEMP TABLE chosen AS SELECT household_id FROM wide"+whereClause(where)); err != nil {
		return err
	}
	defer func() { _ = exec(context.WithoutCancel(ctx), c, "DROP TABLE IF EXISTS chosen") }()
	list, at, err := s.readStates(ctx, c, q, rec)
	if err == nil && !f.Bare {
		err = s.readMembers(ctx, c, q, list, at)
	}
	if err != nil {
		return err
	}
	if len(f.Numbers) > 0 && len(list) < len(f.Numbers) {
		return errs.New(errs.NotFound, "这一户还没有筛查过；请先运行 shouwang screen", "the household has not been screened yet; run shouwang screen first")
	}
	for i := range list {
		if err := fn(list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) readStates(ctx context.Context, c *sql.Conn, q *query, rec *runRecord) ([]State, map[int64]int, error) {
	p := q.pack
	cols := []string{"w.household_id", "h.household_no", "w.division", "w.members", "w.run"}
	for i := range p.Indicators {
		cols = append(cols, "w."+column(&p.Indicators[i]))
	}
	var list []State
	at := map[int64]int{}
	cells := make([]any, len(p.Indicators))
	text := "SELECT " + strings.Join(cols, ", ") + " FROM wide AS w JOIN chosen USING (household_id) JOIN household AS h ON h.household_id = w.household_id ORDER BY w.household_id"
	if err := scan(ctx, c, text, func(rows *sql.Rows) error {
		st := State{AsOf: rec.AsOf}
		dest := []any{&st.HouseholdID, &st.HouseholdNo, &st.Division, &st.Members, &st.Run}
		for i := range cells {
			cells[i] = nil
			dest = append(dest, &cells[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		st.Row = make([]expr.Value, p.Slots())
		for i, v := range cells {
			st.Row[i] = toValue(v)
		}
		p.SetParams(st.Row, st.Division, rec.AsOf)
		st.Place = s.place(st.Division)
		at[st.HouseholdID] = len(list)
		list = append(list, st)
		return nil
	}); err != nil {
		return nil, nil, err
	}
	if err := scan(ctx, c, `SELECT v.household_id, v.risk, v.level, coalesce(string_agg(t.rule, ' ' ORDER BY t.level DESC, t.rule), '')
FROM warning_live AS v JOIN chosen USING (household_id) LEFT JOIN hit AS t ON t.household_id = v.household_id AND t.run = v.run AND t.risk = v.risk AND t.class <> 'doubt'
WHERE v.level > 0 GROUP BY ALL ORDER BY v.household_id, v.level DESC, v.risk`, func(rows *sql.Rows) error {
		var id int64
		var level uint8
		var w StandingWarning
		var rules string
		if err := rows.Scan(&id, &w.Risk, &level, &rules); err != nil {
			return err
		}
		w.Level, w.Rules = policy.Level(level), strings.Fields(rules)
		if i, ok := at[id]; ok {
			list[i].Warnings = append(list[i].Warnings, w)
		}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	return list, at, nil
}

// readMembers adds the members and their facts: the columns of the register in one query, then one a dataset.
func (s *Service) readMembers(ctx context.Context, c *sql.Conn, q *query, list []State, at map[int64]int) error {
	facts := q.pack.Measures.MemberFacts
	where := map[string]int{} // household and key → place in Persons
	cols := []string{"household_id", "CAST(person_key AS VARCHAR)"}
	var own []int
	for i := range facts {
		if facts[i].Dataset == "person" {
			own = append(own, i)
			cols = append(cols, facts[i].Of.SQL(expr.DuckDB, q.rowRef(nil)))
		}
	}
	cells := make([]any, len(own))
	text := "SELECT " + strings.Join(cols, ", ") + " FROM " + q.personCTE(scope{table: "chosen"}) + " AS rows_of ORDER BY household_id, CASE WHEN relation = 'head' THEN 0 ELSE 1 END, birth NULLS LAST, person_key"
	if err := scan(ctx, c, text, func(rows *sql.Rows) error {
		var id int64
		var key string
		dest := []any{&id, &key}
		for i := range cells {
			cells[i] = nil
			dest = append(dest, &cells[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		i, ok := at[id]
		if !ok {
			return nil
		}
		m := MemberState{Key: hexKey(key), Facts: make([]expr.Value, len(facts))}
		for j, slot := range own {
			m.Facts[slot] = memberValue(cells[j])
		}
		where[fmt.Sprint(id, " ", key)] = len(list[i].Persons)
		list[i].Persons = append(list[i].Persons, m)
		return nil
	}); err != nil {
		return err
	}
	byDataset := map[string][]int{}
	for i := range facts {
		if facts[i].Dataset != "person" {
			byDataset[facts[i].Dataset] = append(byDataset[facts[i].Dataset], i)
		}
	}
	for i := range q.pack.Datasets {
		if wanted := byDataset[q.pack.Datasets[i].ID]; len(wanted) > 0 {
			if err := s.readMemberFacts(ctx, c, q, &q.pack.Datasets[i], wanted, list, at, where); err != nil {
				return err
			}
		}
	}
	return nil
}

// readMemberFacts folds one dataset's rows person by person. Where the feed has come, a member without a row has 0 or false if the
// fact says so; where it has not, the value stays unknown.
func (s *Service) readMemberFacts(ctx context.Context, c *sql.Conn, q *query, ds *policy.Dataset, wanted []int, list []State, at map[int64]int, where map[string]int) error {
	facts := q.pack.Measures.MemberFacts
	cols := []string{"household_id", "CAST(person_key AS VARCHAR)"}
	filter := ""
	if ds.EventDate != "" {
		filter = quote(ds.EventDate) + " <= " + lit(q.asOf)
	}
	for _, i := range wanted {
		f := &facts[i]
		value, fen := q.value(&policy.Indicator{Dataset: ds.ID, Aggregate: f.Aggregate, Of: f.Of, Type: f.Type}, ds)
		rows := ""
		if f.Where != nil {
			rows = "(" + f.Where.SQL(expr.DuckDB, q.rowRef(ds)) + ")"
		}
		cols = append(cols, aggregate(f.Aggregate, value, fen, rows, f.Type, ds.EventDate))
	}
	for i := range list {
		county := int32(int64(list[i].Division) / 1_000_000)
		for _, j := range wanted {
			f := &facts[j]
			covers := q.cover.of(q.need(&policy.Indicator{Dataset: ds.ID, FreshDays: f.FreshDays}), county).state == covered
			if covers && f.AbsentZero {
				for m := range list[i].Persons {
					list[i].Persons[m].Facts[j] = expr.Value{Known: true}
				}
			}
		}
	}
	cells := make([]any, len(wanted))
	text := "SELECT " + strings.Join(cols, ", ") + " FROM " + q.source("fact_"+ds.ID) + " AS rows_of" +
		whereClause(scope{table: "chosen"}.where(""), "person_key IS NOT NULL", filter) + " GROUP BY household_id, person_key"
	return scan(ctx, c, text, func(rows *sql.Rows) error {
		var id int64
		var key string
		dest := []any{&id, &key}
		for i := range cells {
			cells[i] = nil
			dest = append(dest, &cells[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		i, ok := at[id]
		m, found := where[fmt.Sprint(id, " ", key)]
		if !ok || !found {
			return nil
		}
		county := int32(int64(list[i].Division) / 1_000_000)
		for k, j := range wanted {
			f := &facts[j]
			if q.cover.of(q.need(&policy.Indicator{Dataset: ds.ID, FreshDays: f.FreshDays}), county).state != covered {
				continue
			}
			if v := memberValue(cells[k]); v.Known || !f.AbsentZero {
				list[i].Persons[m].Facts[j] = v
			}
		}
		return nil
	})
}

// memberValue is toValue for columns that may be text.
func memberValue(v any) expr.Value {
	switch x := v.(type) {
	case string:
		return expr.TextValue(x)
	case int64:
		return expr.NumberValue(float64(x))
	}
	return toValue(v)
}

// hexKey writes a 128-bit key, given in decimal digits, with 32 hexadecimal ones.
func hexKey(decimal string) string {
	n, ok := new(big.Int).SetString(decimal, 10)
	if !ok {
		return decimal
	}
	return fmt.Sprintf("%032x", n)
}
