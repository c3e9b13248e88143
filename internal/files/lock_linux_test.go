package files_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"director/internal/files"
)

// lockEnv has this program lock the file that it names until its standard input ends,
// instead of running tests.
const lockEnv = "FILES_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(lockEnv); path != "" {
		os.Exit(lockUntilTold(path))
	}
	os.Exit(m.Run())
}

func lockUntilTold(path string) int {
	p, err := files.At(path)
	if err == nil {
		_, err = p.Lock()
	}
	fmt.Println(err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return 0
}

// locker starts a process that locks a file. It ends when the returned function is called.
func locker(t *testing.T, path string) (cmd *exec.Cmd, said string, end func()) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), lockEnv+"="+path)
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	said, err = bufio.NewReader(out).ReadString('\n')
	must(t, err)
	return cmd, strings.TrimSpace(said), func() { in.Close(); _ = cmd.Wait() }
}

// Only one process has the lock, also if the file is replaced and removed meanwhile. It is
// free when that process ends, however.
func TestLock_KeepsOthersOff(t *testing.T) {
	p := inDir(t)
	other, err := files.At(filepath.Join(filepath.Dir(p.Path()), "other"))
	must(t, err)
	defer other.Close()
	for _, signal := range []syscall.Signal{0, syscall.SIGKILL} {
		cmd, said, end := locker(t, p.Path())
		if said != "<nil>" {
			t.Fatalf("the other process: %s", said)
		}
		f, err := p.Replace(func(*os.File) error { return nil })
		must(t, err)
		must(t, errors.Join(p.Remove(f), f.Close()))
		want := fmt.Sprintf("%s is in use by process %d, which has locked %s.lock", p.Path(), cmd.Process.Pid, p.Path())
		_, locked := p.Lock()
		for what, err := range map[string]error{"Lock": locked, "Locked": p.Locked()} {
			if !errors.Is(err, files.ErrInUse) || err.Error() != want {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		free, err := other.Lock()
		must(t, err)
		must(t, free.Close())
		if signal != 0 {
			must(t, cmd.Process.Signal(signal))
		}
		end()
		must(t, p.Locked())
		f, err = p.Lock()
		must(t, err)
		if _, said, end := locker(t, p.Path()); !strings.Contains(said, fmt.Sprintf("in use by process %d", os.Getpid())) {
			t.Errorf("the other process: %s, want that this one has the lock", said)
		} else {
			end()
		}
		must(t, f.Close())
	}
}

// Locked leaves no file behind. Lock takes only a regular file.
func TestLock_OfOtherFiles(t *testing.T) {
	p := inDir(t)
	must(t, p.Locked())
	wantFile(t, p, "old")
	must(t, syscall.Mkfifo(p.Path()+".lock", 0o600))
	must(t, p.Locked())
	if _, err := p.Lock(); !errors.Is(err, files.ErrNotRegular) || !strings.Contains(err.Error(), p.Path()+".lock") {
		t.Errorf("a FIFO: %v", err)
	}
	must(t, os.Remove(p.Path()+".lock"))
	f, err := p.Lock()
	must(t, err)
	defer f.Close()
	if info, err := os.Stat(p.Path() + ".lock"); err != nil || info.Mode().Perm() != 0o644 || info.Size() != 0 {
		t.Errorf("%v, %v, want an empty file that a director of another user can open", info, err)
	}
}
