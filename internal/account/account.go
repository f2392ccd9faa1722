package account

import (
	"context"
	"encoding/base64"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"golang.org/x/text/unicode/norm"

	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/residentid"
	"shouwang/internal/secret"
)

// Options are the rules of signing in. Zero fields mean the default.
type Options struct {
	Idle         time.Duration // a session ends after so long without a request; 30 minutes
	Absolute     time.Duration // and after so long in any case; 12 hours
	SecondFactor []Role        // who must have a second factor; nil: County, Prefecture, Province, Admin, Auditor; an empty slice: nobody
	PasswordDays int           // a password must be changed after so many days; 0: never
	Issuer       string        // the name in the authenticator; 守望
}

// Service is accounts over a ledger. It is safe for concurrent use.
type Service struct {
	ledger  *ledger.Ledger
	keyring *secret.Keyring
	pack    *policy.Pack
	tree    *division.Tree
	options Options
	log     *slog.Logger
	hashing chan struct{} // argon2id takes 19 MiB and a core: no more at once than there are cores
}

// New makes the service.
func New(l *ledger.Ledger, keyring *secret.Keyring, pack *policy.Pack, tree *division.Tree, o Options, log *slog.Logger) *Service {
	if o.Idle == 0 {
		o.Idle = 30 * time.Minute
	}
	if o.Absolute == 0 {
		o.Absolute = 12 * time.Hour
	}
	if o.SecondFactor == nil {
		o.SecondFactor = []Role{County, Prefecture, Province, Admin, Auditor}
	}
	if o.Issuer == "" {
		o.Issuer = "守望"
	}
	return &Service{ledger: l, keyring: keyring, pack: pack, tree: tree, options: o, log: log, hashing: make(chan struct{}, hashers())}
}

// Account is a person's access. What is secret stays inside the package.
type Account struct {
	bun.BaseModel `bun:"table:account" json:"-"`

	ID         string        `bun:",pk" json:"id"`
	Version    int64         `json:"version"`
	Login      string        `json:"login"` // lower case
	Name       string        `json:"name"`
	Org        string        `json:"org"`
	Division   division.Code `json:"division"`   // the organisation's
	Department string        `json:"department"` // the organisation's
	Roles      []Role        `json:"roles"`
	Active     bool          `json:"active"`
	MustChange bool          `json:"must_change"` // the password, at the next sign-in
	TOTPAt     ledger.Time   `bun:"totp_at,nullzero" json:"second_factor"`
	Created    ledger.Time   `json:"created"`
	SignedIn   ledger.Time   `bun:",nullzero" json:"signed_in"` // last

	Phone      string      `json:"-"` // sealed
	Password   string      `json:"-"`
	PasswordAt ledger.Time `json:"-"`
	TOTP       string      `bun:"totp" json:"-"` // sealed
	TOTPStep   int64       `bun:"totp_step" json:"-"`
	Recovery   []string    `json:"-"`
	Subject    string      `bun:",nullzero" json:"-"`
}

// String keeps secrets out of every log line.
func (a Account) String() string { return "account " + a.ID }

// actor is who the account's owner acts as.
func (a *Account) actor(session string) Actor {
	return Actor{Account: a.ID, Org: a.Org, Name: a.Name, Roles: a.Roles, Division: a.Division, Department: a.Department, Session: session}
}

// Staff is what a new account needs.
type Staff struct {
	Login string `json:"login"`
	Name  string `json:"name"`
	Org   string `json:"org"` // id, see [OrgID]; made when it is not there
	Roles []Role `json:"roles"`
	Phone string `json:"phone"` // optional; kept sealed
}

// Create makes an account with a one-time password, which is given back and kept nowhere else; it must be changed at the first sign-in.
// The error is Invalid with what is wrong, Conflict when the login is taken.
//
// Hashing takes some tens of milliseconds: where many are made, [Service.Import] does it outside the transaction.
func (s *Service) Create(ctx context.Context, tx *ledger.Tx, actor Actor, n Staff) (Account, string, error) {
	password := oneTime()
	hash, err := s.hash(ctx, password)
	if err != nil {
		return Account{}, "", err
	}
	a, err := s.create(ctx, tx, actor, n, hash)
	return a, password, err
}

// create makes an account with a password that is hashed already.
func (s *Service) create(ctx context.Context, tx *ledger.Tx, actor Actor, n Staff, hash string) (Account, error) {
	if err := actor.May(AccountManage); err != nil {
		return Account{}, err
	}
	n, err := n.check()
	if err != nil {
		return Account{}, err
	}
	if err := fits(n.Roles, n.Org); err != nil {
		return Account{}, err
	}
	org, err := s.EnsureOrg(ctx, tx, actor, n.Org)
	if err != nil {
		return Account{}, err
	}
	if taken, err := tx.NewSelect().Model((*Account)(nil)).Where("login = ?", n.Login).Exists(ctx); err != nil {
		return Account{}, err
	} else if taken {
		return Account{}, loginTaken()
	}
	a := Account{
		ID: ledger.NewID(tx.Now.Go()), Version: 1, Login: n.Login, Name: n.Name, Org: org.ID, Division: org.Division, Department: org.Department, Roles: n.Roles,
		Active: true, MustChange: true, Created: tx.Now, Password: hash, PasswordAt: tx.Now, Recovery: []string{},
	}
	a.Phone = s.seal("account.phone", a.ID, n.Phone)
	if _, err := tx.NewInsert().Model(&a).Exec(ctx); ledger.Taken(err) {
		return Account{}, loginTaken()
	} else if err != nil {
		return Account{}, err
	}
	e := actor.Event("account.create", "account", a.ID, a.Division)
	e.Detail = map[string]any{"org": a.Org, "roles": a.Roles}
	return a, audit.Record(tx, e)
}

func loginTaken() error {
	return errs.New(errs.Conflict, "登录名已被使用，请换一个", "this login is taken; choose another")
}

// check normalises and checks what a person typed.
func (n Staff) check() (Staff, error) {
	n.Login, n.Name, n.Org = normalLogin(n.Login), strings.TrimSpace(norm.NFC.String(n.Name)), strings.TrimSpace(n.Org)
	if err := checkLogin(n.Login); err != nil {
		return n, err
	}
	if err := checkName(n.Name); err != nil {
		return n, err
	}
	roles, err := checkRoles(n.Roles)
	if err != nil {
		return n, err
	}
	n.Roles = roles
	n.Phone, err = checkPhone(n.Phone)
	return n, err
}

// normalLogin is a login as it is compared: half-width, lower case, without space around it.
func normalLogin(login string) string {
	return strings.ToLower(strings.TrimSpace(norm.NFKC.String(login)))
}

func checkLogin(login string) error {
	ok := len(login) >= 3 && len(login) <= 64
	for _, r := range login {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._-@", r))
	}
	if !ok {
		return errs.New(errs.Invalid,
			"登录名应为 3 到 64 个英文字母、数字或 . _ - @", "a login has 3 to 64 letters, digits, or . _ - @")
	}
	return nil
}

func checkName(name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > 50 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return errs.New(errs.Invalid, "姓名应为 1 到 50 个字", "a name has 1 to 50 characters")
	}
	return nil
}

func checkRoles(roles []Role) ([]Role, error) {
	roles = slices.Compact(slices.Sorted(slices.Values(roles)))
	for _, r := range roles {
		if !slices.Contains(Roles(), r) {
			return nil, errs.New(errs.Invalid, "没有这个角色", "there is no such role")
		}
	}
	if len(roles) == 0 {
		return nil, errs.New(errs.Invalid, "至少要有一个角色", "at least one role is needed")
	}
	return roles, nil
}

func checkPhone(phone string) (string, error) {
	phone = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' {
			return -1
		}
		return r
	}, norm.NFKC.String(phone))
	if phone == "" {
		return "", nil
	}
	digits := strings.TrimPrefix(phone, "+")
	if len(digits) < 7 || len(digits) > 15 || strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", errs.New(errs.Invalid, "电话号码应为 7 到 15 位数字", "a phone number has 7 to 15 digits")
	}
	return phone, nil
}

// fits checks that roles suit the organisation: a village worker belongs to a village committee, a department officer to a department, and so on.
func fits(roles []Role, org string) error {
	d, department, err := ParseOrg(org)
	if err != nil {
		return err
	}
	levels := map[Role]division.Level{Province: division.Province, Prefecture: division.Prefecture, County: division.County,
		Township: division.Township, Village: division.Village}
	for _, r := range roles {
		level, bound := levels[r]
		if bound && d.Level() != level || r == Department && department == "" {
			zh, en := r.Title()
			return errs.Newf(errs.Invalid,
				"角色“%[1]s”与单位的级别不符", "the role %[2]q does not suit the organisation's level", zh, en)
		}
	}
	return nil
}

// seal closes a value of an account with the keyring, as base64; "" stays "".
func (s *Service) seal(column, id, plain string) string {
	if plain == "" {
		return ""
	}
	return base64.RawStdEncoding.EncodeToString(s.keyring.Seal(nil, column, rowKey(id), []byte(plain)))
}

// unseal opens what seal closed.
func (s *Service) unseal(column, id, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	text, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", secret.ErrSealed
	}
	plain, err := s.keyring.Open(column, rowKey(id), text)
	return string(plain), err
}

// rowKey is the row in which a value is sealed: the account's id.
func rowKey(id string) secret.Key128 {
	u, err := uuid.Parse(id)
	if err != nil {
		return secret.Key128{} // a made-up id opens nothing
	}
	k := secret.Key128{}
	for i := range 8 {
		k.Hi, k.Lo = k.Hi<<8|uint64(u[i]), k.Lo<<8|uint64(u[8+i])
	}
	return k
}

// Get gives an account in the actor's subtree; one's own always.
func (s *Service) Get(ctx context.Context, tx *ledger.Tx, actor Actor, id string) (Account, error) {
	if id != actor.Account {
		if err := actor.May(AccountRead); err != nil {
			return Account{}, err
		}
	}
	return s.get(ctx, tx, actor, id)
}

func (s *Service) get(ctx context.Context, tx *ledger.Tx, actor Actor, id string) (Account, error) {
	var a Account
	where, args := actor.Scope("division")
	err := tx.NewSelect().Model(&a).Where("id = ?", id).Where(where, args...).Scan(ctx)
	if ledger.Missing(err) {
		return Account{}, NotThere()
	}
	return a, err
}

// Filter chooses accounts. Zero fields choose everything in the actor's subtree.
type Filter struct {
	Org    string
	Under  division.Code
	Login  string // beginning of the login, or the whole name
	Active *bool
	After  string // id: the Next of the page before
	Limit  int    // 1 to 1000; 0 means 100
}

// Page is a page of accounts, oldest first.
type Page struct {
	Accounts []Account `json:"accounts"`
	Next     string    `json:"next"` // for Filter.After; "": there are no more
}

// List gives the chosen accounts in the actor's subtree.
func (s *Service) List(ctx context.Context, tx *ledger.Tx, actor Actor, f Filter) (Page, error) {
	if err := actor.May(AccountRead); err != nil {
		return Page{}, err
	}
	p := Page{Accounts: []Account{}}
	n := bounded(f.Limit)
	where, args := actor.Scope("division")
	q := tx.NewSelect().Model(&p.Accounts).Where(where, args...).Where("id > ?", f.After).Order("id").Limit(int64(n) + 1)
	if f.Under != 0 {
		lo, hi := f.Under.Range()
		q = q.Where("division BETWEEN ? AND ?", lo, hi)
	}
	if f.Org != "" {
		q = q.Where("org = ?", f.Org)
	}
	if f.Login != "" {
		login := strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(normalLogin(f.Login))
		q = q.Where("login LIKE ? ESCAPE '!' OR name = ?", login+"%", strings.TrimSpace(f.Login))
	}
	if f.Active != nil {
		q = q.Where("active = ?", *f.Active)
	}
	if err := q.Scan(ctx); err != nil {
		return Page{}, err
	}
	if len(p.Accounts) > n {
		p.Accounts = p.Accounts[:n]
		p.Next = p.Accounts[n-1].ID
	}
	return p, nil
}

// Names gives the names of accounts for the screen, by id; ids of no account are left out. It asks no right: who sees a step sees who took it.
func Names(ctx context.Context, tx *ledger.Tx, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	if len(ids) == 0 {
		return names, nil
	}
	var rows []struct{ ID, Name string }
	err := tx.NewSelect().Table("account").Column("id", "name").Where("id IN (?)", bun.List(ids)).Scan(ctx, &rows)
	for _, r := range rows {
		names[r.ID] = r.Name
	}
	return names, err
}

// Change is what to change of an account; nil leaves a field as it is.
type Change struct {
	Name   *string `json:"name,omitempty"`
	Org    *string `json:"org,omitempty"`
	Roles  []Role  `json:"roles,omitempty"`
	Phone  *string `json:"phone,omitempty"`
	Active *bool   `json:"active,omitempty"`
}

// Change changes an account that was read at version. Disabling it, or giving it other roles or another organisation, ends its sessions. Nobody takes the
// administrator's role from themselves or disables themselves, so that somebody who can mend it is left.
func (s *Service) Change(ctx context.Context, tx *ledger.Tx, actor Actor, id string, version int64, c Change) (Account, error) {
	if err := actor.May(AccountManage); err != nil {
		return Account{}, err
	}
	a, err := s.get(ctx, tx, actor, id)
	if err != nil {
		return Account{}, err
	}
	if err := ledger.CheckVersion(version, a.Version); err != nil {
		return Account{}, err
	}
	var changed []string
	if c.Name != nil {
		name := strings.TrimSpace(norm.NFC.String(*c.Name))
		if err := checkName(name); err != nil {
			return Account{}, err
		}
		a.Name, changed = name, append(changed, "name")
	}
	if c.Phone != nil {
		phone, err := checkPhone(*c.Phone)
		if err != nil {
			return Account{}, err
		}
		a.Phone, changed = s.seal("account.phone", a.ID, phone), append(changed, "phone")
	}
	ends := false
	if c.Roles != nil {
		if a.Roles, err = checkRoles(c.Roles); err != nil {
			return Account{}, err
		}
		changed, ends = append(changed, "roles"), true
	}
	if c.Org != nil {
		org, err := s.EnsureOrg(ctx, tx, actor, strings.TrimSpace(*c.Org))
		if err != nil {
			return Account{}, err
		}
		a.Org, a.Division, a.Department = org.ID, org.Division, org.Department
		changed, ends = append(changed, "org", "division", "department"), true
	}
	if c.Active != nil {
		a.Active, changed, ends = *c.Active, append(changed, "active"), ends || !*c.Active
	}
	if len(changed) == 0 {
		return a, nil
	}
	if err := fits(a.Roles, a.Org); err != nil {
		return Account{}, err
	}
	if id == actor.Account && (!a.Active || !slices.Contains(a.Roles, Admin)) {
		return Account{}, errs.New(errs.Refused, "不能停用自己的账号，也不能取消自己的管理员角色", "nobody can disable themselves or take the administrator's role from themselves")
	}
	if err := ledger.Update(ctx, tx, &a, &a.Version, changed...); err != nil {
		return Account{}, err
	}
	if ends {
		if _, err := endSessions(ctx, tx, a.ID, "changed"); err != nil {
			return Account{}, err
		}
	}
	e := actor.Event("account.change", "account", a.ID, a.Division)
	e.Detail = map[string]any{"changed": changed, "org": a.Org, "roles": a.Roles, "active": a.Active}
	return a, audit.Record(tx, e)
}

// Phone gives an account's phone number, masked; in plain with a reason, which is an event of the audit chain.
func (s *Service) Phone(ctx context.Context, tx *ledger.Tx, actor Actor, id, reason string) (string, error) {
	a, err := s.Get(ctx, tx, actor, id)
	if err != nil {
		return "", err
	}
	phone, err := s.unseal("account.phone", a.ID, a.Phone)
	if err != nil || strings.TrimSpace(reason) == "" {
		return residentid.MaskPhone(phone), err
	}
	e := actor.Event("account.reveal", "account", a.ID, a.Division)
	e.Reason = reason
	return phone, audit.Record(tx, e)
}

// endSessions ends the open sessions of an account and says how many.
func endSessions(ctx context.Context, tx *ledger.Tx, account, why string) (int64, error) {
	done, err := tx.NewUpdate().Table("session").Set("ended = ?", tx.Now).Set("why = ?", why).Where("account = ?", account).Where("ended IS NULL").Exec(ctx)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}
