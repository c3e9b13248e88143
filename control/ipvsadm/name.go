package ipvsadm

import (
	"strconv"

	"director/packet"
	"director/service"
)

// protoName is what listings call a protocol. The template of a firewall mark
// has none.
func protoName(proto uint8) string {
	switch proto {
	case packet.ProtoTCP:
		return "TCP"
	case packet.ProtoUDP:
		return "UDP"
	case packet.ProtoSCTP:
		return "SCTP"
	}
	return "IP"
}

// namedProto is the protocol by which the ports of a service's servers have
// names.
func namedProto(k service.Key) uint8 {
	if k.Mark != 0 {
		return packet.ProtoTCP
	}
	return k.Proto
}

// hostPort is an endpoint by names, as far as there are some; n is nil for
// numbers.
func hostPort(n Namer, a packet.Addr, port uint16, proto uint8) string {
	host, service := a.String(), strconv.Itoa(int(port))
	if !a.Is4() {
		host = "[" + host + "]"
	}
	if n != nil {
		if name := n.HostName(a.Netip()); name != "" {
			host = name
		}
		if name := n.PortName(port, proto); name != "" {
			service = name
		}
	}
	return host + ":" + service
}
