//go:build linux

package api_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
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

// Of directors that start at once beside the socket of a killed one, one gets the path, and
// its socket stays.
func TestListen_HasOneWinner(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "control.sock")
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		must(t, err)
		dead.SetUnlinkOnClose(false)
		dead.Close()
		const directors = 8
		listeners, errs := make([]net.Listener, directors), make([]error, directors)
		var starts sync.WaitGroup
		for i := range directors {
			starts.Go(func() { listeners[i], errs[i] = api.Listen(path) })
		}
		starts.Wait()
		won := 0
		for i, l := range listeners {
			if errs[i] == nil {
				won++
				defer l.Close()
			} else if !strings.Contains(errs[i].Error(), "another director already uses this path") {
				t.Errorf("a loser says: %v", errs[i])
			}
		}
		c, err := net.Dial("unix", path)
		if won != 1 || err != nil {
			t.Fatalf("%d directors have the path, and a client gets %v", won, err)
		}
		c.Close()
		if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// The longest path that the kernel takes works. A longer one is refused, by clients, too.
func TestListen_TakesPathsThatFit(t *testing.T) {
	dir := t.TempDir()
	fits := filepath.Join(dir, strings.Repeat("x", 107-len(dir)-1))
	l, err := api.Listen(fits)
	must(t, err)
	c, err := net.Dial("unix", fits)
	must(t, err)
	c.Close()
	must(t, l.Close())
	const want = "at most 107 bytes, this one has 108"
	long := fits + "x"
	_, listen := api.Listen(long)
	client := api.Open(long)
	defer client.Close()
	for what, err := range map[string]error{"Listen": listen, "Check": api.Check(long), "a client": client.Get(t.Context(), "/v1/timeouts", nil)} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
}

// bound binds a socket of the given type to path and leaves it open until the test ends.
func bound(t *testing.T, path string, kind int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if kind == unix.SOCK_DGRAM {
		return
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
}

// crowd connects to a socket until its queue is full.
func crowd(t *testing.T, path string) {
	t.Helper()
	for {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		must(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		must(t, err)
	}
}

// Whatever lies at the path of the socket stays there, unless it is the socket of a
// director that was killed.
func TestListen_RemovesNothingOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		put  func(t *testing.T, path string)
		want string
	}{
		"a file":            {func(t *testing.T, path string) { write(t, path) }, "a file that is not a socket"},
		"an empty folder":   {func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, "a file that is not a socket"},
		"a FIFO":            {func(t *testing.T, path string) { must(t, unix.Mkfifo(path, 0o600)) }, "a file that is not a socket"},
		"a link to a file":  {func(t *testing.T, path string) { write(t, path+"2"); must(t, os.Symlink(path+"2", path)) }, "a file that is not a socket"},
		"a dangling link":   {func(t *testing.T, path string) { must(t, os.Symlink(path+"2", path)) }, "a file that is not a socket"},
		"a datagram socket": {func(t *testing.T, path string) { bound(t, path, unix.SOCK_DGRAM) }, "a socket of another program"},
		"a packet socket":   {func(t *testing.T, path string) { bound(t, path, unix.SOCK_SEQPACKET) }, "a socket of another program"},
		"a busy program": {func(t *testing.T, path string) {
			bound(t, path, unix.SOCK_STREAM)
			crowd(t, path)
		}, "another director already uses this path"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "control.sock")
			c.put(t, path)
			before, err := os.Lstat(path)
			must(t, err)
			l, err := api.Listen(path)
			if err == nil {
				l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "--control="+path+": ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it is not there any more: %v", err)
			}
			if entries, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".control-*")); err != nil || entries != nil {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

// A director that ends removes its own socket, and nothing that took the socket's place.
func TestListener_RemovesOnlyItself(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, path string){
		"a file":           write,
		"another's socket": func(t *testing.T, path string) { bound(t, path, unix.SOCK_STREAM) },
		"nothing":          nil,
	} {
		path := filepath.Join(t.TempDir(), "control.sock")
		l, err := api.Listen(path)
		must(t, err)
		must(t, os.Remove(path))
		if replace != nil {
			replace(t, path)
		}
		if err := l.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path); (err == nil) != (replace != nil) {
			t.Errorf("%s: after the end: %v", name, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a file.
func write(t *testing.T, path string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte("data of another program"), 0o600))
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
