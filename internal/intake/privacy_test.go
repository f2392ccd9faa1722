package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Nothing in the data folder, the logs, the receipts or the errors names anybody: not in UTF-8, GB18030 or UTF-16.
func TestNobodyIsNamed(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 60)
	for i := range ps { // names that no ordinary text holds
		ps[i].name = string([]rune{'赵', rune(0x9F00 + i), rune(0x9E00 + i)})
	}
	bad := append([]person(nil), ps...)
	for i := range bad { // personal data in the wrong columns
		switch i % 4 {
		case 0:
			bad[i].birth, bad[i].name = bad[i].name, bad[i].birth
		case 1:
			bad[i].relation = bad[i].phone
		case 2:
			bad[i].village = bad[i].number
		case 3:
			bad[i].house = bad[i].number
		}
	}
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(healthCSV(ps, "2026-10"))
	if err != nil {
		t.Fatal(err)
	}
	rs := w.takeIn(
		w.write("农户花名册_522633_202610.csv", rosterCSV(ps)), w.write("农户花名册_522633_202611.csv", rosterCSV(bad)), w.write("医保结算_522633_202610.csv", gb),
		w.write("坏 医保结算.csv", strings.TrimPrefix(healthCSV(ps, "2026-10"), healthHeader)),
		w.write("乱.csv", "结算单号,姓名,"+ps[0].number+","+ps[0].name+"\nx\n"),
		w.write("医保结算_522633_202609.csv", strings.ReplaceAll(healthCSV(ps, "2026-09"), "住院", "王老五")))
	if rs[0].State != Accepted || rs[2].State != Accepted || rs[1].State != Refused {
		t.Fatalf("%s, %s, %s", rs[0].State, rs[1].State, rs[2].State)
	}
	if _, err := w.w.DB().Exec("CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(rs)
	if err != nil {
		t.Fatal(err)
	}
	places := map[string][]byte{"logs": []byte(w.logs.String()), "receipts": text}
	for i := range rs {
		places["page "+rs[i].File] = []byte(rs[i].Text("zh") + rs[i].Text("en"))
	}
	err = filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		places[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(places) < 10 {
		t.Fatalf("only %d places looked at", len(places))
	}
	for where, content := range places {
		for _, p := range ps {
			for _, secret := range []string{p.number, p.name, p.phone} {
				gb, err := simplifiedchinese.GB18030.NewEncoder().String(secret)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(content, []byte(secret)) || bytes.Contains(content, []byte(gb)) {
					t.Errorf("%s holds %s", where, mask(secret))
				}
			}
		}
	}
	// The rejects come out in plain only when asked for.
	var out strings.Builder
	if err := w.Rejects(context.Background(), rs[1].Delivery, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), ps[1].name) {
		t.Error("the exported rejects are not in plain")
	}
}
