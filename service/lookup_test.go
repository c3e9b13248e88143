package service_test

import (
	"math/rand/v2"
	"testing"

	"director/packet"
	"director/service"
)

const (
	tcp  = packet.ProtoTCP
	udp  = packet.ProtoUDP
	sctp = packet.ProtoSCTP
)

// empty returns a service without servers. A service on port 0 must be persistent.
func empty(k service.Key) service.Spec {
	s := service.Spec{Key: k, Scheduler: "rr"}
	if k.Port == 0 && k.Mark == 0 {
		s.Persistent = 300
	}
	return s
}

// Lookup tries in this order: the service of the mark, of the port, of FTP if the
// packet may belong to a data connection, and of port 0 (ip_vs_service_find).
func TestLookup_GoesFromTheNarrowToTheWide(t *testing.T) {
	ftp, any := key(vip, 21, tcp), key(vip, 0, tcp)
	web, high, data := key(vip, 80, tcp), key(vip, 8080, tcp), key(vip, 20, tcp)
	mark := service.Key{Mark: 1}
	marks := []service.Mark{{Mark: 1, Proto: tcp, Prefix: prefix(vip + "/32"), Ports: []service.PortRange{{First: 80, Last: 80}}}}
	none := service.Key{}
	for _, c := range []struct {
		services []service.Key
		port     uint16
		proto    uint8
		want     service.Key
	}{
		{[]service.Key{mark, web, any}, 80, tcp, mark},
		{[]service.Key{mark, web, any}, 81, tcp, any},
		{[]service.Key{mark}, 81, tcp, none},
		{[]service.Key{web, any}, 80, tcp, web}, // the mark has no service
		{[]service.Key{ftp, web, any}, 80, tcp, web},
		{[]service.Key{ftp, any}, 80, tcp, any},
		{[]service.Key{ftp, any}, 21, tcp, ftp},
		{[]service.Key{ftp, any}, 20, tcp, ftp},
		{[]service.Key{ftp, any}, 19, tcp, any},
		{[]service.Key{ftp, any}, 22, tcp, any},
		{[]service.Key{ftp, any}, 1023, tcp, any},
		{[]service.Key{ftp, any}, 1024, tcp, ftp},
		{[]service.Key{ftp, any}, 65535, tcp, ftp},
		{[]service.Key{ftp, high, any}, 8080, tcp, high},
		{[]service.Key{ftp, data}, 20, tcp, data},
		{[]service.Key{ftp}, 1023, tcp, none},
		{[]service.Key{ftp}, 0, tcp, none},
		{[]service.Key{any}, 0, tcp, any},
		// TCP services, including FTP, do not match other protocols.
		{[]service.Key{ftp, web, any}, 2000, udp, none},
		{[]service.Key{key(vip, 21, udp)}, 2000, udp, none},
		{[]service.Key{key(vip, 0, udp), ftp}, 2000, udp, key(vip, 0, udp)},
		{[]service.Key{key(vip, 0, sctp), web}, 80, sctp, key(vip, 0, sctp)},
		{[]service.Key{key(vip, 80, sctp), web}, 80, sctp, key(vip, 80, sctp)},
		// Services of another address: the look-ups are made and find nothing.
		{[]service.Key{key("192.0.2.11", 21, tcp), key("192.0.2.11", 0, tcp), web}, 2000, tcp, none},
	} {
		r := newRegistry(t, service.Options{Marks: marks})
		for _, k := range c.services {
			r.must(r.AddService(empty(k)))
		}
		r.commit()
		got := r.table.Lookup(&packet.Flow{Src: packet.MustAddr("198.51.100.7"), SrcPort: 9, Dst: packet.MustAddr(vip), DstPort: c.port, Proto: c.proto})
		switch {
		case got == nil && c.want != none, got != nil && got.Key != c.want:
			t.Errorf("with %+v port %d of protocol %d is of %+v, want %+v", c.services, c.port, c.proto, got, c.want)
		}
	}
}

func TestMarks_TheFirstThatFitsCounts(t *testing.T) {
	r := newRegistry(t, service.Options{Marks: []service.Mark{
		{Mark: 1, Proto: tcp, Prefix: prefix("203.0.113.64/26"), Ports: []service.PortRange{{First: 80, Last: 80}, {First: 1000, Last: 2000}}},
		{Mark: 2, Proto: tcp, Prefix: prefix("203.0.113.0/24"), Ports: []service.PortRange{{First: 0, Last: 999}}},
		{Mark: 3, Proto: udp, Prefix: prefix("203.0.113.99/32")},
		{Mark: 1, Proto: tcp, Prefix: prefix("203.0.113.7/32"), Ports: []service.PortRange{{First: 65535, Last: 65535}}},
		{Mark: 4, Proto: sctp, Prefix: prefix("0.0.0.0/0"), Ports: []service.PortRange{{First: 7, Last: 7}}},
		{Mark: 5, Proto: tcp, Prefix: prefix("198.51.100.0/24")}, // without a service
		{Mark: 6, Proto: tcp, Prefix: prefix("198.51.100.7/31")},
	}})
	for m := range uint32(4) {
		r.must(r.AddService(empty(service.Key{Mark: m + 1})))
	}
	r.must(r.AddService(empty(service.Key{Mark: 6})))
	r.must(r.AddService(empty(key("198.51.100.7", 80, tcp))))
	r.commit()
	for _, c := range []struct {
		dst   string
		port  uint16
		proto uint8
		want  uint32
	}{
		{"203.0.113.64", 80, tcp, 1}, {"203.0.113.127", 1000, tcp, 1}, {"203.0.113.100", 2000, tcp, 1},
		{"203.0.113.100", 81, tcp, 2}, {"203.0.113.63", 80, tcp, 2}, {"203.0.113.128", 80, tcp, 2}, {"203.0.113.255", 0, tcp, 2},
		{"203.0.113.100", 999, tcp, 2}, {"203.0.113.100", 2001, tcp, 0}, {"203.0.113.63", 1000, tcp, 0},
		{"203.0.113.99", 1, udp, 3}, {"203.0.113.98", 1, udp, 0}, {"203.0.113.7", 65535, tcp, 1}, {"203.0.113.8", 65535, tcp, 0},
		{"0.0.0.0", 7, sctp, 4}, {"255.255.255.255", 7, sctp, 4}, {"203.0.113.99", 7, sctp, 4}, {"203.0.113.99", 8, sctp, 0},
		{"202.255.255.255", 80, tcp, 0}, {"203.0.114.0", 80, tcp, 0},
		{"198.51.100.6", 80, tcp, 0}, // mark 5 has no service, and mark 6 comes after it
	} {
		got := uint32(0)
		if s := r.table.Lookup(&packet.Flow{Dst: packet.MustAddr(c.dst), DstPort: c.port, Proto: c.proto}); s != nil {
			got = s.Mark
		}
		if got != c.want {
			t.Errorf("%s:%d of protocol %d has mark %d, want %d", c.dst, c.port, c.proto, got, c.want)
		}
	}
	// If its mark has no service, a packet belongs to the service of its address.
	if s := r.table.Lookup(&packet.Flow{Dst: packet.MustAddr("198.51.100.7"), DstPort: 80, Proto: tcp}); s == nil || s.Port != 80 {
		t.Errorf("198.51.100.7:80 is of %+v, want its own service", s)
	}
}

func TestMarks_MakeAddressesVirtual(t *testing.T) {
	marks := []service.Mark{
		{Mark: 1, Proto: tcp, Prefix: prefix("203.0.113.7/32")},
		{Mark: 2, Proto: tcp, Prefix: prefix("203.0.113.64/26")},
		{Mark: 3, Proto: tcp, Prefix: prefix("198.51.100.0/24")},
	}
	r := newRegistry(t, service.Options{Marks: marks})
	check := func(a string, virtual, marked bool) {
		t.Helper()
		if v, m := r.table.VIP(packet.MustAddr(a)), r.table.Marked(packet.MustAddr(a)); v != virtual || m != marked {
			t.Errorf("%s is virtual %v and marked %v, want %v and %v", a, v, m, virtual, marked)
		}
	}
	check("203.0.113.7", false, false)
	check("203.0.113.65", false, false)
	r.must(r.AddService(empty(service.Key{Mark: 1})))
	r.must(r.AddService(empty(service.Key{Mark: 2})))
	r.commit()
	check("203.0.113.7", true, false)
	check("203.0.113.63", false, false)
	check("203.0.113.64", false, true)
	check("203.0.113.127", false, true)
	check("203.0.113.128", false, false)
	check("198.51.100.7", false, false)
	if got := r.table.VIPs(); len(got) != 1 {
		t.Errorf("virtual addresses %v, want one", got)
	}
	r.change(r.DeleteService(service.Key{Mark: 1}))
	check("203.0.113.7", false, false)
	check("203.0.113.64", false, true)
}

// This test compares look-ups of random packets and marks with a walk over all
// addresses of the prefixes.
func TestMarks_AgreeWithAWalk(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		var marks []service.Mark
		for i := range uint32(8) {
			m := service.Mark{Mark: 1 + i%5, Proto: []uint8{tcp, udp}[r.IntN(2)]}
			m.Prefix = prefix("203.0.113." + []string{"0/24", "0/25", "64/26", "16/28", "18/31", "19/32", "200/29"}[r.IntN(7)])
			for range r.IntN(3) {
				first := uint16(r.IntN(20))
				m.Ports = append(m.Ports, service.PortRange{First: first, Last: first + uint16(r.IntN(5))})
			}
			marks = append(marks, m)
		}
		reg := newRegistry(t, service.Options{Marks: marks})
		served := map[uint32]bool{}
		for m := range uint32(5) {
			if served[m+1] = r.IntN(4) > 0; served[m+1] {
				reg.must(reg.AddService(empty(service.Key{Mark: m + 1})))
			}
		}
		reg.commit()
		for range 3000 {
			f := packet.Flow{Dst: packet.AddrFrom4(0xcb007100 + r.Uint32N(256)), DstPort: uint16(r.IntN(25)), Proto: []uint8{tcp, udp, sctp}[r.IntN(3)]}
			want, got := uint32(0), uint32(0)
			for _, m := range marks {
				fits := m.Ports == nil
				for _, p := range m.Ports {
					fits = fits || p.First <= f.DstPort && f.DstPort <= p.Last
				}
				if fits && m.Proto == f.Proto && m.Prefix.Contains(f.Dst.Netip()) {
					want = m.Mark
					break
				}
			}
			if !served[want] {
				want = 0
			}
			if s := reg.table.Lookup(&f); s != nil {
				got = s.Mark
			}
			if got != want {
				t.Fatalf("seed %d: %v:%d of %d has mark %d, want %d, of %+v", seed, f.Dst, f.DstPort, f.Proto, got, want, marks)
			}
		}
	}
}
