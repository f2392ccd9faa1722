package intake

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"shouwang/internal/warehouse"
)

// readParquet reads the rows of a Parquet file. One that comes out of the archive is given to the engine as a file that
// exists in memory only: in plain it must never be on the disk.
func readParquet(ctx context.Context, in file, fn func(header, row []string) error) error {
	if in.path != "" {
		return warehouse.ReadParquet(ctx, in.path, fn)
	}
	data, err := readAll(in)
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("parquet", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "parquet")
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("file in memory: %w", err)
	}
	return warehouse.ReadParquet(ctx, fmt.Sprintf("/proc/self/fd/%d", fd), fn)
}
