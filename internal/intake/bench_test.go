package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"shouwang/internal/warehouse"
)

// settlements is a health-insurance file of n rows; another series has other settlement numbers.
func settlements(tb testing.TB, n, series int) string {
	loaded, err := loadPack()
	if err != nil {
		tb.Fatal(err)
	}
	ps := people(loaded.tree, county, 3000)
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("结算单号,姓名,身份证号码,出生日期,参保地,医疗类别,入院日期,结算日期,是否跨省异地,医疗总费用,统筹基金支付,大病保险支付,医疗救助支付,个人自付,合规自付\n")
	kinds := []string{"住院", "门诊", "门诊慢特病"}
	for i := range n {
		p := ps[r.IntN(len(ps))]
		total := 1000 + r.IntN(5_000_000)
		self := total / (2 + r.IntN(5))
		fmt.Fprintf(&b, "YB%02d2633%09d,%s,%s,%s,%s,%s,2026-%02d-%02d,2026-%02d-%02d,否,%d.%02d,%d.%02d,0.00,0.00,%d.%02d,%d.%02d\n", series, i, p.name, p.number, p.birth, p.village, kinds[r.IntN(3)],
			1+i%9, 1+i%28, 2+i%9, 1+i%28, total/100, total%100, (total-self)/100, (total-self)%100, self/100, self%100, self/100, self%100)
	}
	return b.String()
}

// BenchmarkDecode is the path from bytes to chunks: cutting, parsing, checks, keys.
func BenchmarkDecode(b *testing.B) {
	for _, enc := range []encoding{encUTF8, encGB18030} {
		b.Run(string(enc), func(b *testing.B) {
			const n = 200_000
			w := newWorld(b)
			text := settlements(b, n, 0)
			if enc == encGB18030 {
				var err error
				if text, err = simplifiedchinese.GB18030.NewEncoder().String(text); err != nil {
					b.Fatal(err)
				}
			}
			path := w.write("医保结算_522633_202610.csv", text)
			f, err := localFile(path)
			if err != nil {
				b.Fatal(err)
			}
			p, err := w.look(context.Background(), f, "")
			if err != nil {
				b.Fatal(err)
			}
			d := w.newDecoder(p, enc, true, county, now)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				t, err := d.decode(context.Background(), p, 0, func(*warehouse.Chunk) error { return nil }, func(r rejected) error { return errors.New(r.code) }, nil)
				if err != nil || t.Staged != n {
					b.Fatal(t, err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkIntake is everything: hash, archive, decode, stage, link, commit, receipt.
func BenchmarkIntake(b *testing.B) {
	const n = 300_000
	w := newWorld(b)
	loaded, err := loadPack()
	if err != nil {
		b.Fatal(err)
	}
	w.one("农户花名册_522633_202610.csv", rosterCSV(people(loaded.tree, county, 3000)))
	rows := 0
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		path := filepath.Join(w.in, fmt.Sprintf("医保结算_522633_202610_%d.csv", i))
		if err := os.WriteFile(path, []byte(settlements(b, n, i)), 0o600); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		r := w.takeIn(path)[0]
		if r.State != Accepted || r.Linked != n {
			b.Fatal(r.Text("en"))
		}
		rows += n
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
