package expr

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Var is a variable of the language.
type Var struct {
	// Name is the first name, used in the canonical text. A dotted path (param.line) is one name.
	Name string
	// Alias are other names, Chinese ones as a rule.
	Alias []string
	Type  Type
	// Slot is the variable's index in the rows given to [Checked.Eval], [Checked.Compile] and [Checked.Explain].
	Slot int
	// Param marks a policy parameter, a threshold.
	Param bool
	// Limit promises for a number that it is 0 or lies between 1/Limit and Limit in magnitude. It saves the SQL text the
	// guards against overflow. 0 promises nothing: any finite double may come.
	Limit float64
	// Unit is the unit in Chinese as in the policy pack: 元, 人, %.
	Unit string
	// Label is what people call the variable, in Chinese and English.
	Label [2]string
}

// label is the name for people.
func (v *Var) label(lang string) string {
	i := 0
	if lang == "en" {
		i = 1
	}
	if v.Label[i] != "" {
		return v.Label[i]
	}
	return v.Name
}

// Env is the set of variables that expressions may use. It is read-only after [NewEnv] and safe for concurrent use.
type Env struct {
	vars   []*Var
	byName map[string]*Var
}

// NewEnv makes an environment. Names and aliases must be unique, writable as names, and no reserved words; slots must not be
// negative and types must be set.
func NewEnv(vars []Var) (*Env, error) {
	e := &Env{byName: make(map[string]*Var, 2*len(vars))}
	for i := range vars {
		v := vars[i]
		v.Alias = slices.Clone(v.Alias)
		if v.Type < Number || v.Type > Date || v.Slot < 0 || v.Limit < 0 || v.Limit != 0 && v.Limit < 1 {
			return nil, fmt.Errorf("variable %q: the type, slot or limit is wrong", v.Name)
		}
		e.vars = append(e.vars, &v)
		for _, name := range append([]string{v.Name}, v.Alias...) {
			if !isName(name) {
				return nil, fmt.Errorf("variable %q: %q cannot be written as a name (letters, Chinese characters, digits and _; no reserved word)", v.Name, name)
			}
			if other := e.byName[name]; other != nil {
				return nil, fmt.Errorf("variable %q: the name %q belongs to %q already", v.Name, name, other.Name)
			}
			e.byName[name] = &v
		}
	}
	return e, nil
}

// Vars lists the variables in the order given to [NewEnv].
func (e *Env) Vars() []*Var { return slices.Clone(e.vars) }

// Lookup finds a variable by its name or an alias.
func (e *Env) Lookup(name string) (*Var, bool) {
	v, ok := e.byName[name]
	return v, ok
}

// names lists all names and aliases in a fixed order.
func (e *Env) names() []string {
	var all []string
	for _, v := range e.vars {
		all = append(append(all, v.Name), v.Alias...)
	}
	return all
}

// suggest says "did you mean" in both languages, or nothing.
func suggest(name string, names []string) (zh, en string) {
	type candidate struct {
		name string
		far  int
	}
	var found []candidate
	r := []rune(strings.ToLower(name))
	for _, n := range names {
		lower := strings.ToLower(n)
		far := distance(r, []rune(lower))
		limit := (min(len(r), utf8.RuneCountInString(lower)) + 1) / 3
		switch {
		case far <= limit:
			found = append(found, candidate{n, far})
		case len(r) >= 2 && (strings.Contains(lower, string(r)) || utf8.RuneCountInString(lower) >= 2 && strings.Contains(string(r), lower)):
			found = append(found, candidate{n, limit + far})
		}
	}
	if len(found) == 0 {
		return "", ""
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.far - b.far })
	var zhs, ens []string
	for _, c := range found[:min(3, len(found))] {
		zhs, ens = append(zhs, "“"+c.name+"”"), append(ens, fmt.Sprintf("%q", c.name))
	}
	return "，是不是" + strings.Join(zhs, "或"), ", did you mean " + strings.Join(ens, " or ")
}

// distance counts the insertions, deletions, replacements and swaps of neighbors between two words.
func distance(a, b []rune) int {
	if len(a) > 100 || len(b) > 100 {
		return 1000
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
