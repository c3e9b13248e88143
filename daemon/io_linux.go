package daemon

import (
	"errors"
	"fmt"
	"os"

	"director/dataplane"
	"director/dataplane/afpacket"
	"director/dataplane/afxdp"
	"director/dataplane/reinject"
	"director/dataplane/steer"
	"director/host"
	"director/host/cpu"
	"director/host/plan"
)

// interfaceIO is how frames of one interface are received, sent, and reinjected into
// the kernel.
type interfaceIO struct {
	name    string
	index   int
	queues  []int // the NIC queue of each port
	hook    steer.Hook
	xdp     *steer.XDP       // nil with AF_PACKET
	partial bool             // frames can have partial checksums
	ports   []dataplane.Port // by worker; a worker without a queue here has none
	hosts   []dataplane.Port // by worker: where frames for the kernel go
	why     []string         // the ways that were tried and refused
	short   bool             // AF_XDP was refused because too little memory may be locked
	close   []func() error
	warned  bool // that packets with wrong checksums arrive: see warnChecksums
}

// openInterfaces opens every queue of every interface by the best kind of I/O that works.
func (d *Daemon) openInterfaces() error {
	p, err := d.plan()
	if err != nil {
		return err
	}
	d.cpus = p.CPUs
	if d.steering, err = steer.Load(); err != nil {
		return err
	}
	d.follower.programs = d.steering
	d.defers("detach the steering programs", d.steering.Close)
	for _, a := range d.ifaces {
		d.defers("close "+a.name, a.shut)
		if err := d.open(a, p.Ladder); err != nil {
			return err
		}
		if a.xdp == nil {
			d.watch.AnyQueues(a.index)
		}
		if err := d.reinjectBy(a); err != nil {
			return err
		}
		d.logInterface(a)
	}
	return d.pinInterrupts(p.Interrupts())
}

// checkMasters refuses interfaces that are parts of a bridge or the like. It runs before the
// real servers are checked, which would be found behind the bridge.
func (d *Daemon) checkMasters() error {
	for _, name := range d.config.Interfaces {
		var m plan.Master
		var err error
		if m.Name, m.Kind, err = d.nic.Master(name); err != nil {
			return err
		}
		if err := plan.CheckMaster(name, m); err != nil {
			return err
		}
	}
	return nil
}

// plan gathers the facts about the interfaces and decides which queues are served, and
// by which workers.
func (d *Daemon) plan() (*plan.Plan, error) {
	var f plan.Facts
	for _, name := range d.config.Interfaces {
		ifi, err := host.Interface(name)
		if err != nil {
			return nil, err
		}
		d.ifaces = append(d.ifaces, &interfaceIO{name: name, index: ifi.Index})
		i := plan.Interface{Name: name, MTU: ifi.MTU}
		i.Queues, i.QueuesErr = d.nic.Queues(name)
		i.Spread, i.SpreadErr = d.nic.Spread(name)
		f.Interfaces = append(f.Interfaces, i)
	}
	var err error
	if f.Online, err = cpu.Online(); err != nil {
		return nil, err
	}
	if f.Allowed, err = cpu.Allowed(); err != nil {
		return nil, err
	}
	p := plan.Make(d.config, &f)
	if err := p.Err(); err != nil {
		return nil, err
	}
	for i, a := range d.ifaces {
		a.queues = p.Interfaces[i].Queues
	}
	return p, nil
}

// hooks and modes translate the plan for the packages that open queues.
var (
	hooks = map[plan.Kind]steer.Hook{
		plan.NativeXDP: steer.NativeXDP, plan.GenericXDP: steer.GenericXDP, plan.Packet: steer.PacketTap,
	}
	modes = map[plan.Mode]afxdp.Mode{
		plan.Auto: afxdp.Auto, plan.ZeroCopy: afxdp.ZeroCopy, plan.Copy: afxdp.Copy,
	}
)

// open goes down the ladder until every queue of the interface is open.
func (d *Daemon) open(a *interfaceIO, ladder []plan.Rung) error {
	var err error
	a.why, err = climb(ladder, func(r plan.Rung) error { return d.tryRung(a, r) })
	return err
}

// climb tries the rungs of a ladder in turn until one works. It returns why the others
// did not, as texts if one works and as one error if none does.
func climb(ladder []plan.Rung, try func(plan.Rung) error) (refused []string, all error) {
	for _, r := range ladder {
		err := try(r)
		switch {
		case err == nil:
			return refused, nil
		case all == nil:
			all = err
		default:
			all = fmt.Errorf("%w; %w", all, err) // one line, whatever the number of rungs
		}
		refused = append(refused, r.Name+": "+err.Error())
	}
	return refused, all
}

// tryRung opens the interface in one way, or leaves it as it was.
func (d *Daemon) tryRung(a *interfaceIO, r plan.Rung) error {
	a.hook = hooks[r.Kind]
	var err error
	if r.Kind == plan.Packet {
		err = d.openTap(a)
	} else {
		err = d.openXDP(a, modes[r.Mode])
	}
	if err != nil {
		a.short = a.short || errors.Is(err, afxdp.ErrLockedMemory)
		return errors.Join(err, a.shut())
	}
	driver, _ := d.nic.Driver(a.name) // empty if it is not known
	a.partial = plan.PartialChecksums(r.Kind, driver)
	return nil
}

// openXDP attaches the steering program and opens an AF_XDP socket for each queue.
func (d *Daemon) openXDP(a *interfaceIO, mode afxdp.Mode) error {
	count, err := d.nic.Queues(a.name)
	if err != nil {
		return err
	}
	x, err := d.steering.AttachXDP(a.index, count, a.hook == steer.GenericXDP)
	if err != nil {
		return err
	}
	a.xdp = x
	a.close = append(a.close, x.Close)
	for _, q := range a.queues {
		p, err := afxdp.Open(afxdp.Config{Interface: a.name, Ifindex: a.index, Queue: q, Mode: mode})
		if err != nil {
			return err
		}
		a.add(p)
		if err := x.Register(q, p.Fd()); err != nil {
			return err
		}
	}
	return nil
}

// openTap opens a group of packet sockets, one for each worker, and drops in the host
// the frames that the sockets receive.
func (d *Daemon) openTap(a *interfaceIO) error {
	group := uint16(0)
	if len(a.queues) > 1 {
		group = fanoutGroup(a.index)
	}
	for range a.queues {
		p, err := afpacket.Open(afpacket.Config{
			Ifindex: a.index, Interface: a.name, Filter: d.steering.TapFilter(), Fanout: group,
		})
		if err != nil {
			return err
		}
		a.add(p)
	}
	return d.steering.AttachDrop(a.index)
}

// fanoutGroup returns the fan-out group of an interface's packet sockets. It is never 0.
// It differs between the interfaces of one process (Fibonacci hashing is one to one),
// and most likely from the groups of other processes in the namespace.
func fanoutGroup(index int) uint16 {
	return uint16(os.Getpid()) ^ uint16(index*0x9e37) | 1<<15
}

// reinjectBy opens the ports by which frames of the interface are reinjected into the kernel.
func (d *Daemon) reinjectBy(a *interfaceIO) error {
	device, err := reinject.Open(a.index, len(a.queues))
	if err != nil {
		return err
	}
	a.close = append(a.close, device.Close)
	for i := range a.queues {
		a.hosts = append(a.hosts, device.Port(i))
	}
	return d.steering.AttachReinject(device.Index(), a.index, a.hook)
}

func (a *interfaceIO) add(p dataplane.Port) {
	a.ports = append(a.ports, p)
	a.close = append(a.close, p.Close)
}

// shut closes everything that was opened for the interface, in reverse order.
func (a *interfaceIO) shut() error {
	var errs []error
	for i := len(a.close) - 1; i >= 0; i-- {
		errs = append(errs, a.close[i]())
	}
	a.ports, a.hosts, a.close, a.xdp = nil, nil, nil, nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", a.name, err)
	}
	return nil
}
