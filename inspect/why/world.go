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

// second is a second in nanoseconds.
const second = 1_000_000_000

// world is a copy of a director, with its own worker and with interfaces in memory. One
// goroutine uses it.
type world struct {
	shared       *dataplane.Engine
	resolver     memport.Resolver // the neighbours that packets wait for
	worker       *dataplane.Worker
	ports, hosts []*memport.Port // by interface
	clock        memport.Clock   // the time since start
	start        int64           // on the director's clock
	persistent   bool            // whether any service is persistent

	picks []*service.Pick // the schedulers' choices for the current packet
}

// shadow makes a world that has the connections of these clients, and room for that
// many more.
func (d *Director) shadow(room int, clients ...packet.Addr) (*world, error) {
	w := &world{start: d.Shared.Now()}
	view := d.Shared.View()
	known := map[packet.Addr]bool{}
	for _, a := range clients {
		known[a] = true
		// A template is for all clients whose addresses differ only in the host bits.
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
		Resolver: &w.resolver,
		Picked:   func(p *service.Pick) { w.picks = append(w.picks, p) },
	})
	if err != nil {
		return nil, fmt.Errorf("make a shadow of the director: %w", err)
	}
	rig, err := memport.NewRig(w.shared, len(w.view().Hops.Interfaces()), 1)
	if err != nil {
		w.close()
		return nil, fmt.Errorf("make a shadow of the director: %w", err)
	}
	w.worker = rig.Workers[0]
	for i := range rig.Ports {
		w.ports, w.hosts = append(w.ports, rig.Ports[i][0]), append(w.hosts, rig.Hosts[i][0])
	}
	return w, nil
}

func (w *world) close() { w.shared.Conns().Close() }

func (w *world) view() *dataplane.View { return w.shared.View() }

// name returns the name of an interface.
func (w *world) name(iface int) string { return w.view().Hops.Interfaces()[iface].Name }

// reach moves the clock forward to a time since the start. Connections that are due
// until then end.
func (w *world) reach(at int64) {
	if by := at - w.clock.Now(); by > 0 {
		w.clock.Advance(time.Duration(by))
		w.worker.ExpireAll()
	}
}

// found is a connection in its state at the time of the look-up.
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

// templates returns the templates by their references.
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

// moment is the state of the world between two packets.
type moment struct {
	counts    dataplane.Counts
	tallies   []service.Tally // by server
	templates map[conntrack.Ref]conntrack.Record
	found     *found
}

// look returns the state of the world for a packet. f is its flow, or nil if it has
// none.
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
