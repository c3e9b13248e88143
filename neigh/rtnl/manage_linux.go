package rtnl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/neigh"
	"director/packet"
)

// origin says how an entry became managed.
type origin uint8

const (
	created  origin = iota // we created the entry
	promoted               // the entry existed, and we made it managed
	foreign                // another program made it managed
)

// progress is the state of the next hops that Serve asked for.
type progress struct {
	answers int           // how many calls of Serve are done
	waiting []netip.Addr  // next hops that may still answer
	failed  []netip.Addr  // next hops that did not answer
	moved   chan struct{} // closed when any of these changes
}

// Resolve waits until the next hop of every real server and gateway is
// resolved or has failed, or ctx ends. It returns the next hops without an
// Ethernet address. Run must be running.
func (w *Watch) Resolve(ctx context.Context) []netip.Addr {
	for {
		w.mu.Lock()
		p, asked := w.progress, w.asked
		w.mu.Unlock()
		if p.answers == asked && len(p.waiting) == 0 {
			return p.failed
		}
		select {
		case <-p.moved:
		case <-ctx.Done():
			return slices.Concat(p.failed, p.waiting)
		}
	}
}

// adopt takes over the entries that a director has left which was killed. manage then
// releases those that are not needed.
func (w *Watch) adopt() {
	for at, e := range w.entries {
		if e.managed && e.mark == protocol {
			w.managed[at] = created
			w.marked[at] = struct{}{}
		}
	}
}

// manage installs the next hops that are needed and releases all others.
func (w *Watch) manage() {
	w.mu.Lock()
	servers, asked := w.servers, w.asked
	w.mu.Unlock()
	needed := w.needed(servers)
	for at := range w.managed {
		if !needed[at] {
			if err := w.release(at); err != nil {
				w.log.Warn().Err(err).Msg("cannot release a neighbour entry")
			}
		}
	}
	// The kernel may have deleted a silent neighbour before its server was removed.
	maps.DeleteFunc(w.silent, func(at station, _ struct{}) bool { return !needed[at] })
	w.retry = false
	for at := range needed {
		if _, ok := w.managed[at]; ok {
			continue
		}
		if err := w.install(at); err != nil {
			w.log.Warn().Err(err).Msg("cannot make the kernel probe a next hop")
			w.retry = true
		}
	}
	w.answers, w.stale = asked, true
}

// needed returns the next hops of servers, and all gateways behind interfaces that are
// up. It leaves out addresses that need not be resolved.
func (w *Watch) needed(servers []packet.Addr) map[station]bool {
	s := w.Snapshot()
	t := neigh.New(s, servers)
	needed := make(map[station]bool)
	add := func(at station) {
		_, static := w.static[at]
		e := w.entries[at]
		if !static && (e == nil || e.state&fixed == 0) {
			needed[at] = true
		}
	}
	for i := range servers {
		h := t.Server(uint32(i))
		if h.Reason == packet.None || h.Reason == packet.Neighbor {
			add(station{w.ifaces[h.Interface].index, h.Via.Netip()})
		}
	}
	for _, r := range s.Routes {
		if a := w.iface(r.Link); a >= 0 && r.Gateway.IsValid() && t.Interfaces()[a].Up {
			add(station{r.Link, r.Gateway})
		}
	}
	return needed
}

// install makes the kernel resolve a neighbour and keep it resolved. It must not be called
// for permanent entries: the request fails, and the entry is no longer permanent
// afterwards (__neigh_update in net/core/neighbour.c).
func (w *Watch) install(at station) error {
	e := w.entries[at]
	// If we have managed the entry before, its flag may come from us.
	if _, marked := w.marked[at]; !marked && e != nil && e.managed {
		w.managed[at] = foreign
		return nil
	}
	w.marked[at] = struct{}{}
	fresh, err := w.manageEntry(at, e == nil || e.mark == 0)
	if err != nil {
		return fmt.Errorf("probe neighbour %s: %w", at.ip, err)
	}
	w.managed[at] = promoted
	if fresh {
		w.managed[at] = created
	}
	if e != nil && e.state&netlink.NUD_FAILED != 0 {
		e.state = netlink.NUD_INCOMPLETE // the failure is older than our request; the kernel tries again
	}
	return nil
}

// release undoes install. It also deletes an entry that existed before, if the neighbour is
// not resolved: such an entry contains nothing that the kernel could use.
func (w *Watch) release(at station) error {
	whose := w.managed[at]
	if e := w.entries[at]; whose == promoted && e != nil && !e.usable() {
		whose = created
	}
	delete(w.managed, at)
	delete(w.silent, at)
	var err error
	switch whose {
	case created:
		err = w.request.NeighDel(&netlink.Neigh{LinkIndex: at.link, IP: at.ip.AsSlice()})
	case promoted:
		err = w.use(at) // an update without NTF_EXT_MANAGED clears it
	}
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("release neighbour %s: %w", at.ip, err)
	}
	return nil
}

// measure updates progress. It runs after the snapshot is published. So when Resolve
// returns, the snapshot contains all neighbours that were resolved.
func (w *Watch) measure() {
	var waiting, failed []netip.Addr
	for at := range w.managed {
		e := w.entries[at]
		switch {
		case e != nil && e.usable():
		case e != nil && e.state&netlink.NUD_FAILED != 0:
			failed = append(failed, at.ip)
		default:
			waiting = append(waiting, at.ip)
		}
	}
	w.stale = false
	w.mu.Lock()
	defer w.mu.Unlock()
	w.progress.answers, w.progress.waiting, w.progress.failed = w.answers, waiting, failed
	close(w.progress.moved)
	w.progress.moved = make(chan struct{})
}
