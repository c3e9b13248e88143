package steer_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"director/dataplane/steer"
	"director/internal/packettest"
	"director/packet"
)

func TestUpdate_AddsAndRemoves(t *testing.T) {
	s := load(t)
	xdp := attachXDP(t, s)
	expect := func(when string, frame []byte, want int) {
		t.Helper()
		if got := verdict(t, xdp.Program(), frame); got != want {
			t.Errorf("%s: got %d, want %d", when, got, want)
		}
	}
	tcp, udp, fragment := decisions()[0].frame, decisions()[1].frame, decisions()[10].frame
	set := testSet()
	set.Services = set.Services[:1]
	if err := s.Update(set); err != nil {
		t.Fatal(err)
	}
	expect("a service that stayed", tcp, dropXDP)
	expect("a service that went", udp, passXDP)
	expect("its fragments", fragment, passXDP)

	set.MACs = map[int]packet.MAC{loopback: router}
	if err := s.Update(set); err != nil {
		t.Fatal(err)
	}
	expect("the old MAC", tcp, passXDP)
	expect("the new MAC", append(router[:], tcp[6:]...), dropXDP)

	if err := s.Update(steer.Set{}); err != nil {
		t.Fatal(err)
	}
	expect("an empty set", append(router[:], tcp[6:]...), passXDP)
}

func TestUpdate_MasksPrefixes(t *testing.T) {
	s := load(t)
	xdp := attachXDP(t, s)
	set := testSet()
	frame := built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.70:1"})
	for _, p := range []string{"203.0.113.65/26", "203.0.113.99/26", "203.0.113.0/24", "0.0.0.0/0"} {
		set.Prefixes = []steer.Prefix{prefix(p, packet.ProtoTCP)}
		if err := s.Update(set); err != nil {
			t.Fatal(err)
		}
		if got := verdict(t, xdp.Program(), frame); got != dropXDP {
			t.Errorf("%s: got %d, want %d", p, got, dropXDP)
		}
	}
	for name, frame := range map[string][]byte{
		"of another protocol": built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "203.0.113.70:1"}),
		"to the host":         built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "10.0.0.1:22"}),
	} {
		judge(t, s, xdp, decision{"a prefix of everything, a frame " + name, frame, false})
	}
}

// A service that both sets contain, in whatever form, is claimed all the time.
func TestUpdate_LeavesNoGap(t *testing.T) {
	s := load(t)
	xdp := attachXDP(t, s)
	frame := built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.77:80"})
	macs := testSet().MACs
	ways := []steer.Set{
		{MACs: macs, Services: []steer.Endpoint{endpoint("192.0.2.77", 80, packet.ProtoTCP)}},
		{MACs: macs, Services: []steer.Endpoint{endpoint("192.0.2.77", 0, packet.ProtoTCP)}},
		{MACs: macs, Prefixes: []steer.Prefix{prefix("192.0.2.0/24", packet.ProtoTCP)}},
		{MACs: macs, Prefixes: []steer.Prefix{prefix("192.0.2.77/32", packet.ProtoTCP)}},
		{MACs: macs, Prefixes: []steer.Prefix{prefix("192.0.2.64/26", packet.ProtoTCP)}},
	}
	if err := s.Update(ways[0]); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		defer close(done)
		for _, from := range ways {
			for _, to := range ways {
				if err := errors.Join(s.Update(from), s.Update(to)); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
			if got := verdict(t, xdp.Program(), frame); got != dropXDP {
				t.Fatalf("got %d, want %d", got, dropXDP)
			}
		}
	}
}

func TestUpdate_NamesTheFullTable(t *testing.T) {
	const prefixes, addresses = 16384, 131072 // bpf/maps.h
	s := load(t)
	for name, set := range map[string]func(a packet.Addr) steer.Set{
		"prefixes": func(a packet.Addr) steer.Set {
			return steer.Set{Prefixes: []steer.Prefix{{Prefix: netip.PrefixFrom(a.Netip(), 31), Proto: packet.ProtoTCP}}}
		},
		"tunnels":         func(a packet.Addr) steer.Set { return steer.Set{Tunnels: []packet.Addr{a}} },
		"local addresses": func(a packet.Addr) steer.Set { return steer.Set{Locals: []packet.Addr{a}} },
	} {
		var all steer.Set
		most := uint32(addresses)
		if name == "prefixes" {
			most = prefixes
		}
		for i := range most + 1 {
			one := set(packet.AddrFrom4(10<<24 + 2*i))
			all.Prefixes = append(all.Prefixes, one.Prefixes...)
			all.Tunnels = append(all.Tunnels, one.Tunnels...)
			all.Locals = append(all.Locals, one.Locals...)
		}
		err := s.Update(all)
		if want := fmt.Sprintf("steer: more than %d %s", most, name); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
		if err := s.Update(steer.Set{}); err != nil {
			t.Errorf("after too many %s: %v", name, err)
		}
	}
}
