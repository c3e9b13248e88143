package rtnl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/neigh"
	"director/packet"
)

// origin says who made an entry managed.
type origin uint8

const (
	created  origin = iota // we made the entry
	promoted               // it was there, we had it managed
	foreign                // it was managed before
)

// progress is the state of the next hops that Serve asked for.
type progress struct {
	answers int           // to how many calls of Serve
	waiting []netip.Addr  // next hops that may still answer
	failed  []netip.Addr  // next hops that do not
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

// manage makes the kernel keep exactly the next hops that are needed.
func (w *Watch) manage() {
	w.mu.Lock()
	servers, asked := w.servers, w.asked
	w.mu.Unlock()
	needed := w.needed(servers)
	for at := range w.managed {
		if !needed[at] {
			if err := w.release(at); err != nil {
				w.log.Warn().Err(err).Msg("neighbour entry stays behind")
			}
		}
	}
	w.retry = false
	for at := range needed {
		if _, ok := w.managed[at]; ok {
			continue
		}
		if err := w.install(at); err != nil {
			w.log.Warn().Err(err).Msg("next hop not probed by the kernel")
			w.retry = true
		}
	}
	w.answers, w.stale = asked, true
}

// needed returns the next hops of servers and all gateways behind interfaces that are
// up, but for those that need no resolving.
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

// install has the kernel resolve a neighbour and keep it so. That fails for
// permanent entries and must not be tried: the attempt would take their
// permanence away (__neigh_update in net/core/neighbour.c).
func (w *Watch) install(at station) error {
	e := w.entries[at]
	// An entry that looks managed may do so by an event of our own.
	if _, marked := w.marked[at]; !marked && e != nil && e.managed {
		w.managed[at] = foreign
		return nil
	}
	w.marked[at] = struct{}{}
	n := &netlink.Neigh{LinkIndex: at.link, IP: at.ip.AsSlice(), FlagsExt: netlink.NTF_EXT_MANAGED}
	whose := created
	err := w.request.NeighAdd(n)
	if errors.Is(err, unix.EEXIST) {
		whose, err = promoted, w.request.NeighSet(n)
	}
	if err != nil {
		return fmt.Errorf("probe neighbour %s: %w", at.ip, err)
	}
	w.managed[at] = whose
	if e != nil && e.state&netlink.NUD_FAILED != 0 {
		e.state = netlink.NUD_INCOMPLETE // it failed before we asked, and is tried again
	}
	return nil
}

// release undoes install.
func (w *Watch) release(at station) error {
	whose := w.managed[at]
	delete(w.managed, at)
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

// measure brings progress up to date. It comes after the snapshot: whoever
// waits in Resolve finds there what was resolved.
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
