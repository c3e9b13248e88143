//go:build linux

package lab_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"director/internal/lab"
	"director/internal/lab/labtest"
)

// namespace is where the calling thread is.
func namespace() (string, error) { return os.Readlink("/proc/thread-self/ns/net") }

func TestHost_RunsFunctionsInItsNamespace(t *testing.T) {
	home, err := namespace()
	if err != nil {
		t.Fatalf("cannot tell namespaces apart: %v", err)
	}
	l := labtest.New(t, lab.Config{Servers: 1})

	// All of them at once, so that each has a thread of its own.
	const n = 20
	var wg, together sync.WaitGroup
	together.Add(n)
	seen := make([]string, n)
	for i := range n {
		host := []*lab.Host{l.Director, l.Servers[0]}[i%2]
		wg.Go(func() {
			err := host.Do(func() (err error) {
				together.Done()
				together.Wait()
				seen[i], err = namespace()
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if here, _ := namespace(); here != home {
				t.Errorf("after Do: in %s, want %s", here, home)
			}
		})
	}
	wg.Wait()
	for i, ns := range seen {
		if ns == home || ns != seen[i%2] {
			t.Errorf("function %d ran in %s, want %s, not %s", i, ns, seen[i%2], home)
		}
	}
	if seen[0] == seen[1] {
		t.Errorf("director and server share %s", seen[0])
	}
}

func TestHost_HandsErrorsThrough(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	want := errors.New("of the function")
	if err := l.Director.Do(func() error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Director.Do(func() error { return nil }); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("after Close: got %v, want %v", err, lab.ErrClosed)
	}
}

func TestHost_StartsProcessesThatDieWithTheLab(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	cmd, stdout := helper(t, "namespace")
	if err := l.Director.Start(cmd); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var want string
	err = l.Director.Do(func() (err error) {
		want, err = namespace()
		return err
	})
	if err != nil || strings.TrimSpace(got) != want {
		t.Errorf("process in %q, want %q (%v)", got, want, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("process ended with %v, want killed", err)
	}
}

func TestHost_ChangesItsEthernetAddress(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	rs := l.Servers[0]
	echo(t, rs, "0.0.0.0:7")
	exchange(t, l.Director, rs.Addr.String()+":7")

	want := net.HardwareAddr{2, 0, 0, 0, 0x99, 1}
	if err := rs.SetMAC("eth0", want); err != nil {
		t.Fatal(err)
	}
	if got, err := rs.MAC("eth0"); err != nil || got.String() != want.String() {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	// The server's own traffic makes the new address known.
	echo(t, l.Director, "0.0.0.0:7")
	exchange(t, rs, l.Back.String()+":7")
	exchange(t, l.Director, rs.Addr.String()+":7")
}

func TestLab_PullsCablesAndPlugsThemIn(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	echo(t, l.Servers[0], "0.0.0.0:7")
	for _, in := range []bool{false, true} {
		if err := l.Plug(l.Director, "eth1", in); err != nil {
			t.Fatal(err)
		}
		await(t, "carrier of eth1", func() bool { return running(t, l.Director, "eth1") == in })
	}
	exchange(t, l.Director, l.Servers[0].Addr.String()+":7")
}

func TestHost_SwitchesItsInterfaceOffAndOn(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	for _, up := range []bool{false, true} {
		if err := l.Director.SetUp("eth1", up); err != nil {
			t.Fatal(err)
		}
		await(t, "state of eth1", func() bool { return running(t, l.Director, "eth1") == up })
	}
	echo(t, l.Servers[0], "0.0.0.0:7")
	exchange(t, l.Director, l.Servers[0].Addr.String()+":7")
}

// running reports whether an interface is up and has a carrier.
func running(t *testing.T, h *lab.Host, dev string) bool {
	t.Helper()
	l, err := h.Link.LinkByName(dev)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().RawFlags&syscall.IFF_RUNNING != 0 && l.Attrs().Flags&net.FlagUp != 0
}

// await polls until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not as wanted after 20 s", what)
		}
	}
}
