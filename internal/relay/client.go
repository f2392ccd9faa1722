package relay

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"sync"
	"syscall"

	"shouwang/internal/errs"
)

// ErrNoServer says that nobody listens: there is no socket, or it is a dead server's.
var ErrNoServer = errors.New("no server is running")

// Client is a connection for one call.
type Client struct{ link link }

func dirOf(path string) string { return filepath.Dir(path) }

// Dial connects to the server whose socket is at path; ErrNoServer when there is none.
func Dial(ctx context.Context, path string) (*Client, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := trusted(path); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoServer
	} else if err != nil {
		return nil, err
	}
	name, done, err := address(path)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", name)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoServer
	case err != nil:
		return nil, errs.Wrap(errs.Unavailable, err, "连不上正在运行的服务", "cannot connect to the running server")
	}
	return &Client{link{conn: conn}}, nil
}

// Run runs the call in the server and returns its exit code. Standard input is read only as far as the verb reads it.
// When ctx stops, the verb is asked to stop, and its exit code is awaited all the same. The error is Unavailable when the server went away meanwhile.
func (c *Client) Run(ctx context.Context, call Call, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	defer c.link.conn.Close()
	call.Protocol = protocol
	text, err := json.Marshal(call)
	if err != nil {
		return 0, err
	}
	if len(text) > maxCall {
		return 0, errs.New(errs.Invalid, "命令行太长", "the command line is too long")
	}
	gone := func(err error) (int, error) {
		return 0, errs.Wrap(errs.Unavailable, err, "服务在命令执行中断开了；请先查明命令是否已生效再重试", "the server went away while the command ran; find out whether it took effect before you try again")
	}
	// A server that refuses says so and hangs up: what it said is read all the same.
	refused := c.link.send(frameCall, text)
	stop := context.AfterFunc(ctx, func() { _ = c.link.send(frameStop, nil) })
	defer stop()
	var reading sync.Mutex
	for {
		kind, payload, err := c.link.receive()
		if err != nil {
			return gone(errors.Join(refused, err))
		}
		switch kind {
		case frameWant:
			// Not waited for at the end: a terminal may never give a line.
			go func() {
				reading.Lock()
				defer reading.Unlock()
				piece := make([]byte, maxPiece)
				n, err := stdin.Read(piece)
				for n == 0 && err == nil {
					n, err = stdin.Read(piece)
				}
				_ = c.link.send(frameInput, piece[:n]) // the loss shows where frames are received
			}()
		case frameOutput:
			_, err = stdout.Write(payload)
		case frameError:
			_, err = stderr.Write(payload)
		case frameExit:
			if len(payload) != 4 {
				return gone(errFrame)
			}
			return int(int32(binary.BigEndian.Uint32(payload))), nil
		default:
			return gone(errFrame)
		}
		if err != nil {
			return 0, errs.Wrap(errs.Unavailable, fmt.Errorf("relay: %w", err), "无法写到标准输出", "cannot write to standard output")
		}
	}
}

// Close hangs up a client that has not run a call.
func (c *Client) Close() error { return c.link.conn.Close() }
