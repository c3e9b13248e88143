package dataplane_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/dataplane"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// ftpRig returns a rig that also has a masqueraded FTP service with server 1.
func ftpRig(t *testing.T, o options) *rig {
	r := newRig(t, o)
	err := r.control.Add([]service.Spec{{
		Key:       service.Key{Addr: packet.MustAddr(vip), Port: 21, Proto: packet.ProtoTCP},
		Scheduler: "rr",
		Servers:   []service.ServerSpec{{Addr: packet.MustAddr(serverIP(1)), Port: 21, Weight: 1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ftpLoad returns the numbers of active and of all connections of the FTP server.
func (r *rig) ftpLoad() (active, total int64) {
	for _, s := range r.shared.View().Services.Servers() {
		if s != nil && s.Of.Port == 21 {
			return s.Load.Active.Load(), s.Load.Total.Load()
		}
	}
	r.t.Fatal("no FTP server")
	return 0, 0
}

// segment is a TCP segment of a control connection from one end to the other.
func segment(src, dst, flags string, seq, ack uint32, text string) []byte {
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	eth := &layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: eth0MAC[:], EthernetType: layers.EthernetTypeIPv4}
	if dst[:len(vip)] != vip {
		mac := serverMAC(1)
		eth.SrcMAC, eth.DstMAC = mac[:], eth1MAC[:]
	}
	return packettest.Serialize(eth,
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()},
		&layers.TCP{
			SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), Seq: seq, Ack: ack, Window: 512,
			SYN: strings.Contains(flags, "S"), ACK: strings.Contains(flags, "A"), RST: strings.Contains(flags, "R"),
		},
		gopacket.Payload(text))
}

// The two ends of a control connection.
var ftpServer = serverIP(1) + ":21"

const ftpService = vip + ":21"

func ftpClient(port int) string { return fmt.Sprintf("%s:%d", clientIP, port) }

// passive returns the announcement of a port by server 1, and the one that the client
// must receive.
func passive(port int) (said, read string) {
	numbers := fmt.Sprintf("%d,%d)\r\n", port>>8, port&0xff)
	return "227 (10,0,0,11," + numbers, "227 (192,0,2,10," + numbers
}

const grows = len("192,0,2,10") - len("10,0,0,11") // bytes by which an edit makes the stream longer

// login opens a control connection: both ends have sent a SYN with number 0.
func (r *rig) login(port int) {
	r.t.Helper()
	r.ports[0][0].Push(segment(ftpClient(port), ftpService, "S", 0, 0, ""))
	r.step()
	r.ports[1][0].Push(segment(ftpServer, ftpClient(port), "SA", 0, 1, ""))
	r.step()
	r.ports[0][0].Push(segment(ftpClient(port), ftpService, "A", 1, 1, ""))
	r.step()
	if got := len(r.ports[1][0].Take()); got != 2 {
		r.t.Fatalf("%d segments reached the server, want 2; counts %+v", got, r.counts())
	}
	r.one(r.ports[0][0])
}

// together runs the workers at the same time until none has work.
func (r *rig) together() {
	var wg sync.WaitGroup
	for _, w := range r.workers {
		wg.Go(func() {
			for n := 1; n > 0; {
				var err error
				if n, err = w.Step(); err != nil {
					r.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// One worker receives the client's segments of a control connection and another the
// server's, at the same time. The client's acknowledgement races with the next
// announcement, which may have to wait for it. In every order, each end receives
// acknowledgements in its own sequence numbers.
func TestFTP_TwoWorkersSeeOneDialogue(t *testing.T) {
	r := ftpRig(t, options{queues: [2]int{2, 2}, unordered: true})
	r.login(40000)
	const rounds = 100
	clientSeq, serverSeq, shift := uint32(1), uint32(1), uint32(0)
	acked := serverSeq // acknowledged by the client, in its numbers
	for round := range rounds {
		r.ports[0][0].Push(segment(ftpClient(40000), ftpService, "A", clientSeq, acked, "PASV\r\n"))
		r.together()
		if got := r.one(r.ports[1][0]); got.TCP.Seq != clientSeq || got.TCP.Ack > serverSeq {
			t.Fatalf("round %d: the server reads seq %d ack %d, want %d and at most %d", round, got.TCP.Seq, got.TCP.Ack, clientSeq, serverSeq)
		}
		clientSeq += 6

		said, want := passive(50000 + round)
		acked = serverSeq + shift
		announcement := segment(ftpServer, ftpClient(40000), "A", serverSeq, clientSeq, said)
		r.ports[1][1].Push(announcement)
		for range 3 {
			r.ports[0][0].Push(segment(ftpClient(40000), ftpService, "A", clientSeq, acked, ""))
		}
		r.together()
		sent := r.ports[0][1].Take()
		if len(sent) == 0 { // it arrived before the acknowledgement
			r.ports[1][1].Push(announcement)
			r.together()
			sent = r.ports[0][1].Take()
		}
		if len(sent) != 1 {
			t.Fatalf("round %d: %d segments reached the client; counts %+v", round, len(sent), r.counts())
		}
		if got := packettest.Decode(t, sent[0]); string(got.Payload) != want || got.TCP.Seq != serverSeq+shift {
			t.Fatalf("round %d: the client reads %q at %d, want %q at %d", round, got.Payload, got.TCP.Seq, want, serverSeq+shift)
		}
		for _, f := range r.ports[1][0].Take() {
			if got := packettest.Decode(t, f).TCP.Ack; got != serverSeq {
				t.Fatalf("round %d: %d is acknowledged to the server, want %d", round, got, serverSeq)
			}
		}
		serverSeq += uint32(len(said))
		shift += uint32(grows)

		// Both workers receive the SYN of the data connection. It goes to one server.
		data := fmt.Sprintf("%s:%d", vip, 50000+round)
		for q := range 2 {
			r.ports[0][q].Push(segment(ftpClient(41000+round), data, "S", 7, 0, ""))
		}
		r.together()
		syns := append(r.ports[1][0].Take(), r.ports[1][1].Take()...)
		if len(syns) == 0 {
			t.Fatalf("round %d: no SYN reached the server; counts %+v", round, r.counts())
		}
		for _, f := range syns {
			if got, want := packettest.Decode(t, f).Flow(), fmt.Sprintf("%s > %s:%d", ftpClient(41000+round), serverIP(1), 50000+round); got != want {
				t.Fatalf("round %d: %s, want %s", round, got, want)
			}
		}
	}
	if active, total := r.ftpLoad(); active != rounds+1 || total != rounds+1 || r.shared.Conns().Used() != rounds+1 {
		t.Errorf("%d active of %d, %d in the table, want %d", active, total, r.shared.Conns().Used(), rounds+1)
	}
	r.endAll()
}

// endAll lets all connections expire and checks that nothing is left of them.
func (r *rig) endAll() {
	r.t.Helper()
	for range 3 {
		r.clock.Advance(1000 * time.Second)
		for _, w := range r.workers {
			w.ExpireAll()
		}
	}
	active, total := r.ftpLoad()
	if used, kept := r.shared.Conns().Used(), dataplane.Remembered(r.shared); used+kept != 0 || active != 0 || total != 0 {
		r.t.Errorf("left: %d connections, %d helper states, load %d of %d", used, kept, active, total)
	}
}

// A client can have 64 expected data connections (the table's bound for one client
// port). The next announcement does not reach the client until there is room.
func TestFTP_HoldsBackWhatItCannotOpen(t *testing.T) {
	r := ftpRig(t, options{})
	r.login(40000)
	clientSeq, serverSeq, shift := uint32(1), uint32(1), uint32(0)
	announce := func(port int) []byte {
		said, _ := passive(port)
		r.ports[0][0].Push(segment(ftpClient(40000), ftpService, "A", clientSeq, serverSeq+shift, "PASV\r\n"))
		r.step()
		clientSeq += 6
		s := segment(ftpServer, ftpClient(40000), "A", serverSeq, clientSeq, said)
		r.ports[1][0].Push(s)
		r.step()
		serverSeq += uint32(len(said))
		shift += uint32(grows)
		return s
	}
	for i := range 64 {
		announce(50000 + i)
	}
	if got := len(r.ports[0][0].Take()); got != 64 {
		t.Fatalf("%d announcements reached the client, want 64; counts %+v", got, r.counts())
	}
	late := announce(50064)
	if sent := len(r.ports[0][0].Take()); sent != 0 || r.counts().Drops[packet.TableFull] != 1 {
		t.Errorf("%d segments reached the client; counts %+v", sent, r.counts())
	}
	if _, total := r.ftpLoad(); total != 65 {
		t.Errorf("%d connections are counted to the server, want 65", total)
	}
	r.ports[1][0].Take()
	r.ports[0][0].Push(segment(ftpClient(41000), vip+":50000", "S", 7, 0, ""))
	r.step()
	if got, want := r.one(r.ports[1][0]).Flow(), ftpClient(41000)+" > "+serverIP(1)+":50000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r.ports[1][0].Push(late)
	r.step()
	if _, want := passive(50064); string(r.one(r.ports[0][0]).Payload) != want {
		t.Error("the repeated announcement does not say", want)
	}
	r.endAll()
}

func TestFTP_HoldsBackWhatTheTableHasNoRoomFor(t *testing.T) {
	r := ftpRig(t, options{size: 4})
	r.login(40000)
	for port := 1; port <= 3; port++ {
		for _, flags := range []string{"S", "A"} { // established connections are not evicted
			r.ports[0][0].Push(fromClient(port, packettest.Frame{Flags: flags}))
			r.step()
		}
	}
	r.ports[1][0].Take()
	port := segment(ftpClient(40000), ftpService, "A", 1, 1, "PORT 198,51,100,7,200,1\r\n")
	r.ports[0][0].Push(port)
	r.step()
	if sent := len(r.ports[1][0].Take()); sent != 0 || r.counts().Drops[packet.TableFull] != 1 {
		t.Errorf("%d segments reached the server; counts %+v", sent, r.counts())
	}
	if active, total := r.ftpLoad(); active != 1 || total != 1 {
		t.Errorf("%d active of %d connections are counted to the server, want 1 of 1", active, total)
	}
	r.endAll()
}

// A segment of a control connection and the SYN of the next connection from the same
// port arrive in one batch. The helper's state of the first connection is removed
// before its segment is handled, and must not be made again.
func TestFTP_KeepsNoStateOfAnEndedConnection(t *testing.T) {
	r := ftpRig(t, options{})
	r.login(40000)
	r.ports[0][0].Push(segment(ftpClient(40000), ftpService, "R", 1, 0, ""))
	r.step()
	r.ports[1][0].Take()
	r.ports[0][0].Push(
		segment(ftpClient(40000), ftpService, "A", 1, 1, "NOOP\r\n"),
		segment(ftpClient(40000), ftpService, "S", 5000, 0, ""))
	r.step()
	if got := r.one(r.ports[1][0]); !got.TCP.SYN || got.TCP.Seq != 5000 {
		t.Errorf("syn %v seq %d reached the server, want the SYN 5000", got.TCP.SYN, got.TCP.Seq)
	}
	if got := r.counts().Drops[packet.NoConnection]; got != 1 {
		t.Errorf("%d dropped, want 1", got)
	}
	if got := dataplane.Remembered(r.shared); got != 1 {
		t.Errorf("the helper has state of %d connections, want 1", got)
	}
	r.endAll()
}

func TestFTP_DoesNotReadOtherConnections(t *testing.T) {
	r := ftpRig(t, options{})
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}), fromClient(40000, packettest.Frame{UDP: true}))
	r.step()
	r.answerAll(service.NAT, "")
	if got := dataplane.Remembered(r.shared); got != 0 {
		t.Errorf("the helper has state of %d connections, want 0", got)
	}
}

// A data connection belongs to the service of its control connection, which may be that
// of a firewall mark.
func TestFTP_DataConnectionHasTheMarkOfItsService(t *testing.T) {
	r := newRig(t, options{weights: []int32{}, marks: []service.Mark{
		{Mark: 7, Proto: packet.ProtoTCP, Prefix: mustPrefix(vip + "/32"), Ports: []service.PortRange{{First: 21, Last: 21}}},
	}})
	s := service.Spec{Key: service.Key{Mark: 7}, Scheduler: "rr"}
	s.Servers = []service.ServerSpec{{Addr: packet.MustAddr(serverIP(1)), Port: 21, Weight: 1}}
	if err := r.control.Add([]service.Spec{s}); err != nil {
		t.Fatal(err)
	}
	r.login(40000)
	r.ports[0][0].Push(segment(ftpClient(40000), ftpService, "A", 1, 1, "PORT 198,51,100,7,200,1\r\n"))
	r.step()
	list := r.shared.Conns().List()
	if len(list) != 2 || list[0].Mark != 7 || list[1].Mark != 7 || list[1].Parent != list[0].ID {
		t.Errorf("connections %+v, want the control connection and its data connection, both of mark 7", list)
	}
}
