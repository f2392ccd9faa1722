package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestCaseVerbs goes an administrator's way: a household is reported, handed out, visited and judged; an application comes in, is taken and followed.
func TestCaseVerbs(t *testing.T) {
	data := filepath.Join(t.TempDir(), "county")
	do := func(code int, stdin string, args ...string) outcome {
		t.Helper()
		o := run(t, stdin, append(args, "--data", data, "--lang", "en", "--quiet")...)
		if o.code != code {
			t.Fatalf("%v: exit code %d, want %d\n%s%s", args, o.code, code, o.stdout, o.stderr)
		}
		return o
	}
	do(0, "", "demo", "--households", "300", "--no-serve", "--no-cases")
	warning := at(t, document(t, do(0, "", "warnings", "--limit", "1", "--json")), "warnings").([]any)[0]
	no := at(t, warning, "household_no").(string)

	do(1, "", "lead", "report", "999", "--words", "x") // no such household
	do(2, "", "lead", "report", no, "--words", "x", "--level", "purple")
	do(1, "", "lead", "report", no) // nothing was found
	reported := document(t, do(0, "", "lead", "report", no, "--risk", "illness", "--level", "red", "--words", "入户发现大病", "--json"))
	if at(t, reported, "received", "opened") != 1.0 || at(t, reported, "case", "state") != "received" || at(t, reported, "case", "level") != "red" {
		t.Fatalf("reported: %v", reported)
	}
	id := at(t, reported, "case", "id").(string)
	if d := document(t, do(0, "", "case", "count", "--json")); d["total"] != 1.0 {
		t.Errorf("counted: %v", d)
	}
	do(1, "", "case", "act", id, "accept", "--version", "1") // the program itself may not
	if d := document(t, do(0, "", "lead", "hand-out", "--division", "522633", "--json")); d["handed_out"] != 1.0 {
		t.Errorf("handed out: %v", d)
	}
	list := document(t, do(0, "", "case", "list", "--phase", "lead", "--level", "red", "--risk", "illness", "--json"))
	if one := at(t, list, "cases").([]any)[0]; at(t, one, "id") != id || at(t, one, "state") != "accepted" || at(t, one, "version") != 2.0 {
		t.Errorf("listed: %v", one)
	}
	do(2, "", "case", "list", "--state", "nowhere")
	if o := do(1, "", "case", "act", id, "verify_true", "--role", "village", "--version", "2", "--form", `{"risks":[{"risk":"illness"}]}`); !strings.Contains(o.stderr, "Visited in this round") {
		t.Errorf("a guard is not explained: %s", o.stderr)
	}
	do(1, "", "case", "act", id, "record_visit", "--role", "village", "--version", "2", "--form", `{"visited_on":"2026-11-15"}`)
	visit := `{"visited_on":"2026-11-15","visitors":[{"name":"王某某","post":"village"},{"name":"李某某","post":"team"}],"facts":[{"indicator":"serious_ill","value":1},{"indicator":"compliant_self_paid_12m","value":20000}]}`
	o := do(0, visit, "case", "act", id, "record_visit", "--role", "village", "--version", "2", "--form", "-", "--key", "k1", "--json")
	if strings.Contains(o.stdout, "王某某") {
		t.Error("a visitor's name is shown without a reason")
	}
	do(0, visit, "case", "act", id, "record_visit", "--role", "village", "--version", "2", "--form", "-", "--key", "k1") // sent twice, done once
	do(1, visit, "case", "act", id, "add_note", "--role", "village", "--version", "2", "--form", `{"note":"x"}`)         // an old version
	after := document(t, do(0, "", "case", "act", id, "verify_true", "--role", "village", "--version", "3", "--form", `{"risks":[{"risk":"illness"}]}`, "--json"))
	if at(t, after, "case", "state") != "verified" || len(at(t, after, "steps").([]any)) != 4 || at(t, at(t, after, "signals").([]any)[0], "label") != "true" {
		t.Errorf("verified: %v", after)
	}
	if o := do(0, "", "case", "show", id, "--reason", "核对入户人员"); strings.Contains(o.stdout, "王某某") || !strings.Contains(o.stdout, "authorise") {
		t.Errorf("shown: %s", o.stdout) // the text has no forms; the document has
	}
	if o := do(0, "", "case", "show", id, "--reason", "核对入户人员", "--json"); !strings.Contains(o.stdout, "王某某") {
		t.Error("a reason does not show the visitors")
	}
	do(1, "", "case", "show", "no-such-case")
	do(2, "", "case", "precision", "--from", "yesterday")
	if d := document(t, do(0, "", "case", "precision", "--from", "2026-11-15", "--to", "2026-11-15", "--json")); len(at(t, d, "rules").([]any)) != 0 {
		t.Errorf("a report from a visit is no warning of a rule: %v", d)
	}

	village := fmt.Sprintf("%.0f", at(t, warning, "division").(float64))
	applied := document(t, do(0, `{"name":"申报人","phone":"13900000000","village":"`+village+`","difficulty":"住院花费大"}`, "apply", "--json"))
	code := applied["code"].(string)
	if o := do(1, `{"name":"申报人","phones":"1"}`, "apply"); strings.Contains(o.stderr, "申报人") {
		t.Errorf("an error repeats a name: %s", o.stderr)
	}
	if o := do(0, "", "application", "follow", code); !strings.Contains(o.stdout, "looking up your household") {
		t.Errorf("followed: %s", o.stdout)
	}
	do(1, "", "application", "follow", "0000-0000-0000-0000")
	waiting := document(t, do(0, "", "lead", "applications", "--json"))
	one := at(t, waiting, "applications").([]any)[0]
	if at(t, one, "name") == "申报人" || at(t, one, "phone") == "13900000000" {
		t.Errorf("an applicant is named: %v", one)
	}
	app := at(t, one, "id").(string)
	if o := do(0, "", "lead", "applications", "--id", app, "--reason", "联系"); !strings.Contains(o.stdout, "13900000000") {
		t.Errorf("revealed: %s", o.stdout)
	}
	taken := document(t, do(0, "", "lead", "take", app, no, "--version", "1", "--json"))
	if at(t, taken, "case", "id") != id {
		t.Errorf("the application did not join the household's case: %v", taken)
	}
	do(1, "", "lead", "answer", app, "--version", "2", "--reason", "重复") // taken already
	if o := do(0, "", "application", "follow", code); !strings.Contains(o.stdout, "appraisal") {
		t.Errorf("followed: %s", o.stdout)
	}
}
