package nat

import "director/packet"

// ErrorToServer masquerades an ICMP error from the clients' side about a real
// server's packet: it goes to the server, and the packet that it quotes has the
// server's address and port as source again.
//
// Here and in ErrorToClient the quoted IPv4 header and the message get new
// checksums, while the quoted transport checksum stays as it is: the quote
// seldom shows all that it covers (ip_vs_nat_icmp). Precondition:
// packet.ParseQuote(f, q) returned true, and q shows ports.
func ErrorToServer(f *packet.Frame, q *packet.Quote, addr packet.Addr, port uint16) {
	AddrToServer(f, addr)
	quoted, l4 := quote(f, q)
	quoted.SetSrc(addr.V4())
	l4.SetSrcPort(port)
	quoted.UpdateChecksum()
	f.ICMP().UpdateChecksum()
}

// ErrorToClient masquerades an ICMP error from the servers' side, the real
// server's own or a router's, about a client's packet: it comes from the virtual
// service, and the packet that it quotes went there.
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
