package intake

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"shouwang/internal/errs"
)

// Receipts reads every receipt that the data folder keeps: accepted batches in their order, then refused files by the time
// they were received.
func (s *Service) Receipts() ([]Receipt, error) {
	paths, err := filepath.Glob(filepath.Join(s.dir, receiptsDir, "*.json"))
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "读不了回执文件夹", "cannot read the folder of receipts")
	}
	out := []Receipt{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "读不了回执", "cannot read a receipt")
		}
		var r Receipt
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "回执 "+filepath.Base(path)+" 已损坏", "the receipt "+filepath.Base(path)+" is damaged")
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Receipt) int {
		if (a.Batch > 0) != (b.Batch > 0) {
			return cmp.Compare(b.Batch, a.Batch) // a batch number first
		}
		return cmp.Or(cmp.Compare(a.Batch, b.Batch), a.Received.Compare(b.Received), cmp.Compare(a.Delivery, b.Delivery))
	})
	return out, nil
}
