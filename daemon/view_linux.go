package daemon

import (
	"context"
	"slices"
	"time"

	"director/control"
	"director/dataplane/steer"
	"director/host/plan"
	"director/neigh"
	"director/packet"
	"director/service"
)

// hops makes the next hops of a table's clients and real servers.
func (d *Daemon) hops(t *service.Table) *neigh.Table {
	addrs := control.Addresses(t)
	if !slices.Equal(addrs, d.served) {
		d.served = addrs
		d.watch.Serve(slices.DeleteFunc(slices.Clone(addrs), packet.Addr.IsZero))
	}
	return neigh.New(d.watch.Snapshot(), addrs)
}

// ftp is the port of FTP's control connections. A service there takes data
// connections to other ports, too.
const ftp = 21

// steeringSet is what the steering programs are to send up where the services are
// those of specs: the services, the answers of masquerading real servers, errors
// about tunnels, and nothing for the host itself.
func (d *Daemon) steeringSet(specs []service.Spec) steer.Set {
	set := steer.Set{MACs: map[int]packet.MAC{}}
	marked, engines := map[uint32]bool{}, map[service.Key]string{}
	for _, s := range specs {
		e := steer.Endpoint{Addr: s.Addr, Port: s.Port, Proto: s.Proto}
		if s.Proto == packet.ProtoTCP && s.Port == ftp {
			e.Port = 0
		}
		if s.Mark != 0 {
			marked[s.Mark] = true
		} else {
			set.Services = append(set.Services, e)
		}
		engines[s.Key] = s.Engine
		for _, server := range s.Servers {
			if server.Method == service.TUN {
				set.Tunnels = append(set.Tunnels, server.Addr)
			}
		}
	}
	// What is left of a service that was removed is the director's as long as its
	// servers may have connections: the host would reset them.
	services := d.shared.View().Services
	for _, server := range services.Servers() {
		if server != nil && server.Of.Proto != 0 && !services.Member(server.ID) {
			set.Services = append(set.Services, steer.Endpoint{Addr: server.Of.Addr, Port: server.Of.Port, Proto: server.Of.Proto})
		}
	}
	for _, m := range d.config.Marks {
		if marked[m.Mark] {
			set.Prefixes = append(set.Prefixes, steer.Prefix{Prefix: m.Prefix, Proto: m.Proto})
		}
	}
	for _, server := range services.Servers() {
		if server != nil && server.Answers() {
			set.Reals = append(set.Reals, d.answers(server, engines[server.Of] != "")...)
		}
	}
	for _, l := range d.watch.Snapshot().Links {
		if l.Interface >= 0 {
			set.MACs[l.Index] = l.MAC
		}
		for _, a := range l.Addrs {
			set.Locals = append(set.Locals, packet.AddrFrom(a.Addr()))
		}
	}
	return set
}

// answers returns the ends from which a masquerading server answers: all its
// ports where packets keep theirs, or where it begins connections itself, as it
// does with a persistence engine.
func (d *Daemon) answers(server *service.Server, engine bool) (ends []steer.Endpoint) {
	of := server.Of
	e := steer.Endpoint{Addr: server.Addr, Port: server.Port, Proto: of.Proto}
	if of.Port == 0 || of.Port == ftp && of.Proto == packet.ProtoTCP || engine {
		e.Port = 0
	}
	if of.Mark == 0 {
		return []steer.Endpoint{e}
	}
	for _, m := range d.config.Marks {
		if m.Mark == of.Mark {
			ends = append(ends, steer.Endpoint{Addr: server.Addr, Proto: m.Proto})
		}
	}
	return ends
}

// steer begins to take the services' frames from the host.
func (d *Daemon) steer() error { return d.steering.Update(d.steeringSet(d.control.Specs())) }

// catchUp has steering and VIPs follow the rules and the network as they are now.
// Whoever changes something calls it afterwards, so the last one sees all.
func (d *Daemon) catchUp() {
	d.following.Lock()
	defer d.following.Unlock()
	specs := d.control.Specs()
	if err := d.steering.Update(d.steeringSet(specs)); err != nil {
		d.log.Error().Err(err).Msg("steering not updated")
	}
	if d.vips == nil {
		return
	}
	if err := d.vips.Set(plan.VIPs(specs, d.config.Marks)); err != nil {
		d.log.Error().Err(err).Msg("VIPs not as they should be")
	}
}

// follow has the workers and the steering programs follow what the kernel
// knows of the network, until ctx ends.
func (d *Daemon) follow(ctx context.Context) {
	d.background.Go(func() { d.fail(d.watch.Run(ctx)) })
	d.background.Go(func() { d.keepHouse(ctx) })
	d.background.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-d.watch.Changes():
				d.control.Refresh()
				d.catchUp()
			}
		}
	})
}

// keepHouse does what is to be done every so often, until ctx ends.
func (d *Daemon) keepHouse(ctx context.Context) {
	every := func(period int64) *time.Ticker { return time.NewTicker(time.Duration(period)) }
	estimate, defend, collect := every(control.EstimatePeriod), every(control.DefencePeriod), every(control.CollectPeriod)
	defer estimate.Stop()
	defer defend.Stop()
	defer collect.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-estimate.C:
			if d.control.Estimate() {
				d.counted.Store(time.Now().UnixNano())
			}
		case <-defend.C:
			d.control.Defend(d.shared.Now())
		case <-collect.C:
			d.control.Collect(d.shared.Now())
		}
	}
}
