package plan

import (
	"cmp"

	"director/control/config"
	"director/host"
	"director/host/cpu"
)

// Facts is what is known of a host before anything is opened. The daemon, which tries
// instead of predicting, leaves out what only Choose needs.
type Facts struct {
	Online, Allowed []int // CPUs: those that run, and those that this process may use
	Interfaces      []Interface

	// For Choose.
	NoXDP    bool   // AF_XDP was tried and does not work
	NoPacket bool   // likewise packet sockets
	Memlock  uint64 // bytes that may be locked; all bits set: no limit
	UMEM     uint64 // bytes that AF_XDP locks for each queue
}

// Interface is what is known of one interface.
type Interface struct {
	Name      string
	MTU       int
	Master    Master
	Queues    int      // receive queues in use
	QueuesErr error    // why that is not known
	Spread    []uint32 // the RSS indirection table; empty: there is none
	SpreadErr error    // why that is not known

	// For Choose.
	Served   []int // queues that are to be served
	Asked    bool  // the driver was asked: Native and ZeroCopy are known
	Native   bool  // the driver runs XDP programs and redirects to sockets
	ZeroCopy bool
	OtherXDP bool // a program is attached that is not a director's
	FixedGRO bool // the driver joins packets (rx-gro-hw) and cannot be told not to
}

// Master is the link that an interface is a part of. The zero Master is none.
type Master struct{ Name, Kind string } // Kind is that of ip link, such as bridge

// Plan is what the director does with a host.
type Plan struct {
	Ladder     []Rung
	Interfaces []InterfacePlan // in the order of Facts.Interfaces
	Workers    int
	CPUs       []int // by worker
	CPUErr     error // why there are none
	PinIRQ     bool
}

// InterfacePlan is what the director does with an interface.
type InterfacePlan struct {
	Name      string
	Queues    []int // to be served, in the order of workers
	MasterErr error // why the interface cannot be served: it is a part of another link
	MTUErr    error // why the interface cannot be served
	QueueErr  error // why the queues cannot be
}

// Interrupt says to which CPU the interrupt of a queue is to be moved.
type Interrupt struct {
	Interface  string
	Queue, CPU int
}

// Make returns the plan for what the flags ask for. What is wrong with it is in the
// plan, so that the doctor can report all of it; Err returns the first.
func Make(c *config.Config, f *Facts) *Plan {
	p := &Plan{Ladder: Ladder(c.IO, c.XDPMode), PinIRQ: c.IRQ == config.IRQPin}
	for n := range f.Interfaces {
		i := &f.Interfaces[n]
		ip := InterfacePlan{Name: i.Name, Queues: c.Queues, MasterErr: CheckMaster(i.Name, i.Master), MTUErr: checkMTU(i)}
		if ip.Queues == nil {
			ip.QueueErr = i.QueuesErr
			for q := range i.Queues {
				ip.Queues = append(ip.Queues, q)
			}
		}
		// With AF_PACKET alone --queues is a number of workers: the kernel spreads
		// the frames of all queues over them.
		if p.Ladder[0].Kind != Packet {
			ip.QueueErr = checkServed(i, ip.Queues)
		}
		p.Interfaces = append(p.Interfaces, ip)
		p.Workers = max(p.Workers, len(ip.Queues))
	}
	p.CPUs, p.CPUErr = cpu.AssignOn(p.Workers, c.CPUs, f.Online, f.Allowed)
	return p
}

// Err returns the first reason for which the director cannot start as planned.
func (p *Plan) Err() error {
	for i := range p.Interfaces {
		if err := cmp.Or(p.Interfaces[i].MasterErr, p.Interfaces[i].MTUErr); err != nil {
			return err
		}
	}
	if p.CPUErr != nil {
		return p.CPUErr
	}
	for i := range p.Interfaces {
		if err := p.Interfaces[i].QueueErr; err != nil {
			return err
		}
	}
	return nil
}

// Interrupts lists the interrupts to be moved: each beside the worker of its queue,
// none unless the flags ask for it. Precondition: Err returns nil.
func (p *Plan) Interrupts() (all []Interrupt) {
	if !p.PinIRQ {
		return nil
	}
	for i := range p.Interfaces {
		for n, q := range p.Interfaces[i].Queues {
			all = append(all, Interrupt{p.Interfaces[i].Name, q, p.CPUs[n]})
		}
	}
	return all
}

// CheckMaster refuses an interface that is a part of a link which takes the frames of its
// parts. Addresses, routes and neighbours belong to that link, so no next hop is ever found
// behind the part.
func CheckMaster(name string, m Master) error {
	switch m.Kind {
	case "openvswitch": // the master is the datapath, which has no addresses
		return host.Usagef("%s is a port of a bridge of Open vSwitch, whose own port has the addresses and routes: use --interface=BRIDGE", name)
	case "bridge", "bond", "team":
		return host.Usagef("%s is a part of the %s %s, which has the addresses and routes: use --interface=%s",
			name, m.Kind, m.Name, m.Name)
	}
	return nil
}

func checkMTU(i *Interface) error {
	if i.MTU > MaxMTU {
		return host.Usagef("%s has an MTU of %d, but the director carries packets of at most %d bytes: ip link set dev %s mtu 1500",
			i.Name, i.MTU, MaxMTU, i.Name)
	}
	return nil
}
