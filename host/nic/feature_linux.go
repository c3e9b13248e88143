package nic

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Feature says whether an offload is on, and whether the driver cannot change that.
type Feature struct{ On, Fixed bool }

// Features returns the offloads of an interface by the kernel's names (rx-gro,
// rx-lro, rx-gro-hw, rx-vlan-hw-parse, tx-checksum-ip-generic and so on).
func (c *Control) Features(name string) (map[string]Feature, error) {
	list, err := features(c.fd, name)
	if err != nil {
		return nil, fmt.Errorf("read the offloads of %s: %w", name, err)
	}
	return list, nil
}

// Driver returns the name of the driver of an interface.
func (c *Control) Driver(name string) (string, error) {
	info, err := unix.IoctlGetEthtoolDrvinfo(c.fd, name)
	if err != nil {
		return "", fmt.Errorf("find the driver of %s: %w", name, err)
	}
	return unix.ByteSliceToString(info.Driver[:]), nil
}

// MaxQueues returns how many receive queues an interface can have, 0 if the driver does
// not say.
func (c *Control) MaxQueues(name string) (int, error) {
	_, most, err := channels(c.fd, name)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return 0, fmt.Errorf("count the receive queues of %s: %w", name, err)
	}
	return most, nil
}

// XDPFeature is a set of bits: what a driver can do with XDP (enum netdev_xdp_act in
// linux/netdev.h).
type XDPFeature uint64

// The bits that AF_XDP depends on.
const (
	XDPBasic    XDPFeature = 1 << 0 // run a program, drop, pass, send back
	XDPRedirect XDPFeature = 1 << 1 // hand frames to a socket
	XDPZeroCopy XDPFeature = 1 << 3 // the NIC can use the memory of an AF_XDP socket
)

// From linux/netdev.h: the generic netlink family netdev.
const (
	netdevCmdDevGet      = 1
	netdevAttrDevIfindex = 1
	netdevAttrDevXDP     = 3
)

// XDPFeatures asks the driver of the interface with that index, in the network namespace
// of the calling thread. It needs no privilege.
func XDPFeatures(index int) (XDPFeature, error) {
	family, err := netlink.GenlFamilyGet("netdev")
	if err != nil {
		return 0, fmt.Errorf("find the netlink family netdev: %w", err)
	}
	// nl.Genlmsg cannot be used: it sends the memory behind it as the reserved half
	// of struct genlmsghdr, which must be 0 for this family.
	head := []byte{netdevCmdDevGet, uint8(family.Version), 0, 0}
	req := nl.NewNetlinkRequest(int(family.ID), 0)
	req.AddRawData(append(head, nl.NewRtAttr(netdevAttrDevIfindex, nl.Uint32Attr(uint32(index))).Serialize()...))
	answers, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, fmt.Errorf("ask for XDP features: %w", err)
	}
	for _, a := range answers {
		attrs, err := nl.ParseRouteAttr(a[nl.SizeofGenlmsg:])
		if err != nil {
			return 0, fmt.Errorf("ask for XDP features: %w", err)
		}
		for _, attr := range attrs {
			if attr.Attr.Type == netdevAttrDevXDP && len(attr.Value) >= 8 {
				return XDPFeature(binary.NativeEndian.Uint64(attr.Value)), nil
			}
		}
	}
	return 0, errors.New("ask for XDP features: no answer")
}
