package account

import (
	"slices"

	"github.com/uptrace/bun"

	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
)

// Actor is who acts: made from a session, a token, or [SystemActor], and passed in everywhere. The zero Actor is nobody: it may do
// nothing and sees nothing.
type Actor struct {
	Account    string        // the account's id; "system:NAME" or "token:ID"
	Org        string        // the organisation's id, see [OrgID]
	Name       string        // the person's name for the screen; never in logs
	Roles      []Role        //
	Division   division.Code // the subtree that is seen; 0 only for System
	Department string        // of the organisation; "" for the level's own bureau
	Session    string        // the session's id; "" for jobs and tokens
	actions    []Action      // a token's: what it was made for
}

// SystemActor acts for a job: everywhere, everything. name is the job's.
func SystemActor(name string) Actor {
	return Actor{Account: "system:" + name, Name: name, Roles: []Role{System}}
}

// Has reports whether the actor has a role.
func (a Actor) Has(r Role) bool { return slices.Contains(a.Roles, r) }

// May gives errs.Refused, with the action's name, when none of the actor's roles may do it.
func (a Actor) May(action Action) error {
	allowed := slices.ContainsFunc(a.Roles, func(r Role) bool { return r.May(action) })
	if a.actions != nil {
		allowed = slices.Contains(a.actions, action)
	}
	if allowed {
		return nil
	}
	zh, en := action.Title()
	return errs.Wrap(errs.Refused, errs.Newf(errs.Refused, "%[1]s（%[2]s）", "%[3]s (%[2]s)", zh, string(action), en), "您的角色没有这项权限", "your role may not do this")
}

// Within reports whether d lies in the actor's subtree.
func (a Actor) Within(d division.Code) bool {
	return a.Has(System) || a.Division != 0 && a.Division.Contains(d)
}

// Sees gives errs.NotFound when d lies outside the actor's subtree: what is outside must look as if it were not there.
func (a Actor) Sees(d division.Code) error {
	if a.Within(d) {
		return nil
	}
	return NotThere()
}

// NotThere is the answer for what does not exist and for what the actor may not know of: the same text, so that it can't be told which.
func NotThere() error {
	return errs.New(errs.NotFound, "没有这条记录，或者不在您的管辖范围内", "there is no such record, or it is outside your area")
}

// Scope is the predicate that every query carries: column, a division, lies in the actor's subtree. Use it as q.Where(sql, args...).
// column is a name in the code, never an input; it may be qualified (c.division).
func (a Actor) Scope(column string) (sql string, args []any) {
	if a.Has(System) {
		return "1 = 1", nil
	}
	if a.Division == 0 {
		return "1 = 0", nil
	}
	lo, hi := a.Division.Range()
	return "? BETWEEN ? AND ?", []any{bun.Ident(column), lo, hi}
}

// DepartmentOnly gives the department to which the actor is bound: an officer of a department who has no other role sees only what
// concerns that department. ok is false for everybody else.
func (a Actor) DepartmentOnly() (department string, ok bool) {
	if a.Department == "" {
		return "", false
	}
	for _, r := range a.Roles {
		switch r {
		case Province, Prefecture, County, Township, Village, System:
			return "", false
		}
	}
	return a.Department, true
}

// Event begins an audit event of what the actor does to an object that lies in d.
func (a Actor) Event(action string, object, id string, d division.Code) audit.Event {
	return audit.Event{Actor: a.Account, Org: a.Org, Action: action, Object: object, ObjectID: id, Division: d}
}
