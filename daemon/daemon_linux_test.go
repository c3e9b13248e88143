package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"director/control/config"
	"director/host"
	"director/host/plan"
)

// Resources are released in the reverse order. After an error, the others are still
// released.
func TestStop_ReleasesAllBackwards(t *testing.T) {
	r := newRig(t, website)
	told := r.tellManager()
	var released []string
	for _, what := range []string{"first", "second", "third"} {
		r.defers(what, func() error {
			released = append(released, what)
			if what == "second" {
				return errors.New("it is stuck")
			}
			return nil
		})
	}
	if err := r.Stop(); err == nil || err.Error() != "second: it is stuck" {
		t.Errorf("got %v, want the one that failed", err)
	}
	if diff := cmp.Diff([]string{"third", "second", "first"}, released); diff != "" {
		t.Errorf("released (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"STOPPING=1"}, told()); diff != "" {
		t.Errorf("messages to the service manager (-want +got):\n%s", diff)
	}
	released = nil
	if err := r.Stop(); err != nil || released != nil {
		t.Errorf("a second time: %v, released %v", err, released)
	}
}

func TestWait_EndsWithTheFirstFailure(t *testing.T) {
	first := errors.New("the first")
	d := New(&config.Config{}, nil, zerolog.Nop())
	d.fail(nil)
	d.fail(first)
	d.fail(errors.New("what follows from it"))
	if err := d.Wait(t.Context()); !errors.Is(err, first) {
		t.Errorf("got %v, want %v", err, first)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Wait(ctx); err != nil {
		t.Errorf("asked to stop: %v, want no error", err)
	}
}

func TestWait_ReloadsOnAHangup(t *testing.T) {
	broken := errors.New("enough")
	r := newRig(t, website)
	reloads := 0
	r.load = func() (*config.Config, error) {
		if reloads++; reloads == 2 {
			r.fail(broken)
		} else {
			r.hangup <- syscall.SIGHUP
		}
		return nil, errors.New("a bad file, which ends nothing")
	}
	close(r.begun)
	r.hangup <- syscall.SIGHUP
	if err := r.Wait(t.Context()); !errors.Is(err, broken) || reloads != 2 {
		t.Errorf("got %v after %d reloads, want %v after 2", err, reloads, broken)
	}
}

// READY is sent when the next hops are resolved, or do not answer. In the second case a
// warning is logged.
func TestAnnounce_NamesWhoDoesNotAnswer(t *testing.T) {
	r := newRig(t, website)
	told := r.tellManager()
	r.network.silent = []netip.Addr{netip.MustParseAddr("10.0.0.99")}
	background, cancel := context.WithCancel(t.Context())
	r.announce(t.Context(), background)
	cancel()
	r.background.Wait()
	log := r.logged.take()
	for _, want := range []string{`"neighbor":"10.0.0.99","message":"next hop does not answer ARP`, `"workers":2,"services":1,"conn-table-size":4096,"message":"forwarding"`} {
		if !strings.Contains(log, want) {
			t.Errorf("logged %s, want %s", log, want)
		}
	}
	size := r.shared.Conns().Size()
	if diff := cmp.Diff([]string{"READY=1", fmt.Sprintf("STATUS=0 connections of %d", size)}, told()); diff != "" {
		t.Errorf("messages to the service manager (-want +got):\n%s", diff)
	}
}

func TestBuild_WarnsOfAMarkWithoutFlag(t *testing.T) {
	for text, want := range map[string]bool{
		"-A -f 7 -s rr\n": true,
		"--fwmark=7=tcp,198.51.100.0/24\n-A -f 7 -s rr\n": false,
		website: false,
	} {
		r := newRig(t, text)
		if log := r.logged.take(); strings.Contains(log, `"mark":7`) != want {
			t.Errorf("%q: logged %q, want a warning: %v", text, log, want)
		}
	}
}

func TestClimb_TakesTheFirstRungThatWorks(t *testing.T) {
	native, generic := errors.New("no driver"), errors.New("no kernel")
	ladder := []plan.Rung{{Name: "native"}, {Name: "generic"}, {Name: "packet"}}
	for _, c := range []struct {
		what    string
		fails   map[string]error
		tried   string
		refused []string
		err     string
	}{
		{"the best", nil, "native", nil, ""},
		{"the last", map[string]error{"native": native, "generic": generic}, "native generic packet",
			[]string{"native: no driver", "generic: no kernel"}, ""},
		{"none", map[string]error{"native": native, "generic": generic, "packet": syscall.EBUSY}, "native generic packet",
			[]string{"native: no driver", "generic: no kernel", "packet: device or resource busy"},
			"no driver; no kernel; device or resource busy"},
	} {
		var tried []string
		refused, err := climb(ladder, func(r plan.Rung) error { tried = append(tried, r.Name); return c.fails[r.Name] })
		if got := strings.Join(tried, " "); got != c.tried {
			t.Errorf("%s: tried %s, want %s", c.what, got, c.tried)
		}
		if diff := cmp.Diff(c.refused, refused); diff != "" {
			t.Errorf("%s: refused (-want +got):\n%s", c.what, diff)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || err.Error() != c.err || !errors.Is(err, syscall.EBUSY) || !errors.Is(err, native)) {
			t.Errorf("%s: %v, want %q that matches each", c.what, err, c.err)
		}
	}
}

func TestShut_ClosesBackwardsAndGoesOn(t *testing.T) {
	var closed []int
	a := &interfaceIO{name: "eth0", why: []string{"kept"}}
	for i := range 3 {
		a.close = append(a.close, func() error {
			closed = append(closed, i)
			if i == 1 {
				return syscall.EIO
			}
			return nil
		})
	}
	err := a.shut()
	if !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), "close eth0: ") {
		t.Errorf("got %v, want what failed, with the interface", err)
	}
	if diff := cmp.Diff([]int{2, 1, 0}, closed); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
	if err := a.shut(); err != nil || len(closed) != 3 {
		t.Errorf("a second time: %v, closed %v", err, closed)
	}
}

func TestFanoutGroup_DiffersByInterface(t *testing.T) {
	seen := map[uint16]int{}
	for index := range 1 << 10 {
		group := fanoutGroup(index)
		if other, taken := seen[group]; group == 0 || taken {
			t.Fatalf("interface %d has group %d, as %d has", index, group, other)
		}
		seen[group] = index
	}
}

func TestListen_SaysWhatToDo(t *testing.T) {
	l, err := host.ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for addr, want := range map[string]string{
		fmt.Sprintf("127.0.0.1:%d", port): "another program listens there",
		"192.0.2.77:0":                    "no interface has this address",
	} {
		l, err := host.ListenTCP(addr)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", addr, err, want)
		}
	}
}
