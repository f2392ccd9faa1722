//go:build !linux

package relay

import (
	"net"
	"os"

	"shouwang/internal/errs"
)

// allowed relies on the socket's mode and the data folder's, both of which admit the owner only.
func allowed(*net.UnixConn) error { return nil }

// trusted refuses a socket that others may use.
func trusted(path string) error {
	socket, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if socket.Mode()&os.ModeSocket != 0 && socket.Mode().Perm()&0o077 != 0 {
		return errs.New(errs.Refused, "数据文件夹里的套接字别人也能用，不予使用", "the socket in the data folder is open to others and is not used")
	}
	return nil
}
