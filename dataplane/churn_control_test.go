package dataplane_test

import (
	"errors"
	"math/rand/v2"
	"slices"

	"director/neigh"
	"director/packet"
	"director/service"
)

// change makes a random change that an operator or the network can make to a running
// director.
func (c *churn) change(r *rand.Rand) {
	err := c.changes()[r.IntN(len(c.changes()))](r)
	for _, is := range []error{
		service.ErrServiceExists, service.ErrNoService, service.ErrServerExists, service.ErrNoServer, service.ErrNoServiceForServer,
	} {
		if errors.Is(err, is) {
			err = nil
		}
	}
	if err != nil {
		c.t.Error(err)
	}
	c.note()
}

// note records the current servers.
func (c *churn) note() {
	for _, s := range c.shared.View().Services.Servers() {
		if s != nil {
			c.servers[s] = true
		}
	}
}

func (c *churn) changes() []func(r *rand.Rand) error {
	return []func(r *rand.Rand) error{
		c.addServer, c.addServer, c.addServer, c.deleteServer, c.deleteServer, c.editServer, c.editServer,
		c.toggleService, c.editService, c.setSysctl, c.setSysctl, c.toggleNeighbor, c.keepHouse, c.keepHouse, c.keepHouse,
		func(r *rand.Rand) error {
			return c.control.SetTimeouts(service.Timeouts{TCP: 1 + r.Uint32N(900), TCPFIN: 1 + r.Uint32N(120), UDP: 1 + r.Uint32N(300)})
		},
	}
}

// any returns one of the initial services and the specification of a server for it: a
// random address, with the port and the method of the service's servers.
func (c *churn) any(r *rand.Rand) (service.Key, service.ServerSpec) {
	s := c.specs[r.IntN(len(c.specs))]
	server := s.Servers[0]
	server.Addr = packet.MustAddr(serverIP(1 + r.IntN(4)))
	server.Weight = r.Int32N(4)
	if server.Method == service.NAT {
		server.Port += uint16(r.IntN(2)) * 100
	}
	if server.Method == service.TUN && r.IntN(2) == 0 {
		server.Tunnel.Encap = packet.GRE
	}
	if r.IntN(3) == 0 {
		server.Upper = 1 + r.Uint32N(20)
		server.Lower = r.Uint32N(server.Upper)
	}
	return s.Key, server
}

func (c *churn) addServer(r *rand.Rand) error {
	k, s := c.any(r)
	return c.control.AddServer(k, s)
}

func (c *churn) editServer(r *rand.Rand) error {
	k, s := c.any(r)
	return c.control.EditServer(k, s)
}

func (c *churn) deleteServer(r *rand.Rand) error {
	k, s := c.any(r)
	return c.control.DeleteServer(k, s.Addr, s.Port)
}

// toggleService removes a service, or adds it again.
func (c *churn) toggleService(r *rand.Rand) error {
	s := c.specs[r.IntN(len(c.specs))]
	if slices.ContainsFunc(c.control.Specs(), func(o service.Spec) bool { return o.Key == s.Key }) && r.IntN(8) == 0 {
		return c.control.DeleteService(s.Key)
	}
	return c.control.AddService(s)
}

func (c *churn) editService(r *rand.Rand) error {
	s := c.specs[r.IntN(len(c.specs))]
	s.Servers = nil
	names := []string{"rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "lblc", "lblcr", "twos", "fo", "ovf"}
	s.Scheduler = names[r.IntN(len(names))]
	if s.Persistent != 0 {
		s.Persistent = 1 + r.Uint32N(100)
	}
	return c.control.EditService(s)
}

func (c *churn) setSysctl(r *rand.Rand) error {
	values := []struct {
		name string
		of   []string
	}{
		{"expire_nodest_conn", []string{"0", "1"}},
		{"expire_quiescent_template", []string{"0", "1"}},
		{"conn_reuse_mode", []string{"0", "1", "2", "3"}},
		{"secure_tcp", []string{"0", "1", "3"}},
		{"drop_entry", []string{"0", "1", "3"}},
		{"drop_packet", []string{"0", "0", "0", "3"}},
		{"sloppy_tcp", []string{"0", "1"}},
		{"amemthresh", []string{"10", "1000"}},
	}
	v := values[r.IntN(len(values))]
	return c.control.SetSysctl(v.name, v.of[r.IntN(len(v.of))])
}

// toggleNeighbor makes the Ethernet address of a real server known or unknown.
func (c *churn) toggleNeighbor(*rand.Rand) error {
	known := len(c.net.Neighbors)
	isIt := func(n neigh.Neighbor) bool { return n.IP == packet.MustAddr(serverIP(4)).Netip() }
	c.net.Neighbors = slices.DeleteFunc(slices.Clone(c.net.Neighbors), isIt)
	if len(c.net.Neighbors) == known {
		c.net.Neighbors = append(c.net.Neighbors, neigh.Neighbor{IP: packet.MustAddr(serverIP(4)).Netip(), MAC: serverMAC(4), Link: 3})
	}
	c.control.Refresh()
	return nil
}

// keepHouse does the periodic work. A number that Collect frees must not be used
// again while a worker is in a step that uses it. A director calls Collect once a
// minute, but here the time is not real. So keepHouse waits until each worker has
// made a step.
func (c *churn) keepHouse(r *rand.Rand) error {
	switch r.IntN(4) {
	case 0:
		c.control.Defend(c.clock.Now())
	case 1:
		c.control.Estimate()
		return c.control.Zero(nil)
	default:
		for id := range c.steps {
			if c.steps[id].Load() == c.collected[id] {
				return nil
			}
		}
		c.control.Collect(c.clock.Now())
		for id := range c.steps {
			c.collected[id] = c.steps[id].Load()
			if c.collected[id] >= 1<<32 {
				c.collected[id] = 0
			}
		}
	}
	return nil
}
