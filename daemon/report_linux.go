package daemon

import (
	"github.com/rs/zerolog"

	"director/dataplane"
	"director/dataplane/afpacket"
	"director/dataplane/afxdp"
	"director/dataplane/reinject"
	"director/dataplane/steer"
	"director/packet"
)

// logInterface logs how each queue of an interface is served, and which ways were tried
// before.
func (d *Daemon) logInterface(a *interfaceIO) {
	for _, why := range a.why {
		d.log.Info().Str("interface", a.name).Str("refused", why).Msg("trying the next I/O")
	}
	if a.short {
		d.log.Warn().Str("interface", a.name).Msg("AF_XDP needs more locked memory than this process may lock, so the slower AF_PACKET is used: " +
			"start it with LimitMEMLOCK=infinity (systemd), ulimit -l unlimited, or CAP_IPC_LOCK")
	}
	for i, p := range a.ports {
		e := d.log.Info().Str("interface", a.name).Int("queue", a.queues[i]).Int("worker", i).Int("cpu", d.cpus[i])
		switch p := p.(type) {
		case *afxdp.Port:
			terms := p.Terms()
			e = e.Str("io", "AF_XDP").Str("attach", attachNames[a.hook]).Stringer("mode", terms.Mode)
			if terms.Refused != nil {
				e = e.Str("zero-copy-refused", terms.Refused.Error())
			}
		case *afpacket.Port:
			e = e.Str("io", "AF_PACKET")
		}
		e.Msg("queue open")
	}
	if a.hook == steer.GenericXDP {
		d.warnGeneric(a)
	}
}

// warnGeneric warns of packets longer than the MTU, which AF_XDP loses. In generic mode
// they come from the interface's own receive offload, or from the host at the other end of a
// veth, which leaves segmentation to its interface by default.
func (d *Daemon) warnGeneric(a *interfaceIO) {
	const lost = "in generic mode packets longer than the MTU are lost: transfers are slow"
	if offloads, err := d.nic.Features(a.name); err == nil && offloads["rx-gro"].On {
		d.log.Warn().Str("interface", a.name).Str("remedy", "ethtool -K "+a.name+" gro off").Msg(lost)
	}
	if driver, err := d.nic.Driver(a.name); err == nil && driver == "veth" {
		d.log.Warn().Str("interface", a.name).Str("remedy", "at the other end: ethtool -K PEER tso off").Msg(lost)
	}
}

// warnChecksums warns of packets with a wrong checksum, once for each interface. Nobody else
// sees them: they are forwarded, and the servers drop them.
func (d *Daemon) warnChecksums() {
	for k, a := range d.ifaces {
		n := uint64(0)
		for _, w := range d.workers {
			c := w.Counts()
			n += c.Wrong[k]
		}
		if n == 0 || a.warned {
			continue
		}
		a.warned = true
		d.log.Warn().Str("interface", a.name).Uint64("packets", n).
			Str("remedy", "if the sender is a virtual machine or a container: ethtool -K INTERFACE tx off there").
			Msg("packets with wrong checksums arrive: their servers will drop them")
	}
}

var attachNames = map[steer.Hook]string{steer.NativeXDP: "native", steer.GenericXDP: "generic"}

// report logs at the end what each worker did and what was lost.
func (d *Daemon) report() {
	for i, w := range d.workers {
		c := w.Counts()
		e := d.log.Info().Int("worker", i).Uint64("connections", c.Conns).Uint64("expired", c.Expired).
			Uint64("handoff", c.Handoff).Uints64("batches", c.Batches[:])
		for k, a := range d.ifaces {
			e = e.Uint64("rx-"+a.name, c.Rx[k]).Uint64("tx-"+a.name, c.Tx[k])
		}
		e.Dict("host", reasons(&c.Host)).Dict("drops", reasons(&c.Drops)).Msg("worker done")
	}
	for _, a := range d.ifaces {
		d.reportUnserved(a)
		for i := range a.ports {
			d.reportPort(a.name, i, a.ports[i])
			d.reportPort(a.name, i, a.hosts[i])
		}
	}
}

// reportUnserved warns of service frames that arrived on a queue without a worker. That
// happens if RSS is changed after the director has started.
func (d *Daemon) reportUnserved(a *interfaceIO) {
	if a.xdp == nil {
		return
	}
	n, err := a.xdp.Unserved()
	if err != nil || n > 0 {
		d.log.Warn().Err(err).Str("interface", a.name).Uint64("frames", n).Msg("frames were dropped on queues that no worker serves")
	}
}

// reportPort logs the counters of a port. They include frames that a worker sent but
// that the kernel did not accept.
func (d *Daemon) reportPort(name string, worker int, p dataplane.Port) {
	e := d.log.Debug().Str("interface", name).Int("worker", worker)
	switch p := p.(type) {
	case *afxdp.Port:
		c, err := p.Counters()
		if err != nil {
			d.log.Warn().Err(err).Msg("cannot read the counters of the kernel")
		}
		e.Interface("counters", c).Msg("port done")
	case *afpacket.Port:
		e.Interface("counters", p.Counters()).Msg("port done")
	case *reinject.Port:
		e.Interface("counters", p.Counters()).Msg("reinjection done")
	}
}

// reasons makes a dictionary of the counts that are not zero.
func reasons(counts *[packet.Reasons]uint64) *zerolog.Event {
	dict := zerolog.Dict()
	for r, n := range counts {
		if n > 0 {
			dict = dict.Uint64(packet.Reason(r).String(), n)
		}
	}
	return dict
}
