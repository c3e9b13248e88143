//go:build linux

package lab_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"director/internal/lab"
	"director/internal/lab/labtest"
)

// names lists the namespaces of a lab.
func names(t *testing.T, l string) []string {
	t.Helper()
	found, err := filepath.Glob("/run/netns/" + l + "-*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestLab_LeavesNothingBehind(t *testing.T) {
	labtest.RequireRoot(t)
	before := links(t, netlink.LinkList)
	l := labtest.New(t, lab.Config{Servers: 2})
	if got := names(t, l.Name); len(got) != 5 {
		t.Errorf("got namespaces %v, want switch, director, client1, rs1, rs2", got)
	}
	// A socket of ours keeps the namespaces alive, so that we can look.
	inside := make(map[string]*netlink.Handle)
	for _, h := range []*lab.Host{l.Switch, l.Director, l.Clients[0], l.Servers[1]} {
		err := h.Do(func() (err error) {
			inside[h.Name], err = netlink.NewHandle()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, l.Name); len(got) != 0 {
		t.Errorf("namespaces left: %v", got)
	}
	if got := links(t, netlink.LinkList); !slices.Equal(got, before) {
		t.Errorf("links outside: got %v, want %v", got, before)
	}
	for name, h := range inside {
		got := slices.DeleteFunc(links(t, h.LinkList), func(dev string) bool {
			return dev == "lo" || strings.HasPrefix(dev, "ifb") // the kernel's own
		})
		if len(got) != 0 {
			t.Errorf("links left in %s: %v", name, got)
		}
		h.Close()
	}
}

func links(t *testing.T, list func() ([]netlink.Link, error)) []string {
	t.Helper()
	ls, err := list()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range ls {
		out = append(out, l.Attrs().Name)
	}
	return out
}

func TestLab_ClosesWithItsContext(t *testing.T) {
	labtest.RequireRoot(t)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := lab.New(ctx, lab.Config{Servers: 1})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	await(t, "closing", func() bool { return len(names(t, l.Name)) == 0 })
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := lab.New(ctx, lab.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("New with a context that is done: got %v, want %v", err, context.Canceled)
	}
	if got := names(t, "dirlab-"+strconv.Itoa(os.Getpid())); len(got) != 0 {
		t.Errorf("namespaces left: %v", got)
	}
}

func TestSweep_RemovesTheLabsOfKilledProcesses(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	cmd, name := startLab(t)
	kill(t, cmd, syscall.SIGKILL)
	if got := names(t, name); len(got) == 0 {
		t.Fatal("a killed process left no names: nothing to sweep")
	}
	if err := lab.Sweep(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, name); len(got) != 0 {
		t.Errorf("namespaces left of a killed process: %v", got)
	}
	if got := names(t, l.Name); len(got) != 4 {
		t.Errorf("our own namespaces: got %v, want 4", got)
	}
}

func TestLab_IsRemovedByASignal(t *testing.T) {
	labtest.RequireRoot(t)
	signal.Ignore(syscall.SIGHUP) // as under nohup: the labs' processes must not ignore it
	defer signal.Reset(syscall.SIGHUP)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		cmd, name := startLab(t)
		if got := names(t, name); len(got) != 4 {
			t.Fatalf("got namespaces %v, want 4", got)
		}
		kill(t, cmd, sig)
		if got := names(t, name); len(got) != 0 {
			t.Errorf("%v: namespaces left: %v", sig, got)
		}
	}
}

// startLab starts a process that builds a lab, and returns the lab's name. The
// process would inherit a signal that is ignored here, but not one that is caught
// here. So the signals of the tests are caught while it starts.
func startLab(t *testing.T) (*exec.Cmd, string) {
	t.Helper()
	cmd, stdout := helper(t, "lab")
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := cmd.Start()
	signal.Stop(caught)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	name := strings.TrimSpace(line)
	if err != nil || name != "dirlab-"+strconv.Itoa(cmd.Process.Pid)+"-1" {
		t.Fatalf("helper says %q, %v", line, err)
	}
	return cmd, name
}

// kill sends a signal and checks that the process ends by it. A process that
// ignores the signal is an error, because waiting for its end would take forever.
func kill(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	if ignores(t, cmd.Process.Pid, sig) {
		t.Fatalf("the process of the lab ignores %v, which it has inherited: it cannot be tested with that", sig)
	}
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != sig {
		t.Errorf("process ended with %v, want %v", err, sig)
	}
}

// ignores reports whether a process ignores a signal (proc_pid_status(5), SigIgn).
func ignores(t *testing.T, pid int, sig syscall.Signal) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, mask, _ := strings.Cut(string(status), "\nSigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	bits, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bits>>(sig-1)&1 != 0
}
