// Package relay carries a command line over a Unix socket into the process that owns the data folder: arguments,
// folder and language go in, standard input follows when the verb reads it, standard output, standard error and the exit code
// come back.
//
// It owns the socket file and the frames on it. It never knows a verb, and it serves only the account that the server runs under (and root).
package relay

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"shouwang/internal/errs"
)

// Call is one command line.
type Call struct {
	Protocol int               `json:"protocol"`
	Args     []string          `json:"args"` // without the program's name
	Dir      string            `json:"dir"`  // absolute: where relative paths start
	Env      map[string]string `json:"env"`  // what the verb may know of the caller's environment
}

// The kinds of frames: a byte, the payload's length as four bytes (big endian), the payload.
const (
	frameCall   = 'C' // client: the Call as JSON
	frameWant   = 'W' // server: the verb reads standard input
	frameInput  = 'I' // client: a piece of it; an empty one is its end
	frameStop   = 'S' // client: stop the verb
	frameOutput = 'O' // server: standard output
	frameError  = 'E' // server: standard error
	frameExit   = 'X' // server: the exit code, four bytes; the last frame
)

const (
	protocol   = 1
	maxCall    = 1 << 20  // a command line with all its arguments
	maxPiece   = 32 << 10 // of a stream
	stallLimit = 10 * time.Minute
)

var errFrame = errors.New("not a frame of this protocol")

// link is one connection; frames may be sent from several goroutines.
type link struct {
	conn net.Conn
	mu   sync.Mutex
}

func (l *link) send(kind byte, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	// The other side may read slowly, but not never.
	if err := l.conn.SetWriteDeadline(time.Now().Add(stallLimit)); err != nil {
		return err
	}
	frame := make([]byte, 5, 5+len(payload))
	frame[0] = kind
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	_, err := l.conn.Write(append(frame, payload...))
	return err
}

func (l *link) receive() (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(l.conn, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	limit := uint32(maxPiece)
	if head[0] == frameCall {
		limit = maxCall
	}
	if n > limit {
		return 0, nil, errFrame
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(l.conn, payload)
	return head[0], payload, err
}

// stream is a writer whose every piece becomes a frame.
type stream struct {
	link *link
	kind byte
	lost func() // told when the other side cannot be written to
}

func (s stream) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		piece := p[:min(len(p), maxPiece)]
		if err := s.link.send(s.kind, piece); err != nil {
			s.lost()
			return n, err
		}
		n += len(piece)
		p = p[len(piece):]
	}
	return n, nil
}

// address is a name of the socket at path that is short enough for the system (about 100 bytes), and what must be closed afterwards.
func address(path string) (string, func(), error) {
	if len(path) < 100 {
		return path, func() {}, nil
	}
	// A long path is reached through an open descriptor of its folder.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	through := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if _, err := os.Stat(filepath.Dir(through)); err != nil {
		dir.Close()
		return "", nil, errs.Newf(errs.Invalid, "数据文件夹的路径太长（%[1]d 字节），无法建立套接字", "the data folder's path is too long for a socket (%[1]d bytes)", len(path))
	}
	return through, func() { dir.Close() }, nil
}

func decodeCall(payload []byte) (Call, error) {
	var c Call
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, err
	}
	if c.Protocol != protocol {
		return c, errs.New(errs.Conflict, "正在运行的服务与本程序版本不同，请用同一版本", "the running server is of another version; use the same version of the program")
	}
	return c, nil
}
