package casework

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/emmansun/gmsm/sm3"
	"github.com/uptrace/bun"

	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Application states.
const (
	appWaiting  = "waiting"  // nobody has found the household yet
	appTaken    = "taken"    // it is a case
	appAnswered = "answered" // answered without a case, or the case's result was told
)

// ApplicationForm is what an applicant fills in: four fields, no account.
type ApplicationForm struct {
	Name       string        `json:"name"`
	Phone      string        `json:"phone"`
	Division   division.Code `json:"division"`   // village
	Difficulty string        `json:"difficulty"` // in their own words
}

// application is a row.
type application struct {
	bun.BaseModel `bun:"table:application"`

	ID         string `bun:",pk"`
	Version    int64
	Code       string
	Division   division.Code
	Name       string
	Phone      string
	Difficulty string
	Person     string
	Source     string
	State      string
	SameAs     string
	CaseID     string
	Household  int64 `bun:"household_id"`
	Answer     string
	ReceivedAt ledger.Time
	TakenAt    ledger.Time `bun:",nullzero"`
	AnsweredAt ledger.Time `bun:",nullzero"`
}

// ApplicationShown is an application as staff see it.
type ApplicationShown struct {
	ID         string        `json:"id"`
	Version    int64         `json:"version"`
	Division   division.Code `json:"division"`
	Name       string        `json:"name"`       // masked unless revealed
	Phone      string        `json:"phone"`      // masked unless revealed
	Difficulty string        `json:"difficulty"` // masked unless revealed
	State      string        `json:"state"`
	SameAs     string        `json:"same_as"` // the application that it repeats
	CaseID     string        `json:"case"`
	ReceivedAt ledger.Time   `json:"received_at"`
}

// codeAlphabet is Crockford's: no I, L, O, U, so that a code can be read out on the phone.
const codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeLength of 16 letters is 80 bits: nobody guesses one.
const codeLength = 16

// newCode makes a query code, and its hash.
func newCode() (code, hash string) {
	var b [codeLength]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	for i := range b {
		b[i] = codeAlphabet[b[i]%32]
	}
	return string(b[:4]) + "-" + string(b[4:8]) + "-" + string(b[8:12]) + "-" + string(b[12:]), codeHash(string(b[:]))
}

// codeHash is what is kept of a code; "" for what cannot be one. Letters that look alike are the same.
func codeHash(code string) string {
	plain := strings.Map(func(r rune) rune {
		switch r = unicode.ToUpper(r); r {
		case '-', ' ', '—':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return r
	}, code)
	if len(plain) != codeLength || strings.ContainsFunc(plain, func(r rune) bool { return !strings.ContainsRune(codeAlphabet, r) }) {
		return ""
	}
	sum := sm3.Sum([]byte("shouwang application " + plain))
	return hex.EncodeToString(sum[:])
}

// keyed is a hash that nobody can make without the keyring: it finds the same applicant or source again and tells nobody who it is.
func (s *Service) keyed(purpose, text string) string {
	k := s.keyring.PersonKey([]byte("application|" + purpose + "|" + text))
	return k.String()
}

// sameDays is how long an application of the same person from the same village counts as the same.
const sameDays = 90

// Applied is what an applicant is told.
type Applied struct {
	Code   string      `json:"code"`   // to follow it with; it is shown once
	Joined bool        `json:"joined"` // the same person applied before: both codes show the same
	Words  policy.Text `json:"words"`
}

// Apply takes a self-application. It needs no account. source is where it came from (an address of the network), used only, as a keyed hash, to
// limit how many come an hour. The error is errs.Invalid with what to mend, or errs.Refused when too many came from one source: nothing is
// refused silently.
func (s *Service) Apply(ctx context.Context, now time.Time, source string, form ApplicationForm) (Applied, error) {
	form, err := s.checkApplication(form)
	if err != nil {
		return Applied{}, err
	}
	var out Applied
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		code, hash := newCode()
		a := &application{
			ID: s.nextID(ledger.At(now)), Version: 1, Code: hash, Division: form.Division, State: appWaiting, ReceivedAt: tx.Now,
			Person: s.keyed("person", form.Name+"|"+form.Phone), Source: s.keyed("source", source),
		}
		if err := s.withinRate(ctx, tx, a); err != nil {
			return err
		}
		a.Name, a.Phone, a.Difficulty = s.seal("application.name", a.ID, form.Name), s.seal("application.phone", a.ID, form.Phone), s.seal("application.difficulty", a.ID, form.Difficulty)
		first, err := s.sameApplicant(ctx, tx, a)
		if err != nil {
			return err
		}
		out = Applied{Code: code, Words: policy.Text{ZH: "申报已收到。请记下查询码，随时可以查询进展。村里会尽快上门了解情况。", EN: "Your application has arrived. Keep the code to follow it; somebody from the village will visit soon."}}
		if first != nil {
			a.SameAs, a.CaseID, a.Household, a.State = first.ID, first.CaseID, first.Household, first.State
			out.Joined = true
			out.Words = policy.Text{ZH: "您之前已经申报过，这次的情况已并入同一件一起办理。两个查询码都可以查询。", EN: "You applied before; this is handled together with that. Either code shows how far it is."}
		}
		if err := insertRow(ctx, tx, a); err != nil {
			return err
		}
		return audit.Record(tx, audit.Event{Actor: "anonymous", Action: "application.receive", Object: "application", ObjectID: a.ID, Division: a.Division, Detail: map[string]any{"joined": out.Joined}})
	})
	if err != nil {
		return Applied{}, err
	}
	return out, nil
}

func (s *Service) checkApplication(f ApplicationForm) (ApplicationForm, error) {
	f.Name, f.Difficulty = strings.TrimSpace(f.Name), strings.TrimSpace(f.Difficulty)
	f.Phone = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.TrimSpace(f.Phone))
	plain := func(text string, least, most int) bool {
		n := utf8.RuneCountInString(text)
		return utf8.ValidString(text) && n >= least && n <= most && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })
	}
	switch {
	case !plain(f.Name, 2, 30):
		return f, bad("请填写姓名（2 至 30 个字）", "please give your name (2 to 30 characters)")
	case len(f.Phone) < 7 || len(f.Phone) > 15 || strings.ContainsFunc(f.Phone, func(r rune) bool { return r < '0' || r > '9' }):
		return f, bad("请填写能联系上的电话号码（只写数字）", "please give a phone number where you can be reached (digits only)")
	case f.Division.Level() != division.Village || !s.region().Contains(f.Division):
		return f, bad("请选择本省的村", "please choose your village in this province")
	case !plain(f.Difficulty, 2, 500):
		return f, bad("请用几句话说明困难（2 至 500 个字）", "please say in a few sentences what is hard (2 to 500 characters)")
	}
	return f, nil
}

func (s *Service) region() division.Code {
	d, err := division.Parse(s.pack.Region)
	if err != nil {
		return 0
	}
	return d
}

// withinRate holds the number of applications an hour from one source.
func (s *Service) withinRate(ctx context.Context, tx *ledger.Tx, a *application) error {
	most, err := s.Machine(a.Division, tx.Now.Go()).Param("applications_per_hour")
	if err != nil {
		return err
	}
	n, err := tx.NewSelect().Model((*application)(nil)).Where("source = ?", a.Source).Where("received_at > ?", tx.Now.Add(-time.Hour)).Count(ctx)
	if err != nil {
		return err
	}
	if float64(n) >= most {
		return errs.New(errs.Refused, "这里一小时内的申报太多了，没有收下这一件。请一小时后再报，或拨打 12317、直接找村委会", "too many applications came from here within an hour, and this one was not taken: try again in an hour, call 12317, or go to the village committee")
	}
	return nil
}

// sameApplicant finds the open application that this one repeats.
func (s *Service) sameApplicant(ctx context.Context, tx *ledger.Tx, a *application) (*application, error) {
	first := new(application)
	err := tx.NewSelect().Model(first).Where("person = ?", a.Person).Where("division = ?", a.Division).Where("same_as = ''").Where("state <> ?", appAnswered).
		Where("received_at > ?", tx.Now.Add(-sameDays*24*time.Hour)).Order("received_at DESC").Limit(1).Scan(ctx)
	if ledger.Missing(err) {
		return nil, nil
	}
	return first, err
}

// Progress is what an applicant sees of their application: kind words, no file.
type Progress struct {
	State      string      `json:"state"` // waiting, taken, answered
	Phase      string      `json:"phase"` // of the case; "" while there is none
	Words      policy.Text `json:"words"`
	Reason     string      `json:"reason"` // why it was refused, once the household was told; ""
	ReceivedAt ledger.Time `json:"received_at"`
}

// Follow shows how far an application is, to whoever has its code. A code that is not known is errs.NotFound, whatever is wrong with it. Callers
// limit how often one source may ask.
func (s *Service) Follow(ctx context.Context, code string) (Progress, error) {
	unknown := errs.New(errs.NotFound, "没有这个查询码，请核对后再试；忘了查询码可以问村委会", "this code is not known: check it and try again, or ask the village committee")
	hash := codeHash(code)
	if hash == "" {
		return Progress{}, unknown
	}
	var p Progress
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		a := new(application)
		if err := tx.NewSelect().Model(a).Where("code = ?", hash).Scan(ctx); err != nil {
			if ledger.Missing(err) {
				return unknown
			}
			return err
		}
		received := a.ReceivedAt
		if a.SameAs != "" {
			first := new(application)
			if err := tx.NewSelect().Model(first).Where("id = ?", a.SameAs).Scan(ctx); err != nil {
				return err
			}
			a = first
		}
		var err error
		p, err = s.progress(ctx, tx, a)
		p.ReceivedAt = received
		return err
	})
	return p, err
}

func (s *Service) progress(ctx context.Context, tx *ledger.Tx, a *application) (Progress, error) {
	p := Progress{State: a.State}
	if a.CaseID == "" {
		if a.State == appAnswered {
			reason, err := s.unseal("application.answer", a.ID, a.Answer)
			p.Reason = reason
			p.Words = policy.Text{ZH: "您的申报已经答复，理由见下。如情况有变化，随时可以再次申报。", EN: "Your application has been answered; the reason is below. If things change, please apply again at any time."}
			return p, err
		}
		p.Words = policy.Text{ZH: "您的申报已收到，正在核对住址和户籍，很快会有人联系您。", EN: "Your application has arrived; we are looking up your household, and somebody will call you soon."}
		return p, nil
	}
	c := new(Case)
	if err := tx.NewSelect().Model(c).Where("c.id = ?", a.CaseID).Scan(ctx); err != nil {
		return p, err
	}
	p.Phase = c.Phase
	p.Words = phaseWords(policy.Phase(c.Phase))
	reason, err := s.toldReason(ctx, tx, c)
	if err != nil || reason == "" {
		return p, err
	}
	p.Reason = reason
	p.Words = refusedWords()
	return p, nil
}

func refusedWords() policy.Text {
	return policy.Text{ZH: "经核实和评议，这次没有列为监测对象，理由见下。我们会继续关注您家；对结果有异议，或情况有变化，请告诉村委会或再次申报。", EN: "After the visit and the appraisal your household was not listed this time; the reason is below. We keep watching; if you disagree or things change, tell the village committee or apply again."}
}

func phaseWords(p policy.Phase) policy.Text {
	switch p {
	case policy.PhaseLead:
		return policy.Text{ZH: "村里已经知道您的情况，正在安排上门了解。", EN: "The village knows of your situation and is arranging a visit."}
	case policy.PhaseIdentify:
		return policy.Text{ZH: "已经上门核实，正在按程序评议、公示和审核，需要一些时间，请您耐心等待。", EN: "The visit has been made; appraisal, notice and review are under way and take some time."}
	case policy.PhaseSupport:
		return policy.Text{ZH: "您家已列入监测对象，帮扶正在进行。有困难请随时告诉您的帮扶联系人。", EN: "Your household is being helped. Tell your helper whenever something is hard."}
	case policy.PhaseClear:
		return policy.Text{ZH: "您家的困难正在缓解，我们正在核实成效，帮扶不会马上停止。", EN: "Things are getting better; we are looking at what the help did, and it does not stop at once."}
	case policy.PhaseWatch:
		return policy.Text{ZH: "目前没有需要办理的事项，我们会继续关注您家。情况有变化请随时再报。", EN: "There is nothing to be done now; we keep watching. Apply again whenever things change."}
	}
	return policy.Text{ZH: "这次申报已经办结。情况有变化请随时再报，或向村委会了解。", EN: "This application is closed. Apply again whenever things change, or ask the village committee."}
}

// toldReason is why a case was refused, if it was and the household has been told since, and nothing has begun anew.
func (s *Service) toldReason(ctx context.Context, tx *ledger.Tx, c *Case) (string, error) {
	steps, err := s.steps(ctx, tx, c.ID)
	if err != nil {
		return "", err
	}
	var refused *Step
	told := false
	for i := range steps {
		st := &steps[i]
		switch {
		case st.At < c.LeadAt:
		case st.has("refusal"):
			refused, told = st, false
		case st.has("told"):
			told = true
		}
	}
	if refused == nil || !told {
		return "", nil
	}
	return s.sealedText(refused, "reason")
}
