package web

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/web/view"
)

// adminPages are the pages of the administration in the order of their tabs, each with the right that opens it.
func adminPages() []struct {
	need account.Action
	id   string
} {
	return []struct {
		need account.Action
		id   string
	}{
		{account.AuditVerify, "health"},
		{account.AccountRead, "accounts"},
		{account.AccountRead, "orgs"},
		{account.AccountRead, "roles"},
		{account.SessionRead, "sessions"},
		{account.TokenRead, "tokens"},
		{account.JobRead, "jobs"},
		{account.CodeKey, "keys"},
		{account.AuditRead, "audit"},
		{account.AccountRead, "divisions"},
		{account.JobRead, "feeds"},
	}
}

// adminTabs are those that the reader may open.
func (s *Server) adminTabs(v *visit, current string) []view.Tab {
	var out []view.Tab
	for _, p := range adminPages() {
		if v.actor.May(p.need) == nil {
			out = append(out, view.Tab{ID: p.id, Href: "/admin/" + p.id, Label: s.words.In(v.lang, "admin."+p.id), Current: p.id == current})
		}
	}
	return out
}

// adminHome is the first page of the administration that the reader may open.
func (s *Server) adminHome(v *visit) error {
	tabs := s.adminTabs(v, "")
	if len(tabs) == 0 {
		return v.actor.May(account.AccountRead)
	}
	return v.redirect(tabs[0].Href)
}

// admin frames a page of the administration.
func (s *Server) admin(v *visit, id, here string) (view.Page, []view.Tab) {
	p := s.frame(v, s.words.In(v.lang, "admin."+id), "admin")
	p.Here = here
	if v.r.Method == "GET" {
		p.Here = v.r.URL.RequestURI()
	}
	return p, s.adminTabs(v, id)
}

// health is how the program and its stores are.
func (s *Server) health(v *visit) error {
	p, tabs := s.admin(v, "health", "/admin/health")
	h := view.Health{Tabs: tabs, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Version: "devel", Pack: s.app.Pack.Name + " " + s.app.Pack.Version, PackHash: s.app.Pack.Hash,
		Keyring: s.app.Keyring.ID(), Ledger: string(s.app.Ledger.Engine()), Ready: s.app.Ready(v.context()) == nil, Verify: v.actor.May(account.AuditVerify) == nil}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			h.Version = info.Main.Version
		}
		for _, x := range info.Settings {
			if x.Key == "vcs.revision" {
				h.Revision = x.Value
			}
		}
	}
	h.WarehouseBytes = sizeOf(s.app.Config.Warehouse()) + sizeOf(s.app.Config.Warehouse()+".wal")
	if s.app.Ledger.Engine() == ledger.SQLite {
		h.LedgerBytes = sizeOf(ledgerFile(s.app.Config.LedgerURL())) + sizeOf(ledgerFile(s.app.Config.LedgerURL())+"-wal")
	}
	if schema, err := s.app.Ledger.Schema(v.context()); err == nil && len(schema) > 0 {
		h.Schema = schema[len(schema)-1]
	}
	last, err := s.app.Screening().Last(v.context())
	if err == nil {
		h.Screening = &last
	} else if errs.KindOf(err) != errs.NotFound {
		return err
	}
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		if h.Head, err = audit.HeadOf(ctx, tx); err != nil {
			return err
		}
		backups, err := audit.Show(ctx, tx, audit.Filter{Action: "backup.make", Limit: 1})
		if err == nil && len(backups.Events) > 0 {
			h.Backup = backups.Events[0].At
		}
		return err
	}); err != nil {
		return err
	}
	if s.config.Jobs != nil {
		for _, state := range []string{"waiting", "running", "failed"} {
			page, err := s.config.Jobs.List(v.context(), jobs.Filter{State: state, Limit: 100})
			if err != nil {
				return err
			}
			h.Queue = append(h.Queue, view.QueueCount{State: state, Count: len(page.Jobs), More: page.Next != 0})
		}
	}
	return s.show(v, view.HealthPage(p, h))
}

// sizeOf is a file's size; 0 for one that is not there.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// ledgerFile is the file behind the address of a ledger of one file.
func ledgerFile(url string) string {
	const prefix = "sqlite:"
	if len(url) > len(prefix) && url[:len(prefix)] == prefix {
		return url[len(prefix):]
	}
	return url
}

// rolesPage is the table of who may do what.
func (s *Server) rolesPage(v *visit) error {
	p, tabs := s.admin(v, "roles", "/admin/roles")
	r := view.Roles{Tabs: tabs}
	for _, role := range account.Roles() {
		r.Roles = append(r.Roles, v.t(role.Title()))
	}
	for _, action := range account.Actions() {
		row := view.RoleRow{Action: string(action), Title: v.t(action.Title())}
		for _, role := range account.Roles() {
			row.May = append(row.May, role.May(action))
		}
		r.Rows = append(r.Rows, row)
	}
	return s.show(v, view.RolesPage(p, r))
}

// divisionsPage shows the tree that everything is placed in.
func (s *Server) divisionsPage(v *visit) error {
	at, err := s.within(v)
	if err != nil {
		return err
	}
	p, tabs := s.admin(v, "divisions", "/admin/divisions")
	d := view.Divisions{Tabs: tabs, Crumbs: s.crumbs(v, "/admin/divisions", at), Name: s.app.Tree.Name(at), Code: at.String()}
	for _, c := range s.app.Tree.Children(at) {
		row := view.DivisionRow{Code: c.Code.String(), Name: c.Name}
		if c.Level < division.Village {
			row.Href = view.Link("/admin/divisions", "division", view.Code(c.Code))
			row.Villages = len(s.app.Tree.Villages(c.Code))
		}
		d.Rows = append(d.Rows, row)
	}
	return s.show(v, view.DivisionsPage(p, d))
}

// feedsPage lists the contracts of departments' data, and what they ask for.
func (s *Server) feedsPage(v *visit) error {
	p, tabs := s.admin(v, "feeds", "/admin/feeds")
	f := view.Feeds{Tabs: tabs, Calendar: v.actor.May(account.CoverageRead) == nil}
	for _, ds := range s.datasets(v) {
		f.Rows = append(f.Rows, view.FeedRow{ID: ds.ID, Name: ds.Name, Department: s.departmentName(ds.Department), Kind: string(ds.Kind), Due: ds.Due, Columns: len(ds.Columns)})
	}
	return s.show(v, view.FeedsPage(p, f))
}
