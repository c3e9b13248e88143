//go:build linux

package top_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gdamore/tcell/v3/vt"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with an emulator at its end.
type terminal struct {
	keys   *os.File // the emulator's keyboard
	line   *os.File // the program's end
	screen vt.MockTerm
	raw    strings.Builder // what the program wrote
}

func newTerminal(t *testing.T, width, height int) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("needs pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { keys.Close() })
	term := &terminal{keys: keys, screen: vt.NewMockTerm(vt.MockOptSize{X: vt.Col(width), Y: vt.Row(height)})}
	var number int
	term.control(t, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	term.resize(t, width, height)
	if term.line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { term.line.Close() })
	if err := term.screen.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = term.screen.Stop() })
	return term
}

func (term *terminal) control(t *testing.T, do func(fd int) error) {
	t.Helper()
	conn, err := term.keys.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := conn.Control(func(fd uintptr) { err = do(int(fd)) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
}

func (term *terminal) resize(t *testing.T, width, height int) {
	t.Helper()
	term.screen.SetSize(vt.Coord{X: vt.Col(width), Y: vt.Row(height)})
	term.control(t, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(width), Row: uint16(height)})
	})
}

func (term *terminal) mode(t *testing.T) (m unix.Termios) {
	t.Helper()
	term.control(t, func(fd int) error {
		got, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			m = *got
		}
		return err
	})
	return m
}

func (term *terminal) typed(t *testing.T, keys string) {
	t.Helper()
	if _, err := term.keys.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// lines is the text on the screen.
func (term *terminal) lines(width, height int) (lines []string) {
	for y := range height {
		var b strings.Builder
		for x := range width {
			if c := term.screen.GetCell(vt.Coord{X: vt.Col(x), Y: vt.Row(y)}).C; c != "" {
				b.WriteString(c)
			} else {
				b.WriteByte(' ')
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// until reads the program's output until the condition holds.
func (term *terminal) until(t *testing.T, what string, width, height int, ok func(lines []string) bool) {
	t.Helper()
	if err := term.keys.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	for !ok(term.lines(width, height)) {
		n, err := term.keys.Read(buf)
		if err != nil {
			t.Fatalf("waiting for %s: %v\n%s", what, err, strings.Join(term.lines(width, height), "\n"))
		}
		term.raw.Write(buf[:n])
		if _, err := term.screen.Write(buf[:n]); err != nil {
			t.Fatal(err)
		}
		if err := term.screen.Drain(); err != nil {
			t.Fatal(err)
		}
	}
}

func has(text string) func([]string) bool {
	return func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), text) }
}

// Runs the view as a process on a terminal, from its first line to the prompt after it.
func TestShow_FillsTheTerminalAndPutsItBack(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	term := newTerminal(t, 80, 24)
	before := term.mode(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), showEnv+"="+gone, "TERM=xterm", "LC_ALL=C", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.line, term.line, term.line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()

	term.until(t, "rates", 80, 24, has(" 10.0.0.12:8080        nat           2     7     4    60 1.50k"))
	if got := term.lines(80, 24); !strings.HasPrefix(got[0], "director  2026-") || !strings.HasPrefix(got[23], "q quit  tab view") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if mode := term.mode(t); mode.Lflag&(unix.ICANON|unix.ECHO) != 0 {
		t.Error("keys are echoed, or wait for the end of the line")
	}

	term.resize(t, 110, 30)
	term.until(t, "a larger page", 110, 30, func(lines []string) bool {
		return strings.HasPrefix(lines[29], "q quit") && has("nat overloaded")(lines)
	})
	term.typed(t, "\t")
	term.until(t, "the workers", 110, 30, has("WORKER CPU"))
	term.typed(t, "1/drained\r")
	term.until(t, "a filter", 110, 30, func(lines []string) bool {
		return has("10.0.0.13:8080")(lines) && !has("10.0.0.12:8080")(lines) && has("[drained]")(lines)
	})

	if err := os.WriteFile(gone, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	term.until(t, "that the director is gone", 110, 30, has("connection refused; asking every 10ms"))
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	term.until(t, "that it is back", 110, 30, func(lines []string) bool { return !has("connection refused")(lines) })

	term.typed(t, "q")
	term.until(t, "the terminal as it was", 110, 30, func([]string) bool {
		raw := term.raw.String() // the first screen, and a cursor
		return strings.LastIndex(raw, "\x1b[?1049l") > strings.LastIndex(raw, "\x1b[?1049h") &&
			strings.LastIndex(raw, "\x1b[?25h") > strings.LastIndex(raw, "\x1b[?25l")
	})
	if err := cmd.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	if diff := cmp.Diff(before, term.mode(t)); diff != "" {
		t.Errorf("the terminal's mode changed: %s", diff)
	}
}
