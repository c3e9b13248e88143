package rtnl

import (
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/neigh"
	"director/packet"
)

// valid contains the states in which the MAC of an entry may be used (NUD_VALID in
// include/net/neighbour.h).
const valid = netlink.NUD_PERMANENT | netlink.NUD_NOARP | netlink.NUD_REACHABLE |
	netlink.NUD_PROBE | netlink.NUD_STALE | netlink.NUD_DELAY

// fixed contains the states of entries that the kernel does not resolve.
const fixed = netlink.NUD_PERMANENT | netlink.NUD_NOARP

// entry is the kernel's view of one neighbour behind an interface. All tables that
// contain the entry share its mark.
type entry struct {
	state   int
	mac     packet.MAC
	managed bool  // NTF_EXT_MANAGED is set, by the director or by another program
	mark    uint8 // NDA_PROTOCOL: who has made the entry; 0: not known
	used    neigh.Mark
}

// usable reports whether frames may be sent to the entry's MAC. Group addresses are not
// usable. The kernel has NOARP entries for broadcast, and an answer must not go to all
// hosts of the link.
func (e *entry) usable() bool {
	return e.state&valid != 0 && !e.mac.IsZero() && e.mac[0]&1 == 0
}

// hear handles one event about a neighbour.
func (w *Watch) hear(m *syscall.NetlinkMessage) {
	n, err := parseNeighbor(m.Data)
	if err != nil {
		w.log.Debug().Err(err).Msg("cannot parse a neighbour event")
		return
	}
	if n.Family != unix.AF_INET && n.Family != unix.AF_INET6 {
		return // a bridge's forwarding entry
	}
	at := station{n.LinkIndex, toAddr(n.IP)}
	_, ours := w.managed[at]
	if m.Header.Type == unix.RTM_DELNEIGH {
		w.forget(at)
	} else {
		w.note(&n)
	}
	w.stale = w.stale || ours
}

// note stores the kernel's view of one neighbour.
func (w *Watch) note(n *neighbor) {
	if n.Flags&netlink.NTF_PROXY != 0 || w.iface(n.LinkIndex) < 0 {
		return
	}
	at := station{n.LinkIndex, toAddr(n.IP)}
	e := w.entries[at]
	if e == nil {
		e = new(entry)
		w.entries[at] = e
	}
	was, mac := e.usable(), e.mac
	e.state, e.mac, e.managed, e.mark = n.State, toMAC(n.HardwareAddr), n.FlagsExt&netlink.NTF_EXT_MANAGED != 0, n.protocol
	if e.usable() != was || was && e.mac != mac {
		w.dirty |= outdated
	}
	w.listen(at, e)
}

// listen notes whether a next hop answers. The kernel asks a managed neighbour again every
// few seconds, so its state changes between failed and incomplete. It stays silent until
// it answers.
func (w *Watch) listen(at station, e *entry) {
	_, ours := w.managed[at]
	_, silent := w.silent[at]
	switch {
	case silent && e.usable():
		delete(w.silent, at)
	case !silent && ours && e.state&netlink.NUD_FAILED != 0:
		w.silent[at] = struct{}{}
	default:
		return
	}
	w.dirty |= outdated
}

// forget deletes an entry that the kernel has deleted, and our record that the entry was
// managed: when a link goes down, the kernel deletes managed entries too. After the next
// snapshot, manage installs again those that are still needed.
func (w *Watch) forget(at station) {
	_, ours := w.managed[at]
	if e := w.entries[at]; ours || e != nil && e.usable() {
		w.dirty |= outdated
	}
	delete(w.entries, at)
	delete(w.managed, at)
}

// listNeighbors reads all neighbours after events were lost. Entries that still exist
// keep their marks.
func (w *Watch) listNeighbors() error {
	there := make(map[station]bool)
	for _, family := range []uint8{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := w.listFamily(family)
		if err != nil {
			return err
		}
		for i := range list {
			w.note(&list[i])
			there[station{list[i].LinkIndex, toAddr(list[i].IP)}] = true
		}
	}
	for at := range w.entries {
		if !there[at] {
			w.forget(at)
		}
	}
	w.stale = true
	return nil
}
