package steer

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What a veil is known by: its place among an interface's ingress filters, and
// its name. It stands in front, where nothing can let a frame past it. A veil
// whose queueing discipline is ours, too, says so by its name.
const (
	veilPriority = 1
	veilHandle   = 0x64697263 // "dirc"
	veilName     = "director-veil"
	veilAlone    = "director-veil-and-qdisc"
)

// LeaveVeil hides from the host, for the given time at most, the frames that are
// the director's now, on these interfaces of the calling thread's namespace. It
// outlives Close and the process: without it the host would reset connections,
// or forward the servers' answers as they are, until the next director takes
// their frames. A director puts it up while its own hooks are in force, and the
// next one takes it down by LiftVeil when its are: at no moment does the
// host see a balanced frame. After an error some interfaces have theirs.
//
// It is a filter of the classic kind, because a bpf_link ends with its process
// unless somebody mounted a file system to pin it in. XDP and the packet sockets
// see a frame before any tc program does, so it is in nobody's way.
//
// The program must have been loaded by PrepareVeil.
func (s *Steering) LeaveVeil(ifindexes []int, life time.Duration) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil { // what bpf_ktime_get_ns reads
		return fmt.Errorf("leave a veil: %w", err)
	}
	if err := s.veil.Until.Set(uint64(now.Nano() + life.Nanoseconds())); err != nil {
		return explain("leave a veil", err)
	}
	var errs []error
	for _, i := range ifindexes {
		if err := putVeil(i, s.veil.Program.FD()); err != nil { // the filter holds its own reference
			errs = append(errs, explain("leave a veil on "+name(i), err))
		}
	}
	return errors.Join(errs...)
}

// veil is the program that a director leaves behind, and until when it hides frames.
type veil struct {
	Program *ebpf.Program  `ebpf:"veil"`
	Until   *ebpf.Variable `ebpf:"until"`
}

// PrepareVeil loads the program that LeaveVeil leaves behind, while the process may
// still do so. It shares the maps of the others, which live as long as it does.
func (s *Steering) PrepareVeil() error {
	spec, err := loadSkb()
	if err != nil {
		return err
	}
	shared := &s.programs.skbMaps
	err = spec.LoadAndAssign(&s.veil, &ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{
		skbMapServices: shared.Services,
		skbMapPrefixes: shared.Prefixes,
		skbMapReals:    shared.Reals,
		skbMapTunnels:  shared.Tunnels,
		skbMapLocals:   shared.Locals,
		skbMapMacs:     shared.Macs,
	}})
	if err != nil {
		return explain("load the veil", err)
	}
	return nil
}

// putVeil puts the program on an interface, in place of a veil that is there.
func putVeil(ifindex, program int) error {
	name := veilAlone
	switch err := netlink.QdiscAdd(clsact(ifindex)); {
	case errors.Is(err, unix.EEXIST):
		name = veilName
		if old, err := findVeil(ifindex); err != nil {
			return err
		} else if old != nil {
			name = old.Name
		}
	case err != nil:
		return err
	}
	return netlink.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: veilAttrs(ifindex), Fd: program, Name: name, DirectAction: true,
	})
}

// LiftVeil takes the veil off an interface of the calling thread's namespace, if
// there is one, and with it the queueing discipline that was made for it, unless
// others use that by now. It reports whether there was one.
func LiftVeil(ifindex int) (bool, error) {
	veil, err := findVeil(ifindex)
	if err == nil && veil != nil {
		err = netlink.FilterDel(&netlink.BpfFilter{FilterAttrs: veilAttrs(ifindex)})
	}
	if err == nil && veil != nil && veil.Name == veilAlone {
		err = dropQdisc(ifindex)
	}
	if err != nil {
		return veil != nil, explain("lift the veil of "+name(ifindex), err)
	}
	return veil != nil, nil
}

// findVeil returns the veil of an interface, or nil.
func findVeil(ifindex int) (*netlink.BpfFilter, error) {
	filters, err := netlink.FilterList(onInterface(ifindex), netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		b, ok := f.(*netlink.BpfFilter)
		if ok && b.Priority == veilPriority && b.Handle == veilHandle && (b.Name == veilName || b.Name == veilAlone) {
			return b, nil
		}
	}
	return nil, nil
}

// dropQdisc removes an interface's clsact that has no filters left.
func dropQdisc(ifindex int) error {
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		filters, err := netlink.FilterList(onInterface(ifindex), parent)
		if err != nil || len(filters) > 0 {
			return err
		}
	}
	return netlink.QdiscDel(clsact(ifindex))
}

func veilAttrs(ifindex int) netlink.FilterAttrs {
	return netlink.FilterAttrs{
		LinkIndex: ifindex,
		Parent:    netlink.HANDLE_MIN_INGRESS,
		Handle:    veilHandle,
		Priority:  veilPriority,
		Protocol:  unix.ETH_P_ALL,
	}
}

// clsact is the queueing discipline that ingress filters hang on.
func clsact(ifindex int) netlink.Qdisc {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: ifindex, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

func onInterface(ifindex int) netlink.Link {
	return &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: ifindex}}
}
