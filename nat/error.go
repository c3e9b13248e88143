package nat

import "director/packet"

// ErrorToServer masquerades an ICMP error that comes from the clients' side and
// quotes a packet of a real server. The error is sent to the server, and the source
// of the quoted packet becomes the server's address and port again.
//
// ErrorToServer and ErrorToClient recompute the checksums of the quoted IPv4 header
// and of the ICMP message. They do not change the quoted transport checksum, because
// the error seldom quotes all bytes that it covers (ip_vs_nat_icmp). Precondition:
// packet.ParseQuote(f, q) returned true, and q has ports.
func ErrorToServer(f *packet.Frame, q *packet.Quote, addr packet.Addr, port uint16) {
	AddrToServer(f, addr)
	quoted, l4 := quote(f, q)
	quoted.SetSrc(addr.V4())
	l4.SetSrcPort(port)
	quoted.UpdateChecksum()
	f.ICMP().UpdateChecksum()
}

// ErrorToClient masquerades an ICMP error that comes from a real server, or a router
// on the way to it, and quotes a packet of a client. The source of the error and the
// destination of the quoted packet become the virtual service.
func ErrorToClient(f *packet.Frame, q *packet.Quote, addr packet.Addr, port uint16) {
	AddrToClient(f, addr)
	quoted, l4 := quote(f, q)
	quoted.SetDst(addr.V4())
	l4.SetDstPort(port)
	quoted.UpdateChecksum()
	f.ICMP().UpdateChecksum()
}

// quote returns the headers of the packet that f quotes.
func quote(f *packet.Frame, q *packet.Quote) (packet.IPv4, packet.L4) {
	b := f.Bytes()
	return packet.IPv4(b[q.L3:q.L4]), packet.L4(b[q.L4:])
}
