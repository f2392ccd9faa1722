package account

import (
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Org is an organisation: the bureau of a province, prefecture or county, a department of one of them, a township, a village committee.
type Org struct {
	bun.BaseModel `bun:"table:org" json:"-"`

	ID         string        `bun:",pk" json:"id"` // see OrgID
	Version    int64         `json:"version"`
	Name       string        `json:"name"`
	Division   division.Code `json:"division"`
	Department string        `json:"department"` // of the pack; "" for the level's own bureau, township or village committee
	Active     bool          `json:"active"`
}

// OrgID is an organisation's id: the digits of its division, with a department's id behind a hyphen. 5226 is a prefecture's bureau, 522633-civil_affairs
// a county's civil affairs, 522633105209 a village committee. So an owner can be named before anybody has an account there.
func OrgID(d division.Code, department string) string {
	if department == "" {
		return d.Prefix()
	}
	return d.Prefix() + "-" + department
}

// ParseOrg is the way back from [OrgID].
func ParseOrg(id string) (d division.Code, department string, err error) {
	digits, department, hyphen := strings.Cut(id, "-")
	d, err = division.Parse(digits)
	if err != nil || d.Prefix() != digits || hyphen && department == "" {
		return 0, "", errs.New(errs.Invalid, "单位编号不对：应为行政区划代码，部门在后面加 -部门", "that is no organisation's id: a division code, and for a department -DEPARTMENT behind it")
	}
	return d, department, nil
}

// Above is the organisation one level up, to which what is overdue goes: from a department to the bureau of its level, from a village to its township,
// and so on; "" above a province.
func Above(id string) string {
	d, department, err := ParseOrg(id)
	switch {
	case err != nil:
		return ""
	case department != "":
		return OrgID(d, "")
	}
	return OrgID(d.Parent(), "")
}

// OrgFor is the organisation that does a role's work for what lies in d: the village committee, township, county … in which d lies, or the county's
// department. "" when d stands higher than the role's level, or the role has none.
func OrgFor(r Role, d division.Code, department string) string {
	levels := map[Role]division.Level{Province: division.Province, Prefecture: division.Prefecture, County: division.County,
		Township: division.Township, Village: division.Village, Department: division.County}
	level, ok := levels[r]
	at := d.At(level)
	switch {
	case !ok || at == 0, r == Department && department == "":
		return ""
	case r == Department:
		return OrgID(at, department)
	}
	return OrgID(at, "")
}

// OrgName is what an organisation is called when nobody has given it another name: 从江县医疗保障局, 西山镇, 顶洞村.
func OrgName(tree *division.Tree, pack *policy.Pack, id string) string {
	d, department, err := ParseOrg(id)
	if err != nil {
		return id
	}
	name := tree.Name(d)
	if department == "" {
		return name
	}
	for _, known := range pack.Departments {
		if known.ID == department {
			return name + known.Name.ZH
		}
	}
	return name + department
}

// EnsureOrg gives the organisation of that id, made when it is not there. The actor must manage organisations and see its division.
func (s *Service) EnsureOrg(ctx context.Context, tx *ledger.Tx, actor Actor, id string) (Org, error) {
	d, department, err := ParseOrg(id)
	if err != nil {
		return Org{}, err
	}
	if _, known := s.tree.Get(d); !known {
		return Org{}, errs.Newf(errs.NotFound, "没有行政区划 %[1]s", "there is no division %[1]s", d.String())
	}
	if department != "" && !slices.ContainsFunc(s.pack.Departments, func(known policy.Department) bool { return known.ID == department }) {
		return Org{}, errs.Newf(errs.NotFound, "政策包中没有部门 %[1]s", "the policy pack has no department %[1]s", department)
	}
	if err := actor.Sees(d); err != nil {
		return Org{}, err
	}
	var o Org
	err = tx.NewSelect().Model(&o).Where("id = ?", id).Scan(ctx)
	if err == nil || !ledger.Missing(err) {
		return o, err
	}
	if err := actor.May(OrgManage); err != nil {
		return Org{}, err
	}
	o = Org{ID: id, Version: 1, Name: OrgName(s.tree, s.pack, id), Division: d, Department: department, Active: true}
	_, err = tx.NewInsert().Model(&o).On("CONFLICT (id) DO NOTHING").Exec(ctx) // two may need it at the same time
	return o, err
}

// Orgs gives the organisations in the actor's subtree under d (0: all of it), by id, at most limit after the given id.
func (s *Service) Orgs(ctx context.Context, tx *ledger.Tx, actor Actor, under division.Code, after string, limit int) ([]Org, error) {
	if err := actor.May(AccountRead); err != nil {
		return nil, err
	}
	list := []Org{}
	where, args := actor.Scope("division")
	q := tx.NewSelect().Model(&list).Where(where, args...).Where("id > ?", after).Order("id").Limit(int64(bounded(limit)))
	if under != 0 {
		lo, hi := under.Range()
		q = q.Where("division BETWEEN ? AND ?", lo, hi)
	}
	return list, q.Scan(ctx)
}

// bounded keeps a page between 1 and 1000 rows; 0 means 100.
func bounded(limit int) int {
	if limit == 0 {
		return 100
	}
	return min(max(limit, 1), 1000)
}
