package steer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Hook is the place where the director's frames are taken from an interface.
type Hook uint8

const (
	NativeXDP  Hook = iota // AF_XDP, in the driver
	GenericXDP             // AF_XDP, after the kernel has built a socket buffer
	PacketTap              // AF_PACKET, with AttachDrop
)

// XDP is the steering program on one interface.
type XDP struct {
	link     link.Link
	program  *ebpf.Program
	sockets  *ebpf.Map
	unserved *ebpf.Map

	mu   sync.Mutex
	last uint64 // what Unserved returned last
}

// AttachXDP attaches the steering program to an interface that has the given
// number of receive queues. As long as a queue has no socket, the director's
// frames that arrive on it are dropped and counted. Generic selects generic mode
// instead of the driver's native mode.
func (s *Steering) AttachXDP(ifindex, queues int, generic bool) (*XDP, error) {
	spec, err := loadXdp()
	if err != nil {
		return nil, err
	}
	spec.Maps[xdpMapSockets].MaxEntries = uint32(queues)
	shared := &s.programs.skbMaps
	var objs xdpObjects
	err = spec.LoadAndAssign(&objs, &ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{
		xdpMapServices: shared.Services,
		xdpMapPrefixes: shared.Prefixes,
		xdpMapReals:    shared.Reals,
		xdpMapTunnels:  shared.Tunnels,
		xdpMapLocals:   shared.Locals,
		xdpMapMacs:     shared.Macs,
	}})
	if err != nil {
		return nil, explain("load the XDP program", err)
	}
	clones := &objs.xdpMaps // the program has its own references
	for _, m := range []*ebpf.Map{
		clones.Services, clones.Prefixes, clones.Reals, clones.Tunnels, clones.Locals, clones.Macs,
	} {
		m.Close()
	}
	x := &XDP{program: objs.Steer, sockets: objs.Sockets, unserved: objs.Unserved}
	flags := link.XDPDriverMode
	if generic {
		flags = link.XDPGenericMode
	}
	x.link, err = link.AttachXDP(link.XDPOptions{Program: x.program, Interface: ifindex, Flags: flags})
	if err != nil {
		x.Close()
		return nil, xdpError(ifindex, generic, err)
	}
	s.attached = append(s.attached, x)
	return x, nil
}

// Register directs the director's frames that arrive on queue to the AF_XDP
// socket fd, which must be bound to that queue. The kernel removes the entry when
// the socket is closed.
func (x *XDP) Register(queue, fd int) error {
	if err := x.sockets.Put(uint32(queue), uint32(fd)); err != nil {
		return fmt.Errorf("register AF_XDP socket of queue %d: %w", queue, err)
	}
	return nil
}

// Unserved returns how many of the director's frames were dropped because they
// arrived on a queue without a socket. With an error it returns the number of the last
// call that succeeded, so that the counter never falls. Any goroutine may call it.
func (x *XDP) Unserved() (uint64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var perCPU []uint64
	if err := x.unserved.Lookup(uint32(0), &perCPU); err != nil {
		return x.last, fmt.Errorf("count of frames on unserved queues: %w", err)
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	x.last = sum
	return sum, nil
}

// Close detaches the program. Closing twice does nothing.
func (x *XDP) Close() error {
	var err error
	if x.link != nil {
		err = x.link.Close()
		x.link = nil
	}
	return errors.Join(err, x.program.Close(), x.sockets.Close(), x.unserved.Close())
}

// AttachDrop hides the director's frames that arrive on an interface from the
// host. The program runs before other tc programs, which see all other frames.
func (s *Steering) AttachDrop(ifindex int) error {
	return s.attach(ifindex, s.programs.Drop, ebpf.AttachTCXIngress)
}

// AttachReinject returns frames to the kernel. Every frame that is written to the
// director's own device, which has index device, appears on the ingress of the
// interface with index target, behind the hook that takes the director's frames
// there.
func (s *Steering) AttachReinject(device, target int, hook Hook) error {
	spec, err := loadSkb()
	if err != nil {
		return err
	}
	if err := errors.Join(
		spec.Variables[skbVarTarget].Set(uint32(target)),
		spec.Variables[skbVarHook].Set(uint32(hook)),
	); err != nil {
		return fmt.Errorf("load the reinject program: %w", err)
	}
	var loaded struct {
		Reinject *ebpf.Program `ebpf:"reinject"`
	}
	if err := spec.LoadAndAssign(&loaded, nil); err != nil {
		return explain("load the reinject program", err)
	}
	defer loaded.Reinject.Close() // the link has its own reference
	if err := s.attach(device, loaded.Reinject, ebpf.AttachTCXIngress); err != nil {
		return err
	}
	if hook != GenericXDP {
		return nil
	}
	return s.attach(target, s.programs.Turn, ebpf.AttachTCXEgress)
}

// attach attaches a tc program to an interface, in front of all others, until
// Close.
func (s *Steering) attach(ifindex int, program *ebpf.Program, where ebpf.AttachType) error {
	l, err := link.AttachTCX(link.TCXOptions{
		Interface: ifindex,
		Program:   program,
		Attach:    where,
		Anchor:    link.Head(),
	})
	if err != nil {
		return explain(fmt.Sprintf("attach tc program to %s", name(ifindex)), err)
	}
	s.attached = append(s.attached, io.Closer(l))
	return nil
}

// xdpError explains why XDP could not be attached. EBUSY: there is a program in the
// same mode. EEXIST: there is one in the other mode (net/core/dev.c,
// dev_xdp_attach).
func xdpError(ifindex int, generic bool, err error) error {
	dev := name(ifindex)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("attach XDP to %s: another XDP program is there; stop its owner or "+
			"'ip link set dev %s xdp off', or use --io=packet: %w", dev, dev, err)
	}
	mode := "native"
	if generic {
		mode = "generic"
	}
	return explain(fmt.Sprintf("attach XDP to %s in %s mode", dev, mode), err)
}

// name returns the name of an interface, or its index if it no longer exists.
func name(ifindex int) string {
	if i, err := net.InterfaceByIndex(ifindex); err == nil {
		return i.Name
	}
	return fmt.Sprintf("interface %d", ifindex)
}
