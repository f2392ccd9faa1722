package audit

import (
	"context"
	"fmt"

	"shouwang/internal/ledger"
)

// Text is a sentence in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Break is the first event at which the chain does not hold.
type Break struct {
	Seq int64 `json:"seq"` // the event's number; for one that is missing the number it should have
	Why Text  `json:"why"`
}

// Report is what walking the chain found.
type Report struct {
	Events int64  `json:"events"` // that were walked and hold
	Head   Head   `json:"head"`   // the last of them
	Broken *Break `json:"broken"` // nil: the chain is whole
}

// walkPage is how many events are read at once.
const walkPage = 2000

// Verify walks the whole chain and stops at the first event that does not hold. known are heads that were noted earlier (from a
// printout, a backup): each must still be in the chain, which shows that nothing was cut off or written anew.
func Verify(ctx context.Context, l *ledger.Ledger, known ...Head) (Report, error) {
	var r Report
	err := l.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		var err error
		r, err = Walk(ctx, tx, known...)
		return err
	})
	return r, err
}

// Walk is [Verify] inside a transaction.
func Walk(ctx context.Context, tx *ledger.Tx, known ...Head) (Report, error) {
	r := Report{}
	want := make(map[int64]string, len(known))
	for _, k := range known {
		if k.Seq > 0 {
			want[k.Seq] = k.Hash
		}
	}
	for {
		var page []Recorded
		err := tx.NewSelect().Model(&page).Where("seq > ?", r.Head.Seq).Order("seq").Limit(walkPage).Scan(ctx)
		if err != nil {
			return r, err
		}
		for i := range page {
			e := &page[i]
			if why := check(e, r.Head, want); why != nil {
				r.Broken = why
				return r, nil
			}
			r.Events, r.Head = r.Events+1, Head{e.Seq, e.Hash}
			delete(want, e.Seq)
		}
		if len(page) < walkPage {
			break
		}
	}
	if len(want) > 0 { // beyond the end. Where it ends is told, not what was asked for: that may be anything that somebody typed.
		r.Broken = &Break{r.Head.Seq + 1, Text{
			fmt.Sprintf("链在第 %d 号事件结束，而以前记下的链头在它之后：链尾被截断", r.Head.Seq),
			fmt.Sprintf("the chain ends with event %d, before a head that was noted earlier: its end was cut off", r.Head.Seq),
		}}
	}
	return r, nil
}

// check says why event e does not follow head; nil when it does.
func check(e *Recorded, head Head, want map[int64]string) *Break {
	switch {
	case e.Seq != head.Seq+1:
		return &Break{head.Seq + 1, Text{
			fmt.Sprintf("缺少第 %d 号事件（下一个是第 %d 号）", head.Seq+1, e.Seq),
			fmt.Sprintf("event %d is missing (the next is %d)", head.Seq+1, e.Seq),
		}}
	case e.hash(head.Hash) != e.Hash:
		return &Break{e.Seq, Text{
			fmt.Sprintf("第 %d 号事件的内容与其哈希不符：它或它前面的事件被改动", e.Seq),
			fmt.Sprintf("the content of event %d does not fit its hash: it or the one before was changed", e.Seq),
		}}
	}
	if hash, ok := want[e.Seq]; ok && hash != e.Hash {
		return &Break{e.Seq, Text{
			fmt.Sprintf("第 %d 号事件的哈希与以前记下的（%s…）不同：链被重写", e.Seq, short(hash)),
			fmt.Sprintf("the hash of event %d is not the one noted earlier (%s…): the chain was written anew", e.Seq, short(hash)),
		}}
	}
	return nil
}

func short(hash string) string { return hash[:min(len(hash), 12)] }
