//go:build linux

package api_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"director/control/api"
)

// nobody is a user who is not root.
const nobody = 65534

// as runs f on a thread of its own as another user, who keeps no capability.
func as(t *testing.T, uid int, f func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the user
		// The library's Setresuid changes all threads.
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			done <- errno
			return
		}
		done <- f()
	}()
	return <-done
}

// ask connects, on the calling thread, and sends a request. It returns what comes
// back.
func ask(path string) (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return "", err
	}
	if _, err := unix.Write(fd, []byte("GET /v1/services HTTP/1.0\r\n\r\n")); err != nil {
		return "", err
	}
	var b [4096]byte
	n, err := unix.Read(fd, b[:])
	return string(b[:max(n, 0)]), err
}

// open is a socket in a folder that everybody can enter.
func open(t *testing.T) *rig {
	t.Helper()
	r := newServer(t)
	r.serve(filepath.Join(folder(t), "control.sock"))
	return r
}

// folder is one that everybody can enter, which t.TempDir's are not.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "control-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestListen_LetsNobodyElseIn(t *testing.T) {
	r := open(t)
	info, err := os.Stat(r.socket)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Fatalf("the socket: %v, %v; want mode 0600", info.Mode(), err)
	}
	err = as(t, nobody, func() error { _, err := ask(r.socket); return err })
	if !errors.Is(err, unix.EACCES) {
		t.Errorf("another user got %v, want %v", err, unix.EACCES)
	}
	// The user of a connection is checked even if the mode of the file is changed.
	if err := os.Chmod(r.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	var text string
	err = as(t, nobody, func() (err error) { text, err = ask(r.socket); return err })
	if text != "" {
		t.Errorf("another user is answered %q (%v)", text, err)
	}
	if text, err := ask(r.socket); !strings.HasPrefix(text, "HTTP/1.0 200") {
		t.Errorf("root is answered %q (%v)", text, err)
	}
}

// A director that does not run as root accepts only its own user and root.
func TestListen_LetsItsUserAndRootIn(t *testing.T) {
	dir := folder(t)
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Skip(err)
	}
	path := filepath.Join(dir, "control.sock")
	listening := make(chan error, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- as(t, nobody, func() error {
			l, err := api.Listen(path)
			if err == nil {
				defer l.Close()
				err = os.Chmod(path, 0o666)
			}
			listening <- err
			for range 2 {
				c, err := l.Accept()
				if err != nil {
					return err
				}
				_, asked := c.Read(make([]byte, 4096)) // if the server closes with an unread request, the client gets EPIPE
				_, err = c.Write([]byte("welcome"))
				if err := errors.Join(asked, err, c.Close()); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	if err := <-listening; err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		uid  int
		want string
	}{{nobody - 1, ""}, {nobody, "welcome"}, {0, "welcome"}} {
		var text string
		err := as(t, c.uid, func() (err error) { text, err = ask(path); return err })
		if text != c.want {
			t.Errorf("user %d is told %q (%v), want %q", c.uid, text, err, c.want)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestListen_ReplacesWhatADeadDirectorLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "er", "control.sock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	living, err := api.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Listen(path); err == nil || !strings.Contains(err.Error(), "another director already uses this path") {
		t.Errorf("got %v, want that another one answers", err)
	}
	if err := living.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestListen_SaysWhatToDoAboutAFolderOfOthers(t *testing.T) {
	dir := folder(t)
	for _, path := range []string{filepath.Join(dir, "control.sock"), filepath.Join(dir, "run", "control.sock")} {
		err := as(t, nobody, func() error {
			l, err := api.Listen(path)
			if err == nil {
				l.Close()
			}
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "--control="+path+": this user cannot write there") {
			t.Errorf("got %v, want what to do", err)
		}
	}
}
