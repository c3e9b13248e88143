package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"director/internal/files"
)

// DefaultSocket is the default path of the control socket.
const DefaultSocket = "/run/director/control.sock"

// Listen creates the control socket, and its directory if that does not exist. Only the
// user of this process can open the socket. Listen replaces the socket of a director that
// was killed. It never replaces anything else: not a file, and not a socket at which a
// program answers. Of several directors that call Listen at once, one gets the socket.
func Listen(path string) (net.Listener, error) {
	if err := files.CheckSocket(path); err != nil {
		return nil, fmt.Errorf("--control=%s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, unmade(path, err)
	}
	unlock, err := lockSocket(path)
	if err != nil {
		return nil, unmade(path, err)
	}
	l, err := listen(path)
	if err = errors.Join(err, unlock()); err != nil {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
		return nil, err
	}
	return l, nil
}

// listen is Listen while no other director does the same.
func listen(path string) (*listener, error) {
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("--control=%s: %w", path, err)
	}
	// The socket is created in a temporary directory that only this user can open.
	// So no other user can open the socket before its mode is set.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".control-")
	if err != nil {
		return nil, unmade(path, err)
	}
	defer os.Remove(dir)
	temporary := filepath.Join(dir, "s")
	l, err := listenIn(dir)
	if err != nil {
		return nil, fmt.Errorf("--control: %w", err)
	}
	l.SetUnlinkOnClose(false)
	own, err := publish(temporary, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--control=%s: %w", path, err), l.Close())
	}
	return &listener{UnixListener: l, path: path, own: own}, nil
}

// listenIn creates the socket "s" in a directory. The path of the directory may be too long
// for the name of a socket, so the name begins with the descriptor of the directory.
func listenIn(dir string) (*net.UnixListener, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/s", d.Fd()), Net: "unix"})
}

// Check returns an error if Listen could not create the socket at path. It
// leaves nothing behind.
func Check(path string) error {
	if err := files.CheckSocket(path); err != nil {
		return err
	}
	if _, err := stale(path); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	for {
		made, err := os.MkdirTemp(dir, ".control-")
		switch {
		case err == nil:
			return os.Remove(made)
		case !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir):
			return unmade(path, err)
		}
		dir = filepath.Dir(dir) // Listen makes directories that do not exist
	}
}

// removeStale removes the stream socket at path if no program listens there. It returns
// an error if anything else is at path.
func removeStale(path string) error {
	found, err := stale(path)
	if found {
		err = os.Remove(path)
	}
	return err
}

// stale reports whether there is a stream socket at path at which no program listens. It
// returns an error if anything else is at path.
func stale(path string) (bool, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Mode().Type() != os.ModeSocket:
		return false, fmt.Errorf("there is a file that is not a socket (%v): remove it, or give another path", info.Mode())
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
		return false, errInUse
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED): // of the errors of connect only this one means that nobody listens
		return true, nil
	case errors.Is(err, syscall.EAGAIN): // the program is too busy to accept
		return false, errInUse
	}
	return false, fmt.Errorf("there is a socket of another program: give another path: %w", err)
}

// errInUse reports that a program answers at the path of the socket.
var errInUse = errors.New("another director already uses this path: give another one")

// publish moves the new socket from temporary to path and gives it its mode. Unlike a
// rename, it fails if something was created at path in the meantime. It returns the
// identity of the socket. The temporary name is gone in any case.
func publish(temporary, path string) (own os.FileInfo, err error) {
	defer func() { err = errors.Join(err, os.Remove(temporary)) }()
	if err = os.Chmod(temporary, 0o600); err != nil {
		return nil, err
	}
	if own, err = os.Lstat(temporary); err != nil {
		return nil, err
	}
	return own, os.Link(temporary, path)
}

// unmade returns the error for a socket that cannot be created, with advice.
func unmade(path string, err error) error {
	if errors.Is(err, files.ErrInUse) {
		return fmt.Errorf("--control=%s: %w: %w", path, errInUse, err)
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("--control=%s: this user cannot write there: create the directory for this user, or give a path in a directory of this user, or an empty path: %w", path, err)
	}
	return fmt.Errorf("--control=%s: %w", path, err)
}

// listener accepts only connections of root and of this process's user, even if the mode
// of the file was changed. Close removes the socket from its directory, unless another file
// has taken its place.
type listener struct {
	*net.UnixListener
	path string
	own  os.FileInfo // identity of the socket
	once sync.Once
}

// peerConn is a connection whose remote address says which process is there.
type peerConn struct {
	*net.UnixConn
	peer *peerAddr
}

// RemoteAddr returns a *peerAddr.
func (c peerConn) RemoteAddr() net.Addr { return c.peer }

// peerAddr is the address of a process at the other end of a connection.
type peerAddr struct {
	net.Addr
	uid, pid int
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if uid, pid, err := peer(c); err == nil && (uid == 0 || uid == os.Geteuid()) {
			return peerConn{c, &peerAddr{c.RemoteAddr(), uid, pid}}, nil
		}
		c.Close()
	}
}

// Close removes the socket first. While the socket is open, no other file can have its
// inode number.
func (l *listener) Close() (err error) {
	l.once.Do(func() { err = l.remove() })
	return errors.Join(err, l.UnixListener.Close())
}

func (l *listener) remove() error {
	there, err := os.Lstat(l.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !os.SameFile(there, l.own):
		return nil
	}
	return os.Remove(l.path)
}
