package dataplane_test

import (
	"encoding/binary"
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

// Both ways share the verification of the IPv4 header's checksum, so a comparison of
// the ways finds no fault in it. The sum of the words of a header from 198.51.255.255
// has a carry.
func TestHit_VerifiesTheHeaderChecksum(t *testing.T) {
	for _, client := range []string{"198.51.100.7:40000", "198.51.255.255:40000"} {
		r := newRig(t, options{})
		send := func(flags string, wrong uint16) (sent int) {
			f := fromClient(40000, packettest.Frame{Flags: flags, Src: client, DF: true})
			ip := packet.IPv4(f[packet.EthLen:])
			ip.SetChecksum(binary.BigEndian.Uint16(ip[10:]) + wrong)
			r.ports[0][0].Push(f)
			r.step()
			return len(r.ports[1][0].Take())
		}
		if send("S", 0) != 1 {
			t.Errorf("%s: a SYN was not sent", client)
		}
		for range manyPackets + 5 {
			for _, wrong := range []uint16{0, 1, 0xff, 0x100, 0xff00, 0xfffe} {
				if got, want := send("A", wrong), wrong == 0; got == 1 != want {
					t.Fatalf("%s: %d frames sent for a checksum that is wrong by %#x", client, got, wrong)
				}
			}
		}
	}
}
