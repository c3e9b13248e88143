package dataplane_test

import (
	"testing"

	"director/conntrack"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// busy opens a connection from the client's port 40000 and sends enough packets that
// hit.go handles the next one. It returns the server.
func (r *rig) busy() string {
	r.t.Helper()
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
	for range manyPackets + 5 {
		r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "A"}))
	}
	r.step()
	sent := r.ports[1][0].Take()
	return packettest.Decode(r.t, sent[len(sent)-1]).IP.DstIP.String()
}

// A SYN differs from other packets of a connection: it can begin a new connection.
func TestHit_LeavesASynToTheStages(t *testing.T) {
	r := newRig(t, options{weights: []int32{1, 1}})
	server := r.busy()
	if err := r.control.SetSysctl("expire_nodest_conn", "1"); err != nil {
		t.Fatal(err)
	}
	err := r.control.EditServer(r.specs[0].Key, service.ServerSpec{Addr: packet.MustAddr(server), Port: 8080, Method: service.NAT})
	if err != nil {
		t.Fatal(err)
	}
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
	r.step()
	if got := r.one(r.ports[1][0]).IP.DstIP.String(); got == server {
		t.Errorf("the SYN went to %s, which takes no new connections", got)
	}
}

// If answers pass through the director, a client's FIN after the server's ends the
// connection.
func TestHit_KnowsThatAnswersAreSeen(t *testing.T) {
	r := newRig(t, options{weights: []int32{1}})
	r.busy()
	r.ports[1][0].Push(fromServer(1, 40000, packettest.Frame{Flags: "FA"}))
	r.step()
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "FA"}))
	r.step()
	if list := r.shared.Conns().List(); len(list) != 1 || list[0].State != conntrack.TCPTimeWait {
		t.Errorf("%d connections, the first in %v; want one in TIME_WAIT", len(list), list[0].State)
	}
}
