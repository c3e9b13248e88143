package replay_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"director/packet"
)

// station is a host of the cases' network. It answers for the addresses of prefix.
type station struct {
	name, iface string
	mac         packet.MAC
	prefix      netip.Prefix
}

// network holds all stations. A link of the director is a station without a prefix.
type network struct{ stations []station }

// station reads NAME MAC [INTERFACE PREFIX].
func (n *network) station(words []string) (station, error) {
	if len(words) != 2 && len(words) != 4 {
		return station{}, errors.New("want station NAME MAC [INTERFACE PREFIX]")
	}
	mac, err := n.address(words[1])
	s := station{name: words[0], mac: mac}
	if err == nil && len(words) == 4 {
		s.iface = words[2]
		s.prefix, err = netip.ParsePrefix(words[3])
	}
	return s, err
}

// usual returns the usual Ethernet addresses for the packet's IP addresses: those of the
// station with the IP address on this interface, else that of the interface. ARP goes to
// the broadcast address.
func (n *network) usual(f *frame) (from, to packet.MAC) {
	from, to = n.speaks(f.iface, f.pkt.src.Addr()), n.speaks(f.iface, f.pkt.dst.Addr())
	if f.pkt.proto == "arp" {
		to = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	return from, to
}

func (n *network) speaks(iface string, a netip.Addr) (mac packet.MAC) {
	for _, s := range n.stations {
		switch {
		case s.iface == iface && s.prefix.Contains(a):
			return s.mac
		case s.name == iface:
			mac = s.mac
		}
	}
	return mac
}

func (n *network) name(mac packet.MAC) string {
	for _, s := range n.stations {
		if s.mac == mac {
			return s.name
		}
	}
	return mac.String()
}

// address is the inverse of name.
func (n *network) address(name string) (packet.MAC, error) {
	for _, s := range n.stations {
		if s.name == name {
			return s.mac, nil
		}
	}
	hw, err := net.ParseMAC(name)
	if err != nil || len(hw) != 6 {
		return packet.MAC{}, fmt.Errorf("%q is neither a station nor an Ethernet address", name)
	}
	return packet.MAC(hw), nil
}
