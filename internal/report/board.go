package report

import (
	"cmp"
	"context"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/paper"
	"shouwang/internal/registry"
	"shouwang/internal/residentid"
)

// boardMost is the most households that a board shows: a village has some hundreds.
const boardMost = 500

// Board gives what hangs on a village's notice board on a day: the notices that are posted and not expired, households of the same kind and days on one
// sheet. Rows hold white-listed fields only, so it needs no reason; it needs account.CaseRead and the village in scope. The error is NotFound for what is no
// village in the actor's area.
func (d *Desk) Board(ctx context.Context, actor account.Actor, now time.Time, village division.Code) ([]PublicNotice, error) {
	if _, known := d.Tree.Get(village); !known || village.Level() != division.Village {
		return nil, account.NotThere()
	}
	if err := actor.Sees(village); err != nil {
		return nil, err
	}
	posted, err := d.Cases.PublicNotices(ctx, actor, village, now)
	if err != nil || len(posted) == 0 {
		return nil, err
	}
	if len(posted) > boardMost {
		return nil, errs.Newf(errs.Conflict, "这个村的公示超过 %[1]d 户，请联系系统管理员", "more than %[1]d households are on this village's board; tell the administrator", boardMost)
	}
	type sheet struct {
		clearing             bool
		posted, over, expire string
	}
	at := map[sheet]int{}
	var list []PublicNotice
	for _, n := range posted {
		key := sheet{n.Kind == "clear", n.PostedOn, n.OverOn, n.ExpiresOn}
		i, known := at[key]
		if !known {
			i = len(list)
			at[key] = i
			list = append(list, PublicNotice{Clearing: key.clearing, PostedOn: n.PostedOn, OverOn: n.OverOn, ExpiresOn: n.ExpiresOn, Made: casework.Civil(now), Hotline: d.Hotline,
				County: d.Tree.Name(village.At(division.County)), Township: d.Tree.Name(village.At(division.Township)), Village: d.Tree.Name(village)})
		}
		row, err := d.boardRow(ctx, actor, &n)
		if err != nil {
			return nil, err
		}
		list[i].Rows = append(list[i].Rows, row)
	}
	slices.SortStableFunc(list, func(a, b PublicNotice) int {
		return cmp.Or(cmp.Compare(b.PostedOn, a.PostedOn), cmp.Compare(a.ExpiresOn, b.ExpiresOn))
	})
	return list, nil
}

// boardRow is what may be said of one household.
func (d *Desk) boardRow(ctx context.Context, actor account.Actor, n *casework.Notice) (PublicRow, error) {
	row := PublicRow{Category: d.formWord("decide", "category", n.Category), Members: n.Members}
	if err := d.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		c, err := d.Cases.Get(ctx, tx, actor, n.CaseID)
		if err != nil {
			return err
		}
		row.Risk = publicRisk(d.outline(c, n.At.Go()).Risks)
		return nil
	}); err != nil {
		return row, err
	}
	conn, err := d.Warehouse.Conn(ctx)
	if err != nil {
		return row, err
	}
	defer conn.Close()
	people, err := registry.Masked(ctx, conn, d.Keyring, d.Pack.Roster().ID, n.Household)
	if err != nil {
		return row, err
	}
	for i, p := range people {
		if i == 0 || p.Person.Relation == "head" {
			row.Head = p.Identity.Name
		}
	}
	row.Head = cmp.Or(row.Head, residentid.MaskName("某某"))
	if row.Members == 0 {
		row.Members = len(people)
	}
	return row, nil
}

// Notices makes the notices of a village as one document to print. It needs account.ReportMake and is an audit event; names are masked.
func (d *Desk) Notices(ctx context.Context, actor account.Actor, now time.Time, village division.Code) (*paper.Doc, error) {
	if err := actor.May(account.ReportMake); err != nil {
		return nil, err
	}
	list, err := d.Board(ctx, actor, now, village)
	if err != nil {
		return nil, err
	}
	doc, err := WriteNotices(d.Font, list)
	if err != nil {
		return nil, err
	}
	rows := 0
	for _, n := range list {
		rows += len(n.Rows)
	}
	return doc, d.Ledger.Write(ctx, now, func(_ context.Context, tx *ledger.Tx) error {
		e := actor.Event("report.notices", "division", village.String(), village)
		e.Detail = map[string]int{"sheets": len(list), "households": rows}
		return audit.Record(tx, e)
	})
}
