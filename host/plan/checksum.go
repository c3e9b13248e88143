package plan

import "slices"

// local are the drivers that support native XDP and can deliver frames of a network stack on
// the same machine. Such a stack leaves checksums to its interface, and nothing on the way
// completes them: veth, tun and tap devices, and the network of Xen guests. A bond may
// consist of such interfaces.
var local = []string{"veth", "tun", "vif", "bonding"}

// PartialChecksums reports whether frames with partial checksums can arrive at an interface
// of that driver which was opened in way k. A driver name is empty if it is not known.
//
// In generic mode the XDP program sees what the kernel's stack sees, so this holds for every
// driver. AF_PACKET marks such frames, and its port completes them.
func PartialChecksums(k Kind, driver string) bool {
	switch k {
	case Packet:
		return false
	case GenericXDP:
		return true
	}
	return driver == "" || slices.Contains(local, driver)
}
