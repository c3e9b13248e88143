package daemon

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"director/control/config"
	"director/dataplane"
	"director/dataplane/memport"
	"director/dataplane/steer"
	"director/host/notify"
	"director/internal/memlab"
	"director/internal/packettest"
	"director/neigh"
	"director/neigh/rtnl"
	"director/packet"
)

// rig is a daemon in memory. The interfaces, the kernel's network and the steering
// programs are replaced by fakes.
type rig struct {
	*Daemon
	t       *testing.T
	network *fakeNetwork
	maps    *fakeMaps
	ports   []*memport.Port // by worker
	logged  *lines
}

// parse parses a configuration of rules and flags, one per line.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]string{"--interface=eth0", "--conn-table-size=4096", "--flagfile=-"}, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newRig makes a daemon of two workers as Start does, except for the parts that are
// replaced by fakes. It calls prepare before it makes the tables.
func newRig(t *testing.T, text string, prepare ...func(*Daemon)) *rig {
	t.Helper()
	r := &rig{t: t, network: &fakeNetwork{snapshot: memlab.OneLink("10.0.0.11", "10.0.0.12")}, maps: &fakeMaps{}, logged: &lines{}}
	r.Daemon = New(parse(t, text), nil, zerolog.New(r.logged))
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	r.watch, r.follower.programs = r.network, r.maps
	for _, p := range prepare {
		p(r.Daemon)
	}
	const workers = 2
	if err := r.build(workers); err != nil {
		t.Fatal(err)
	}
	iface := &interfaceIO{name: "eth0", index: 2, queues: []int{0, 1}}
	waiters := []dataplane.Waiter{memport.NewWaiter(), memport.NewWaiter()}
	for range workers {
		r.ports = append(r.ports, memport.New())
		iface.ports = append(iface.ports, r.ports[len(r.ports)-1])
		iface.hosts = append(iface.hosts, memport.New())
	}
	r.ifaces, r.cpus, r.threads = []*interfaceIO{iface}, []int{5, 7}, make([]atomic.Int32, workers)
	var err error
	r.workers, err = dataplane.NewWorkers(r.shared, []dataplane.Interface{{Queues: iface.ports, Hosts: iface.hosts}}, waiters)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// receive gives frames to a worker and runs one step.
func (r *rig) receive(worker int, frames ...[]byte) {
	r.t.Helper()
	r.ports[worker].Push(frames...)
	if _, err := r.workers[worker].Step(); err != nil {
		r.t.Fatal(err)
	}
}

// frame returns a client's packet to the virtual address: a SYN, or a UDP datagram.
func frame(proto uint8, from, to uint16) []byte {
	f := packettest.Frame{
		SrcMAC: memlab.OthersMAC, DstMAC: memlab.MAC, Flags: "S",
		Src: fmt.Sprintf("198.51.100.1:%d", from), Dst: fmt.Sprintf("192.0.2.10:%d", to),
	}
	if proto == packet.ProtoUDP {
		f.UDP, f.Flags = true, ""
	}
	return f.Bytes()
}

// tellManager gives the daemon a service manager. The returned function returns the
// messages that the manager got since the last call.
func (r *rig) tellManager() (told func() []string) {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { l.Close() })
	r.t.Setenv("NOTIFY_SOCKET", path)
	if r.manager, err = notify.Open(); err != nil {
		r.t.Fatal(err)
	}
	const end = "STATUS=end" // datagrams of one socket stay in order
	return func() (all []string) {
		r.t.Helper()
		if err := r.manager.Status("end"); err != nil {
			r.t.Fatal(err)
		}
		for b := make([]byte, 1<<10); ; {
			n, err := l.Read(b)
			if err != nil {
				r.t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(b[:n]), "\n")
			if first == end {
				return all
			}
			all = append(all, first)
		}
	}
}

// lines collects log lines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// take returns the lines since the last call.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.buf.String()
	l.buf.Reset()
	return text
}

// fakeNetwork is a network that tests describe.
type fakeNetwork struct {
	snapshot neigh.Snapshot
	served   []packet.Addr
	statics  [][]rtnl.Static // the argument of each call
	refuse   error           // the result of Statics
	silent   []netip.Addr
	doubted  []packet.Addr // the next hops that were to be confirmed
}

func (n *fakeNetwork) Want(packet.Addr, uint8)              {}
func (n *fakeNetwork) Snapshot() neigh.Snapshot             { return n.snapshot }
func (n *fakeNetwork) Changes() <-chan struct{}             { return nil }
func (n *fakeNetwork) Serve(all []packet.Addr)              { n.served = all }
func (n *fakeNetwork) Resolve(context.Context) []netip.Addr { return n.silent }
func (n *fakeNetwork) AnyQueues(int)                        {}
func (n *fakeNetwork) Confirm(a packet.Addr, _ uint8)       { n.doubted = append(n.doubted, a) }
func (n *fakeNetwork) Run(ctx context.Context) error        { <-ctx.Done(); return nil }
func (n *fakeNetwork) Statics(_ context.Context, all []rtnl.Static) error {
	n.statics = append(n.statics, all)
	return n.refuse
}

// fakeMaps replaces the maps of the steering programs.
type fakeMaps struct {
	updates int
	last    steer.Set
	refuse  error
}

func (m *fakeMaps) Update(s steer.Set) error {
	m.updates++
	m.last = s
	return m.refuse
}
