package micro

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"director/conntrack"
	"director/control"
	"director/dataplane"
	"director/dataplane/memport"
	"director/dataplane/sysctl"
	"director/neigh"
	"director/packet"
	"director/service"
)

const (
	// clockTick is the step of the workers' clock, in nanoseconds, as in "director
	// run".
	clockTick = 1 << 25
	// lifetime is the time-out of an established connection, in seconds. It is so
	// long that no connection of a case ends while others are measured.
	lifetime = 24 * 60 * 60
	// oldAge is how many packets the client of an established connection has sent:
	// so many that the table no longer counts them.
	oldAge = 16
)

// rig is a director in memory with one service and one forwarding method.
type rig struct {
	path    path // any path of the method
	shared  *dataplane.Engine
	control *control.Control
	ports   []*port
	flows   uint32          // established connections are the flows 0..flows-1
	order   [servers]uint32 // addresses of their servers, in turn
	crews   map[int][]*dataplane.Worker
	fresh   uint32 // the next flow that is not in the table

	// The workers' clock stops while the director is not measured. Otherwise the
	// workers would sweep the whole table after each pause.
	passed time.Duration // until the clock last stopped
	start  time.Time     // when the clock was last started; zero: it is stopped
}

// newRig makes a director for up to size connections. Its workers use ports.
func newRig(p path, size int, ports []*port) (*rig, error) {
	conns, err := conntrack.New(size)
	if err != nil {
		return nil, err
	}
	r := &rig{path: p, ports: ports, crews: map[int][]*dataplane.Worker{}, fresh: firstFresh}
	r.shared = dataplane.New(dataplane.Options{Conns: conns, Clock: r.clock, Resolver: memport.NoResolver{}})
	r.control = control.New(control.Options{
		Shared:   r.shared,
		Workers:  len(ports),
		Hops:     func(t *service.Table) *neigh.Table { return neigh.New(network(), control.Addresses(t)) },
		Timeouts: service.Timeouts{TCP: lifetime, TCPFIN: 120, UDP: 300},
		Sysctl:   sysctl.Defaults(),
	})
	spec := service.Spec{
		Key:       service.Key{Addr: packet.AddrFrom4(virtualIP), Port: virtual, Proto: packet.ProtoTCP},
		Scheduler: "rr",
	}
	for n := range uint32(servers) {
		spec.Servers = append(spec.Servers, service.ServerSpec{
			Addr: packet.AddrFrom4(serverIP + n), Port: p.serverPort(), Method: p.method, Weight: 1,
		})
	}
	if err := r.control.Add([]service.Spec{spec}); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) close() { r.shared.Conns().Close() }

// clock is the clock of the workers.
func (r *rig) clock() int64 {
	t := r.passed
	if !r.start.IsZero() {
		t += time.Since(r.start)
	}
	return int64(t) &^ (clockTick - 1)
}

// running calls do while the clock runs.
func (r *rig) running(do func() error) error {
	r.start = time.Now()
	defer func() {
		r.passed += time.Since(r.start)
		r.start = time.Time{}
	}()
	return do()
}

// network returns the neighbours and routes of the director's host.
func network() neigh.Snapshot {
	addr := func(a uint32) netip.Addr { return packet.AddrFrom4(a).Netip() }
	const index = 2
	s := neigh.Snapshot{
		Links: []neigh.Link{{
			Name: "eth0", Index: index, MAC: ownMAC, MTU: 1500, Up: true,
			Addrs: []netip.Prefix{netip.PrefixFrom(addr(ownIP), 24), netip.PrefixFrom(addr(virtualIP), 32)},
		}},
		Routes: []neigh.Route{
			{Dst: netip.PrefixFrom(addr(ownIP), 24).Masked(), Link: index},
			{Dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Gateway: addr(gatewayIP), Link: index},
		},
		Neighbors: []neigh.Neighbor{{IP: addr(gatewayIP), MAC: gatewayMAC, Link: index, Used: new(neigh.Mark)}},
	}
	for n := range uint32(servers) {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{
			IP: addr(serverIP + n), MAC: serverMAC(n), Link: index, Used: new(neigh.Mark),
		})
	}
	return s
}

// crew returns n workers of the director, each with its own port. Several crews
// share the director; only one works at a time.
func (r *rig) crew(n int) ([]*dataplane.Worker, error) {
	if w := r.crews[n]; w != nil {
		return w, nil
	}
	var queues []dataplane.Port
	for _, p := range r.ports[:n] {
		queues = append(queues, p)
	}
	workers, _, err := memport.Attach(r.shared, [][]dataplane.Port{queues})
	r.crews[n] = workers
	return workers, err
}

// establish fills the table with established connections of the flows 0..n-1. The
// service chooses their servers, and their first packets are long past.
func (r *rig) establish(n uint32) error {
	for i := range n {
		server, err := r.insert(i, conntrack.TCPEstablished, oldAge)
		if err != nil {
			return err
		}
		if i < servers {
			r.order[i] = server
		}
		if r.order[i%servers] != server {
			return fmt.Errorf("flow %d went to server %s, not where flow %d did", i, packet.AddrFrom4(server), i%servers)
		}
	}
	r.flows = n
	return nil
}

// insert inserts the connection of a flow as a worker does, in a given state and
// with a number of packets. It returns the address of the server.
func (r *rig) insert(number uint32, state conntrack.State, packets uint32) (server uint32, err error) {
	f, now, view := flow(number), r.clock(), r.shared.View()
	s := view.Services.Lookup(&f)
	if s == nil {
		return 0, errors.New("the service is not there")
	}
	to, ok := s.Schedule(&f, now, service.Active{Masqueraded: state.Active(), Otherwise: state.Active()})
	if !ok {
		return 0, errors.New("no server for a connection")
	}
	record := conntrack.Record{
		Key:    conntrack.KeyOf(&f),
		Target: conntrack.Target{Addr: to.Addr, Port: to.Port, Method: uint8(to.Method), Server: to.ID},
		State:  state, Packets: packets, Order: now, Deadline: now + view.Timeouts[state],
	}
	if conntrack.Assures(state) {
		record.Flags = conntrack.Answered | conntrack.Assured // as if both sides had sent packets
	}
	var c, victim conntrack.Conn
	if o := r.shared.Conns().Insert(r.shared.Conns().HashIn(&f), &record, &c, &victim); o != conntrack.Inserted {
		return 0, fmt.Errorf("%w: connection %d does not fit into one of %d",
			errRoom, r.shared.Conns().Used()+1, r.shared.Conns().Size())
	}
	return to.Addr.V4(), nil
}

var errRoom = fmt.Errorf("%w: the connection table is too small", ErrOptions)

// newFlows returns the number of the first of n flows that are not in the table.
func (r *rig) newFlows(n uint32) (first uint32) {
	first = r.fresh
	r.fresh += n
	return first
}

// end removes the connections of n flows, starting with first.
func (r *rig) end(first, n uint32) error {
	conns := r.shared.Conns()
	var c conntrack.Conn
	var dead [2]conntrack.Conn
	for i := range n {
		f := flow(first + i)
		if !conns.FindIn(conns.HashIn(&f), &f, &c) {
			return fmt.Errorf("new connection %d of %d is not in the table", i, n)
		}
		for i := range conns.Remove(c.Ref(), &dead) {
			r.shared.Settle(&dead[i])
		}
	}
	return nil
}

// room returns how many new connections a round makes. It is small enough that the
// table does not fill up much during the round, large enough for a measurable time,
// and a multiple of the batch size.
func (r *rig) room() uint32 {
	const most = 16384
	free := r.shared.Conns().Size() - r.shared.Conns().Used()
	return uint32(min(most, free/4)) &^ (packet.BatchSize - 1)
}
