package steer_test

import (
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"director/dataplane/steer"
	"director/internal/nettest"
	"director/packet"
)

// blackedOut is a host with a service on port 7 of 10.77.0.1, and a client that
// sends datagrams to the service and to the host's own port 8.
type blackedOut struct {
	near, far *nettest.End
	heard     map[int]net.PacketConn // the host's sockets, by port
	speaks    net.PacketConn
}

func newBlackedOut(t *testing.T) (v blackedOut, s *steer.Steering) {
	s = load(t)
	v.near, v.far = nettest.Pair(t, 1)
	set := testSet()
	set.Services = []steer.Endpoint{endpoint("10.77.0.1", 7, packet.ProtoUDP)}
	set.MACs = map[int]packet.MAC{v.near.Index: v.near.MAC}
	if err := s.Update(set); err != nil {
		t.Fatal(err)
	}
	listen := func(n *nettest.Namespace, addr string) (c net.PacketConn) {
		n.Do(t, func() (err error) { c, err = net.ListenPacket("udp4", addr); return err })
		t.Cleanup(func() { c.Close() })
		return c
	}
	v.heard = map[int]net.PacketConn{7: listen(v.near.Namespace, "10.77.0.1:7"), 8: listen(v.near.Namespace, "10.77.0.1:8")}
	v.speaks = listen(v.far.Namespace, "10.77.0.2:999")
	return v, s
}

// say sends text to the service, and then to the host's own port.
func (v *blackedOut) say(t *testing.T, text string) {
	t.Helper()
	for port := range 2 {
		if _, err := v.speaks.WriteTo([]byte(text), &net.UDPAddr{IP: net.IPv4(10, 77, 0, 1), Port: 7 + port}); err != nil {
			t.Fatal(err)
		}
	}
}

// hears waits for the next datagram to a port of the host. The wire keeps the
// order. So when a datagram arrives on one port, any earlier one to the other port
// has arrived or is lost.
func (v *blackedOut) hears(t *testing.T, port int) string {
	t.Helper()
	b := make([]byte, 100)
	if err := v.heard[port].SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, _, err := v.heard[port].ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// leave leaves a blackout filter and then unloads the programs, as a director does
// when it ends.
func (v *blackedOut) leave(t *testing.T, s *steer.Steering, life time.Duration) {
	t.Helper()
	v.near.Do(t, func() error { return leaveBlackout(s, []int{v.near.Index}, life) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// lift removes the blackout filter.
func (v *blackedOut) lift(t *testing.T) (lifted bool) {
	t.Helper()
	v.near.Do(t, func() (err error) { lifted, err = steer.LiftBlackout(v.near.Index); return err })
	return lifted
}

// remains counts the queueing disciplines for ingress filters, and those filters.
func (v *blackedOut) remains(t *testing.T) (qdiscs, filters int) {
	t.Helper()
	link := v.near.Link(t, v.near.Name)
	list, err := v.near.QdiscList(link)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		if q.Attrs().Parent == netlink.HANDLE_CLSACT {
			qdiscs++
		}
	}
	ingress, err := v.near.FilterList(link, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		t.Fatal(err)
	}
	return qdiscs, len(ingress)
}

func TestBlackout_HidesTheDirectorsFramesUntilItIsLifted(t *testing.T) {
	v, s := newBlackedOut(t)
	v.leave(t, s, time.Hour)
	v.say(t, "hidden")
	if got := v.hears(t, 8); got != "hidden" {
		t.Errorf("the host's own port hears %q", got)
	}
	if !v.lift(t) {
		t.Error("no blackout filter was found")
	}
	v.say(t, "seen")
	if got := v.hears(t, 7); got != "seen" {
		t.Errorf("the service's port hears %q, want the text sent after the blackout filter was lifted", got)
	}
	if qdiscs, filters := v.remains(t); qdiscs+filters != 0 {
		t.Errorf("%d queueing disciplines and %d filters are left", qdiscs, filters)
	}
	if v.lift(t) {
		t.Error("a blackout filter was found where there is none")
	}
}

// If no director starts again, the host gets its frames after that time.
func TestBlackout_EndsByItself(t *testing.T) {
	v, s := newBlackedOut(t)
	v.leave(t, s, 300*time.Millisecond)
	v.say(t, "first")
	v.hears(t, 8)
	spoken := time.NewTicker(20 * time.Millisecond)
	defer spoken.Stop()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-spoken.C:
				_, _ = v.speaks.WriteTo([]byte("later"), &net.UDPAddr{IP: net.IPv4(10, 77, 0, 1), Port: 7})
			case <-done:
				return
			}
		}
	}()
	if got := v.hears(t, 7); got != "later" {
		t.Errorf("the service's port hears %q, which was sent while the blackout filter was active", got)
	}
	if !v.lift(t) {
		t.Error("no blackout was found")
	}
}

// A second blackout filter replaces the first one. Filters of others stay.
func TestBlackout_LeavesOthersFiltersAlone(t *testing.T) {
	for _, before := range []bool{true, false} {
		v, s := newBlackedOut(t)
		others := func() {
			link := v.near.Link(t, v.near.Name)
			qdisc := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
				LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
			}}
			if before {
				if err := v.near.QdiscAdd(qdisc); err != nil {
					t.Fatal(err)
				}
			}
			filter := &netlink.BpfFilter{FilterAttrs: netlink.FilterAttrs{
				LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 5, Protocol: 3, // ETH_P_ALL
			}, Fd: s.DropProgram().FD(), Name: "other", DirectAction: true}
			if err := v.near.FilterAdd(filter); err != nil {
				t.Fatal(err)
			}
		}
		if before {
			others()
		}
		v.near.Do(t, func() error { return leaveBlackout(s, []int{v.near.Index}, time.Hour) })
		if !before {
			others()
		}
		v.leave(t, s, time.Hour)
		if _, filters := v.remains(t); filters != 2 {
			t.Errorf("%d filters, want the other one and one blackout filter", filters)
		}
		v.lift(t)
		if qdiscs, filters := v.remains(t); qdiscs != 1 || filters != 1 {
			t.Errorf("%d queueing disciplines and %d filters are left, want only those that are not the director's", qdiscs, filters)
		}
	}
}

func TestBlackout_NamesTheInterfaceThatIsGone(t *testing.T) {
	s := load(t)
	near, _ := nettest.Pair(t, 1)
	err := near.Try(func() error { return leaveBlackout(s, []int{9999, near.Index}, time.Hour) })
	if err == nil {
		t.Error("no error for an interface that does not exist")
	}
	near.Do(t, func() error {
		lifted, err := steer.LiftBlackout(near.Index)
		if err == nil && !lifted {
			t.Error("the other interface has no blackout filter")
		}
		return err
	})
}

// leaveBlackout prepares a blackout filter and leaves it.
func leaveBlackout(s *steer.Steering, ifindexes []int, life time.Duration) error {
	if err := s.PrepareBlackout(); err != nil {
		return err
	}
	return s.LeaveBlackout(ifindexes, life)
}
