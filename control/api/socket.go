package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// DefaultSocket is where a director listens unless it is told otherwise.
const DefaultSocket = "/run/director/control.sock"

// Listen makes the control socket, which only this process's user can open, and
// makes its folder if that is missing. What a director that was killed left behind
// is replaced; one that answers is not.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, unmade(path, err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("--control=%s: another director answers there: give this one another path", path)
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("--control: %w", err)
		}
	}
	// Between its making and its chmod nobody else can open it, as the folder of
	// the temporary name is ours alone.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".control-")
	if err != nil {
		return nil, unmade(path, err)
	}
	defer os.Remove(dir)
	temporary := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("--control: %w", err)
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(temporary, 0o600)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--control: %w", err), l.Close(), os.Remove(temporary))
	}
	return &listener{UnixListener: l, path: path}, nil
}

// unmade says what to do about a socket that cannot be made.
func unmade(path string, err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("--control=%s: this user may not write there: make the folder for it, or give a path in one that it has, or none: %w", path, err)
	}
	return fmt.Errorf("--control=%s: %w", path, err)
}

// listener lets in this process's user and root only, whatever became of the
// file's mode, and removes the file when it is closed.
type listener struct {
	*net.UnixListener
	path string
	once sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if uid, err := peer(c); err == nil && (uid == 0 || int(uid) == os.Geteuid()) {
			return c, nil
		}
		c.Close()
	}
}

func (l *listener) Close() error {
	err := l.UnixListener.Close()
	l.once.Do(func() { err = errors.Join(err, os.Remove(l.path)) })
	return err
}
