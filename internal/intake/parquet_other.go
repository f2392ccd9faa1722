//go:build !linux

package intake

import (
	"context"
	"fmt"
	"os"

	"shouwang/internal/warehouse"
)

// readParquet reads the rows of a Parquet file. One that comes out of the archive stands in a temporary file, readable by
// this user only, for as long as it is read: these systems have no files in memory.
func readParquet(ctx context.Context, in file, fn func(header, row []string) error) error {
	if in.path != "" {
		return warehouse.ReadParquet(ctx, in.path, fn)
	}
	data, err := readAll(in)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "parquet-*")
	if err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	return warehouse.ReadParquet(ctx, f.Name(), fn)
}
