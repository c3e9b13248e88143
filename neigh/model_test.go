package neigh_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/neigh"
	"director/packet"
)

// model finds the hop for an address by a search of the whole snapshot. Table.Route must
// find the same one.
func model(s neigh.Snapshot, dst netip.Addr) neigh.Hop {
	links := map[int]neigh.Link{}
	var anywhere netip.Addr
	for _, l := range s.Links {
		links[l.Index] = l
		for _, a := range l.Addrs {
			if a.Addr() == dst {
				return neigh.Hop{Reason: packet.NoRoute}
			}
			if !anywhere.IsValid() && !a.Addr().IsLoopback() {
				anywhere = a.Addr()
			}
		}
	}
	var best *neigh.Route
	for i := range s.Routes {
		r := &s.Routes[i]
		if !r.Dst.Contains(dst) {
			continue
		}
		if best == nil || r.Dst.Bits() > best.Dst.Bits() ||
			r.Dst.Bits() == best.Dst.Bits() && r.Metric < best.Metric {
			best = r
		}
	}
	if best == nil || links[best.Link].Interface < 0 {
		return neigh.Hop{Reason: packet.NoRoute}
	}
	l := links[best.Link]
	h := neigh.Hop{Src: l.MAC, Interface: uint8(l.Interface), MTU: uint16(l.MTU), Reason: packet.Neighbor}
	if best.MTU > 0 && best.MTU < l.MTU {
		h.MTU = uint16(best.MTU)
	}
	via, net := dst, best.Dst.Addr()
	if best.Gateway.IsValid() {
		via, net = best.Gateway, best.Gateway
		h.Via = packet.AddrFrom(via)
	}
	h.Source = packet.AddrFrom(modelSource(best.Source, l.Addrs, net, anywhere))
	if !l.Up {
		h.Reason = packet.LinkDown
	}
	for _, n := range s.Neighbors {
		if n.Link != best.Link || n.IP != via {
			continue
		}
		if h.Via.IsZero() && !l.Up {
			break // the link is down, so nobody resolves an on-link destination behind it
		}
		h.Dst, h.Via = n.MAC, packet.AddrFrom(via)
		if l.Up {
			h.Reason = packet.None
		}
		break
	}
	return h
}

func modelSource(preferred netip.Addr, addrs []netip.Prefix, net, anywhere netip.Addr) netip.Addr {
	if preferred.IsValid() {
		return preferred
	}
	for _, a := range addrs {
		if a.Contains(net) {
			return a.Addr()
		}
	}
	if len(addrs) > 0 {
		return addrs[0].Addr()
	}
	return anywhere
}

// pool draws addresses from a small set, so that routes, neighbours and destinations often
// match.
func pool(r *rand.Rand) netip.Addr {
	if r.IntN(4) == 0 {
		a := [16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 7: byte(r.IntN(2)), 15: byte(r.IntN(8))}
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), byte(r.IntN(2)), byte(r.IntN(16))})
}

func randomSnapshot(r *rand.Rand) neigh.Snapshot {
	var s neigh.Snapshot
	mac := func() packet.MAC { return packet.MAC{2, 0, 0, 0, byte(r.Int()), byte(r.Int())} }
	ifaces := 0
	for i := range 1 + r.IntN(4) {
		l := neigh.Link{Index: 10 + i, Interface: -1, MAC: mac(), MTU: 1300 + r.IntN(300), Up: r.IntN(4) > 0}
		if r.IntN(4) > 0 {
			l.Interface = ifaces
			ifaces++
		}
		for range r.IntN(3) {
			a := pool(r)
			l.Addrs = append(l.Addrs, netip.PrefixFrom(a, a.BitLen()-r.IntN(9)))
		}
		s.Links = append(s.Links, l)
	}
	link := func() int { return s.Links[r.IntN(len(s.Links))].Index }
	for range r.IntN(20) {
		a := pool(r)
		rt := neigh.Route{Dst: netip.PrefixFrom(a, r.IntN(a.BitLen()+1)).Masked(), Link: link(), Metric: r.IntN(3)}
		if r.IntN(2) == 0 {
			rt.Gateway = pool(r)
		}
		if r.IntN(3) == 0 {
			rt.Source = pool(r)
		}
		if r.IntN(3) == 0 {
			rt.MTU = 1200 + r.IntN(400)
		}
		s.Routes = append(s.Routes, rt)
	}
	for range r.IntN(30) {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: pool(r), MAC: mac(), Link: link()})
	}
	return s
}

func TestTable_AgreesWithTheObviousModel(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := randomSnapshot(r)
		tab := neigh.New(s, nil)
		for range 50 {
			dst := pool(r)
			want, got := model(s, dst), *tab.Route(packet.AddrFrom(dst))
			if got != want {
				t.Fatalf("seed %d: Route(%v) (-want +got):\n%s", seed, dst, cmp.Diff(want, got))
			}
		}
	}
}

func BenchmarkTable_Route(b *testing.B) {
	s := office()
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		a := netip.AddrFrom4([4]byte{byte(r.IntN(126)), byte(r.Int()), byte(r.Int()), byte(r.Int())})
		s.Routes = append(s.Routes, neigh.Route{Dst: netip.PrefixFrom(a, 8+r.IntN(17)).Masked(),
			Gateway: ip("192.0.2.254"), Link: 2})
	}
	tab := neigh.New(s, nil)
	var dsts [1024]packet.Addr
	for i := range dsts {
		dsts[i] = packet.AddrFrom4(r.Uint32())
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tab.Route(dsts[i%len(dsts)]).Touch()
	}
}
