package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/paper"
	"shouwang/internal/registry"
	"shouwang/internal/report"
	"shouwang/internal/web/view"
)

// cardMonths is how long a card is good when staff say nothing else, as with code issue.
const cardMonths = 36

// villageCodes is the cards and notices of a village: how many are in force, issue, print. Above villages it leads down to one.
func (s *Server) villageCodes(v *visit) error {
	at, err := s.within(v)
	if err != nil {
		return err
	}
	return s.showVillageCodes(v, at, "")
}

func (s *Server) showVillageCodes(v *visit, at division.Code, done string) error {
	c := view.VillageCodes{At: at, Name: s.app.Tree.Name(at), Place: s.fullPlace(at), Crumbs: s.crumbs(v, "/codes", at), Village: at.Level() == division.Village, Done: done,
		Issue: v.actor.May(account.CodeIssue) == nil, Print: v.actor.May(account.ReportMake) == nil, Expires: s.now().AddDate(0, cardMonths, 0).Format(time.DateOnly)}
	for _, d := range s.app.Tree.Children(at) {
		c.Items = append(c.Items, view.Place{Code: d.Code, Name: d.Short(), Village: d.Level == division.Village})
	}
	err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		if c.Base, err = s.codes.Base(ctx, tx); err != nil || !c.Village {
			return err
		}
		c.InForce, err = s.codes.InForce(ctx, tx, v.actor, at, s.now())
		return err
	})
	if err != nil {
		return err
	}
	p := s.frame(v, s.words.In(v.lang, "codes.title"), "codes")
	p.Here = view.Link("/codes", "division", view.Code(at))
	return s.show(v, view.VillageCodesPage(p, c))
}

// villageOf is the village that a form is about, in the reader's area.
func (s *Server) villageOf(v *visit) (division.Code, error) {
	village, err := division.Parse(v.r.PathValue("division"))
	if _, known := s.app.Tree.Get(village); err != nil || !known || village.Level() != division.Village {
		return 0, account.NotThere()
	}
	return village, v.actor.Sees(village)
}

// expiry reads the last day of a card.
func (s *Server) expiry(v *visit) (time.Time, error) {
	now := s.now()
	d, err := time.Parse(time.DateOnly, v.r.PostFormValue("expires"))
	if err != nil || !d.After(now) || d.After(now.AddDate(20, 0, 0)) {
		return d, errs.New(errs.Invalid, "有效期应为今天以后、二十年以内的日期。", "the last day must be after today and within twenty years.")
	}
	return d.AddDate(0, 0, 1), nil // good until the end of that day
}

// issueVillage gives every household of a village a card; who has one keeps it.
func (s *Server) issueVillage(v *visit) error {
	village, err := s.villageOf(v)
	if err != nil {
		return err
	}
	expires, err := s.expiry(v)
	if err != nil {
		return err
	}
	done, err := report.IssueCodes(v.context(), s.app.Warehouse, s.app.Ledger, s.codes, s.now(), v.actor, village, expires, nil)
	if err != nil {
		return err
	}
	return s.showVillageCodes(v, village, s.words.In(v.lang, "codes.issued", view.Int(done.New), view.Int(done.Kept)))
}

// printCards is a village's cards as sheets to cut.
func (s *Server) printCards(v *visit) error {
	village, err := s.villageOf(v)
	if err != nil {
		return err
	}
	var base string
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		base, err = s.codes.Base(ctx, tx)
		return err
	}); err != nil {
		return err
	}
	if base == "" {
		return errs.New(errs.Conflict, "还没有设置扫码打开的网址。请系统管理员在“管理 · 户码密钥”里设置。", "the address that a scan opens is not set yet. The administrator sets it under Administration, keys of codes.")
	}
	font, err := s.font()
	if err != nil {
		return err
	}
	out := s.pdf(v, "cards-"+village.Prefix())
	print := housecode.Print{Base: base, Hotline: app.Hotline, Font: font, Place: func(c division.Code) (above, name string) {
		town := c.At(division.Township)
		return s.app.Tree.Name(town.At(division.County)) + " " + s.app.Tree.Name(town), s.app.Tree.Name(c)
	}}
	_, err = s.codes.Sheets(v.context(), s.app.Ledger, s.now(), v.actor, village, print, func(division.Code) (io.WriteCloser, error) { return unclosed{out}, nil })
	return out.end(err)
}

// unclosed is a writer that closing leaves as it is.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// printNotices is a village's notices as sheets to hang up.
func (s *Server) printNotices(v *visit) error {
	village, err := s.villageOf(v)
	if err != nil {
		return err
	}
	desk, err := s.desk()
	if err != nil {
		return err
	}
	doc, err := desk.Notices(v.context(), v.actor, s.now(), village)
	if err != nil {
		return err
	}
	return s.sendDoc(v, "notices-"+village.Prefix(), doc)
}

// pdf begins an answer that is a PDF file, sent from the first byte on.
func (s *Server) pdf(v *visit, name string) *lazy {
	h := v.w.Header()
	return &lazy{ResponseWriter: v.w, begin: func() {
		h.Set("Content-Type", "application/pdf")
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name+".pdf"))
	}}
}

// end ends a file: an error before its first byte is still a page, one after it breaks the file off.
func (l *lazy) end(err error) error {
	if err != nil && l.begun {
		panic(http.ErrAbortHandler) // the file is half sent: the browser must see that it is broken
	}
	return err
}

func (s *Server) sendDoc(v *visit, name string, doc *paper.Doc) error {
	out := s.pdf(v, name)
	_, err := doc.WriteTo(out)
	return out.end(err)
}

// householdCodes are the cards of one household.
func (s *Server) householdCodes(v *visit) error {
	return s.withCodes(v, func(context.Context, *ledger.Tx, registry.Household, *view.HouseholdCodes) error { return nil })
}

// withCodes runs a change of a household's codes in the reader's area and shows the codes as they are then.
func (s *Server) withCodes(v *visit, change func(context.Context, *ledger.Tx, registry.Household, *view.HouseholdCodes) error) error {
	conn, err := s.app.Warehouse.Conn(v.context())
	if err != nil {
		return err
	}
	defer conn.Close()
	home, err := registry.ByHouseholdNo(v.context(), conn, v.r.PathValue("no"))
	if errs.KindOf(err) == errs.NotFound {
		return account.NotThere()
	}
	if err != nil {
		return err
	}
	if err := v.actor.Sees(home.Division); err != nil {
		return err
	}
	var c view.HouseholdCodes
	work := func(ctx context.Context, tx *ledger.Tx) (err error) {
		c = view.HouseholdCodes{No: home.No, Place: s.fullPlace(home.Division), Expires: s.now().AddDate(0, cardMonths, 0).Format(time.DateOnly), Now: s.now(),
			Issue: v.actor.May(account.CodeIssue) == nil, Revoke: v.actor.May(account.CodeRevoke) == nil}
		c.Crumbs = append(s.crumbs(v, "/codes", home.Division), view.Crumb{Name: home.No, Href: "/households/" + home.No}, view.Crumb{Name: s.words.In(v.lang, "codes.of")})
		if err := change(ctx, tx, home, &c); err != nil {
			return err
		}
		c.Codes, err = s.codes.OfHousehold(ctx, tx, v.actor, home.ID)
		return err
	}
	if v.r.Method == http.MethodPost {
		err = s.app.Ledger.Write(v.context(), s.now(), work)
	} else {
		err = s.app.Ledger.Read(v.context(), work)
	}
	if err != nil {
		return err
	}
	if err := s.cardDrawing(v, home, &c); err != nil {
		return err
	}
	p := s.frame(v, s.words.In(v.lang, "codes.of")+" "+home.No, "codes")
	p.Here = "/households/" + home.No + "/codes"
	return s.show(v, view.HouseholdCodesPage(p, c))
}

// cardDrawing draws the code of the card in force, for staff who may issue it and once its address is set.
func (s *Server) cardDrawing(v *visit, home registry.Household, c *view.HouseholdCodes) error {
	if c.Active() == nil || !c.Issue {
		return nil
	}
	var link string
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		base, err := s.codes.Base(ctx, tx)
		if err != nil || base == "" {
			return err
		}
		link, err = s.codes.Link(ctx, tx, v.actor, home.ID, base)
		return err
	}); err != nil || link == "" {
		return err
	}
	var err error
	c.QR, err = qrCode(link)
	return err
}

func (s *Server) issueCode(v *visit) error {
	expires, err := s.expiry(v)
	if err != nil {
		return err
	}
	return s.withCodes(v, func(ctx context.Context, tx *ledger.Tx, home registry.Household, c *view.HouseholdCodes) error {
		done, err := s.codes.Issue(ctx, tx, v.actor, []housecode.Holder{{Household: home.ID, HouseholdNo: home.No, Village: home.Division}}, expires)
		c.Done = s.words.In(v.lang, "codes.issued", view.Int(done.New), view.Int(done.Kept))
		return err
	})
}

func (s *Server) reprintCode(v *visit) error {
	reason, err := v.reason("请写明换卡的原因，例如“遗失”。", "say why the card is replaced, such as “lost”.")
	if err != nil {
		return err
	}
	return s.withCodes(v, func(ctx context.Context, tx *ledger.Tx, home registry.Household, c *view.HouseholdCodes) error {
		_, err := s.codes.Reprint(ctx, tx, v.actor, home.ID, reason, s.now().AddDate(0, cardMonths, 0))
		c.Done = s.words.In(v.lang, "codes.reprinted")
		return err
	})
}

func (s *Server) revokeCode(v *visit) error {
	reason, err := v.reason("请写明作废的原因，例如“整户迁出”。", "say why the card is revoked, such as “moved away”.")
	if err != nil {
		return err
	}
	return s.withCodes(v, func(ctx context.Context, tx *ledger.Tx, home registry.Household, c *view.HouseholdCodes) error {
		_, err := s.codes.Revoke(ctx, tx, v.actor, home.ID, reason)
		c.Done = s.words.In(v.lang, "codes.revoked")
		return err
	})
}

// onceCode makes the six digits for the household, shown once.
func (s *Server) onceCode(v *visit) error {
	return s.withCodes(v, func(ctx context.Context, tx *ledger.Tx, home registry.Household, c *view.HouseholdCodes) (err error) {
		c.Digits, c.DigitsUntil, err = s.codes.MakeOnce(ctx, tx, v.actor, home.ID)
		return err
	})
}
