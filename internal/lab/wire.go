//go:build linux

package lab

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// The segments are bridges on the switch. With one arm there is only the first.
const (
	frontSegment = "front"
	backSegment  = "back"
)

// leg is one interface of a host. It is connected to a segment.
type leg struct {
	host    *Host
	dev     string
	segment string
	queues  int // receive and transmit queues of both ends
	addrs   []netip.Prefix
}

// wire makes the segments and connects every host to them.
func (l *Lab) wire(ctx context.Context) error {
	segments := []string{frontSegment, backSegment}[:l.Arms]
	for _, s := range segments {
		if err := l.addSegment(s); err != nil {
			return err
		}
	}
	for _, leg := range l.legs() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.plugIn(leg); err != nil {
			return fmt.Errorf("wire %s %s: %w", leg.host.Name, leg.dev, err)
		}
	}
	for i, dev := range l.Interfaces() {
		if err := l.setOffloads(dev); err != nil {
			return fmt.Errorf("wire eth%d: %w", i, err)
		}
	}
	return nil
}

// legs lists all interfaces of the lab.
func (l *Lab) legs() []leg {
	front := netip.PrefixFrom(l.Front, frontNet.Bits())
	back := netip.PrefixFrom(l.Back, backNet.Bits())
	serverSegment := frontSegment
	var legs []leg
	if l.Arms == 1 {
		legs = append(legs, leg{l.Director, "eth0", frontSegment, l.Queues[0], []netip.Prefix{front, back}})
	} else {
		serverSegment = backSegment
		legs = append(legs,
			leg{l.Director, "eth0", frontSegment, l.Queues[0], []netip.Prefix{front}},
			leg{l.Director, "eth1", backSegment, l.Queues[1], []netip.Prefix{back}})
	}
	// All other legs have one queue. Then the switch distributes flows among the
	// director's queues by their hash alone.
	for i, h := range l.Clients {
		eth0 := leg{h, "eth0", frontSegment, 1, nil}
		for _, a := range h.Sources {
			eth0.addrs = append(eth0.addrs, netip.PrefixFrom(a, frontNet.Bits()))
		}
		legs = append(legs, eth0)
		if l.secondLeg() {
			legs = append(legs, leg{h, "eth1", backSegment, 1, []netip.Prefix{clientBack(i)}})
		}
	}
	for _, h := range l.Servers {
		legs = append(legs, leg{h, "eth0", serverSegment, 1, []netip.Prefix{netip.PrefixFrom(h.Addr, backNet.Bits())}})
	}
	return legs
}

// secondLeg reports whether clients have an interface on the servers' segment, too.
func (c Config) secondLeg() bool { return c.Arms == 2 && c.direct() }

// clientBack returns the address of client i on the servers' segment.
func clientBack(i int) netip.Prefix {
	return netip.PrefixFrom(hostAddr(backNet, clientOctet+i), backNet.Bits())
}

// addSegment makes a bridge that forwards at once and uses no protocol of its own.
func (l *Lab) addSegment(name string) error {
	snooping := false
	bridge := &netlink.Bridge{
		LinkAttrs:         netlink.LinkAttrs{Name: name, TxQLen: -1},
		MulticastSnooping: &snooping,
	}
	if err := l.Switch.Link.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add segment %s: %w", name, err)
	}
	return l.Switch.SetUp(name, true)
}

// plugIn makes the veth pair of a leg. Both ends have the same number of queues: an XDP
// program is refused if the other end has more transmit queues than its own end has receive
// queues. A pair that is made without numbers has one queue of each kind.
func (l *Lab) plugIn(g leg) error {
	segment, err := l.Switch.device(g.segment)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = portName(g.host, g.dev)
	attrs.MasterIndex = segment.Attrs().Index
	attrs.NumTxQueues, attrs.NumRxQueues = g.queues, g.queues
	port := netlink.NewVeth(attrs)
	port.PeerName = g.dev
	port.PeerNamespace = netlink.NsFd(g.host.ns)
	port.PeerNumTxQueues, port.PeerNumRxQueues = uint32(g.queues), uint32(g.queues)
	if err := l.Switch.Link.LinkAdd(port); err != nil {
		return err
	}
	for _, a := range g.addrs {
		if err := g.host.AddAddr(g.dev, a); err != nil {
			return err
		}
	}
	if err := g.host.SetUp(g.dev, true); err != nil {
		return err
	}
	return l.Plug(g.host, g.dev, true)
}

// setOffloads sets the offloads of both ends of a director's wire. A sender may leave
// segmentation and checksums to its device. The switch's port does this work only if it
// cannot pass it on, and only then the director receives whole frames.
func (l *Lab) setOffloads(dev string) error {
	port := portName(l.Director, dev)
	err := l.Switch.setOffloads(port, l.Offloads, txChecksum, tcpSegments, segments, receive)
	if err != nil {
		return err
	}
	return l.Director.setOffloads(dev, l.Offloads, receive)
}

// portName returns the name of the switch's end of a host's wire.
func portName(h *Host, dev string) string { return h.Name + "-" + dev }
