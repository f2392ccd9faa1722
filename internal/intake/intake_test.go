package intake

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRosterThenHealth(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 40)
	rs := w.takeIn(w.write("医保结算_522633_202609-202610.csv", healthCSV(ps, "2026-10")), w.write("农户花名册_522633_202610.csv", rosterCSV(ps)))
	health, roster := rs[0], rs[1]
	if roster.State != Accepted || roster.Batch != 1 || roster.Rows != 120 || roster.Accepted != 120 {
		t.Fatalf("roster: %s", roster.Text("en"))
	}
	if health.State != Accepted || health.Batch != 2 || health.Linked != 120 || health.Pending != 0 || health.ByTier["1"] != 120 {
		t.Fatalf("health: %s", health.Text("en"))
	}
	if health.Scope != "522633" || health.Period.String() != "202609-202610" || health.Dataset != "health_settlement" || health.Encoding != "utf-8" {
		t.Errorf("health receipt: %+v", health)
	}
	// Control totals by hand: sum of 1000+i+0.50 and 300+i+0.25 for i in 0..119.
	want := map[string]float64{"total": 120*1000.5 + 119*120/2, "self_paid": 120*300.25 + 119*120/2}
	for _, c := range health.Totals {
		if v, ok := want[c.Column]; ok && (c.Sum != v || c.Rows != 120 || c.Unit != "元") {
			t.Errorf("total of %s is %v over %d rows, want %v over 120", c.Column, c.Sum, c.Rows, v)
		}
	}
	if health.Earliest != "2026-10-02" || health.Latest != "2026-10-21" {
		t.Errorf("dates %s – %s", health.Earliest, health.Latest)
	}
	if n := w.count("SELECT count(*) FROM fact_health_settlement WHERE kind = 'inpatient' AND total BETWEEN 100050 AND 111950"); n != 120 {
		t.Errorf("%d facts", n)
	}
	if n := w.count("SELECT count(*) FROM household WHERE members = 3"); n != 40 {
		t.Errorf("%d households of three", n)
	}
	if n := w.count("SELECT count(*) FROM coverage WHERE dataset = 'health_settlement' AND county = 522633"); n != 2 {
		t.Errorf("%d months covered", n)
	}
	w.verify()

	before := w.digest()
	again := w.takeIn(w.in)
	for _, r := range again {
		if r.State != Already || r.Batch == 0 {
			t.Errorf("%s: %s", r.File, r.State)
		}
	}
	if w.digest() != before {
		t.Error("the same files again changed the warehouse")
	}
}

// The order of two files does not matter.
func TestEitherOrder(t *testing.T) {
	var digests []string
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		w := newWorld(t)
		ps := people(w.tree, county, 20)
		paths := []string{w.write("农户花名册_522633_202610.csv", rosterCSV(ps)), w.write("医保结算_522633_202610.csv", healthCSV(ps, "2026-10"))}
		w.takeIn(paths[order[0]])
		w.takeIn(paths[order[1]])
		var rows []string
		q, err := w.w.DB().Query("SELECT concat_ws('|', household_id, settled, total, self_paid) FROM fact_health_settlement ORDER BY ALL")
		if err != nil {
			t.Fatal(err)
		}
		for q.Next() {
			var s string
			if err := q.Scan(&s); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, s)
		}
		q.Close()
		if len(rows) != 60 {
			t.Errorf("order %v: %d facts", order, len(rows))
		}
		digests = append(digests, strings.Join(rows, "\n"))
		w.verify()
	}
	if digests[0] != digests[1] {
		t.Error("the order of the files matters")
	}
}

// One row of each kind of fault; the receipt must name row, column and reason.
func TestRejectReasons(t *testing.T) {
	w := newWorld(t)
	n := idNumber("522633", "19800101", 1)
	row := func(no, name, num, birth, kind, admitted, settled, total, self string) string {
		return strings.Join([]string{no, name, num, birth, kind, admitted, settled, total, self}, ",") + "\n"
	}
	var b strings.Builder
	b.WriteString(healthHeader)
	want := map[int]string{}
	add := func(reason, line string) {
		b.WriteString(line)
		if reason != "" {
			want[strings.Count(b.String(), "\n")-1] = reason
		}
	}
	for i := range 500 { // enough good ones to stay under the ceiling
		add("", row("G"+strings.Repeat("0", 3)+string(rune('a'+i%26))+string(rune('a'+i/26)), "王五", n, "1980-01-01", "住院", "2026-10-01", "2026-10-05", "100", "50"))
	}
	add("required_empty", row("", "王五", n, "", "住院", "", "2026-10-05", "100", "50"))
	add("required_empty", row("—", "王五", n, "", "住院", "", "2026-10-05", "100", "50"))
	add("bad_code", row("R1", "王五", n, "", "美容", "", "2026-10-05", "100", "50"))
	add("bad_date", row("R2", "王五", n, "", "住院", "", "2026-02-30", "100", "50"))
	add("date_range", row("R3", "王五", n, "", "住院", "", "9999-12-31", "100", "50"))
	add("bad_money", row("R4", "王五", n, "", "住院", "", "2026-10-05", "一百", "50"))
	add("out_of_range", row("R5", "王五", n, "", "住院", "", "2026-10-05", "99999999", "50"))
	add("out_of_range", row("R6", "王五", n, "", "住院", "", "2026-10-05", "100", "-1"))
	add("columns", "R7,王五,"+n+"\n")
	add("columns", row("R8", "王五", n, "", "住院", "", "2026-10-05", "100", "50,多出"))
	add("no_identity", row("R9", "", "", "", "住院", "", "2026-10-05", "100", "50"))
	add("bad_resident_number", row("R10", "无", "522633198001010999", "", "住院", "", "2026-10-05", "100", "50"))
	add("bad_token", row("张三", "王五", n, "", "住院", "", "2026-10-05", "100", "50"))
	add("check:self_paid_le_total", row("R11", "王五", n, "", "住院", "", "2026-10-05", "100", "500"))
	add("check:admitted_before_settled", row("R12", "王五", n, "", "住院", "2026-10-09", "2026-10-05", "100", "50"))
	add("bad_encoding", row("R13", "王\xff五", n, "", "住院", "", "2026-10-05", "100", "50"))
	add("", row("OK1", "王五", "522633198001010999", "", "住院", "", "2026-10-05", "100", "50")) // damaged, but there is a name
	add("", row("OK2", "", n, "", "住院", "", "2026年10月5日", "１，０００．５０", "\"1,000元\""))
	r := w.one("医保结算_522633_202610.csv", b.String())
	if r.State != Accepted {
		t.Fatal(r.Text("en"))
	}
	got := map[int]string{}
	for _, re := range r.Rejects {
		for _, s := range re.Samples {
			got[s.Row] = re.Code
		}
		if re.Text.ZH == re.Code || re.Text.EN == re.Code {
			t.Errorf("reason %s has no wording", re.Code)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
	if r.Rejected != len(want) || r.Rows != 502+len(want) || r.Accepted+r.Duplicates != 502 {
		t.Errorf("counts: %s", r.Text("en"))
	}
	damaged := 0
	for _, n := range r.Warnings {
		if n.Code == "damaged_number" {
			damaged = n.Count
		}
	}
	if damaged != 1 {
		t.Errorf("%d damaged numbers, want 1", damaged)
	}
	if n := w.count("SELECT total + self_paid FROM pending_health_settlement WHERE nk IS NOT NULL AND total = 100050"); n != 200050 {
		t.Errorf("full-width amounts: %d", n)
	}
	var out strings.Builder
	if err := w.Rejects(context.Background(), r.SHA256, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\r\n")
	if !strings.HasPrefix(lines[0], "\uFEFF结算单号,") || !strings.HasSuffix(lines[0], "行号,原因") || len(lines) != len(want)+1 {
		t.Errorf("rejects file has %d lines; header %s", len(lines), lines[0])
	}
	if !strings.Contains(out.String(), "一百") {
		t.Error("the rejects file lacks the department's own value")
	}
	w.verify()
}

// A reject file must not run anything when a spreadsheet opens it.
func TestRejectsAreSafeForSpreadsheets(t *testing.T) {
	w := newWorld(t)
	r := w.one("医保结算_522633_202610.csv", healthHeader+"=cmd|' /C calc'!A0,@SUM(1),+1-1,-5,住院,,2026-10-05,100,50\n")
	if r.State != Refused {
		t.Fatal(r.Text("en"))
	}
	var out strings.Builder
	if err := w.Rejects(context.Background(), r.Delivery, &out); err != nil {
		t.Fatal(err)
	}
	for _, cell := range []string{"'=cmd", "'@SUM(1)", "'+1-1", ",-5,"} {
		if !strings.Contains(out.String(), cell) {
			t.Errorf("%s is not in %s", cell, out.String())
		}
	}
}

func TestRosterChecks(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 40)
	ps[1].relation = "户主"                                          // two heads in household 0
	ps[3].relation = "其他"                                          // household 1 has none
	ps[8].village = w.tree.Villages(522722000000)[0].Code.Prefix() // in Libo
	ps = append(ps, ps[11])                                        // a row twice
	ps[12].number = ps[12].number[:17] + "?"                       // damaged
	r := w.one("农户花名册_522633_202610.csv", rosterCSV(ps))
	if r.State != Accepted {
		t.Fatal(r.Text("en"))
	}
	codes := map[string]int{}
	for _, re := range r.Rejects {
		codes[re.Code] = re.Count
	}
	if diff := cmp.Diff(map[string]int{"two_heads": 1, "outside_scope": 1}, codes); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
	if r.Rows != 121 || r.Duplicates != 1 || r.Accepted != 118 || r.Rejected != 2 {
		t.Errorf("counts: %s", r.Text("en"))
	}
	notes := map[string]int{}
	for _, n := range r.Warnings {
		notes[n.Code] = n.Count
	}
	if notes["no_head"] != 1 || notes["damaged_number"] != 1 || notes["no_number"] != 1 {
		t.Errorf("notes: %v", notes)
	}
	if n := w.count("SELECT count(*) FROM person"); n != 118 {
		t.Errorf("%d persons", n)
	}
	var out strings.Builder
	if err := w.Rejects(context.Background(), r.Delivery, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), ps[1].name) || !strings.Contains(out.String(), ps[8].name) {
		t.Error("the rejects file lacks a rejected person")
	}
	w.verify()
}

func TestAnotherCounty(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 30)
	// A roster whose name says Libo but whose villages are in Congjiang.
	r := w.one("农户花名册_522722_202610.csv", rosterCSV(ps))
	if r.State != Refused || !strings.Contains(r.Error.EN, "outside") || r.Rejects[0].Code != "outside_scope" {
		t.Fatal(r.Text("en"))
	}
	if n := w.count("SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM fact_roster) + (SELECT count(*) FROM coverage)"); n != 0 {
		t.Errorf("a refused file left %d rows", n)
	}
	w.one("农户花名册_522633_202610.csv", rosterCSV(ps))
	before := w.digest()
	r = w.one("医保结算_522722_202610.csv", healthCSV(ps, "2026-10"))
	if r.State != Refused || !strings.Contains(r.Error.ZH, "522633") || !strings.Contains(r.Error.ZH, "从江") {
		t.Fatal(r.Text("zh"))
	}
	if w.digest() != before {
		t.Error("a refused file changed the warehouse")
	}
	// The same bytes under the right name are accepted.
	if r = w.one("医保结算_522633_202610.csv", healthCSV(ps, "2026-10")); r.State != Accepted || r.Linked != 90 {
		t.Fatal(r.Text("en"))
	}
	w.verify()
}

// The same bytes for another county or month are another delivery: an empty list says "nobody" for its own county only.
func TestEmptyListsCover(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{"受灾户_522633_202610.csv", "受灾户_522722_202610.csv", "受灾户_522633_202611.csv"} {
		r := w.one(name, "户编号,灾害种类,受灾日期\n")
		if r.State != Accepted || r.Batch != i+1 || r.Rows != 0 {
			t.Fatal(r.Text("en"))
		}
	}
	if r := w.one("受灾户_522633_202610 副本.csv", "户编号,灾害种类,受灾日期\n"); r.State != Already {
		t.Errorf("a copy is %s", r.State)
	}
	if r := w.one("受灾户.csv", "户编号,灾害种类,受灾日期\n"); r.State != Already {
		t.Errorf("a copy without scope and period is %s", r.State)
	}
	if n := w.count("SELECT count(DISTINCT (county, month)) FROM coverage WHERE dataset = 'disaster'"); n != 3 {
		t.Errorf("%d county-months", n)
	}
	table, err := w.Completeness(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range table {
		if c.Dataset == "disaster" {
			got[c.County] = strings.Join(c.Months, " ") + "/" + strings.Join(c.Missing, " ")
		}
	}
	if diff := cmp.Diff(map[string]string{"522633": "2026-10 2026-11/", "522722": "2026-10/2026-11"}, got); diff != "" {
		t.Errorf("completeness (-want +got):\n%s", diff)
	}
	w.verify()
}

func TestRebuild(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 30)
	w.takeIn(w.write("农户花名册_522633_202610.csv", rosterCSV(ps)))
	w.takeIn(w.write("医保结算_522633_202610.csv", healthCSV(ps[:60], "2026-10")), w.write("disaster.csv", "户编号,灾害种类,受灾日期\n"+ps[0].house+",洪涝,2026-10-03\n"))
	w.takeIn(w.write("农户花名册_522633_202611.csv", rosterCSV(ps[:80])), writeXLSX(t, w, "残疾人证_522633_202610.xlsx", 2, [][]any{
		{"姓名", "残疾证号", "残疾类别", "残疾等级"}, {ps[3].name, ps[3].number + "43", "肢体", "3"}}))
	fresh := openWorld(t, t.TempDir())
	out, err := w.Rebuild(context.Background(), fresh.w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out.Batches != 5 || len(out.Changed) != 0 || len(out.Unfinished) != 0 {
		t.Errorf("rebuilt: %+v", out)
	}
	got, err := DigestOf(context.Background(), fresh.w, w.pack)
	if err != nil {
		t.Fatal(err)
	}
	if got != w.digest() {
		t.Error("the rebuilt warehouse differs")
	}
	w.verify()
}
