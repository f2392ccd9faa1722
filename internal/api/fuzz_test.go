package api

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"shouwang/internal/account"
)

// tries is how many requests each operation gets. `go test ./internal/api -run Described -tries 2000` looks longer.
var tries = flag.Int("tries", 40, "requests an operation, for TestInputsAsDescribed")

// fuzzWorld is a world of its own: what is tried may end sessions and change accounts.
var fuzzWorld = sync.OnceValues(func() (*world, error) {
	dir := filepath.Join(worldDir, "fuzz")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return makeWorld(context.Background(), dir, "")
})

// TestInputsAsDescribed makes requests from the description: right and wrong values for every parameter and field, by everybody. Each answer is 2xx or a
// problem of the 4xx kind, and tells nothing of anybody.
func TestInputsAsDescribed(t *testing.T) {
	w, err := fuzzWorld()
	if err != nil {
		t.Fatal(err)
	}
	g := newGuesser(w, rand.New(rand.NewPCG(20261115, 1)))
	statuses := map[int]int{}
	operations(w.server.api.OpenAPI(), func(_, _ string, o *huma.Operation) {
		for range *tries {
			statuses[g.try(t, o)]++
		}
	})
	for _, want := range []int{200, 400, 401, 403, 404, 422} {
		if statuses[want] == 0 {
			t.Errorf("nothing was answered with %d: %v", want, statuses)
		}
	}
	t.Log(statuses)
}

// FuzzInputs does the same from the fuzzer's numbers.
func FuzzInputs(f *testing.F) {
	for i := range 20 {
		f.Add(uint64(i), uint64(i*i))
	}
	w, err := fuzzWorld() // here and not below: one input has ten seconds, and a busy machine needs more to make the world
	if err != nil {
		f.Fatal(err)
	}
	var all []*huma.Operation
	operations(w.server.api.OpenAPI(), func(_, _ string, o *huma.Operation) { all = append(all, o) })
	f.Fuzz(func(t *testing.T, a, b uint64) {
		newGuesser(w, rand.New(rand.NewPCG(a, b))).try(t, all[a%uint64(len(all))])
	})
}

// guesser makes inputs.
type guesser struct {
	w      *world
	r      *rand.Rand
	ids    []string // that mean something, of village A, of village B, and of nobody
	people []string // names and numbers of people, which must never come back
}

func newGuesser(w *world, r *rand.Rand) *guesser {
	g := &guesser{w: w, r: r}
	g.ids = append(g.ids, w.homeA, w.homeB, w.a.String(), w.b.String(), "522633", "52", "999999999999", w.made.applicationA, w.made.applicationB)
	g.ids = append(g.ids, w.made.casesA...)
	g.ids = append(g.ids, w.made.casesB...)
	g.ids = append(g.ids, w.made.codes...)
	for _, k := range slices.Sorted(maps.Keys(w.ids)) {
		g.ids = append(g.ids, w.ids[k])
	}
	for range 20 {
		g.people = append(g.people, w.personal[r.IntN(len(w.personal))])
	}
	return g
}

// plainOperations show personal data to those who may see it.
var plainOperations = []string{"reveal", "revealCase", "revealApplication", "rejects", "casePaper", "ledgerSheet"}

// try sends one request to an operation and gives the answer's status.
func (g *guesser) try(t *testing.T, o *huma.Operation) int {
	t.Helper()
	callers := append(testCallers(), "village", "village", "county", "admin") // more often those with much or little to see
	caller := callers[g.r.IntN(len(callers))]
	if may := g.w.server.accesses[o.OperationID].action; may != "" && g.r.IntN(3) > 0 { // mostly somebody who gets in
		for !account.Role(caller).May(may) {
			caller = callers[g.r.IntN(len(callers))]
		}
	}
	c := call{method: o.Method, path: o.Path, header: map[string]string{}}
	var query []string
	for _, p := range o.Parameters {
		value := g.text(p.Schema)
		if p.Name == "reason" { // it is kept and shown by purpose
			value = "核实"
		}
		switch {
		case p.In == "path":
			c.path = strings.ReplaceAll(c.path, "{"+p.Name+"}", pathValue(value))
		case p.In == "query" && (p.Required || g.r.IntN(3) == 0):
			query = append(query, url.QueryEscape(p.Name)+"="+escape(g, value))
		case p.In == "header" && g.r.IntN(2) == 0:
			c.header[p.Name] = headerValue(g, value)
		}
	}
	if g.r.IntN(10) == 0 {
		query = append(query, "unknown="+escape(g, g.anything()))
	}
	if len(query) > 0 {
		c.path += "?" + strings.Join(query, "&")
	}
	if o.RequestBody != nil && g.r.IntN(20) > 0 {
		for kind, m := range o.RequestBody.Content {
			c.header["Content-Type"] = kind
			c.body = g.body(o, m.Schema)
		}
		if g.r.IntN(15) == 0 {
			c.header["Content-Type"] = []string{"text/plain", "application/xml", "multipart/form-data", "", "application/json; charset=gbk"}[g.r.IntN(5)]
		}
	}
	if g.r.IntN(10) == 0 {
		c.header["Accept"] = []string{"text/html", "application/xml", "*/*;q=0", "x", ""}[g.r.IntN(5)]
	}
	if g.r.IntN(3) == 0 {
		c.header["Accept-Language"] = "en"
	}
	out := g.w.send(t, caller, c)
	if out.Code != 200 || !slices.Contains(plainOperations, o.OperationID) {
		g.w.check(t, caller, c, out)
	}
	if out.Code == 401 && caller != "nobody" && caller != "token" { // an earlier try ended the session
		g.again(caller)
	}
	return out.Code
}

// again signs somebody in again, where that is possible.
func (g *guesser) again(caller string) {
	in, err := g.w.server.accounts.SignIn(context.Background(), g.w.server.now(), account.Credentials{Login: "test-" + caller, Password: testPassword})
	if err == nil {
		g.w.secrets[caller] = in.Secret
	}
}

// pathValue keeps a value one part of a path, as a client's library does, or as an attacker does not.
func pathValue(s string) string {
	if s == "" {
		return "-"
	}
	return url.PathEscape(s)
}

func escape(g *guesser, s string) string {
	if g.r.IntN(30) == 0 {
		return url.QueryEscape(s) + "%zz" // no right escape
	}
	return url.QueryEscape(s)
}

// headerValue is what a header can carry at all.
func headerValue(g *guesser, s string) string {
	if g.r.IntN(3) == 0 {
		s = []string{`"1"`, `"2"`, `W/"1"`, `"99999999999999999999"`, `"-1"`, "*", "key-key-key-1"}[g.r.IntN(7)]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s[:min(len(s), 5000)])
}

// anything is a text that is likely to break something.
func (g *guesser) anything() string {
	all := []string{"", "0", "-1", "1e400", "9999999999999999999999", "null", "true", "../../../etc/passwd", "..%2f..%2fetc", "\x00", "a\x00b", "\xff\xfe", "\xc3\x28", "' OR 1=1 --", "%", "_", "\\",
		"<script>alert(1)</script>", "2026-11-15", "2026-13-45", "2026-11-15T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "𠀀𠀁", "\u202e反", "\ufeff", " ", "\n", "{}", "[]", strings.Repeat("长", 2000), strings.Repeat("a", 70_000)}
	return all[g.r.IntN(len(all))]
}

// text is a parameter: mostly an id that means something or a value that the schema takes, else anything.
func (g *guesser) text(s *huma.Schema) string {
	switch g.r.IntN(10) {
	case 0, 1:
		return g.anything()
	case 2:
		return g.people[g.r.IntN(len(g.people))]
	case 3, 4, 5:
		if s.Type == "string" && len(s.Enum) == 0 {
			return g.ids[g.r.IntN(len(g.ids))]
		}
	}
	return fmt.Sprint(g.right(s, 0))
}

// right is a value that fits the schema, most of the time.
func (g *guesser) right(s *huma.Schema, depth int) any {
	types := g.w.server.api.OpenAPI().Components.Schemas
	for s.Ref != "" {
		s = types.SchemaFromRef(s.Ref)
	}
	if len(s.Enum) > 0 {
		return s.Enum[g.r.IntN(len(s.Enum))]
	}
	switch s.Type {
	case "boolean":
		return g.r.IntN(2) == 0
	case "integer":
		lo, hi := int64(-5), int64(1000)
		if s.Minimum != nil {
			lo = int64(*s.Minimum)
		}
		if s.Maximum != nil {
			hi = int64(*s.Maximum)
		}
		if hi <= lo {
			hi = lo + 1
		}
		return lo + g.r.Int64N(hi-lo)
	case "number":
		return g.r.Float64() * 1e5
	case "array":
		n := g.r.IntN(4)
		list := make([]any, n)
		for i := range list {
			list[i] = g.value(s.Items, depth+1)
		}
		return list
	case "object":
		m := map[string]any{}
		for name, p := range s.Properties {
			if slices.Contains(s.Required, name) || g.r.IntN(2) == 0 {
				m[name] = g.value(p, depth+1)
			}
		}
		if s.AdditionalProperties != nil && len(s.Properties) == 0 {
			for range g.r.IntN(4) {
				m[[]string{"line", "medical_ratio", "visited_on", "visitors", "remark", "reason", "x"}[g.r.IntN(7)]] = g.loose(depth + 1)
			}
		}
		return m
	case "string":
		switch s.Format {
		case "date":
			return "2026-11-15"
		case "date-time":
			return "2026-11-15T00:00:00Z"
		}
		if g.r.IntN(2) == 0 {
			return g.ids[g.r.IntN(len(g.ids))]
		}
		n := 6
		if s.MinLength != nil {
			n = max(n, *s.MinLength)
		}
		if s.MaxLength != nil {
			n = min(n, *s.MaxLength)
		}
		return strings.Repeat("户", n)
	}
	return g.loose(depth)
}

// value is a field: mostly right, sometimes of another type or anything.
func (g *guesser) value(s *huma.Schema, depth int) any {
	switch g.r.IntN(12) {
	case 0:
		return g.loose(depth)
	case 1:
		return g.anything()
	}
	return g.right(s, depth)
}

// loose is a JSON value of any type.
func (g *guesser) loose(depth int) any {
	switch g.r.IntN(8) {
	case 0:
		return nil
	case 1:
		return g.r.IntN(2) == 0
	case 2:
		return g.r.Float64() * 1e18
	case 3:
		return g.anything()
	case 4:
		return g.ids[g.r.IntN(len(g.ids))]
	case 5:
		if depth < 5 {
			return []any{g.loose(depth + 1), g.loose(depth + 1)}
		}
	case 6:
		if depth < 5 {
			return map[string]any{"x": g.loose(depth + 1)}
		}
	}
	return g.r.IntN(100)
}

// body is the text of a body: mostly JSON by the schema, sometimes cut or spoilt. People's names and numbers go where they must not come back.
func (g *guesser) body(o *huma.Operation, s *huma.Schema) []byte {
	text, err := json.Marshal(g.right(s, 0))
	if err != nil {
		text = []byte("{}")
	}
	switch g.r.IntN(14) {
	case 0:
		text = text[:g.r.IntN(len(text)+1)]
	case 1:
		text = append(text, " {}"...)
	case 2:
		i := g.r.IntN(len(text) + 1)
		text = append(slices.Clone(text[:i]), append([]byte{0xff, 0x00}, text[i:]...)...)
	case 3:
		text = []byte(strings.Repeat("[", 20_000))
	case 4:
		text = []byte(`{"x": 1e999, "x": "\u0000"}`)
	case 5:
		text = []byte(strings.Repeat("x", 2<<20))
	case 6, 7:
		if o.OperationID != "newAccount" && o.OperationID != "changeAccount" { // they answer with the name that was given
			who := g.people[g.r.IntN(len(g.people))]
			text, _ = json.Marshal(map[string]any{"login": who, "password": who, "code": who, "name": who, "household": who, who: who, "phone": who, "difficulty": who, "village": who, "data": map[string]any{who: who, "remark": who}})
		}
	}
	return text
}
