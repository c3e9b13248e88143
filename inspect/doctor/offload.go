package doctor

import (
	"strings"

	"director/host/plan"
)

// offloads are the offloads that change frames before an XDP program sees them, by the
// names of the kernel and of ethtool.
var offloads = []struct {
	kernel, ethtool string
	harm            string
	generic         bool // it harms only generic XDP, which runs after it
}{
	{"rx-gro", "gro", "the kernel merges packets, and a merged packet does not fit into an AF_XDP frame", true},
	{"rx-lro", "lro", "the NIC merges packets, which AF_XDP cannot carry and a forwarder must not do", false},
	{"rx-gro-hw", "rx-gro-hw", "the NIC merges packets, which AF_XDP cannot carry", false},
}

func checkOffloads(i *Interface, chosen plan.Kind, r *recorder) {
	if chosen == plan.Packet {
		r.ok("offloads", "AF_PACKET works with all of them")
		return
	}
	if i.Offloads == nil {
		r.unchecked("offloads", "the driver does not report them", "")
		return
	}
	for _, o := range offloads {
		state := i.Offloads[o.kernel]
		remedy := "ethtool -K " + i.Name + " " + o.ethtool + " off"
		if state.Fixed {
			remedy = "--io=packet (the driver cannot switch it off)"
		}
		switch {
		case !state.On:
			r.ok(o.ethtool, "off")
		case o.generic && chosen == plan.NativeXDP:
			r.add(Note, o.ethtool, remedy, "on: harmless in native mode, but in generic mode %s", o.harm)
		default:
			r.add(Warn, o.ethtool, remedy, "on: %s", o.harm)
		}
	}
	checkVLAN(i, r)
	checkPeer(i, chosen, r)
}

// checkVLAN checks whether the NIC removes VLAN tags. XDP then does not see the tag and
// takes the frame for an untagged one.
func checkVLAN(i *Interface, r *recorder) {
	state := i.Offloads["rx-vlan-hw-parse"]
	remedy := "ethtool -K " + i.Name + " rxvlan off"
	if state.Fixed {
		remedy = ""
	}
	switch {
	case !state.On:
		r.ok("rxvlan", "off")
	case len(i.VLANs) > 0:
		r.add(Warn, "rxvlan", remedy, "on: XDP sees frames for %s without their VLAN tag, like frames for %s itself",
			strings.Join(i.VLANs, ", "), i.Name)
	default:
		r.add(Note, "rxvlan", remedy, "on: XDP would see a tagged frame without its VLAN tag, like an untagged frame")
	}
}

// checkPeer checks what the host at the other end of a veth leaves to its interface:
// checksums and, in generic mode, segmentation. In native mode the kernel has the other end
// cut segments (veth_fix_features in drivers/net/veth.c).
func checkPeer(i *Interface, chosen plan.Kind, r *recorder) {
	const harm = "longer packets than the MTU, which an AF_XDP frame cannot carry: in generic mode transfers from there crawl"
	switch {
	case i.Peer == nil:
	case chosen != plan.GenericXDP:
		r.ok("peer", "the director completes checksums that its host leaves to the interface")
	case i.Peer.Name == "":
		r.unchecked("peer", "the other end is in another network namespace; if its segmentation offload is on, its host sends "+harm,
			"there: ethtool -K PEER tso off")
	case i.Peer.Segments:
		r.add(Warn, "peer", "ethtool -K "+i.Peer.Name+" tso off", "%s has segmentation offload on: its host sends %s", i.Peer.Name, harm)
	default:
		r.ok("peer", "%s sends no packet longer than the MTU, and the director completes checksums", i.Peer.Name)
	}
}
