package doctor

import (
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/host"
	"director/host/nic"
	"director/host/plan"
)

// gatherInterface returns the facts about one interface.
func gatherInterface(ethtool *nic.Control, files tree, links []netlink.Link, name string) Interface {
	i := Interface{Name: name}
	if _, err := host.Interface(name); err != nil {
		i.Missing = err.Error()
		return i
	}
	for _, l := range links {
		if l.Attrs().Name == name {
			i.describe(ethtool, l, links)
		}
	}
	if by, err := host.ServedBy(name); err == nil {
		i.ServedBy, i.Confined = by, files.confined(by)
	}
	i.Driver, _ = ethtool.Driver(name)
	i.Device, _ = ethtool.Device(name)
	i.MaxQueues, _ = ethtool.MaxQueues(name)
	i.Offloads = offloadsOf(ethtool, name)
	return i
}

// describe fills in what the list of links says about the interface and its relatives.
func (i *Interface) describe(ethtool *nic.Control, l netlink.Link, links []netlink.Link) {
	a := l.Attrs()
	i.MTU = a.MTU
	i.Up = a.RawFlags&unix.IFF_UP != 0
	i.Carrier = a.RawFlags&unix.IFF_RUNNING != 0
	i.OtherXDP = a.Xdp != nil && a.Xdp.Attached
	can, err := nic.XDPFeatures(a.Index)
	i.XDPErr = text(err)
	const native = nic.XDPBasic | nic.XDPRedirect
	i.Native, i.ZeroCopy = can&native == native, can&nic.XDPZeroCopy != 0
	if l.Type() == "veth" {
		i.Peer = &Peer{}
	}
	for _, o := range links {
		b := o.Attrs()
		switch {
		case a.MasterIndex != 0 && b.Index == a.MasterIndex:
			i.Master = plan.Master{Name: b.Name, Kind: o.Type()}
		case o.Type() == "vlan" && b.ParentIndex == a.Index:
			i.VLANs = append(i.VLANs, b.Name)
		case i.Peer != nil && a.NetNsID < 0 && b.Index == a.ParentIndex:
			i.Peer.Name = b.Name
			i.Peer.Segments = offloadsOf(ethtool, b.Name)["tx-tcp-segmentation"].On
		}
	}
}

func offloadsOf(ethtool *nic.Control, name string) map[string]Offload {
	features, err := ethtool.Features(name)
	if err != nil {
		return nil
	}
	list := make(map[string]Offload, len(features))
	for name, f := range features {
		list[name] = Offload{f.On, f.Fixed}
	}
	return list
}
