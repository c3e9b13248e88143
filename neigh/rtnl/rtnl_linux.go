// Package rtnl follows the kernel's links, addresses, routes and neighbours by netlink,
// and makes snapshots of them for package neigh.
//
// It also keeps fresh the neighbours that the data path uses, because the kernel does
// not see that traffic. The next hops of real servers and the gateways become entries
// with NTF_EXT_MANAGED, which the kernel probes by itself. Other neighbours in use are
// probed when they become stale.
//
// Only IPv4 addresses and the IPv4 routes of the main table are followed. Policy routing
// is ignored. Of a multipath route, the first usable next hop is taken. A next hop may
// be an IPv6 neighbour (RFC 8950).
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

	"director/internal/ifaddr"
	"director/neigh"
	"director/packet"
)

// receiveBuffer is the size, in bytes, of the buffer for events that arrive during a
// listing. If the buffer overflows, everything is listed again.
const receiveBuffer = 1 << 20

// queueLimit is larger than the number of events in a full receive buffer. The kernel
// doubles the size of the buffer (sock_setsockopt), and each event counts as at least
// 512 bytes.
const queueLimit = 2 * receiveBuffer / 512

// wantBacklog is the largest number of requests of the workers that can wait.
const wantBacklog = 128

// Config says what to follow.
type Config struct {
	// Interfaces carry balanced traffic, in the order of their interface numbers.
	Interfaces []string
	// Static contains neighbours that the operator has configured. They hide the
	// kernel's entries for the same addresses. They are not written into the kernel.
	Static []Static
	// Queues returns the number of receive queues of an interface. The number must
	// not change while Run runs: see AnyQueues. Queues is required, and any thread may
	// call it.
	Queues func(ifname string) (int, error)
	Log    zerolog.Logger
}

// Static is one neighbour that the operator has configured.
type Static struct {
	IP        netip.Addr
	MAC       packet.MAC
	Interface string
}

// Watch follows the kernel. Open, Run and Close are called one after the other. While
// Run runs, any goroutine may call Snapshot, Changes, Serve, Resolve and Want.
type Watch struct {
	log      zerolog.Logger
	ifaces   []iface
	static   map[station]packet.MAC
	queues   func(string) (int, error)
	request  *netlink.Handle
	own      map[int]*nl.SocketHandle // for requests that netlink.Handle cannot make
	addrs    *ifaddr.Socket
	events   *nl.NetlinkSocket
	wants    chan want
	served   chan struct{} // Serve was called
	statics  chan statics
	changes  chan struct{}
	snapshot atomic.Pointer[neigh.Snapshot]

	// The goroutine of Run owns these fields. Open uses them before it, Close after it.
	links   []neigh.Link
	listed  []ifaddr.Address // memory for a listing
	routes  []neigh.Route
	entries map[station]*entry
	managed map[station]origin
	marked  map[station]struct{} // the entries that we have managed at any time
	silent  map[station]struct{} // the managed neighbours that do not answer
	recent  map[station]struct{} // the neighbours that were requested since the last tick
	dirty   dirt
	late    bool // list once more at the next tick
	answers int  // how many calls of Serve manage has seen
	stale   bool // progress must be updated from answers, entries and managed
	retry   bool // an install failed, so manage must run again

	mu       sync.Mutex
	servers  []packet.Addr
	asked    int // how often Serve was called
	progress progress
}

// iface is an interface that is served. Its index and, unless any is set, its number of
// queues must not change.
type iface struct {
	name   string
	index  int
	queues int
	any    bool
}

// station identifies a neighbour: an address on one link.
type station struct {
	link int
	ip   netip.Addr
}

// Open reads the network namespace of the calling thread. After Open, Snapshot can be
// called. Open does not change the host.
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
		silent:  make(map[station]struct{}),
		recent:  make(map[station]struct{}),
	}
	w.progress.moved = make(chan struct{})
	w.snapshot.Store(new(neigh.Snapshot))
	var err error
	// Subscribe before listing, so that no change in between is lost.
	w.events, err = nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_NEIGH)
	if err != nil {
		return nil, fmt.Errorf("subscribe to netlink: %w", err)
	}
	if w.request, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		w.events.Close()
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	own, err := nl.Subscribe(unix.NETLINK_ROUTE) // to no group
	if err != nil {
		w.events.Close()
		w.request.Close()
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	if w.addrs, err = ifaddr.Open(); err != nil {
		w.events.Close()
		w.request.Close()
		own.Close()
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	w.own = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: own}}
	if err = w.start(c); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Snapshot returns the latest snapshot. The caller must not change it.
func (w *Watch) Snapshot() neigh.Snapshot { return *w.snapshot.Load() }

// Changes returns a channel that receives a value after Snapshot has changed. One value
// can stand for several changes.
func (w *Watch) Changes() <-chan struct{} { return w.changes }

// Serve sets the real servers. Run keeps their next hops and the gateways resolved. It
// releases entries that are no longer needed.
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

// AnyQueues lets the number of queues of an interface, given by its index, change while Run
// runs. With AF_PACKET the kernel spreads the frames of all queues over the workers. It is
// called before Run.
func (w *Watch) AnyQueues(index int) {
	if i := w.iface(index); i >= 0 {
		w.ifaces[i].any = true
	}
}

// stations returns the static neighbours by interface index and address.
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

// statics is a request to Run to replace the static neighbours.
type statics struct {
	all       map[station]packet.MAC
	published chan struct{} // closed when the snapshot has them
}

// Statics replaces the static neighbours. Run must be running. Statics returns when the
// snapshot contains them, or when ctx ends.
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
	<-s.published // Run does not block in between
	return nil
}

// Close removes our entries from the kernel's neighbour table, and closes the sockets.
func (w *Watch) Close() error {
	var errs []error
	for at := range w.managed {
		errs = append(errs, w.release(at))
	}
	w.request.Close()
	w.own[unix.NETLINK_ROUTE].Close()
	w.events.Close()
	return errors.Join(append(errs, w.addrs.Close())...)
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
		w.ifaces = append(w.ifaces, iface{name: name, index: l.Attrs().Index, queues: n})
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
