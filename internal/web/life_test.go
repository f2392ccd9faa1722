package web

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
)

// caseless is a household that never had a case.
func (s *site) caseless(where division.Code) string {
	s.Helper()
	var had []int64
	if err := s.app.Ledger.Read(s.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().TableExpr("casefile").Column("household_id").Scan(ctx, &had)
	}); err != nil {
		s.Fatal(err)
	}
	conn, err := s.app.Warehouse.Conn(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.QueryContext(s.Context(), "SELECT household_id, household_no FROM household WHERE county = ? ORDER BY household_id", where/1_000_000)
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var no string
		if err := rows.Scan(&id, &no); err != nil {
			s.Fatal(err)
		}
		if !slices.Contains(had, id) {
			return no
		}
	}
	s.Fatal("every household has a case")
	return ""
}

// The household's page tells what is near, what has not come, how incomes went and what people did; each with the door behind it.
func TestHouseholdLife(t *testing.T) {
	s := newSite(t, nil)
	no := s.caseless(county)
	var home registry.Household
	conn, err := s.app.Warehouse.Conn(t.Context())
	if err == nil {
		home, err = registry.ByHouseholdNo(t.Context(), conn, no)
		conn.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	cases, err := s.app.Casework()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cases.Receive(t.Context(), account.SystemActor("dispatch"), today, []casework.Signal{{Key: "life-" + no, Household: home.ID, HouseholdNo: no, Division: home.Division, Channel: casework.Screening, Risk: "illness", Level: 3, Words: policy.Text{ZH: "自付医疗费很高", EN: "high medical bills"}}}, nil); err != nil {
		t.Fatal(err)
	}
	var id string
	if err := s.app.Ledger.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().TableExpr("casefile").Column("id").Where("household_id = ?", home.ID).Scan(ctx, &id)
	}); err != nil {
		t.Fatal(err)
	}
	p := s.as(account.County)
	a := p.page("/households/" + no)
	a.has("#near", "#completeness", "#homes dl dd", "#incomes [data-chart]", "#incomes tbody tr", "#cases .life-line li", "#cases h3 a[href='/cases/"+id+"']", "#cases a[href='/cases/"+id+"#papers']")
	// The newest accounting and five before, one of which never came; every income is a figure or marked as not known.
	if rows := a.doc.Find("#incomes tbody tr").Length(); rows != 6 {
		t.Errorf("%d periods of income, want 6", rows)
	}
	a.doc.Find("#incomes tbody tr").Each(func(i int, row *goquery.Selection) {
		if unknown := row.Find(".unknown").Length(); (unknown > 0) != (i == 2) {
			t.Errorf("row %d has %d unknown values: %s", i, unknown, strings.Join(strings.Fields(row.Text()), " "))
		}
		row.Find("td").Each(func(_ int, cell *goquery.Selection) {
			if strings.TrimSpace(cell.Text()) == "" {
				t.Error("an empty cell among the incomes")
			}
		})
	})
	// A step that is taken stands on the time line; the next screening of an earlier day does not know it.
	if a := s.as(account.County).submit(p.page("/cases/"+id), "main form#act", url.Values{}); a.status != 303 {
		t.Fatalf("taking a step: %d", a.status)
	}
	if n := p.page("/households/" + no).doc.Find("#cases .life-line li").Length(); n != 2 {
		t.Errorf("%d events on the time line, want 2", n)
	}
	for _, role := range []account.Role{account.Auditor, account.Policy, account.Admin, account.Department} {
		if a := s.as(role).get("/households/" + no); a.status != 403 || strings.Contains(a.text, "life-line") {
			t.Errorf("%s: %d", role, a.status)
		}
	}
}
