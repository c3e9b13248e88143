package control_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"director/conntrack"
	"director/control"
	"director/control/ipvsadm"
	"director/dataplane"
	"director/dataplane/memport"
	"director/internal/packettest"
	"director/neigh"
	"director/packet"
	"director/service"
	"director/sysctl"
)

var (
	mac       = packet.MAC{2, 0, 0, 0, 0, 1}
	clientMAC = packet.MAC{2, 0, 0, 0, 0, 7}
)

// rig is a director of one worker and one arm in memory, that answers to
// ipvsadm. Everything is on one link.
type rig struct {
	*control.Control
	t      *testing.T
	shared *dataplane.Shared
	clock  memport.Clock
	port   *memport.Port
	host   *memport.Port // what the kernel gets
	worker *dataplane.Worker

	clients int // so far, of fill
}

func newRig(t *testing.T, size int, marks ...service.Mark) *rig {
	t.Helper()
	r := &rig{t: t, port: memport.New(), host: memport.New()}
	conns, err := conntrack.NewSeeded(size, [3]uint64{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conns.Close)
	r.shared = dataplane.NewShared(dataplane.ShareOptions{Conns: conns, Clock: r.clock.Now, Resolver: r})
	r.Control = control.New(control.Options{
		Shared: r.shared, Workers: 1, Marks: marks, Seed: 1,
		Hops:     func(t *service.Table) *neigh.Table { return neigh.New(network(), control.Addresses(t)) },
		Timeouts: control.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300},
		Sysctl:   sysctl.Defaults(),
	})
	workers, err := dataplane.NewWorkers(r.shared,
		[]dataplane.Arm{{Queues: []dataplane.Port{r.port}, Hosts: []dataplane.Port{r.host}}},
		[]dataplane.Waiter{memport.NewWaiter()})
	if err != nil {
		t.Fatal(err)
	}
	r.worker = workers[0]
	return r
}

// Want is never called: every neighbour is known.
func (r *rig) Want(a packet.Addr, _ uint8) { r.t.Errorf("asked for the neighbour %v", a) }

func network() neigh.Snapshot {
	s := neigh.Snapshot{
		Links:  []neigh.Link{{Name: "eth0", Index: 2, MAC: mac, MTU: 1500, Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}},
		Routes: []neigh.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.0.0.254"), Link: 2}, {Dst: netip.MustParsePrefix("10.0.0.0/8"), Link: 2}},
	}
	for _, a := range []string{"10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.254"} {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: netip.MustParseAddr(a), MAC: clientMAC, Link: 2})
	}
	return s
}

// ipvsadm runs a command line and returns what it printed, errors last, and its
// exit code if that is not 0.
func (r *rig) ipvsadm(line string) string {
	r.t.Helper()
	var out, errs strings.Builder
	command, err := ipvsadm.Parse(strings.Fields(line), ipvsadm.System{})
	if err != nil {
		r.t.Fatal(err)
	}
	code := ipvsadm.Execute(command, ipvsadm.Local{Control: r.Control}, strings.NewReader(""), &out, &errs)
	if code != 0 {
		fmt.Fprintf(&errs, "exit %d\n", code)
	}
	return out.String() + errs.String()
}

// quietly runs command lines that must succeed and print nothing.
func (r *rig) quietly(lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		if got := r.ipvsadm(line); got != "" {
			r.t.Fatalf("%s: %s", line, got)
		}
	}
}

// prints compares what a command line prints. Trailing blanks do not count.
func (r *rig) prints(line, want string) {
	r.t.Helper()
	if got := trimmed(r.ipvsadm(line)); got != trimmed(want) {
		r.t.Errorf("%s prints\n%swant\n%s", line, got, want)
	}
}

func trimmed(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (r *rig) sysctl(name, value string) {
	r.t.Helper()
	if err := r.SetSysctl(name, value); err != nil {
		r.t.Fatal(err)
	}
}

// send has the director forward packets, and returns what it sent.
func (r *rig) send(frames ...packettest.Frame) (sent []*packettest.Decoded) {
	r.t.Helper()
	for _, f := range frames {
		f.SrcMAC, f.DstMAC = clientMAC, mac
		r.port.Push(f.Bytes())
	}
	if _, err := r.worker.Step(); err != nil {
		r.t.Fatal(err)
	}
	for _, f := range r.port.Take() {
		if packet.IPv4(f[packet.EthLen:]).Proto() != packet.ProtoICMP {
			sent = append(sent, packettest.Decode(r.t, f))
		}
	}
	return sent
}

// drops is how many frames were dropped for a reason.
func (r *rig) drops(reason packet.Reason) uint64 {
	c := r.worker.Counts()
	return c.Drops[reason]
}

// syn is the SYN of client 198.51.100.n to the service, from port 40000.
func syn(n int) packettest.Frame {
	return packettest.Frame{Src: fmt.Sprintf("198.51.100.%d:40000", n), Dst: "192.0.2.10:80", Flags: "S"}
}

func ack(n int) packettest.Frame {
	f := syn(n)
	f.Flags = "A"
	return f
}

// seconds moves the clock and ends what is due then.
func (r *rig) seconds(n int) {
	r.clock.Advance(time.Duration(n) * time.Second)
	r.worker.ExpireAll()
}

func (r *rig) tick() {
	r.seconds(1)
	r.Defend(r.clock.Now())
}
