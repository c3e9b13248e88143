package conntrack

// A connection is assured when something shows that its client exists, or that it is
// more than a few forged packets. A full table does not evict what is assured or controls
// another connection. So a flood of forged packets takes the room of other forged packets.

// manyPackets is the number of a client's packets that makes a connection more than a
// forged one. Up to so many, drop_entry takes an idle connection (todrop_entry).
const manyPackets = thinPackets

// assures reports whether a packet that moves a connection to a state assures it. word is
// the state word after the packet.
//
//   - TCP and SCTP: the connection is established, and the real server has answered (see
//     answers) or the client has sent many packets. By direct routing and tunnels the
//     answers are not seen, so only the packets count there.
//   - UDP: the server answers and the client has sent many packets. A server answers a
//     forged query, too.
func assures(to State, word uint64) bool {
	answered, many := word&answeredBit != 0, packetsOf(word) >= manyPackets
	switch {
	case to == UDP:
		return answered && many
	case Assures(to):
		return answered || many
	}
	return false
}

// answers reports whether a packet is an answer that can follow a forged one only if the
// forger has seen it or guessed it. A SYN-ACK that comes after the client's ACK answers
// the SYN only: the client has sent its ACK blindly. A reset comes next.
func answers(to State, dir Direction, ev Event) bool {
	return dir == Out && (ev != Syn || !Assures(to))
}

// over reports whether a connection in state s has nothing to lose, though it may have been
// assured. A server resets a connection whose client has sent a forged ACK.
func over(s State) bool { return s == TCPClose || s == SCTPClosed }

// claims holds the states of connections that were established.
var claims = [States]bool{
	TCPEstablished: true, TCPFinWait: true, TCPCloseWait: true,
	SCTPEstablished: true, SCTPShutdownSent: true, SCTPShutdownReceived: true, SCTPShutdownAckSent: true,
}
