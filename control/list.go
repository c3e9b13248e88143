package control

import (
	"net/netip"
	"slices"
	"time"

	"director/conntrack"
	"director/neigh"
	"director/packet"
	"director/service"
)

// Services lists the services in the order of adding, with their servers.
func (c *Control) Services() []Service {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Service, 0, c.registry.Len())
	hops := c.shared.View().Hops
	c.registry.Each(func(s *service.Service, m *service.Meter) {
		list = append(list, c.list(s, m, hops, nil))
	})
	return list
}

// EachService calls f for each service in the order of adding, until f returns false. It
// needs little memory for many services: f must not keep what it gets. Each service is
// listed at another moment. Other changes can happen in between, and during f.
func (c *Control) EachService(f func(*Service) bool) {
	var room []Server
	for _, k := range c.keys() {
		c.mu.Lock()
		s, m := c.registry.Service(k)
		if s == nil { // it was removed meanwhile
			c.mu.Unlock()
			continue
		}
		listed := c.list(s, m, c.shared.View().Hops, room[:0])
		c.mu.Unlock()
		if !f(&listed) {
			return
		}
		room = listed.Servers
	}
}

// keys returns the keys of all services in the order of adding.
func (c *Control) keys() []service.Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := make([]service.Key, 0, c.registry.Len())
	c.registry.Each(func(s *service.Service, _ *service.Meter) { keys = append(keys, s.Key) })
	return keys
}

// Service lists one service. It returns false if there is none with key k.
func (c *Control) Service(k service.Key) (listed Service, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, m := c.registry.Service(k)
	if s == nil {
		return listed, false
	}
	return c.list(s, m, c.shared.View().Hops, nil), true
}

// list lists a service. Its servers are appended to room. The caller holds the lock.
func (c *Control) list(s *service.Service, m *service.Meter, hops *neigh.Table, room []Server) Service {
	listed := Service{
		Spec: s.Spec, Stats: Stats(m.Stats()), Counted: Stats(c.registry.Tally(&s.Key)), Rates: ratesOf(m.Rates()),
		Health:  c.registry.Health(s.Key),
		Servers: slices.Grow(room, c.registry.Servers(s.Key)),
	}
	c.registry.EachServer(s.Key, func(server *service.Server, spec service.ServerSpec, m *service.Meter) {
		listed.Servers = append(listed.Servers, Server{
			ServerSpec: spec,
			Active:     uint32(server.Load.Active.Load()),
			Inactive:   uint32(server.Load.Inactive()),
			Persistent: uint32(server.Persistent.Load()),
			Overloaded: server.Load.Overloaded.Load(),
			Stats:      Stats(m.Stats()),
			Counted:    Stats(server.Tally()),
			Rates:      ratesOf(m.Rates()),
			Way:        hops.Server(server.ID).Reason,
			Skipped:    server.Skipped(),
			Signs:      server.Signs(),
			Health:     server.Health(),
		})
	})
	return listed
}

// Counted returns the sum of the counts of all services, including deleted ones. Zero
// does not reset it.
func (c *Control) Counted() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats(c.registry.Tally(nil))
}

func ratesOf(t service.Tally) Rates {
	return Rates{CPS: t.Conns, InPPS: t.InPkts, OutPPS: t.OutPkts, InBPS: t.InBytes, OutBPS: t.OutBytes}
}

// Specs returns the specifications of all services.
func (c *Control) Specs() []service.Spec {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.registry.Specs()
}

// Size returns how many connections the table can hold.
func (c *Control) Size() int { return c.shared.Conns().Size() }

// Connections lists connections and templates, the oldest first.
func (c *Control) Connections() []Connection {
	now := c.shared.Now()
	all := c.shared.Conns().List()
	list := make([]Connection, len(all))
	for i := range all {
		list[i] = connection(&all[i], now)
	}
	return list
}

// connection returns a connection in the form in which it is listed at the time now.
func connection(r *conntrack.Record, now int64) Connection {
	virtual := r.Virtual
	if r.Is(conntrack.Template) && r.Mark != 0 {
		virtual = packet.AddrFrom4(r.Mark) // as IPVS lists it
	}
	c := Connection{
		Proto:      r.Proto,
		Expires:    time.Duration(max(0, r.Deadline-now)),
		State:      r.State.String(),
		Client:     endpoint(r.Client, r.ClientPort),
		Virtual:    endpoint(virtual, r.VirtualPort),
		Server:     endpoint(r.Addr, r.Port),
		EngineData: r.Data,
	}
	if c.EngineData != "" {
		c.Engine = "sip" // there is no other
	}
	return c
}

func endpoint(a packet.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }
