package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"shouwang/internal/errs"
)

// Run runs one command line and returns its exit code. It must stop when ctx does.
type Run func(ctx context.Context, call Call, stdin io.Reader, stdout, stderr io.Writer) int

// Server takes command lines.
type Server struct {
	listener *net.UnixListener
	path     string
	done     func()
	closing  sync.Once
}

// Listen makes the socket at path with mode 0600. The caller must own what the socket speaks for (the data folder's lock): a socket file that is there
// already is a dead server's and is replaced.
func Listen(path string) (*Server, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "无法解析套接字路径", "cannot resolve the socket's path")
	}
	failed := func(err error) (*Server, error) {
		return nil, errs.Wrap(errs.Unavailable, err, "无法在数据文件夹里建立套接字", "cannot make the socket in the data folder")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed(err)
	}
	name, done, err := address(path)
	if err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		done()
		return failed(err)
	}
	// Removed by Close under its real name. Until the mode is set, the check of who calls guards the socket.
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		done()
		return failed(err)
	}
	return &Server{listener: l, path: path, done: done}, nil
}

// Serve takes calls until Close. When ctx stops, calls that run are asked to stop; Serve returns when all have.
func (s *Server) Serve(ctx context.Context, run Run) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() { // too many open files
				time.Sleep(50 * time.Millisecond)
				continue
			}
			return fmt.Errorf("relay: accept: %w", err)
		}
		calls.Go(func() {
			defer conn.Close()
			serveOne(ctx, conn, run)
		})
	}
}

// Close stops taking calls and removes the socket. Calls that run go on.
// It may be called twice.
func (s *Server) Close() (err error) {
	s.closing.Do(func() {
		err = s.listener.Close()
		if e := os.Remove(s.path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
		s.done()
	})
	return err
}

func serveOne(ctx context.Context, conn *net.UnixConn, run Run) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &link{conn: conn}
	refuse := func(err error) {
		_ = l.send(frameError, []byte(errs.Text(err, "zh")+"\n"+errs.Text(err, "en")+"\n"))
		_ = l.send(frameExit, []byte{0, 0, 0, 1})
	}
	if err := allowed(conn); err != nil {
		refuse(err)
		return
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return
	}
	kind, payload, err := l.receive()
	if err != nil || kind != frameCall {
		return
	}
	call, err := decodeCall(payload)
	if err != nil {
		refuse(err)
		return
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return
	}
	pieces := make(chan []byte)
	go func() {
		defer cancel() // the caller went away
		defer close(pieces)
		for {
			kind, payload, err := l.receive()
			if err != nil {
				return
			}
			switch kind {
			case frameInput:
				select {
				case pieces <- payload:
				case <-ctx.Done():
					return
				}
			case frameStop:
				cancel()
			default:
				return
			}
		}
	}()
	in := &input{ctx: ctx, link: l, pieces: pieces}
	code := run(ctx, call, in, stream{l, frameOutput, cancel}, stream{l, frameError, cancel})
	var exit [4]byte
	binary.BigEndian.PutUint32(exit[:], uint32(code))
	// A caller that went away is told nothing.
	_ = l.send(frameExit, exit[:])
}

// input is the caller's standard input, asked for piece by piece: nothing is read that the verb does not read.
type input struct {
	ctx    context.Context
	link   *link
	pieces <-chan []byte
	rest   []byte
	ended  bool
}

func (in *input) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(in.rest) == 0 && !in.ended {
		if err := in.link.send(frameWant, nil); err != nil {
			return 0, err
		}
		select {
		case piece, ok := <-in.pieces:
			if !ok {
				return 0, io.ErrUnexpectedEOF
			}
			in.rest, in.ended = piece, len(piece) == 0
		case <-in.ctx.Done():
			return 0, in.ctx.Err()
		}
	}
	if in.ended {
		return 0, io.EOF
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}
