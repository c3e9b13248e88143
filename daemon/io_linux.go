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
)

// interfaceIO is how frames of one interface are received, sent, and given
// back to the kernel.
type interfaceIO struct {
	name   string
	index  int
	queues []int // the NIC queue of each port
	hook   steer.Hook
	xdp    *steer.XDP       // nil with AF_PACKET
	ports  []dataplane.Port // by worker, as far as queues go
	hosts  []dataplane.Port // likewise
	why    []string         // what was tried before and refused
	close  []func() error
}

// openArms opens every queue of every interface by the best I/O that works.
func (d *Daemon) openInterfaces() error {
	workers := 0
	for _, name := range d.config.Interfaces {
		a, err := d.plan(name)
		if err != nil {
			return err
		}
		d.ifaces = append(d.ifaces, a)
		workers = max(workers, len(a.queues))
	}
	var err error
	if d.cpus, err = cpu.Assign(workers, d.config.CPUs); err != nil {
		return err
	}
	if d.steering, err = steer.Load(); err != nil {
		return err
	}
	d.defers("detach the steering programs", d.steering.Close)
	for _, a := range d.ifaces {
		d.defers("close "+a.name, a.shut)
		if err := d.open(a); err != nil {
			return err
		}
		if err := d.giveBack(a); err != nil {
			return err
		}
		d.logInterface(a)
	}
	return d.pinInterrupts()
}

// plan finds out which queues of an interface are to be served.
func (d *Daemon) plan(name string) (*interfaceIO, error) {
	ifi, err := host.Interface(name)
	if err != nil {
		return nil, err
	}
	if ifi.MTU > MaxMTU {
		return nil, host.Usagef("%s has an MTU of %d, the director carries packets up to %d: ip link set dev %s mtu 1500",
			name, ifi.MTU, MaxMTU, name)
	}
	a := &interfaceIO{name: name, index: ifi.Index, queues: d.config.Queues}
	if a.queues == nil {
		n, err := d.nic.Queues(name)
		if err != nil {
			return nil, err
		}
		for q := range n {
			a.queues = append(a.queues, q)
		}
	}
	return a, nil
}

// open goes down the ladder until every queue of the interface is open.
func (d *Daemon) open(a *interfaceIO) error {
	rungs := Ladder(d.config)
	if rungs[0].Hook != steer.PacketTap {
		if err := d.nic.CheckServed(a.name, a.queues); err != nil {
			return err
		}
	}
	var errs []error
	for _, r := range rungs {
		err := d.climb(a, r)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
		a.why = append(a.why, r.Name+": "+err.Error())
	}
	all := errs[0]
	for _, err := range errs[1:] {
		all = fmt.Errorf("%w; %w", all, err) // one line, whatever the number of rungs
	}
	return all
}

// climb opens the interface in one way, or leaves it as it was.
func (d *Daemon) climb(a *interfaceIO, r Rung) error {
	a.hook = r.Hook
	var err error
	if r.Hook == steer.PacketTap {
		err = d.openTap(a)
	} else {
		err = d.openXDP(a, r)
	}
	if err != nil {
		return errors.Join(err, a.shut())
	}
	return nil
}

// openXDP attaches the steering program and opens an AF_XDP socket a queue.
func (d *Daemon) openXDP(a *interfaceIO, r Rung) error {
	count, err := d.nic.Queues(a.name)
	if err != nil {
		return err
	}
	x, err := d.steering.AttachXDP(a.index, count, r.Hook == steer.GenericXDP)
	if err != nil {
		return err
	}
	a.xdp = x
	a.close = append(a.close, x.Close)
	for _, q := range a.queues {
		p, err := afxdp.Open(afxdp.Config{Interface: a.name, Ifindex: a.index, Queue: q, Mode: r.Mode})
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

// openTap opens a group of packet sockets, one a worker, and hides from the
// host what they see.
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

// fanoutGroup returns a number for an interface's packet sockets that is not 0
// and that no other group of the namespace is likely to have: Fibonacci hashing
// keeps interfaces of one process apart for certain.
func fanoutGroup(index int) uint16 {
	return uint16(os.Getpid()) ^ uint16(index*0x9e37) | 1<<15
}

// giveBack opens the interface's way back to the kernel.
func (d *Daemon) giveBack(a *interfaceIO) error {
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

// shut closes what is open of the interface.
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
