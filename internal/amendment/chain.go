package amendment

import (
	"context"
	"sync"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// link is an approved amendment with its texts.
type link struct {
	Amendment
	texts []Text
}

// chain is the approved amendments in order.
type chain []link

func (s *Service) chain(ctx context.Context, tx *ledger.Tx) (chain, error) {
	var rows []Amendment
	if err := tx.NewSelect().Model(&rows).ExcludeColumn("test").Where("place > 0").Order("place").Scan(ctx); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, nil
	}
	var texts []Text
	if err := tx.NewSelect().Model(&texts).Where("amendment IN (SELECT id FROM amendment WHERE place > 0)").Order("amendment", "file").Scan(ctx); err != nil {
		return nil, err
	}
	out := make(chain, len(rows))
	for i, r := range rows {
		out[i].Amendment = r
		for _, t := range texts {
			if t.Amendment == r.ID {
				out[i].texts = append(out[i].texts, t)
			}
		}
	}
	return out, nil
}

// files are those of the base with the amendments up to a place laid over them. Where the files are those that an amendment was written over its texts are taken as
// they are; where the base has changed since, both changes are joined.
func (c chain) files(base *policy.Pack, upTo int64) (map[string][]byte, error) {
	files := base.Overlay(nil)
	digest := base.Hash
	for _, l := range c {
		if l.Place > upTo {
			break
		}
		same := digest == l.Base
		for _, t := range l.texts {
			text := []byte(t.Text)
			if now := files[t.File]; !same && string(now) != t.Base {
				merged, conflicts := policy.Merge([]byte(t.Base), text, now, "修订 amendment", "政策包 pack")
				if conflicts > 0 {
					return nil, errs.Newf(errs.Conflict,
						"已批准的修订“%[1]s”（%[2]s）与政策包文件夹里的 %[3]s 对不上：%[3]s 的同一处两边都改过。请恢复原来的政策包，或在文件夹里让同一处与原来一致",
						"the approved amendment %[1]q (%[2]s) does not fit the pack's folder any more: both changed the same place of %[3]s. Put the folder's pack back as it was, or at least that place",
						l.Title, l.ID, t.File)
				}
				text = merged
			}
			files[t.File] = text
		}
		digest = policy.HashFiles(files)
	}
	return files, nil
}

// at is the place of the last amendment that holds on a day; 0 for none.
func (c chain) at(day string) (place int64) {
	for _, l := range c {
		if l.Effective <= day {
			place = l.Place
		}
	}
	return place
}

// packs keeps loaded packs by digest: a pack is checked once.
type packs struct {
	mu   sync.Mutex
	seen map[string]*policy.Pack
}

// mostPacks are kept; a server rarely needs more than the one in force, the newest and a draft or two.
const mostPacks = 8

func (p *packs) load(files map[string][]byte) (*policy.Pack, error) {
	digest := policy.HashFiles(files)
	p.mu.Lock()
	pack := p.seen[digest]
	p.mu.Unlock()
	if pack != nil {
		return pack, nil
	}
	pack, err := policy.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil || len(p.seen) >= mostPacks {
		p.seen = map[string]*policy.Pack{}
	}
	p.seen[digest] = pack
	return pack, nil
}

// packAt is the pack with the amendments up to a place.
func (s *Service) packAt(c chain, place int64) (*policy.Pack, error) {
	if place == 0 {
		return s.base, nil
	}
	files, err := c.files(s.base, place)
	if err != nil {
		return nil, err
	}
	if policy.HashFiles(files) == s.base.Hash {
		return s.base, nil
	}
	pack, err := s.packs.load(files)
	if err != nil {
		return nil, errs.Wrap(errs.Conflict, err, "已批准的修订与政策包文件夹合在一起不再成立，请恢复原来的政策包", "the approved amendments and the pack's folder do not make a pack any more: put the folder back as it was")
	}
	return pack, nil
}

// newest is the pack with every approved amendment, also those whose day has not come: what a new one is begun over.
func (s *Service) newest(ctx context.Context, tx *ledger.Tx) (*policy.Pack, error) {
	c, err := s.chain(ctx, tx)
	if err != nil || len(c) == 0 {
		return s.base, err
	}
	return s.packAt(c, c[len(c)-1].Place)
}

// InForce is the pack that holds on the civil day of a moment, and that day's place in the chain (0: no amendment yet).
func (s *Service) InForce(ctx context.Context, now time.Time) (pack *policy.Pack, place int64, err error) {
	err = s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		c, err := s.chain(ctx, tx)
		if err != nil {
			return err
		}
		place = c.at(Day(now))
		pack, err = s.packAt(c, place)
		return err
	})
	return pack, place, err
}

// PlaceOn is only the place in the chain that holds on the civil day of a moment: what a server asks often.
func (s *Service) PlaceOn(ctx context.Context, now time.Time) (place int64, err error) {
	err = s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model((*Amendment)(nil)).ColumnExpr("coalesce(max(place), 0)").Where("place > 0").Where("effective <= ?", Day(now)).Scan(ctx, &place)
	})
	return place, err
}

// Version is one pack in the order in which they came into force.
type Version struct {
	Place     int64      // 0: the folder's pack
	Digest    string     //
	Amendment *Amendment // nil for the folder's pack
}

// Versions gives every pack of the chain, the newest first. It needs account.PackRead.
func (s *Service) Versions(ctx context.Context, actor account.Actor) ([]Version, error) {
	if err := actor.May(account.PackRead); err != nil {
		return nil, err
	}
	var out []Version
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		c, err := s.chain(ctx, tx)
		if err != nil {
			return err
		}
		out = []Version{{Digest: s.base.Hash}}
		for i := range c {
			files, err := c.files(s.base, c[i].Place)
			if err != nil {
				return err
			}
			out = append([]Version{{Place: c[i].Place, Digest: policy.HashFiles(files), Amendment: &c[i].Amendment}}, out...)
		}
		return nil
	})
	return out, err
}

// At is the pack at a place of the chain. It needs account.PackRead.
func (s *Service) At(ctx context.Context, actor account.Actor, place int64) (pack *policy.Pack, err error) {
	if err := actor.May(account.PackRead); err != nil {
		return nil, err
	}
	err = s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		c, err := s.chain(ctx, tx)
		if err != nil {
			return err
		}
		if place < 0 || place > 0 && (len(c) == 0 || place > c[len(c)-1].Place) {
			return account.NotThere()
		}
		pack, err = s.packAt(c, place)
		return err
	})
	return pack, err
}

// region is the division that a pack is for.
func region(p *policy.Pack) division.Code {
	code, err := division.Parse(p.Region)
	if err != nil {
		return 0 // no actor but the system's own sees division 0
	}
	return code
}
