package steer

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A blackout filter is recognised by its place among the ingress filters of an
// interface, and by its name. It is the first filter, so no other filter can pass a
// frame before it. It has the second name if its queueing discipline was made for
// it, and is removed together with it.
const (
	blackoutPriority = 1
	blackoutHandle   = 0x64697263 // "dirc"
	blackoutName     = "director-blackout"
	blackoutAlone    = "director-blackout-and-qdisc"
)

// LeaveBlackout attaches the blackout filter to interfaces of the calling thread's
// namespace. The filter hides the frames that belong to the director now from the
// host, for the given time at most. It stays after Close and after the end of the
// process. Without it the host would reset connections, or forward the servers'
// answers without rewriting them, until the next director takes the frames. A
// director attaches the filter while its own hooks are still attached, and the next
// one removes it by LiftBlackout when its hooks are attached. So the host never sees
// a balanced frame. After an error some of the interfaces have the filter.
//
// It is a classic tc filter, because a bpf_link ends with its process unless it is
// pinned in a mounted BPF file system. XDP and packet sockets see a frame before any
// tc program does, so the filter does not disturb the next director.
//
// PrepareBlackout must have loaded the program.
func (s *Steering) LeaveBlackout(ifindexes []int, life time.Duration) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil { // the clock of bpf_ktime_get_ns
		return fmt.Errorf("leave the blackout filter: %w", err)
	}
	if err := s.blackout.Until.Set(uint64(now.Nano() + life.Nanoseconds())); err != nil {
		return explain("leave the blackout filter", err)
	}
	var errs []error
	for _, i := range ifindexes {
		if err := putBlackout(i, s.blackout.Program.FD()); err != nil { // the filter has its own reference
			errs = append(errs, explain("leave the blackout filter on "+name(i), err))
		}
	}
	return errors.Join(errs...)
}

// blackout is the program of the blackout filter, and the variable that holds the
// time at which it stops hiding frames.
type blackout struct {
	Program *ebpf.Program  `ebpf:"blackout"`
	Until   *ebpf.Variable `ebpf:"until"`
}

// PrepareBlackout loads the program that LeaveBlackout attaches. It must be called
// while the process has the privilege to load programs. The program shares the maps
// of the other programs, and keeps them alive.
func (s *Steering) PrepareBlackout() error {
	spec, err := loadSkb()
	if err != nil {
		return err
	}
	shared := &s.programs.skbMaps
	err = spec.LoadAndAssign(&s.blackout, &ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{
		skbMapServices: shared.Services,
		skbMapPrefixes: shared.Prefixes,
		skbMapReals:    shared.Reals,
		skbMapTunnels:  shared.Tunnels,
		skbMapLocals:   shared.Locals,
		skbMapMacs:     shared.Macs,
	}})
	if err != nil {
		return explain("load the blackout filter", err)
	}
	return nil
}

// putBlackout attaches the program to an interface. It replaces a blackout filter
// that is already there.
func putBlackout(ifindex, program int) error {
	name := blackoutAlone
	switch err := netlink.QdiscAdd(clsact(ifindex)); {
	case errors.Is(err, unix.EEXIST):
		name = blackoutName
		if old, err := findBlackout(ifindex); err != nil {
			return err
		} else if old != nil {
			name = old.Name
		}
	case err != nil:
		return err
	}
	return netlink.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: blackoutAttrs(ifindex), Fd: program, Name: name, DirectAction: true,
	})
}

// LiftBlackout removes the blackout filter from an interface of the calling thread's
// namespace. If the queueing discipline was made for the filter and no other filter
// uses it now, it is removed, too. LiftBlackout reports whether there was a blackout
// filter.
func LiftBlackout(ifindex int) (bool, error) {
	blackout, err := findBlackout(ifindex)
	if err == nil && blackout != nil {
		err = netlink.FilterDel(&netlink.BpfFilter{FilterAttrs: blackoutAttrs(ifindex)})
	}
	if err == nil && blackout != nil && blackout.Name == blackoutAlone {
		err = dropQdisc(ifindex)
	}
	if err != nil {
		return blackout != nil, explain("lift the blackout filter of "+name(ifindex), err)
	}
	return blackout != nil, nil
}

// findBlackout returns the blackout filter of an interface, or nil.
func findBlackout(ifindex int) (*netlink.BpfFilter, error) {
	filters, err := netlink.FilterList(onInterface(ifindex), netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		b, ok := f.(*netlink.BpfFilter)
		if ok && b.Priority == blackoutPriority && b.Handle == blackoutHandle && (b.Name == blackoutName || b.Name == blackoutAlone) {
			return b, nil
		}
	}
	return nil, nil
}

// dropQdisc removes the clsact of an interface unless it has filters.
func dropQdisc(ifindex int) error {
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		filters, err := netlink.FilterList(onInterface(ifindex), parent)
		if err != nil || len(filters) > 0 {
			return err
		}
	}
	return netlink.QdiscDel(clsact(ifindex))
}

func blackoutAttrs(ifindex int) netlink.FilterAttrs {
	return netlink.FilterAttrs{
		LinkIndex: ifindex,
		Parent:    netlink.HANDLE_MIN_INGRESS,
		Handle:    blackoutHandle,
		Priority:  blackoutPriority,
		Protocol:  unix.ETH_P_ALL,
	}
}

// clsact is the queueing discipline to which ingress filters are attached.
func clsact(ifindex int) netlink.Qdisc {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: ifindex, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

func onInterface(ifindex int) netlink.Link {
	return &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: ifindex}}
}
