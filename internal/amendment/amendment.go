// Package amendment is changes to the policy pack: who drafted, tested, submitted and approved them, from which day they hold, and which pack is in force on a day.
//
// It owns the tables amendment and amendment_text. It never touches the folder that the pack was read from, and never says what a parameter or rule means: that is
// package policy's.
//
// An amendment is the changed texts of files over one pack, its base. Approved amendments form a chain, each over the pack that the one before it makes, so a pack
// is known by its place in the chain and its digest. The pack in force is the folder's (or the built-in) pack with the amendments laid over it whose
// day has come. When the folder's pack itself has changed since an amendment was approved, the two changes are joined line by line; what cannot be joined is
// an error that names the file, never a guess.
package amendment

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// State of an amendment.
type State string

// States. An amendment that is approved is in force from its day on; a returned one is a draft again as soon as it is changed.
const (
	Drafted   State = "draft"
	Tested    State = "tested"
	Submitted State = "submitted"
	Returned  State = "returned"
	Approved  State = "approved"
	Withdrawn State = "withdrawn"
	Retired   State = "retired" // was in force; the pack's folder has it now
)

// Amendment is one change of the pack.
type Amendment struct {
	bun.BaseModel `bun:"table:amendment"`

	ID          string        `bun:",pk" json:"id"`
	Title       string        `json:"title"`
	Document    string        `json:"document"` // number of the document that orders it
	Base        string        `json:"base"`     // digest of the pack that it changes
	State       State         `json:"state"`
	Effective   string        `json:"effective,omitempty"` // civil day in China, YYYY-MM-DD
	Author      string        `json:"author"`              // account
	AuthorOrg   string        `json:"author_org"`
	Division    division.Code `json:"division"`
	Editors     string        `json:"-"`
	Made        ledger.Time   `json:"made"`
	Changed     ledger.Time   `json:"changed"`
	Tested      ledger.Time   `json:"tested"` // null: not as it stands
	TestDigest  string        `json:"test_digest,omitempty"`
	Test        string        `json:"-"` // the report, JSON
	Submitted   ledger.Time   `json:"submitted"`
	SubmittedBy string        `json:"submitted_by,omitempty"`
	Decided     ledger.Time   `json:"decided"` // approved, returned or withdrawn
	DecidedBy   string        `json:"decided_by,omitempty"`
	Note        string        `json:"note,omitempty"`   // why it was returned or withdrawn
	Result      string        `json:"result,omitempty"` // digest of the pack that was approved
	Place       int64         `json:"place,omitempty"`  // among the approved, from 1
	Version     int64         `json:"version"`
}

// Text is one changed file of an amendment.
type Text struct {
	bun.BaseModel `bun:"table:amendment_text"`

	Amendment string `bun:",pk" json:"-"`
	File      string `bun:",pk" json:"file"`
	Base      string `json:"base"` // the text that it changes; "" for a new file
	Text      string `json:"text"`
}

// Draft is an amendment with its texts and the pack that they are laid over.
type Draft struct {
	Amendment
	Texts []Text // by file
	// Files are the pack's files with the texts laid over them; Over is the newest pack that anybody approved. Behind reports that Over is not the
	// amendment's base any more: Renew brings it up.
	Files  map[string][]byte
	Over   *policy.Pack
	Behind bool
}

// Open reports whether the texts may still be changed.
func (a *Amendment) Open() bool {
	return a.State == Drafted || a.State == Tested || a.State == Returned
}

// EditedBy reports whether an account had a hand in it.
func (a *Amendment) EditedBy(account string) bool {
	return slices.Contains(strings.Fields(a.Editors), account)
}

// Service keeps amendments over one base pack. It is safe for concurrent use.
type Service struct {
	ledger *ledger.Ledger
	base   *policy.Pack
	packs  packs
}

// New makes the service. base is the pack as the folder or the program has it, without any amendment.
func New(l *ledger.Ledger, base *policy.Pack) *Service {
	return &Service{ledger: l, base: base}
}

// Base is the pack without any amendment.
func (s *Service) Base() *policy.Pack { return s.base }

// Day is the civil day in China of a moment.
func Day(now time.Time) string {
	return now.In(time.FixedZone("UTC+8", 8*3600)).Format(time.DateOnly)
}

// Begin starts an amendment over the newest approved pack, with changed texts to begin with (none: nil). It needs account.PackChange.
func (s *Service) Begin(ctx context.Context, actor account.Actor, now time.Time, title, document string, texts map[string][]byte) (*Draft, error) {
	if err := actor.May(account.PackChange); err != nil {
		return nil, err
	}
	title, document, err := heading(title, document)
	if err != nil {
		return nil, err
	}
	var id string
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		over, err := s.newest(ctx, tx)
		if err != nil {
			return err
		}
		a := Amendment{ID: ledger.NewID(now), Title: title, Document: document, Base: over.Hash, State: Drafted, Author: actor.Account, AuthorOrg: actor.Org, Division: actor.Division,
			Editors: actor.Account, Made: tx.Now, Changed: tx.Now, Version: 1}
		if _, err := tx.NewInsert().Model(&a).Exec(ctx); err != nil {
			return err
		}
		id = a.ID
		for file, text := range texts {
			if err := s.put(ctx, tx, &a, over, file, text); err != nil {
				return err
			}
		}
		return audit.Record(tx, s.event(actor, "policy.begin", &a, map[string]any{"title": a.Title, "document": a.Document, "base": a.Base, "files": fileNames(texts)}))
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, actor, id)
}

func fileNames(texts map[string][]byte) []string {
	out := make([]string, 0, len(texts))
	for name := range texts {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Limits of what people write.
const (
	maxTitle = 120
	maxNote  = 500
)

func heading(title, document string) (string, string, error) {
	title, document = strings.TrimSpace(title), strings.TrimSpace(document)
	if title == "" || len([]rune(title)) > maxTitle || strings.ContainsAny(title, "\r\n") {
		return "", "", errs.Newf(errs.Invalid, "请写明修订名称（1 至 %[1]d 字），例如“2027 年监测线”", "give the amendment a name (1 to %[1]d characters), such as “the line of 2027”", maxTitle)
	}
	if len([]rune(document)) > maxTitle || strings.ContainsAny(document, "\r\n") {
		return "", "", errs.Newf(errs.Invalid, "文号不超过 %[1]d 字", "a document's number has at most %[1]d characters", maxTitle)
	}
	return title, document, nil
}

// note holds a reason to what may be kept for ever.
func note(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || len([]rune(reason)) > maxNote {
		return "", errs.Newf(errs.Invalid, "请写明理由（1 至 %[1]d 字）", "give the reason (1 to %[1]d characters)", maxNote)
	}
	return reason, nil
}

// event begins an audit event about an amendment.
func (s *Service) event(actor account.Actor, action string, a *Amendment, detail any) audit.Event {
	e := actor.Event(action, "amendment", a.ID, a.Division)
	e.Detail = detail
	return e
}

// Get reads an amendment with its texts. Those that are not approved are for who may change or approve the pack (account.PackChange, account.PackApprove); approved
// ones are for everybody who may read it (account.PackRead).
func (s *Service) Get(ctx context.Context, actor account.Actor, id string) (*Draft, error) {
	var d *Draft
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		d, err = s.read(ctx, tx, actor, id)
		return err
	})
	return d, err
}

// maySee reports whether the actor may see amendments that are not approved.
func maySee(actor account.Actor) bool {
	return actor.May(account.PackChange) == nil || actor.May(account.PackApprove) == nil
}

func (s *Service) read(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string) (*Draft, error) {
	if err := actor.May(account.PackRead); err != nil {
		return nil, err
	}
	d := &Draft{}
	err := tx.NewSelect().Model(&d.Amendment).Where("id = ?", id).Scan(ctx)
	if ledger.Missing(err) || err == nil && d.State != Approved && !maySee(actor) {
		return nil, account.NotThere()
	}
	if err != nil {
		return nil, err
	}
	if err := tx.NewSelect().Model(&d.Texts).Where("amendment = ?", id).Order("file").Scan(ctx); err != nil {
		return nil, err
	}
	if d.State == Approved {
		chain, err := s.chain(ctx, tx)
		if err != nil {
			return nil, err
		}
		files, err := chain.files(s.base, d.Place)
		if err != nil {
			return nil, err
		}
		before, err := chain.files(s.base, d.Place-1)
		if err != nil {
			return nil, err
		}
		d.Files = files
		d.Over, err = s.packs.load(before)
		return d, err
	}
	if d.Over, err = s.newest(ctx, tx); err != nil {
		return nil, err
	}
	d.Behind = d.Over.Hash != d.Base
	d.Files = d.Over.Overlay(d.texts())
	return d, nil
}

func (d *Draft) texts() map[string][]byte {
	out := map[string][]byte{}
	for _, t := range d.Texts {
		out[t.File] = []byte(t.Text)
	}
	return out
}

// Pack is the pack that the amendment makes. The error joins one policy.Error for each fault (policy.Errors).
func (s *Service) Pack(d *Draft) (*policy.Pack, error) { return s.packs.load(d.Files) }

// List gives amendments, the last changed first; of those that are not approved only to who may change or approve the pack.
func (s *Service) List(ctx context.Context, actor account.Actor, states ...State) ([]Amendment, error) {
	if err := actor.May(account.PackRead); err != nil {
		return nil, err
	}
	list := []Amendment{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		q := tx.NewSelect().Model(&list).ExcludeColumn("test").Order("changed DESC", "id DESC").Limit(500)
		if !maySee(actor) {
			q = q.Where("state = ?", Approved)
		}
		if len(states) > 0 {
			q = q.Where("state IN (?)", bun.List(states))
		}
		return q.Scan(ctx)
	})
	return list, err
}

// change runs fn on an open amendment whose version was read, and keeps the columns that fn says.
func (s *Service) change(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, need account.Action, fn func(ctx context.Context, tx *ledger.Tx, d *Draft) ([]string, audit.Event, error)) (*Draft, error) {
	if err := actor.May(need); err != nil {
		return nil, err
	}
	err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		d, err := s.read(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		if err := ledger.CheckVersion(version, d.Version); err != nil {
			return err
		}
		columns, event, err := fn(ctx, tx, d)
		if err != nil {
			return err
		}
		d.Changed = tx.Now
		if err := ledger.Update(ctx, tx, &d.Amendment, &d.Amendment.Version, append(columns, "changed")...); err != nil {
			return err
		}
		return audit.Record(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, actor, id)
}

// edited notes who changed the texts: the amendment is a draft again.
func (a *Amendment) edited(actor account.Actor) []string {
	if !a.EditedBy(actor.Account) {
		a.Editors = strings.TrimSpace(a.Editors + " " + actor.Account)
	}
	a.State, a.Tested, a.TestDigest, a.Test = Drafted, 0, "", ""
	return []string{"editors", "state", "tested", "test_digest", "test"}
}

func notOpen(a *Amendment) error {
	return errs.Newf(errs.Conflict, "这份修订（%[1]s）不能再改：已提交的请先退回，已生效或撤回的请另起一份", "this amendment (%[1]s) can't be changed any more: one that was submitted has to be returned first; after that, begin another", string(a.State))
}

// put keeps a file's text, or forgets it when it is as the pack has it.
func (s *Service) put(ctx context.Context, tx *ledger.Tx, a *Amendment, over *policy.Pack, file string, text []byte) error {
	if _, err := tx.NewDelete().Model((*Text)(nil)).Where("amendment = ?", a.ID).Where("file = ?", file).Exec(ctx); err != nil {
		return err
	}
	base, known := over.Files[file]
	if !known && !newFile(file) {
		return errs.New(errs.Invalid, "政策包里没有这个文件；新文件只能是 datasets、indicators、rules、checks、measures 下的 .yaml", "the pack has no such file; a new one is a .yaml in datasets, indicators, rules, checks or measures")
	}
	if len(text) > maxText {
		return errs.Newf(errs.Invalid, "文件超过 %[1]d 字节", "the file has more than %[1]d bytes", maxText)
	}
	if strings.ContainsRune(string(text), 0) {
		return errs.New(errs.Invalid, "文件含有空字符，不是文本", "the file has a zero byte: it is no text")
	}
	if known && string(base) == string(text) || !known && len(text) == 0 {
		return nil
	}
	row := Text{Amendment: a.ID, File: file, Base: string(base), Text: string(text)}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

// maxText bounds one file, as package policy does.
const maxText = 1 << 20

func newFile(name string) bool {
	dir, base, ok := strings.Cut(name, "/")
	return ok && strings.HasSuffix(base, ".yaml") && !strings.Contains(base, "/") && len(base) > 5 && base[0] != '.' && base[0] != '_' && len(name) <= 120 && name == strings.ToValidUTF8(name, "") &&
		slices.Contains([]string{"datasets", "indicators", "rules", "checks", "measures"}, dir)
}

// Save keeps a file's new text; a text that is as the pack has it takes the change back. version is the one that the editor read: when somebody else saved meanwhile
// the error is errs.Conflict and nothing is lost on either side. Errors in the text don't keep it from being saved. It needs account.PackChange.
func (s *Service) Save(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, file string, text []byte) (*Draft, error) {
	return s.change(ctx, actor, now, id, version, account.PackChange, func(ctx context.Context, tx *ledger.Tx, d *Draft) ([]string, audit.Event, error) {
		if !d.Open() {
			return nil, audit.Event{}, notOpen(&d.Amendment)
		}
		if err := s.put(ctx, tx, &d.Amendment, d.Over, file, normal(text)); err != nil {
			return nil, audit.Event{}, err
		}
		gone, come := 0, 0
		for _, l := range policy.DiffLines(d.Files[file], text) {
			switch l.Op {
			case policy.LineGone:
				gone++
			case policy.LineNew:
				come++
			}
		}
		return d.edited(actor), s.event(actor, "policy.edit", &d.Amendment, map[string]any{"file": file, "lines_gone": gone, "lines_new": come}), nil
	})
}

// normal is a text as forms send it with line ends as the pack has them.
func normal(text []byte) []byte {
	return []byte(strings.ReplaceAll(string(text), "\r\n", "\n"))
}

// Rename gives the amendment another name and document. It needs account.PackChange.
func (s *Service) Rename(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, title, document string) (*Draft, error) {
	title, document, err := heading(title, document)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, actor, now, id, version, account.PackChange, func(_ context.Context, _ *ledger.Tx, d *Draft) ([]string, audit.Event, error) {
		if !d.Open() {
			return nil, audit.Event{}, notOpen(&d.Amendment)
		}
		d.Title, d.Document = title, document
		if !d.EditedBy(actor.Account) {
			d.Editors += " " + actor.Account
		}
		return []string{"title", "document", "editors"}, s.event(actor, "policy.name", &d.Amendment, map[string]string{"title": title, "document": document}), nil
	})
}

// Renew brings an amendment over the newest approved pack: changes of both are joined line by line; where both changed the same lines the text keeps both
// between marks, which no pack loads with, so that somebody has to choose. It needs account.PackChange.
func (s *Service) Renew(ctx context.Context, actor account.Actor, now time.Time, id string, version int64) (*Draft, error) {
	return s.change(ctx, actor, now, id, version, account.PackChange, func(ctx context.Context, tx *ledger.Tx, d *Draft) ([]string, audit.Event, error) {
		if !d.Open() {
			return nil, audit.Event{}, notOpen(&d.Amendment)
		}
		conflicts := 0
		for _, t := range d.Texts {
			merged, n := policy.Merge([]byte(t.Base), []byte(t.Text), d.Over.Files[t.File], "修订 amendment", "现行 in force")
			conflicts += n
			if err := s.put(ctx, tx, &d.Amendment, d.Over, t.File, merged); err != nil {
				return nil, audit.Event{}, err
			}
		}
		d.Base = d.Over.Hash
		return append(d.edited(actor), "base"), s.event(actor, "policy.renew", &d.Amendment, map[string]any{"base": d.Base, "conflicts": conflicts}), nil
	})
}

// Report keeps what a test of the pack with this digest found. passed says whether it may be submitted; a report on texts that were changed meanwhile is errs.Conflict.
// It needs account.PackChange.
func (s *Service) Report(ctx context.Context, actor account.Actor, now time.Time, id, digest string, passed bool, report any) (*Draft, error) {
	text, err := json.Marshal(report)
	if err != nil {
		return nil, err
	}
	d, err := s.Get(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, actor, now, id, d.Version, account.PackChange, func(_ context.Context, _ *ledger.Tx, d *Draft) ([]string, audit.Event, error) {
		if !d.Open() {
			return nil, audit.Event{}, notOpen(&d.Amendment)
		}
		if policy.HashFiles(d.Files) != digest {
			return nil, audit.Event{}, errs.New(errs.Conflict, "测试期间修订又改过了，请重新测试", "the amendment was changed while it was tested: test it again")
		}
		d.Tested, d.TestDigest, d.Test, d.State = ledger.At(now), digest, string(text), Drafted
		if passed {
			d.State = Tested
		}
		return []string{"tested", "test_digest", "test", "state"}, s.event(actor, "policy.test", &d.Amendment, map[string]any{"digest": digest, "passed": passed}), nil
	})
}
