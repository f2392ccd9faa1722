package relay

import (
	"net"
	"os"
	"syscall"

	"shouwang/internal/errs"
)

// allowed refuses callers that are neither the account of this process nor root: whoever may call may do everything.
func allowed(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var who *syscall.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		who, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return permit(int(who.Uid), os.Getuid())
}

func permit(caller, server int) error {
	if caller == server || caller == 0 {
		return nil
	}
	return errs.New(errs.Refused, "只有运行服务的系统账户可以用命令行操作这个数据文件夹", "only the system account that the server runs under may use the command line on this data folder")
}

// trusted refuses a socket that somebody else could have put there to read our arguments and input.
func trusted(path string) error {
	socket, err := os.Lstat(path)
	if err != nil {
		return err
	}
	folder, err := os.Stat(dirOf(path))
	if err != nil {
		return err
	}
	owner, known := socket.Sys().(*syscall.Stat_t)
	keeper, also := folder.Sys().(*syscall.Stat_t)
	uid := os.Getuid()
	if !known || !also || int(owner.Uid) != uid && (uid != 0 || owner.Uid != keeper.Uid) || socket.Mode().Perm()&0o077 != 0 {
		return errs.New(errs.Refused, "数据文件夹里的套接字不属于本账户，不予使用", "the socket in the data folder does not belong to this account and is not used")
	}
	return nil
}
