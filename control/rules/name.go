package rules

import (
	"strconv"

	"director/packet"
	"director/service"
)

// NamedProto returns the protocol for which the ports of service k and its servers
// are looked up by name.
func NamedProto(k service.Key) uint8 {
	if k.Mark != 0 {
		return packet.ProtoTCP
	}
	return k.Proto
}

// HostPort formats an endpoint. It uses the names that n knows, and numbers if n
// is nil.
func HostPort(n Namer, a packet.Addr, port uint16, proto uint8) string {
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
