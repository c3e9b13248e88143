package rtnl

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// protocol marks the neighbour entries that a director manages (NDA_PROTOCOL). A director
// recognises by it the entries of a director that was killed. Neither the kernel
// (include/uapi/linux/rtnetlink.h) nor iproute2 (etc/iproute2/rt_protos) uses this
// number. The director's routes have it, too.
const protocol = 214

// neighbor is a neighbour entry with the attribute that the netlink library leaves out.
type neighbor struct {
	netlink.Neigh
	protocol uint8
}

// parseNeighbor parses the payload of an RTM_NEWNEIGH or RTM_DELNEIGH message.
func parseNeighbor(data []byte) (neighbor, error) {
	n, err := netlink.NeighDeserialize(data)
	if err != nil {
		return neighbor{}, err
	}
	attrs, err := nl.ParseRouteAttr(data[unix.SizeofNdMsg:])
	if err != nil {
		return neighbor{}, err
	}
	for _, a := range attrs {
		if a.Attr.Type == netlink.NDA_PROTOCOL && len(a.Value) > 0 {
			return neighbor{*n, a.Value[0]}, nil
		}
	}
	return neighbor{Neigh: *n}, nil
}

// listFamily returns the kernel's neighbour entries of an address family.
func (w *Watch) listFamily(family uint8) ([]neighbor, error) {
	req := w.newRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	req.AddData(&netlink.Ndmsg{Family: family})
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if err != nil {
		return nil, fmt.Errorf("list neighbours: %w", err)
	}
	list := make([]neighbor, 0, len(msgs))
	for _, m := range msgs {
		if n, err := parseNeighbor(m); err == nil && n.Family == int(family) {
			list = append(list, n)
		}
	}
	return list, nil
}

// manageEntry makes the kernel manage an entry: it resolves the neighbour and keeps it
// resolved. The entry is marked as the director's if mark is set. manageEntry reports
// whether it created the entry.
func (w *Watch) manageEntry(at station, mark bool) (created bool, err error) {
	try := func(flags int) error {
		req := w.newRequest(unix.RTM_NEWNEIGH, unix.NLM_F_ACK|unix.NLM_F_CREATE|flags)
		req.AddData(&netlink.Ndmsg{Family: uint8(nl.GetIPFamily(at.ip.AsSlice())), Index: uint32(at.link)})
		req.AddData(nl.NewRtAttr(netlink.NDA_DST, at.ip.AsSlice()))
		req.AddData(nl.NewRtAttr(netlink.NDA_FLAGS_EXT, nl.Uint32Attr(netlink.NTF_EXT_MANAGED)))
		if mark {
			req.AddData(nl.NewRtAttr(netlink.NDA_PROTOCOL, nl.Uint8Attr(protocol)))
		}
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}
	if err = try(unix.NLM_F_EXCL); errors.Is(err, unix.EEXIST) {
		return false, try(unix.NLM_F_REPLACE)
	}
	return err == nil, err
}

// newRequest returns a request that is sent over the socket of the watch.
func (w *Watch) newRequest(kind, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = w.own
	return req
}
