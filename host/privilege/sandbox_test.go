//go:build linux

package privilege_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"director/host/privilege"
)

// confinedEnv has this program confine itself to the directory that it names, and try what
// it may do then, instead of running tests.
const confinedEnv = "PRIVILEGE_TEST_CONFINED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(confinedEnv); dir != "" {
		os.Exit(tryConfined(dir))
	}
	os.Exit(m.Run())
}

// tryConfined prints a line for each attempt: its name and its error.
func tryConfined(dir string) int {
	early := make(chan func() error) // runs on a thread that was there before
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		for f := range early {
			done <- f()
		}
	}()
	early <- func() error { return nil }
	<-done
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = privilege.Seal()
	}
	var s privilege.Sandbox
	if err == nil {
		// A directory that is not there takes nothing from the confinement.
		missing := filepath.Join(dir, "missing")
		s, err = privilege.Confine([]string{missing, dir})
		if errors.Is(err, os.ErrNotExist) && strings.Contains(err.Error(), missing) {
			err = nil
		} else {
			err = fmt.Errorf("%w: want an error that names %s", err, missing)
		}
	}
	if err != nil || !s.Seccomp || s.Landlock == 0 {
		fmt.Println("not confined:", s, err)
		return 1
	}
	inside, outside := filepath.Join(dir, "inside", "file"), filepath.Join(filepath.Dir(dir), "outside")
	for _, attempt := range attempts(dir, inside, outside, listener) {
		fmt.Printf("%s: %v\n", attempt.name, attempt.do())
		early <- attempt.do
		fmt.Printf("%s on a thread from before: %v\n", attempt.name, <-done)
	}
	return 0
}

type attempt struct {
	name string
	do   func() error
}

func attempts(dir, inside, outside string, listener net.Listener) []attempt {
	replace := func() error {
		temporary := filepath.Join(dir, "new")
		return errors.Join(os.WriteFile(temporary, []byte("text"), 0o600), os.Rename(temporary, filepath.Join(dir, "old")),
			os.Remove(filepath.Join(dir, "old")))
	}
	return []attempt{
		{"read", func() error { _, err := os.ReadFile("/proc/self/status"); return err }},
		{"replace inside", replace},
		{"write below inside", func() error { return os.WriteFile(inside, nil, 0o600) }},
		{"write outside", func() error { return os.WriteFile(outside, nil, 0o600) }},
		{"remove outside", func() error { return os.Remove(outside) }},
		{"run a program", func() error { return exec.Command("/proc/self/exe").Run() }},
		{"accept", func() error { return dial(listener) }},
		{"listen", func() error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err == nil {
				l.Close()
			}
			return err
		}},
		{"bind", bind},
		{"packet socket", func() error { return socket(unix.AF_PACKET) }},
		{"netlink socket", func() error { return socket(unix.AF_NETLINK) }},
		{"namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
		{"trace", func() error { return unix.PtraceAttach(os.Getppid()) }},
		{"signal another process", func() error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) }},
	}
}

func dial(l net.Listener) error {
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	other, err := l.Accept()
	return errors.Join(err, c.Close(), other.Close())
}

func bind() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 48321})
}

func socket(domain int) error {
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// TestConfine_LeavesWhatARunningDirectorNeeds, and nothing else, on every thread.
func TestConfine_LeavesWhatARunningDirectorNeeds(t *testing.T) {
	if s := privilege.Offered(); !s.Seccomp || s.Landlock < 4 {
		t.Skipf("this kernel offers %+v", s)
	}
	dir := filepath.Join(t.TempDir(), "inside")
	outside := filepath.Join(filepath.Dir(dir), "outside")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "inside"), 0o700), os.WriteFile(outside, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), confinedEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	may := map[string]bool{"read": true, "replace inside": true, "write below inside": true, "accept": true, "netlink socket": true}
	tried := 0
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		name, result, _ := strings.Cut(lines.Text(), ": ")
		tried++
		if allowed := result == "<nil>"; allowed != may[strings.TrimSuffix(name, " on a thread from before")] {
			t.Errorf("%s: %s", name, result)
		}
	}
	if want := 2 * len(attempts("", "", "", nil)); tried != want {
		t.Errorf("%d attempts, want %d:\n%s", tried, want, out)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}
