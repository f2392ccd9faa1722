package web

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// TestJourneyOfAFile: a department uploads a dirty file in a real browser, reads what is wrong with it, downloads the rejected rows, mends them and delivers again.
func TestJourneyOfAFile(t *testing.T) {
	s := newSite(t, nil)
	b := newBrowser(t, s)
	dir := t.TempDir()
	for i, width := range []int64{1440, 360} {
		b.size(width, 900)
		b.signIn("department")
		b.look("zh", "light")
		stem := fmt.Sprintf("医保结算_522633_2026%02d_journey%d", 3+i, width)
		rows := []string{"结算单号,姓名,身份证号码,医疗类别,结算日期,医疗总费用,个人自付"}
		for n := range 60 {
			rows = append(rows, fmt.Sprintf("J%d%03d,张三,52263319800101001X,住院,2026-%02d-%02d,1000,200", width, n, 3+i, n%28+1))
		}
		good := strings.Join(rows, "\n") + "\n"
		dirty := good + fmt.Sprintf("J%d900,李四,52263319800101001X,住院,2026-02-30,1000,200\n", width)
		path := filepath.Join(dir, stem+".csv")
		if err := os.WriteFile(path, []byte(dirty), 0o600); err != nil {
			t.Fatal(err)
		}
		name := func(step string) string { return fmt.Sprintf("journey-file-%s-%d", step, width) }
		b.check("/data/upload", name("1-form"))
		b.do(chromedp.SetUploadFiles(`input[type=file]`, []string{path}), chromedp.Click(`main form[enctype] button`), chromedp.WaitReady(`form[action$="/rejects"]`))
		b.picture(name("2-receipt"))
		b.fits(name("2-receipt"))
		b.axe(name("2-receipt"))
		text := ask[string](b, `document.querySelector("main").innerText`)
		for _, want := range []string{"61", "60", "不是日期", "结算日期"} {
			if !strings.Contains(text, want) {
				t.Errorf("%d: the receipt does not say %q", width, want)
			}
		}
		if strings.Contains(text, "李四") || strings.Contains(text, "张三") {
			t.Errorf("%d: the receipt names somebody", width)
		}
		file := b.downloaded(dir, `form[action$="/rejects"] button`)
		if !strings.Contains(file, "2026-02-30") || !strings.Contains(file, "李四") || !strings.Contains(file, "原因") || strings.Contains(file, "张三") {
			t.Errorf("%d: the rejected rows: %s", width, file)
		}
		b.heard(name("2-receipt"))
		// Mended, it comes again, whole.
		if err := os.WriteFile(path, []byte(strings.Replace(dirty, "2026-02-30", fmt.Sprintf("2026-%02d-27", 3+i), 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		b.open("/data/upload")
		b.do(chromedp.SetUploadFiles(`input[type=file]`, []string{path}), chromedp.Click(`main form[enctype] button`), chromedp.WaitReady(`dl.facts-list`))
		if n := ask[int](b, `document.querySelectorAll('form[action$="/rejects"]').length`); n != 0 {
			t.Errorf("%d: the mended file has rejected rows", width)
		}
		b.picture(name("3-mended"))
		b.fits(name("3-mended"))
		b.heard(name("3-mended"))
	}
}

// downloaded presses a button and gives the text of the file that comes.
func (b *browser) downloaded(dir, button string) string {
	b.Helper()
	folder, err := os.MkdirTemp(dir, "download")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := b.limited()
	defer cancel()
	if _, err := chromedp.Call(ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder}); err != nil {
		b.Fatal(err)
	}
	b.do(chromedp.Click(button))
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		list, err := filepath.Glob(filepath.Join(folder, "*.csv"))
		if err != nil {
			b.Fatal(err)
		}
		if len(list) == 1 {
			text, err := os.ReadFile(list[0])
			if err == nil && len(text) > 0 {
				return string(text)
			}
		}
	}
	b.Fatal("no file came")
	return ""
}
