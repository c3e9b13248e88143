//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
)

// Bare makes hosts that have only a loopback, for networks with another topology than that
// of New. The caller connects them by cables and sets addresses and routes. Of the lab only
// Name and Close can be used. It is closed by Close, or earlier when ctx is done.
func Bare(ctx context.Context, names ...string) (*Lab, []*Host, error) {
	l := &Lab{}
	err := l.open(ctx, func(ctx context.Context) error {
		for _, name := range names {
			if _, err := l.addHost(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return l, l.hosts, nil
}

// carrierTime is the longest time until both ends of a cable have a carrier.
const carrierTime = 5 * time.Second

// Cable makes an interface dev of the host and an interface peerDev of peer, and connects
// them directly. Both have the given number of receive and transmit queues. Both are up when
// Cable returns.
func (h *Host) Cable(dev string, peer *Host, peerDev string, queues int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.NumTxQueues, attrs.NumRxQueues = dev, queues, queues
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerNamespace = peerDev, netlink.NsFd(peer.ns)
	veth.PeerNumTxQueues, veth.PeerNumRxQueues = uint32(queues), uint32(queues)
	if err := h.Link.LinkAdd(veth); err != nil {
		return fmt.Errorf("cable from %s %s to %s %s: %w", h.Name, dev, peer.Name, peerDev, err)
	}
	if err := errors.Join(h.SetUp(dev, true), peer.SetUp(peerDev, true)); err != nil {
		return err
	}
	return errors.Join(h.awaitCarrier(dev), peer.awaitCarrier(peerDev))
}

// awaitCarrier waits until an interface has a carrier. Before that, frames may be lost.
func (h *Host) awaitCarrier(dev string) error {
	for deadline := time.Now().Add(carrierTime); ; time.Sleep(time.Millisecond) {
		l, err := h.device(dev)
		if err != nil || l.Attrs().OperState == netlink.OperUp {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %s has no carrier after %v", h.Name, dev, carrierTime)
		}
	}
}

// SetGRO switches generic receive offload. With it, an end of a veth pair receives in NAPI
// context even without an XDP program. So it accepts frames that were redirected to its other
// end.
func (h *Host) SetGRO(dev string, on bool) error { return h.setOffloads(dev, on, receive) }

// SetTxChecksum switches whether the host leaves checksums to an interface. A veth device
// does not compute them.
func (h *Host) SetTxChecksum(dev string, on bool) error { return h.setOffloads(dev, on, txChecksum) }
