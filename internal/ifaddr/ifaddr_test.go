//go:build linux

package ifaddr_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/ifaddr"
	"director/internal/nettest"
)

// many is more than the requests of one batch, and more than one read of a listing.
const many = 1000

func open(t *testing.T) *ifaddr.Socket {
	t.Helper()
	s, err := ifaddr.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// list returns all addresses but that of the loopback interface.
func list(t *testing.T, s *ifaddr.Socket) []ifaddr.Address {
	t.Helper()
	all, err := s.List(nil)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(a ifaddr.Address) bool { return a.Prefix.Addr().IsLoopback() })
}

// addresses returns host addresses of a link, with a lifetime of a minute.
func addresses(link int) []ifaddr.Address {
	all := make([]ifaddr.Address, many)
	for i := range all {
		ip := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		all[i] = ifaddr.Address{Link: link, Prefix: netip.PrefixFrom(ip, 32), Valid: 60}
	}
	return all
}

func noError(t *testing.T) func(int, error) {
	return func(i int, err error) { t.Errorf("address %d: %v", i, err) }
}

func TestSocket_AddsListsAndRemovesMany(t *testing.T) {
	n := nettest.Enter(t)
	n.Wire(t, "front", nettest.New(t), "front", 1)
	s, all := open(t), addresses(n.Link(t, "front").Attrs().Index)
	for range 2 { // the second time they exist already, and get a new lifetime
		if err := s.Replace(all, noError(t)); err != nil {
			t.Fatal(err)
		}
		got := list(t, s)
		for i := range got {
			if got[i].Valid > 60 || got[i].Valid < 50 {
				t.Fatalf("%v lives %d s, want a minute", got[i].Prefix, got[i].Valid)
			}
			got[i].Valid = 60
		}
		if !slices.Equal(got, all) {
			t.Fatalf("%d addresses are listed, want %d, the same ones", len(got), len(all))
		}
	}
	if err := s.Delete(all, noError(t)); err != nil {
		t.Fatal(err)
	}
	if got := list(t, s); len(got) != 0 {
		t.Errorf("%d addresses are left", len(got))
	}
}

// What the kernel refuses is told by its index, and does not prevent the others.
func TestSocket_TellsWhatIsRefused(t *testing.T) {
	n := nettest.Enter(t)
	n.Wire(t, "front", nettest.New(t), "front", 1)
	s, all := open(t), addresses(n.Link(t, "front").Attrs().Index)
	bad := []int{0, 63, 64, 500, many - 1} // the ends of batches among them
	for _, i := range bad {
		all[i].Link = 4711
	}
	for _, change := range []func([]ifaddr.Address, func(int, error)) error{s.Replace, s.Delete} {
		var refused []int
		err := change(all, func(i int, err error) {
			if !errors.Is(err, unix.ENODEV) {
				t.Errorf("address %d: %v, want %v", i, err, unix.ENODEV)
			}
			refused = append(refused, i)
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(refused, bad) {
			t.Errorf("refused: %v, want %v", refused, bad)
		}
	}
	if got := list(t, s); len(got) != 0 {
		t.Errorf("%d addresses are left", len(got))
	}
}

// A listing says the same as other people's.
func TestSocket_ListsLikeNetlink(t *testing.T) {
	n := nettest.Enter(t)
	n.Wire(t, "front", nettest.New(t), "front", 1)
	n.Addr(t, "front", "192.0.2.1/24")
	n.Addr(t, "front", "192.0.2.9/32")
	peer, err := netlink.ParseAddr("10.9.0.1/32")
	if err != nil {
		t.Fatal(err)
	}
	peer.Peer, _ = netlink.ParseIPNet("10.9.0.2/30")
	if err := n.AddrAdd(n.Link(t, "front"), peer); err != nil {
		t.Fatal(err)
	}
	theirs, err := n.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	var want []ifaddr.Address
	for _, a := range theirs {
		if a.IP.IsLoopback() {
			continue
		}
		ip, _ := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		want = append(want, ifaddr.Address{Link: a.LinkIndex, Prefix: netip.PrefixFrom(ip.Unmap(), bits), Valid: uint32(a.ValidLft)})
	}
	if got := list(t, open(t)); !slices.Equal(got, want) || len(got) != 3 {
		t.Errorf("listed %v, want %v", got, want)
	}
}
