// Package rtnl follows the kernel's links, addresses, routes and neighbours by
// netlink and gives them to package neigh as snapshots.
//
// It also keeps the neighbours alive that the data path uses, as the kernel
// does not see that traffic: the next hops of real servers and gateways are
// installed NTF_EXT_MANAGED, which the kernel keeps probing by itself; other
// neighbours in use are probed when they go stale.
//
// Addresses and routes are IPv4's, routes those of the main table; policy
// routing is not followed. Of a multipath route the first usable next hop
// serves. A next hop may be an IPv6 neighbour (RFC 8950).
package rtnl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"director/neigh"
	"director/packet"
)

// receiveBuffer is the room, in bytes, for events that arrive while we list. If more
// arrive, everything is listed again.
const receiveBuffer = 1 << 20

// queueLimit is more events than that room can hold: the kernel doubles it
// (sock_setsockopt), and no socket buffer accounts for less than 512 bytes.
const queueLimit = 2 * receiveBuffer / 512

// wantBacklog is how many requests of the workers may wait.
const wantBacklog = 128

// Config says what to follow.
type Config struct {
	// Interfaces carry balanced traffic, in the order of their interface numbers.
	Interfaces []string
	// Static are neighbours of the operator's. They hide the kernel's entries
	// and are not written into it.
	Static []Static
	// Queues counts the receive queues of an interface, which must not change
	// while we run. Required; it is called from any thread.
	Queues func(ifname string) (int, error)
	Log    zerolog.Logger
}

// Static is one neighbour that the operator knows.
type Static struct {
	IP        netip.Addr
	MAC       packet.MAC
	Interface string
}

// Watch follows the kernel. Open, Run and Close are called one after the other;
// Snapshot, Changes, Serve, Resolve and Want from any goroutine meanwhile.
type Watch struct {
	log      zerolog.Logger
	ifaces   []iface
	static   map[station]packet.MAC
	queues   func(string) (int, error)
	request  *netlink.Handle
	events   *nl.NetlinkSocket
	wants    chan want
	served   chan struct{} // Serve was called
	statics  chan statics
	changes  chan struct{}
	snapshot atomic.Pointer[neigh.Snapshot]

	// Run's goroutine owns these, Open and Close before and after it.
	links   []neigh.Link
	routes  []neigh.Route
	entries map[station]*entry
	managed map[station]origin
	marked  map[station]struct{} // ever managed by us
	recent  map[station]struct{} // asked for since the last tick
	dirty   dirt
	late    bool // list once more at the next tick
	answers int  // to how many calls of Serve manage has seen
	stale   bool // progress must be updated from answers, entries and managed
	retry   bool // manage once more, an install failed

	mu       sync.Mutex
	servers  []packet.Addr
	asked    int // how often Serve was called
	progress progress
}

// iface is what must not change about an interface while it is served.
type iface struct {
	name   string
	index  int
	queues int
}

// station is one neighbour on one link.
type station struct {
	link int
	ip   netip.Addr
}

// Open lists what there is, in the network namespace of the calling thread:
// Snapshot answers from here on. It changes nothing.
func Open(c Config) (*Watch, error) {
	w := &Watch{
		log:     c.Log,
		statics: make(chan statics),
		queues:  c.Queues,
		wants:   make(chan want, wantBacklog),
		served:  make(chan struct{}, 1),
		changes: make(chan struct{}, 1),
		entries: make(map[station]*entry),
		managed: make(map[station]origin),
		marked:  make(map[station]struct{}),
		recent:  make(map[station]struct{}),
	}
	w.progress.moved = make(chan struct{})
	w.snapshot.Store(new(neigh.Snapshot))
	var err error
	// Subscribe before listing: what changes in between is heard.
	w.events, err = nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_NEIGH)
	if err != nil {
		return nil, fmt.Errorf("subscribe to netlink: %w", err)
	}
	if w.request, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		w.events.Close()
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	if err = w.start(c); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Snapshot returns the latest snapshot. The caller must not change it.
func (w *Watch) Snapshot() neigh.Snapshot { return *w.snapshot.Load() }

// Changes delivers after Snapshot has changed; several changes may come as one.
func (w *Watch) Changes() <-chan struct{} { return w.changes }

// Serve sets the real servers. Run keeps their next hops and the gateways resolved, and
// releases those that are not needed any more.
func (w *Watch) Serve(servers []packet.Addr) {
	w.mu.Lock()
	w.servers = append([]packet.Addr(nil), servers...)
	w.asked++
	w.mu.Unlock()
	select {
	case w.served <- struct{}{}:
	default:
	}
}

// stations finds the interfaces of static neighbours.
func (w *Watch) stations(static []Static) (map[station]packet.MAC, error) {
	all := make(map[station]packet.MAC, len(static))
	for _, s := range static {
		l, err := w.request.LinkByName(s.Interface)
		if err != nil {
			return nil, fmt.Errorf("neighbour %s: interface %s: %w", s.IP, s.Interface, err)
		}
		all[station{l.Attrs().Index, s.IP}] = s.MAC
	}
	return all, nil
}

// statics are static neighbours on their way to Run.
type statics struct {
	all       map[station]packet.MAC
	published chan struct{} // closed when the snapshot has them
}

// Statics replaces the static neighbours. It may be called while Run runs, and returns
// when the snapshot has them or ctx ends.
func (w *Watch) Statics(ctx context.Context, static []Static) error {
	all, err := w.stations(static)
	if err != nil {
		return err
	}
	s := statics{all, make(chan struct{})}
	select {
	case w.statics <- s:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-s.published // Run does nothing in between that could block
	return nil
}

// Close removes our entries from the kernel's neighbour table.
func (w *Watch) Close() error {
	var errs []error
	for at := range w.managed {
		errs = append(errs, w.release(at))
	}
	w.request.Close()
	w.events.Close()
	return errors.Join(errs...)
}

func (w *Watch) start(c Config) error {
	if err := w.events.SetReceiveBufferSize(receiveBuffer, true); err != nil {
		return fmt.Errorf("netlink receive buffer: %w", err)
	}
	for _, name := range c.Interfaces {
		l, err := w.request.LinkByName(name)
		if err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
		n, err := w.queues(name)
		if err != nil {
			return err
		}
		w.ifaces = append(w.ifaces, iface{name, l.Attrs().Index, n})
	}
	static, err := w.stations(c.Static)
	if err != nil {
		return err
	}
	w.static = static
	for w.dirty = everything; w.dirty != 0; {
		if err := w.list(); err != nil {
			return err
		}
	}
	return nil
}
