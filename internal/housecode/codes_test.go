package housecode

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/paper"
	"shouwang/internal/secret"
)

const village = accounttest.Village

// desk is a ledger with codes in it, and the persons who work with them.
type desk struct {
	*testing.T
	l      *ledger.Ledger
	codes  *Codes
	actors map[account.Role]account.Actor
	now    time.Time
}

func newDesk(t *testing.T, l *ledger.Ledger) *desk {
	t.Helper()
	ring, err := secret.Create(filepath.Join(t.TempDir(), "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	codes, err := New(ring)
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t, l, codes, accounttest.Actors(village), noon}
}

func (d *desk) write(fn func(context.Context, *ledger.Tx) error) error {
	return d.l.Write(d.Context(), d.now, fn)
}

func (d *desk) must(fn func(context.Context, *ledger.Tx) error) {
	d.Helper()
	if err := d.write(fn); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) newKey(s Suite) {
	d.Helper()
	d.must(func(ctx context.Context, tx *ledger.Tx) error {
		_, err := d.codes.Rotate(ctx, tx, d.actors[account.Admin], s)
		return err
	})
}

func holders(n int, v division.Code) []Holder {
	var out []Holder
	for i := range n {
		no := fmt.Sprintf("%s%04d", v, n-i)
		out = append(out, Holder{Household: int64(v)*10000 + int64(n-i), HouseholdNo: no, Village: v})
	}
	return out
}

func (d *desk) issue(hs []Holder) (out Issued) {
	d.Helper()
	d.must(func(ctx context.Context, tx *ledger.Tx) (err error) {
		out, err = d.codes.Issue(ctx, tx, d.actors[account.County], hs, d.now.AddDate(3, 0, 0))
		return err
	})
	return out
}

func (d *desk) link(household int64) (link string) {
	d.Helper()
	d.must(func(ctx context.Context, tx *ledger.Tx) (err error) {
		link, err = d.codes.Link(ctx, tx, d.actors[account.County], household, "https://sw.example.cn/c")
		return err
	})
	return link
}

func (d *desk) open(v Viewer, text string) (view View) {
	d.Helper()
	d.must(func(ctx context.Context, tx *ledger.Tx) (err error) {
		view, err = d.codes.Open(ctx, tx, v, text)
		return err
	})
	return view
}

// events counts the audit events of an action.
func (d *desk) events(action string) (n int) {
	d.Helper()
	if err := d.l.Read(d.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model((*audit.Recorded)(nil)).ColumnExpr("count(*)").Where("action = ?", action).Scan(ctx, &n)
	}); err != nil {
		d.Fatal(err)
	}
	return n
}

func TestLifeOfACode(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		d := newDesk(t, l)
		hs := holders(3, village)
		if err := d.write(func(ctx context.Context, tx *ledger.Tx) error {
			_, err := d.codes.Issue(ctx, tx, d.actors[account.County], hs, noon.AddDate(1, 0, 0))
			return err
		}); errs.KindOf(err) != errs.NotFound {
			t.Errorf("issued without a key: %v", err)
		}
		d.newKey(Ed25519)
		if got := d.issue(append(hs, hs[0])); got != (Issued{New: 3}) {
			t.Errorf("issued %+v", got)
		}
		if got := d.issue(hs); got != (Issued{Kept: 3}) {
			t.Errorf("issued again %+v", got)
		}
		d.must(func(ctx context.Context, tx *ledger.Tx) error {
			if n, err := d.codes.InForce(ctx, tx, d.actors[account.Village], village, noon); err != nil || n != 3 {
				t.Errorf("%d codes in force, %v", n, err)
			}
			if _, err := d.codes.InForce(ctx, tx, d.actors[account.Auditor], village, noon); errs.KindOf(err) != errs.Refused {
				t.Errorf("an auditor counts codes: %v", err)
			}
			return nil
		})
		h := hs[1]
		first := d.link(h.Household)
		if v := d.open(Viewer{}, first); v != (View{Level: Public, Verdict: Valid, Village: village}) {
			t.Errorf("anybody sees %+v", v)
		}

		// The card is lost: the old one is told as replaced, the new one carries serial 2.
		d.must(func(ctx context.Context, tx *ledger.Tx) error {
			c, err := d.codes.Reprint(ctx, tx, d.actors[account.Township], h.Household, "遗失", noon.AddDate(3, 0, 0))
			if err == nil && c.Serial != 2 {
				t.Errorf("serial %d", c.Serial)
			}
			return err
		})
		if v := d.open(Viewer{}, first); v != (View{Level: Nothing, Verdict: Replaced}) {
			t.Errorf("the lost card shows %+v", v)
		}
		second := d.link(h.Household)
		if v := d.open(Viewer{}, second); v.Verdict != Valid {
			t.Errorf("the new card: %+v", v)
		}

		// A new key: old codes stay valid, later ones are signed with it.
		d.newKey(SM2)
		if d.link(h.Household) != second {
			t.Error("the card of the old key is not the same any more")
		}
		d.must(func(ctx context.Context, tx *ledger.Tx) error {
			_, err := d.codes.Revoke(ctx, tx, d.actors[account.County], h.Household, "户已注销")
			return err
		})
		if v := d.open(Viewer{}, second); v != (View{Level: Nothing, Verdict: Revoked}) {
			t.Errorf("the revoked card shows %+v", v)
		}
		d.issue(hs)
		third := d.link(h.Household)

		// The list for checks without network says the same.
		var list *KeyList
		d.must(func(ctx context.Context, tx *ledger.Tx) (err error) {
			list, err = d.codes.List(ctx, tx, d.now)
			return err
		})
		for text, want := range map[string]Verdict{first: Replaced, second: Revoked, third: Valid} {
			if _, v := list.Check(text, d.now); v != want {
				t.Errorf("without network: %s, want %s", v, want)
			}
		}

		// The first key got out.
		d.must(func(ctx context.Context, tx *ledger.Tx) error {
			keys, err := d.codes.Keys(ctx, tx)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(keys, func(k Key) bool { return k.Suite == Ed25519 })
			n, err := d.codes.Withdraw(ctx, tx, d.actors[account.Admin], keys[i].ID, "密钥外泄")
			if n != 2 {
				t.Errorf("%d codes voided, want 2", n)
			}
			return err
		})
		if v := d.open(Viewer{}, third); v.Verdict != Valid {
			t.Errorf("a code of the other key: %+v", v)
		}
		if got := d.issue(hs); got != (Issued{New: 2, Kept: 1}) {
			t.Errorf("issued after the withdrawal %+v", got)
		}

		// Expired: nothing but the verdict, and a new issue replaces it.
		d.now = noon.AddDate(4, 0, 0)
		if v := d.open(Viewer{}, third); v != (View{Level: Nothing, Verdict: Expired}) {
			t.Errorf("an expired card shows %+v", v)
		}
		if got := d.issue(hs); got != (Issued{New: 3}) {
			t.Errorf("issued after expiry %+v", got)
		}
		var history []Code
		d.must(func(ctx context.Context, tx *ledger.Tx) (err error) {
			history, err = d.codes.OfHousehold(ctx, tx, d.actors[account.Village], h.Household)
			return err
		})
		if len(history) != 4 || history[0].Serial != 4 || history[0].State != Active || history[1].State != WasReplaced || history[2].State != WasRevoked {
			t.Errorf("history %+v", history)
		}
		if d.events("code.issue") != 4 || d.events("code.reprint") != 1 || d.events("code.revoke") != 1 || d.events("code.key.withdraw") != 1 {
			t.Error("events are missing")
		}
	})
}

// TestWhoSeesWhat: the same card for everybody who may hold it.
func TestWhoSeesWhat(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		d := newDesk(t, l)
		d.newKey(Ed25519)
		h := holders(1, village)[0]
		d.issue([]Holder{h})
		card := d.link(h.Household)
		far := accounttest.Actors(520102003001) // 云岩区, another prefecture
		for role, want := range map[account.Role]Level{account.Province: Full, account.Prefecture: Full, account.County: Full, account.Township: Full, account.Village: Full,
			account.Department: Nothing, account.Policy: Nothing, account.Auditor: Nothing, account.Admin: Nothing} {
			v := d.open(Viewer{Actor: d.actors[role]}, card)
			if v.Level != want || (want == Full) != (v.Household == h.Household && v.HouseholdNo == h.HouseholdNo) {
				t.Errorf("%s sees %+v", role, v)
			}
			if role == account.Province {
				continue
			}
			if v := d.open(Viewer{Actor: far[role]}, card); v != (View{Level: Nothing, Verdict: Valid}) {
				t.Errorf("%s of another prefecture sees %+v", role, v)
			}
		}
		if got := d.events("code.open"); got != 5 {
			t.Errorf("%d looks are logged, want 5", got)
		}
		if got := d.events("code.refused"); got != 4+8 {
			t.Errorf("%d refused looks are logged, want 12", got)
		}
		// What does not lie in one's area looks as if it were not there.
		for _, fn := range []func(context.Context, *ledger.Tx) error{
			func(ctx context.Context, tx *ledger.Tx) error {
				_, err := d.codes.Revoke(ctx, tx, far[account.County], h.Household, "x")
				return err
			},
			func(ctx context.Context, tx *ledger.Tx) error {
				_, err := d.codes.Reprint(ctx, tx, far[account.County], h.Household, "x", noon.AddDate(1, 0, 0))
				return err
			},
			func(ctx context.Context, tx *ledger.Tx) error {
				_, _, err := d.codes.MakeOnce(ctx, tx, far[account.Village], h.Household)
				return err
			},
			func(ctx context.Context, tx *ledger.Tx) error {
				_, err := d.codes.Issue(ctx, tx, far[account.County], []Holder{h}, noon.AddDate(1, 0, 0))
				return err
			},
			func(ctx context.Context, tx *ledger.Tx) error {
				_, err := d.codes.Link(ctx, tx, far[account.County], h.Household, "https://a.cn")
				return err
			},
		} {
			if err := d.write(fn); errs.KindOf(err) != errs.NotFound {
				t.Errorf("from another county: %v", err)
			}
		}
		for _, fn := range []func(context.Context, *ledger.Tx) error{
			func(ctx context.Context, tx *ledger.Tx) error {
				_, err := d.codes.Rotate(ctx, tx, d.actors[account.County], Ed25519)
				return err
			},
			func(ctx context.Context, tx *ledger.Tx) error {
				_, err := d.codes.Withdraw(ctx, tx, d.actors[account.County], "00000000", "x")
				return err
			},
			func(ctx context.Context, tx *ledger.Tx) error {
				_, err := d.codes.Issue(ctx, tx, d.actors[account.Village], []Holder{h}, noon.AddDate(1, 0, 0))
				return err
			},
			func(ctx context.Context, tx *ledger.Tx) error {
				_, err := d.codes.Revoke(ctx, tx, d.actors[account.Admin], h.Household, "x")
				return err
			},
		} {
			if err := d.write(fn); errs.KindOf(err) != errs.Refused {
				t.Errorf("by a role that may not: %v", err)
			}
		}
	})
}

func TestOneTimeCodes(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		d := newDesk(t, l)
		d.newKey(Ed25519)
		h := holders(1, village)[0]
		d.issue([]Holder{h})
		card := d.link(h.Household)
		make := func() (digits string, err error) {
			d.now = d.now.Add(time.Second)
			err = d.write(func(ctx context.Context, tx *ledger.Tx) (err error) {
				digits, _, err = d.codes.MakeOnce(ctx, tx, d.actors[account.Village], h.Household)
				return err
			})
			return digits, err
		}
		answer := func(digits string, want OnceAnswer) {
			t.Helper()
			v := d.open(Viewer{Once: digits}, card)
			if v.Once != want || (want == OnceRight) != (v.Level == Own && v.Household == h.Household) {
				t.Errorf("%q: %+v, want %s", digits, v, want)
			}
		}
		wrong := func(digits string) string {
			if digits == "000000" {
				return "000001"
			}
			return "000000"
		}
		answer("123456", OnceNone)
		digits, err := make()
		if err != nil || len(digits) != 6 {
			t.Fatal(digits, err)
		}
		answer(wrong(digits), OnceWrong)
		answer(digits, OnceRight)
		answer(digits, OnceUsed) // replayed
		digits, _ = make()
		for range 5 {
			answer(wrong(digits), OnceWrong)
		}
		answer(digits, OnceLocked)
		old, _ := make()
		digits, _ = make()
		if old != digits {
			answer(old, OnceWrong) // only the newest is good
		}
		d.now = d.now.Add(10 * time.Minute)
		answer(digits, OnceExpired)
		if _, err = make(); err != nil {
			t.Error(err)
		}
		if _, err = make(); errs.KindOf(err) != errs.Refused {
			t.Errorf("a sixth within a day: %v", err)
		}
		d.now = d.now.Add(25 * time.Hour)
		if digits, err = make(); err != nil {
			t.Error(err)
		}
		answer(digits, OnceRight)
	})
}

// TestACodeThatTheLedgerDoesNotKnow: well signed, but not of this ledger (a forged one by somebody who holds the key, or a ledger restored from too old a backup).
func TestACodeThatTheLedgerDoesNotKnow(t *testing.T) {
	d := newDesk(t, ledgertest.Open(t, ledgertest.SQLite(t)))
	d.newKey(Ed25519)
	d.must(func(ctx context.Context, tx *ledger.Tx) error {
		row, err := d.codes.current(ctx, tx)
		if err != nil {
			return err
		}
		key, err := d.codes.unseal(&row)
		if err != nil {
			return err
		}
		forged := sign(t, key, sampleToken(key.ID))
		if v, err := d.codes.Open(ctx, tx, Viewer{Actor: d.actors[account.County]}, forged); err != nil || v != (View{Level: Nothing, Verdict: Unissued}) {
			t.Errorf("%+v, %v", v, err)
		}
		return nil
	})
}

// buffer is a file of a village in memory.
type buffer struct {
	bytes.Buffer
}

func (*buffer) Close() error { return nil }

func printOn(t testing.TB) Print {
	font, err := paper.OpenFont()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	return Print{Base: "https://sw.example.gov.cn/c", Hotline: "12317", Font: font, Place: func(c division.Code) (string, string) {
		path := tree.Path(c)
		return strings.Join(path[len(path)-3:len(path)-1], " "), path[len(path)-1]
	}}
}

// TestSheets prints two villages and reads the cards back from the page: every household has one, in order, with its own valid code. The decoder is another
// program (zbarimg over poppler's picture) where both are installed; CI installs them.
func TestSheets(t *testing.T) {
	d := newDesk(t, ledgertest.Open(t, ledgertest.SQLite(t)))
	d.newKey(Ed25519)
	const rare = division.Code(522633105210)
	here, there := holders(23, village), holders(4, rare)
	d.issue(append(slices.Clone(here), there...))
	d.must(func(ctx context.Context, tx *ledger.Tx) error {
		_, err := d.codes.Reprint(ctx, tx, d.actors[account.County], here[5].Household, "损坏", noon)
		return err
	})
	files := map[division.Code]*buffer{}
	var mu sync.Mutex
	out := func(v division.Code) (io.WriteCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		files[v] = new(buffer)
		return files[v], nil
	}
	got, err := d.codes.Sheets(t.Context(), d.l, d.now, d.actors[account.County], village.At(division.Township), printOn(t), out)
	if err != nil {
		t.Fatal(err)
	}
	if got.Villages != 2 || got.Cards != 27 || got.Sheets != 4 || len(files) != 2 {
		t.Errorf("printed %+v in %d files", got, len(files))
	}
	if d.events("code.sheet") != 1 {
		t.Error("printing is not logged")
	}
	pdf := filepath.Join(t.ArtifactDir(), "cards.pdf")
	if err := os.WriteFile(pdf, files[village].Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.codes.Sheets(t.Context(), d.l, d.now, accounttest.Actors(520102003001)[account.County], village, printOn(t), out); errs.KindOf(err) != errs.NotFound {
		t.Errorf("printed for another county: %v", err)
	}
	toppm, err1 := exec.LookPath("pdftoppm")
	zbar, err2 := exec.LookPath("zbarimg")
	if err1 != nil || err2 != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must install poppler-utils and zbar-tools")
		}
		return
	}
	var list *KeyList
	d.must(func(ctx context.Context, tx *ledger.Tx) (err error) {
		list, err = d.codes.List(ctx, tx, d.now)
		return err
	})
	seen := map[ID]bool{}
	// A decoder does not find every code of a full sheet at every resolution: a phone is moved about, too.
	for _, dpi := range []int{300, 220, 400} {
		if len(seen) == 23 {
			break
		}
		base := filepath.Join(t.TempDir(), "page")
		if text, err := exec.Command(toppm, "-r", strconv.Itoa(dpi), "-png", pdf, base).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, text)
		}
		pages, err := filepath.Glob(base + "-*.png")
		if err != nil || len(pages) != 3 {
			t.Fatalf("%d pages, %v", len(pages), err)
		}
		f, err := os.Open(pages[0])
		if err != nil {
			t.Fatal(err)
		}
		size, err := png.DecodeConfig(f)
		if want := 210.0 / 25.4 * float64(dpi); err != nil || math.Abs(float64(size.Width)-want) > 3 {
			t.Errorf("a sheet is %d wide, want %.0f, %v", size.Width, want, err)
		}
		f.Close()
		for _, page := range pages {
			text, err := exec.Command(zbar, "-q", "--raw", page).Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range strings.Fields(string(text)) {
				token, v := list.Check(l, d.now)
				if v != Valid || token.Village != village {
					t.Errorf("%s: %s", l, v)
				}
				seen[token.ID] = true
			}
		}
	}
	if len(seen) != 23 {
		t.Errorf("%d different cards are read from the sheets, want 23", len(seen))
	}
}

// discard is a file that nobody keeps.
type discard struct{ io.Writer }

func (discard) Close() error { return nil }

// BenchmarkCodesWithSheets issues and prints: 100 000 households in 200 villages an iteration, on SQLite.
func BenchmarkCodesWithSheets(b *testing.B) {
	tree, err := division.Load()
	if err != nil {
		b.Fatal(err)
	}
	var all []Holder
	for _, v := range tree.Villages(520000000000)[:200] {
		all = append(all, holders(500, v.Code)...)
	}
	p := printOn(b)
	for b.Loop() {
		b.StopTimer()
		ring, err := secret.Create(filepath.Join(b.TempDir(), "keyring"))
		if err != nil {
			b.Fatal(err)
		}
		codes, err := New(ring)
		if err != nil {
			b.Fatal(err)
		}
		l := ledgertest.Open(b, ledgertest.SQLite(b))
		actors := accounttest.Actors(village)
		b.StartTimer()
		if err := l.Write(b.Context(), noon, func(ctx context.Context, tx *ledger.Tx) error {
			if _, err := codes.Rotate(ctx, tx, actors[account.Admin], Ed25519); err != nil {
				return err
			}
			_, err := codes.Issue(ctx, tx, actors[account.System], all, noon.AddDate(3, 0, 0))
			return err
		}); err != nil {
			b.Fatal(err)
		}
		got, err := codes.Sheets(b.Context(), l, noon, actors[account.System], 520000000000, p, func(division.Code) (io.WriteCloser, error) { return discard{io.Discard}, nil })
		if err != nil || got.Cards != len(all) {
			b.Fatalf("%+v, %v", got, err)
		}
	}
	b.ReportMetric(float64(len(all)*b.N)/b.Elapsed().Seconds(), "codes/s")
}
