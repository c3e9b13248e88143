package dataplane_test

import (
	"testing"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// wideRig returns a rig with a service for port 80 of all addresses on the clients'
// network. The clients are in that network, too.
func wideRig(t *testing.T) *rig {
	r := newRig(t, options{weights: []int32{}, marks: []service.Mark{
		{Mark: 1, Proto: packet.ProtoTCP, Prefix: mustPrefix("198.51.100.0/24"), Ports: []service.PortRange{{First: 80, Last: 80}}},
	}})
	s := service.Spec{Key: service.Key{Mark: 1}, Scheduler: "rr"}
	s.Servers = []service.ServerSpec{{Addr: packet.MustAddr(serverIP(1)), Port: 8080, Weight: 1}}
	if err := r.control.Add([]service.Spec{s}); err != nil {
		t.Fatal(err)
	}
	return r
}

// A client may be in the prefix of the mark whose service it uses. The answers of the
// real server are still recognised as answers.
func TestMark_WhosePrefixHoldsTheClients(t *testing.T) {
	r := wideRig(t)
	for i, flags := range []string{"S", "A", "FA"} {
		r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: flags, Dst: "198.51.100.200:80"}))
		r.step()
		if got, want := r.one(r.ports[1][0]).Flow(), clientIP+":40000 > "+serverIP(1)+":8080"; got != want {
			t.Errorf("segment %d: %s, want %s", i, got, want)
		}
		r.ports[1][0].Push(fromServer(1, 40000, packettest.Frame{Flags: "A" + flags}))
		r.step()
		if got, want := r.one(r.ports[0][0]).Flow(), "198.51.100.200:80 > "+clientIP+":40000"; got != want {
			t.Errorf("answer %d: %s, want %s", i, got, want)
		}
	}
	if c := r.counts(); c.Conns != 1 || c.Tx[0] != 3 || c.Tx[1] != 3 {
		t.Errorf("%+v, want one connection and three segments each way", c)
	}
	// Packets between other hosts of that network go to the kernel.
	r.ports[1][0].Push(fromServer(1, 40001, packettest.Frame{Flags: "A"}))
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S", Dst: "198.51.100.200:81"}))
	r.step()
	if back := len(r.hosts[1][0].Take()) + len(r.hosts[0][0].Take()); back != 2 {
		t.Errorf("%d frames left to the kernel, want 2", back)
	}
}
