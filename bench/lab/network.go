//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"director/internal/lab"
)

// The addresses in the picture of the package comment.
var (
	clients   = netip.MustParsePrefix("198.18.0.0/15") // RFC 2544: benchmarks
	sourceNet = netip.MustParsePrefix("10.1.0.2/24")
	inNet     = netip.MustParsePrefix("10.1.0.1/24")
	outNet    = netip.MustParsePrefix("10.2.0.1/24")
	serverNet = netip.MustParsePrefix("10.2.0.0/24")
	virtual   = netip.MustParseAddr("192.0.2.10") // RFC 5737 TEST-NET-1
	servers   = [4]netip.Addr{
		netip.MustParseAddr("10.2.0.11"), netip.MustParseAddr("10.2.0.12"),
		netip.MustParseAddr("10.2.0.13"), netip.MustParseAddr("10.2.0.14"),
	}
	anywhere = netip.MustParsePrefix("0.0.0.0/0")
)

const (
	discard = 9 // RFC 863: the destination of the load
	echo    = 7 // RFC 862: the port that answers, for round trips
)

// network is the three hosts with their links and routes. Packets to the virtual
// address arrive at the sink if the director's kernel forwards them, and answers
// return the same way.
type network struct {
	lab                    *lab.Lab
	source, director, sink *lab.Host
	workers                int
	// end contains each interface by name.
	end map[string]end
}

// end is one end of a cable.
type end struct {
	index int
	mac   net.HardwareAddr
}

// newNetwork builds a network with one queue per worker. rps is the set of CPUs to
// which receiving on the director is moved; empty: not moved.
func newNetwork(ctx context.Context, workers int, rps string) (*network, error) {
	l, hosts, err := lab.Bare(ctx, "source", "director", "sink")
	if err != nil {
		return nil, err
	}
	n := &network{lab: l, source: hosts[0], director: hosts[1], sink: hosts[2], workers: workers, end: map[string]end{}}
	if err := inOrder(
		func() error { return n.director.Sysctl("net.ipv4.ip_forward", "1") },
		// With direct routing, answers come from an address that a running director
		// has assigned to its own host.
		func() error { return n.director.Sysctl("net.ipv4.conf.all.accept_local", "1") },
		func() error { return n.wire(rps) },
		n.address, n.route, n.introduce,
	); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return n, nil
}

// wire connects the hosts. Checksums are complete in every frame on a cable, as
// AF_XDP requires. in0 receives in NAPI with every contender, as live frames
// require.
func (n *network) wire(rps string) error {
	const mask = "net.core.rps_default_mask" // for devices created from now on; since Linux 6.3
	if rps != "" {
		if err := n.director.Sysctl(mask, rps); err != nil {
			return err
		}
	}
	if err := n.source.Cable("src0", n.director, "in0", n.workers); err != nil {
		return err
	}
	if rps != "" {
		if err := n.director.Sysctl(mask, "0"); err != nil {
			return err
		}
	}
	return inOrder(
		func() error { return n.director.Cable("out0", n.sink, "sink0", n.workers) },
		func() error { return n.source.SetTxChecksum("src0", false) },
		func() error { return n.sink.SetTxChecksum("sink0", false) },
		func() error { return n.director.SetGRO("in0", true) },
	)
}

func (n *network) address() error {
	errs := []error{
		n.source.AddAddr("src0", sourceNet),
		n.director.AddAddr("in0", inNet),
		n.director.AddAddr("out0", outNet),
		n.sink.AddAddr("lo", netip.PrefixFrom(virtual, virtual.BitLen())),
	}
	for _, a := range servers {
		errs = append(errs, n.sink.AddAddr("sink0", netip.PrefixFrom(a, serverNet.Bits())))
	}
	return errors.Join(errs...)
}

func (n *network) route() error {
	return errors.Join(
		addRoute(n.source, anywhere, inNet.Addr()),
		addRoute(n.director, clients, sourceNet.Addr()),
		addRoute(n.director, netip.PrefixFrom(virtual, virtual.BitLen()), servers[0]),
		addRoute(n.sink, anywhere, outNet.Addr()),
	)
}

// introduce sets permanent neighbour entries, so that no ARP is lost under load.
func (n *network) introduce() error {
	for dev, h := range map[string]*lab.Host{"src0": n.source, "in0": n.director, "out0": n.director, "sink0": n.sink} {
		l, err := h.Link.LinkByName(dev)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", h.Name, dev, err)
		}
		n.end[dev] = end{l.Attrs().Index, l.Attrs().HardwareAddr}
	}
	errs := []error{
		n.addNeighbour(n.source, "src0", inNet.Addr(), "in0"),
		n.addNeighbour(n.director, "in0", sourceNet.Addr(), "src0"),
		n.addNeighbour(n.sink, "sink0", outNet.Addr(), "out0"),
	}
	for _, a := range servers {
		errs = append(errs, n.addNeighbour(n.director, "out0", a, "sink0"))
	}
	return errors.Join(errs...)
}

// addNeighbour adds a permanent entry to a host: neighbour, on dev, has the Ethernet
// address of the interface there.
func (n *network) addNeighbour(h *lab.Host, dev string, neighbour netip.Addr, there string) error {
	err := h.Link.NeighSet(&netlink.Neigh{
		LinkIndex: n.end[dev].index, State: netlink.NUD_PERMANENT,
		IP: neighbour.AsSlice(), HardwareAddr: n.end[there].mac,
	})
	if err != nil {
		return fmt.Errorf("%s: neighbour %s: %w", h.Name, neighbour, err)
	}
	return nil
}

func (n *network) close() error { return n.lab.Close() }

func addRoute(h *lab.Host, dst netip.Prefix, gateway netip.Addr) error {
	to := &net.IPNet{IP: dst.Addr().AsSlice(), Mask: net.CIDRMask(dst.Bits(), dst.Addr().BitLen())}
	if err := h.Link.RouteAdd(&netlink.Route{Dst: to, Gw: gateway.AsSlice()}); err != nil {
		return fmt.Errorf("%s: route %s by %s: %w", h.Name, dst, gateway, err)
	}
	return nil
}

// inOrder runs steps until one fails, and returns its error.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
