package account

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/sync/errgroup"
	"golang.org/x/text/unicode/norm"

	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// Bootstrap makes the first administrator, with a one-time password. It works as long as nobody who is active is an administrator (so
// that a program without any way in can be mended by whoever holds the machine), and is an event of the audit chain.
func (s *Service) Bootstrap(ctx context.Context, now time.Time, login, name, org string) (Account, string, error) {
	password := oneTime()
	hash, err := s.hash(ctx, password)
	if err != nil {
		return Account{}, "", err
	}
	var a Account
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		there, err := tx.NewSelect().Model((*Account)(nil)).Where("active").Where("roles LIKE ?", `%"`+string(Admin)+`"%`).Exists(ctx)
		if err != nil {
			return err
		}
		if there {
			return errs.New(errs.Refused, "已经有系统管理员，不能再次初始化；忘记口令请由其他管理员重置（shouwang account reset）",
				"there is an administrator already; for a lost password use shouwang account reset")
		}
		a, err = s.create(ctx, tx, SystemActor("bootstrap"), Staff{Login: login, Name: name, Org: org, Roles: []Role{Admin}}, hash)
		return err
	})
	if err != nil {
		return Account{}, "", err
	}
	return a, password, nil
}

// Reject is a row of a staff list that was not taken in.
type Reject struct {
	Row    int    `json:"row"`    // of the sheet, 1 is the first
	Column string `json:"column"` // its header; "" when it is about the whole row
	ZH     string `json:"zh"`
	EN     string `json:"en"`
}

// Imported is what became of a staff list.
type Imported struct {
	Made    []NewStaff `json:"made"`    // accounts, in the order of the rows
	Rejects []Reject   `json:"rejects"` // rows that were not taken in
}

// NewStaff is an account that was made, with its one-time password to be handed over.
type NewStaff struct {
	Row      int    `json:"row"` // of the sheet
	ID       string `json:"id"`
	Login    string `json:"login"` // lower case
	Org      string `json:"org"`
	Password string `json:"password"` // one-time: shown once and kept nowhere
}

// column is one that a staff list has.
type column struct {
	id      string
	headers []string // the first is the one that messages name
	needed  bool
}

func staffColumns() []column {
	return []column{
		{"login", []string{"登录名", "账号", "用户名", "login"}, true},
		{"name", []string{"姓名", "name"}, true},
		{"org", []string{"单位编号", "单位代码", "org"}, true},
		{"roles", []string{"角色", "roles", "role"}, true},
		{"phone", []string{"手机", "手机号", "联系电话", "电话", "phone"}, false},
	}
}

// Limits of a staff list.
const (
	maxStaff     = 20000
	maxStaffSize = 64 << 20 // bytes, unpacked
)

// line is one row of the list.
type line struct {
	row    int
	staff  Staff
	reject *Reject
	hash   string
	made   NewStaff
}

// Import makes accounts from the first sheet of an XLSX whose header (in one of the first five rows) names 登录名, 姓名, 单位编号, 角色 and perhaps 手机. A row
// with a mistake is rejected with its column and reason, the others are made, all in one transaction. Reasons quote no cell.
func (s *Service) Import(ctx context.Context, now time.Time, actor Actor, file io.Reader) (Imported, error) {
	out := Imported{Made: []NewStaff{}, Rejects: []Reject{}}
	if err := actor.May(AccountManage); err != nil {
		return out, err
	}
	lines, headers, err := readStaff(file)
	if err != nil {
		return out, err
	}
	seen := map[string]int{}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(hashers())
	for i := range lines {
		x := &lines[i]
		if x.reject != nil {
			continue
		}
		checked, err := x.staff.check()
		if err == nil {
			err = fits(checked.Roles, checked.Org)
		}
		if err != nil {
			x.refuse(headers, err)
			continue
		}
		x.staff = checked
		if first, twice := seen[checked.Login]; twice {
			x.reject = &Reject{x.row, headers["login"], errs.Newf(errs.Invalid, "登录名与第 %[1]d 行重复", "", first).ZH, errs.Newf(errs.Invalid, "", "the login stands in row %[1]d too", first).EN}
			continue
		}
		seen[checked.Login] = x.row
		x.made.Password = oneTime()
		group.Go(func() (err error) { // outside the transaction: each takes tens of milliseconds
			x.hash, err = s.hash(groupCtx, x.made.Password)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return out, err
	}
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		out.Made, out.Rejects = out.Made[:0], out.Rejects[:0]
		for i := range lines {
			x := lines[i] // a copy: the transaction may be tried again
			if x.reject == nil {
				a, err := s.create(ctx, tx, actor, x.staff, x.hash)
				switch errs.KindOf(err) {
				case 0:
					x.made.Row, x.made.ID, x.made.Login, x.made.Org = x.row, a.ID, a.Login, a.Org
					out.Made = append(out.Made, x.made)
					continue
				case errs.Invalid, errs.NotFound, errs.Conflict, errs.Refused:
					x.refuse(headers, err)
				default:
					return err
				}
			}
			out.Rejects = append(out.Rejects, *x.reject)
		}
		e := actor.Event("account.import", "account", "", actor.Division)
		e.Detail = map[string]int{"made": len(out.Made), "rejected": len(out.Rejects)}
		return audit.Record(tx, e)
	})
	if err != nil {
		return Imported{Made: []NewStaff{}, Rejects: []Reject{}}, err
	}
	return out, nil
}

// refuse notes why a row is not taken, and at which column as far as the reason tells.
func (x *line) refuse(headers map[string]string, err error) {
	var e *errs.Error
	errors.As(err, &e)
	id := ""
	for _, c := range []struct{ id, word string }{{"login", "登录名"}, {"name", "姓名"}, {"roles", "角色"}, {"org", "单位"}, {"org", "行政区划"}, {"org", "部门"}, {"org", "管辖"}, {"phone", "电话"}} {
		if strings.Contains(e.ZH, c.word) {
			id = c.id
			break
		}
	}
	x.reject = &Reject{x.row, headers[id], errs.Text(err, "zh"), errs.Text(err, "en")}
}

// readStaff reads the sheet; headers gives the header of each column as the file has it.
func readStaff(file io.Reader) ([]line, map[string]string, error) {
	book, err := excelize.OpenReader(file, excelize.Options{UnzipSizeLimit: maxStaffSize, UnzipXMLSizeLimit: maxStaffSize})
	if err != nil {
		return nil, nil, errs.New(errs.Invalid, "不是 XLSX 文件，或者文件过大或已损坏", "it is no XLSX file, or too large, or damaged")
	}
	defer book.Close()
	rows, err := book.Rows(book.GetSheetName(0))
	if err != nil {
		return nil, nil, errs.New(errs.Invalid, "无法读取第一张工作表", "the first sheet cannot be read")
	}
	defer rows.Close()
	place, headers := map[string]int{}, map[string]string{}
	var lines []line
	for n := 1; rows.Next(); n++ {
		cells, err := rows.Columns()
		if err != nil {
			return nil, nil, errs.Newf(errs.Invalid, "第 %[1]d 行无法读取", "row %[1]d cannot be read", n)
		}
		if len(place) == 0 {
			if place, headers = findHeader(cells); len(place) == 0 && n == 5 {
				break
			}
			continue
		}
		get := func(id string) string {
			if i, ok := place[id]; ok && i < len(cells) {
				return strings.TrimSpace(cells[i])
			}
			return ""
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue
		}
		if len(lines) == maxStaff {
			return nil, nil, errs.Newf(errs.Invalid, "一次最多导入 %[1]d 人，请分成几个文件", "at most %[1]d people at a time; split the file", maxStaff)
		}
		x := line{row: n, staff: Staff{Login: get("login"), Name: get("name"), Org: get("org"), Phone: get("phone")}}
		var unknown bool
		if x.staff.Roles, unknown = parseRoles(get("roles")); unknown {
			x.reject = &Reject{n, headers["roles"], "没有这个角色，可用：" + roleNames("zh"), "there is no such role; there are: " + roleNames("en")}
		}
		lines = append(lines, x)
	}
	if err := rows.Error(); err != nil {
		return nil, nil, errs.New(errs.Invalid, "工作表不完整，无法读完", "the sheet is damaged and cannot be read to its end")
	}
	if len(place) == 0 {
		return nil, nil, errs.New(errs.Invalid, "前五行中没有表头：应有 登录名、姓名、单位编号、角色（手机可选）", "no header in the first five rows: 登录名, 姓名, 单位编号, 角色 are needed, 手机 may be there")
	}
	return lines, headers, nil
}

// findHeader finds the columns in a row; nothing when a needed one is missing.
func findHeader(cells []string) (place map[string]int, headers map[string]string) {
	place, headers = map[string]int{}, map[string]string{}
	for _, c := range staffColumns() {
		for i, cell := range cells {
			if _, found := place[c.id]; !found && slices.Contains(c.headers, strings.ToLower(strings.TrimSpace(cell))) {
				place[c.id], headers[c.id] = i, strings.TrimSpace(cell)
			}
		}
		if _, found := place[c.id]; c.needed && !found {
			return nil, nil
		}
	}
	return place, headers
}

// parseRoles reads roles by id or name in either language, separated by 、 , ; / or |. unknown is true when one is none.
func parseRoles(text string) (roles []Role, unknown bool) {
	for _, part := range strings.FieldsFunc(norm.NFKC.String(text), func(r rune) bool { return strings.ContainsRune("、,;/|", r) }) {
		part = strings.TrimSpace(part)
		i := slices.IndexFunc(Roles(), func(r Role) bool {
			zh, en := r.Title()
			return strings.EqualFold(part, string(r)) || part == norm.NFKC.String(zh) || strings.EqualFold(part, en)
		})
		if i < 0 {
			return nil, true
		}
		roles = append(roles, Roles()[i])
	}
	return roles, false
}

func roleNames(lang string) string {
	var names []string
	for _, r := range Roles() {
		zh, en := r.Title()
		if lang == "en" {
			zh = en
		}
		names = append(names, zh)
	}
	return strings.Join(names, "、")
}
