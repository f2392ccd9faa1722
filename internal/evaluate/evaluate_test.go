package evaluate

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
	packs "shouwang/policy"
)

// TestRun works the measures out by hand: ten households, four warned, three struck, one in standing hardship.
func TestRun(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	p, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	w, err := warehouse.Open(ctx, filepath.Join(dir, "w.duckdb"), warehouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Schema(ctx, p); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"INSERT INTO household (household_id, household_no, division, county, members, seen) SELECT 100 + i, CAST(100 + i AS VARCHAR), 522633105002, 522633, 3, 1 FROM range(10) AS r(i)",
		"CREATE TABLE warning_live (household_id BIGINT, risk VARCHAR, level SMALLINT)",
		"INSERT INTO warning_live VALUES (101, 'illness', 3), (101, 'income', 1), (102, 'illness', 2), (103, 'housing', 2), (104, 'income', 1)",
		"INSERT INTO batch (batch, dataset, sha256, file_name, state) VALUES (1, 'income', 'x', 'a.csv', 'accepted')",
		"INSERT INTO fact_income (household_id, batch, row_no, tier, seen) VALUES (101, 1, 1, 3, 1), (102, 1, 2, 3, 1), (109, 1, 3, 3, 1)",
		"INSERT INTO pending_income (batch, row_no) VALUES (1, 4)",
	} {
		if _, err := w.DB().Exec(text); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	truth := filepath.Join(dir, "truth")
	if err := os.Mkdir(truth, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(truth, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Run(ctx, w, truth); errs.KindOf(err) != errs.NotFound {
		t.Errorf("without truth: %v", err)
	}
	write("struck.csv", "household_no,risk,date\n101,illness,2026-01-01\n102,accident,2026-01-01\n105,illness,2026-01-01\n")
	write("gaps.csv", "household_no,risk,kind\n103,housing,unsafe\n101,income,low\n")
	write("links.csv", "file,row,household_no\na.csv,1,101\na.csv,2,102\na.csv,3,103\na.csv,4,104\n")
	got, err := Run(ctx, w, truth)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{
		Households: 10, Struck: 3, Warned: 4, Found: 2, Recall: 2.0 / 3, Precision: 0.5, Standing: 1, Explained: 0.75,
		Risks: []Risk{
			{Risk: "illness", Struck: 2, Warned: 2, Same: 1, Any: 1, Recall: 0.5, AnyRecall: 0.5, Precision: 0.5},
			{Risk: "accident", Struck: 1, Any: 1, AnyRecall: 1},
			{Risk: "housing", Warned: 1},
			{Risk: "income", Warned: 2},
		},
		Levels: []Level{{"red", 1, 1, 1}, {"yellow", 2, 1, 0.5}, {"blue", 1, 0, 0}},
		Links: &Linkage{Rows: 4, Linked: 3, Correct: 2, Precision: 2.0 / 3, Recall: 0.5,
			Datasets: []Linkage{{Dataset: "income", Rows: 4, Linked: 3, Correct: 2, Precision: 2.0 / 3, Recall: 0.5}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	write("struck.csv", "household,risk\n101,illness\n")
	if _, err := Run(ctx, w, truth); errs.KindOf(err) != errs.Invalid {
		t.Errorf("truth without its columns: %v", err)
	}
}
