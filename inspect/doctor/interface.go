package doctor

import (
	"fmt"
	"strings"

	"director/host/plan"
	"director/internal/ranges"
)

// checkInterfaces checks each interface on its own.
func checkInterfaces(f *Facts, r *recorder) {
	switch {
	case len(f.Interfaces) == 0:
		r.add(Note, "interfaces", "--interface=NAME", "no flag names an interface, and the host has no NIC and no veth")
	case f.Unnamed:
		r.add(Note, "interfaces", "--interface="+strings.Join(f.Config.Interfaces, ","),
			"no flag names an interface, but run requires one; every NIC and veth is examined")
	}
	choices := f.choose()
	for n := range f.Interfaces {
		i := &f.Interfaces[n]
		r.iface = i.Name
		if i.Missing != "" {
			r.add(Fail, "exists", "ip link show", "%s", i.Missing)
			continue
		}
		checkLink(f, i, r)
		checkXDP(f, i, r)
		checkQueues(f, i, r)
		checkOffloads(i, choices[n].Kind, r)
	}
	r.iface = ""
}

func checkLink(f *Facts, i *Interface, r *recorder) {
	kind := i.Driver
	if i.Device != "" {
		kind += ", " + i.Device
	}
	switch {
	case !i.Up:
		r.add(Warn, "link", "ip link set dev "+i.Name+" up", "%s: down", kind)
	case !i.Carrier:
		r.add(Warn, "link", "", "%s: up, but without carrier: check the cable, or the other end of a veth", kind)
	default:
		r.ok("link", "%s: up", kind)
	}
	if i.MasterErr != "" {
		detail, remedy := remedied(i.MasterErr)
		level := Fail
		if f.Unnamed {
			level = Note // nobody has asked for this interface
		}
		r.add(level, "master", remedy, "%s", detail)
	}
	if i.MTU > plan.MaxMTU {
		r.add(Fail, "mtu", "ip link set dev "+i.Name+" mtu 1500", "%d, but the director carries packets of at most %d bytes", i.MTU, plan.MaxMTU)
	} else {
		r.ok("mtu", "%d", i.MTU)
	}
	if i.ServedBy != "" {
		r.add(Fail, "owner", "systemctl stop director, or stop that process", "already served by %s", i.ServedBy)
	}
}

// checkXDP looks for other XDP programs and at the abilities of the driver.
func checkXDP(f *Facts, i *Interface, r *recorder) {
	if i.ServedBy != "" {
		return // the XDP program belongs to that director
	}
	if i.OtherXDP {
		remedy := fmt.Sprintf("stop its owner (bpftool net show dev %s), or: ip link set dev %s xdp off", i.Name, i.Name)
		level := Note
		if f.allows(plan.NativeXDP, plan.GenericXDP) {
			level = spare(f, plan.Packet)
		}
		r.add(level, "xdp", remedy, "another XDP program is attached, so AF_XDP cannot be used")
		return
	}
	switch {
	case i.XDPErr != "":
		r.unchecked("xdp", i.XDPErr, "")
	case i.Native && i.ZeroCopy:
		r.ok("xdp", "native, zero-copy, generic")
	case i.Native:
		r.ok("xdp", "native without zero-copy, generic")
	case i.Peer != nil:
		r.add(Note, "xdp", "a veth with at least as many receive queues as its peer has transmit queues", "generic only")
	default:
		r.add(Note, "xdp", "", "generic only: the driver %s does not support native XDP, or not with its present settings", i.Driver)
	}
}

func checkQueues(f *Facts, i *Interface, r *recorder) {
	switch {
	case i.QueueErr != "":
		detail, remedy := flagged(i.QueueErr)
		if remedy == "" {
			remedy = "--queues=all"
		}
		r.add(Fail, "queues", remedy, "%s", detail)
	case i.Queues == 1 && i.MaxQueues > 1 && len(f.CPU.Allowed) > 1:
		r.add(Note, "queues", fmt.Sprintf("ethtool -L %s combined %d", i.Name, min(i.MaxQueues, len(f.CPU.Allowed))),
			"1 in use, so there is 1 worker; the NIC supports %d", i.MaxQueues)
	case len(i.Served) < i.Queues:
		r.ok("queues", "%s of %d served; RSS uses only these", ranges.Format(i.Served), i.Queues)
	default:
		r.ok("queues", "%d", i.Queues)
	}
}
