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

// DefaultSocket is the default path of the control socket.
const DefaultSocket = "/run/director/control.sock"

// Listen creates the control socket, and its directory if that does not exist. Only the
// user of this process can open the socket. Listen replaces the socket of a director that
// was killed, but not one where a director answers.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, unmade(path, err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("--control=%s: another director already uses this path: give another one", path)
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("--control: %w", err)
		}
	}
	// The socket is created in a temporary directory that only this user can open.
	// So no other user can open the socket before its mode is set.
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

// unmade returns the error for a socket that cannot be created, with advice.
func unmade(path string, err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("--control=%s: this user cannot write there: create the directory for this user, or give a path in a directory of this user, or an empty path: %w", path, err)
	}
	return fmt.Errorf("--control=%s: %w", path, err)
}

// listener accepts only connections of root and of this process's user, even if the mode
// of the file was changed. Close removes the file.
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
