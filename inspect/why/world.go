package why

import (
	"fmt"
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/dataplane/memport"
	"director/packet"
	"director/service"
)

// second in nanoseconds.
const second = 1_000_000_000

// world is a shadow of a director with a worker of its own and interfaces made of
// memory. One goroutine uses it.
type world struct {
	shared       *dataplane.Engine
	worker       *dataplane.Worker
	ports, hosts []*memport.Port // by interface
	clock        memport.Clock   // how long after start it is
	start        int64           // on the director's clock
	persistent   bool            // some service is

	picks  []*service.Pick // what schedulers were asked by the packet in hand
	wanted []packet.Addr   // whose Ethernet address is waited for
}

// shadow makes a world with room for that many more connections, that knows the
// connections of these clients.
func (d *Director) shadow(room int, clients ...packet.Addr) (*world, error) {
	w := &world{start: d.Shared.Now()}
	view := d.Shared.View()
	known := map[packet.Addr]bool{}
	for _, a := range clients {
		known[a] = true
		// A template stands for all clients who differ in the bits that do not count.
		for _, s := range view.Services.Services() {
			if s.Persistent != 0 {
				w.persistent = true
				known[packet.AddrFrom4(a.V4()&^s.HostMask)] = true
			}
		}
	}
	var err error
	w.shared, err = d.Control.Shadow(dataplane.ShadowOptions{
		Keep:     func(c *conntrack.Record) bool { return known[c.Client] },
		Room:     room,
		Clock:    func() int64 { return w.start + w.clock.Now() },
		Resolver: w,
		Picked:   func(p *service.Pick) { w.picks = append(w.picks, p) },
	})
	if err != nil {
		return nil, fmt.Errorf("make a shadow of the director: %w", err)
	}
	ifaces := make([]dataplane.Interface, len(w.view().Hops.Interfaces()))
	for i := range ifaces {
		port, host := memport.New(), memport.New()
		w.ports, w.hosts = append(w.ports, port), append(w.hosts, host)
		ifaces[i] = dataplane.Interface{Queues: []dataplane.Port{port}, Hosts: []dataplane.Port{host}}
	}
	workers, err := dataplane.NewWorkers(w.shared, ifaces, []dataplane.Waiter{memport.NewWaiter()})
	if err != nil {
		w.close()
		return nil, fmt.Errorf("make a shadow of the director: %w", err)
	}
	w.worker = workers[0]
	return w, nil
}

func (w *world) close() { w.shared.Conns().Close() }

func (w *world) view() *dataplane.View { return w.shared.View() }

// name returns the name of an interface.
func (w *world) name(iface int) string { return w.view().Hops.Interfaces()[iface].Name }

// Want makes the world the resolver that remembers what it was asked, and answers
// nothing.
func (w *world) Want(a packet.Addr, _ uint8) { w.wanted = append(w.wanted, a) }

// reach moves the clock to a time since the start, unless it is there. What is due
// until then ends.
func (w *world) reach(at int64) {
	if by := at - w.clock.Now(); by > 0 {
		w.clock.Advance(time.Duration(by))
		w.worker.ExpireAll()
	}
}

// found is a connection as it was when it was looked up.
type found struct {
	conn conntrack.Conn
	out  bool // the packet is from the server's side
}

// connection looks a packet's connection up, or returns nil.
func (w *world) connection(f packet.Flow) *found {
	conns, v := w.shared.Conns(), w.view()
	c := &found{out: v.FromServer(f.Dst)}
	switch {
	case c.out && conns.FindOut(conns.HashOut(&f), &f, &c.conn):
	case c.out:
		return nil
	case conns.FindIn(conns.HashIn(&f), &f, &c.conn):
	case v.Services.Marked(f.Dst) && conns.FindOut(conns.HashOut(&f), &f, &c.conn):
		c.out = true
	case conns.FindAnyPort(conns.HashAnyPort(&f), &f, &c.conn):
	default:
		return nil
	}
	return c
}

// templates lists the templates, and whether they may be used.
func (w *world) templates() map[conntrack.Ref]conntrack.Record {
	if !w.persistent {
		return nil
	}
	all := map[conntrack.Ref]conntrack.Record{}
	for info := range w.shared.Conns().All() {
		if info.Is(conntrack.Template) {
			all[info.ID] = *info
		}
	}
	return all
}

// moment is what can be seen of the world between two packets.
type moment struct {
	counts    dataplane.Counts
	tallies   []service.Tally // by server
	templates map[conntrack.Ref]conntrack.Record
	found     *found
}

// look takes in the world as it is for a packet of that flow, if it has one.
func (w *world) look(f *packet.Flow) (m moment) {
	m.counts, m.templates = w.worker.Counts(), w.templates()
	for _, s := range w.view().Services.Servers() {
		var t service.Tally
		if s != nil {
			t = s.Counted()
		}
		m.tallies = append(m.tallies, t)
	}
	if f != nil {
		m.found = w.connection(*f)
	}
	return m
}
