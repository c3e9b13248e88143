package main

import (
	"context"

	"director/conntrack"
	"director/dataplane"
	"director/dataplane/steer"
	"director/neigh"
	"director/packet"
	"director/service"
)

// serverAddrs lists the real servers' addresses by their number.
func serverAddrs(t *service.Table) []packet.Addr {
	addrs := make([]packet.Addr, len(t.Servers()))
	for i, s := range t.Servers() {
		addrs[i] = s.Addr
	}
	return addrs
}

// publish tells the workers what they are to know now.
func (d *director) publish() {
	d.publishing.Lock() // an older snapshot must not replace a newer one
	defer d.publishing.Unlock()
	t := d.config.Timeouts
	d.shared.View.Store(&dataplane.View{
		Services: d.services,
		Hops:     neigh.New(d.watch.Snapshot(), serverAddrs(d.services)),
		Timeouts: conntrack.NewTimeouts(t.TCP, t.TCPFIN, t.UDP),
	})
}

// steeringSet is what the steering programs are to send up now: the services,
// the answers of masquerading real servers, and nothing for the host itself.
func (d *director) steeringSet() steer.Set {
	set := steer.Set{MACs: map[int]packet.MAC{}}
	for _, s := range d.services.Services() {
		set.Services = append(set.Services, steer.Endpoint{Addr: s.Addr, Port: s.Port, Proto: s.Proto})
		set.Locals = append(set.Locals, s.Addr)
	}
	for _, s := range d.services.Servers() {
		if s.Method == service.NAT {
			set.Reals = append(set.Reals, steer.Endpoint{Addr: s.Addr, Port: s.Port, Proto: s.Service.Proto})
		}
	}
	for _, l := range d.watch.Snapshot().Links {
		if l.Arm >= 0 {
			set.MACs[l.Index] = l.MAC
		}
		for _, a := range l.Addrs {
			set.Locals = append(set.Locals, packet.AddrFrom(a.Addr()))
		}
	}
	return set
}

// steer begins to take the services' frames from the host.
func (d *director) steer() error { return d.steering.Update(d.steeringSet()) }

// follow has the workers and the steering programs follow what the kernel
// knows of the network, until ctx ends.
func (d *director) follow(ctx context.Context) {
	d.background.Go(func() { d.fail(d.watch.Run(ctx)) })
	d.background.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-d.watch.Changes():
				d.publish()
				if err := d.steering.Update(d.steeringSet()); err != nil {
					d.log.Error().Err(err).Msg("steering not updated")
				}
			}
		}
	})
}
