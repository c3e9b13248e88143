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
	checkPeer(i, r)
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

// checkPeer checks whether the host at the other end of a veth sends frames with
// incomplete checksums.
func checkPeer(i *Interface, r *recorder) {
	const harm = "packets that its host sends would be forwarded with incomplete checksums"
	switch {
	case i.Peer == nil:
	case i.Peer.Name == "":
		r.unchecked("peer", "the other end is in another network namespace; if its checksum offload is on, "+harm,
			"there: ethtool -K PEER tx off")
	case i.Peer.TxChecksum:
		r.add(Warn, "peer", "ethtool -K "+i.Peer.Name+" tx off", "%s has checksum offload on: %s", i.Peer.Name, harm)
	default:
		r.ok("peer", "%s sends complete checksums", i.Peer.Name)
	}
}
