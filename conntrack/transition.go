package conntrack

// Machine holds the successor of each state, by direction, event and state. A
// connection of any protocol begins in TCPNone. Its first packet moves it to a state
// of its protocol. No event moves it to a state of another protocol. No event changes
// the state of a template.
type Machine [directions][events][States]State

// The two machines of IPVS.
var (
	// Normal takes a client's ACK as proof that the connection is open.
	Normal = newMachine()
	// SecureTCP waits until the real server confirms that a connection is open, if
	// the director sees its answers. Half-open connections are in the state SYNACK.
	SecureTCP = newSecureMachine()
)

// MachineFor returns SecureTCP or Normal.
func MachineFor(secure bool) *Machine {
	if secure {
		return &SecureTCP
	}
	return &Normal
}

func newMachine() (m Machine) {
	for dir := range directions {
		for ev := range events {
			for s := range States {
				m[dir][ev][s] = s
			}
		}
		for ev := range tcpRows[dir] {
			copy(m[dir][ev][TCPNone:], tcpRows[dir][ev][:])
		}
		for s := TCPNone; s < UDP; s++ {
			m[dir][Other][s] = TCPClose
		}
		m[dir][Datagram][TCPNone] = UDP
		for ev := ChunkData; ev < events; ev++ {
			copy(m[dir][ev][SCTPNone:], sctpRows[dir][ev][:])
			m[dir][ev][TCPNone] = m[dir][ev][SCTPNone]
		}
	}
	return m
}

// newSecureMachine returns Normal with the differences of tcp_states_dos
// (ip_vs_proto_tcp.c).
func newSecureMachine() Machine {
	m := newMachine()
	m[In][Syn][TCPSynAck] = TCPSynAck
	m[In][Fin][TCPSynAck] = TCPSynAck
	m[In][Ack][TCPSynRecv] = TCPSynRecv
	m[In][Ack][TCPSynAck] = TCPSynAck
	m[In][Reset][TCPSynAck] = TCPClose
	m[Out][Syn][TCPSynRecv] = TCPSynAck
	m[Out][Syn][TCPSynAck] = TCPSynAck
	for s := TCPNone; s < UDP; s++ {
		if s != TCPSynRecv && m[InOnly][Syn][s] == TCPSynRecv {
			m[InOnly][Syn][s] = TCPSynAck
		}
	}
	return m
}

// tcpRows is IPVS's table for TCP (ip_vs_proto_tcp.c, tcp_states). For each direction
// and event, a row holds the successor of each state.
var tcpRows = func() [directions][Ack + 1][UDP]State {
	const (
		no = TCPNone
		es = TCPEstablished
		ss = TCPSynSent
		sr = TCPSynRecv
		fw = TCPFinWait
		tw = TCPTimeWait
		cl = TCPClose
		cw = TCPCloseWait
		la = TCPLastAck
		li = TCPListen
		sa = TCPSynAck
	)
	return [directions][Ack + 1][UDP]State{
		In: {
			//      no  es  ss  sr  fw  tw  cl  cw  la  li  sa
			Syn:   {sr, es, es, sr, sr, sr, sr, sr, sr, sr, sr},
			Fin:   {cl, cw, ss, tw, tw, tw, cl, cw, la, li, tw},
			Ack:   {es, es, ss, es, fw, tw, cl, cw, cl, li, es},
			Reset: {cl, cl, cl, sr, cl, cl, cl, cl, la, li, sr},
		},
		Out: {
			Syn:   {ss, es, ss, sr, ss, ss, ss, ss, ss, li, sr},
			Fin:   {tw, fw, ss, tw, fw, tw, cl, tw, la, li, tw},
			Ack:   {es, es, ss, es, fw, tw, cl, cw, la, es, es},
			Reset: {cl, cl, ss, cl, cl, tw, cl, cl, cl, cl, cl},
		},
		InOnly: {
			Syn:   {sr, es, es, sr, sr, sr, sr, sr, sr, sr, sr},
			Fin:   {cl, fw, ss, tw, fw, tw, cl, cw, la, li, tw},
			Ack:   {es, es, ss, es, fw, tw, cl, cw, cl, li, es},
			Reset: {cl, cl, cl, sr, cl, cl, cl, cl, la, li, cl},
		},
	}
}()

// sctpRows is IPVS's table for SCTP (ip_vs_proto_sctp.c, sctp_states), in the same
// form. The events of TCP have no row.
var sctpRows = func() [directions][events][SCTPClosed - SCTPNone + 1]State {
	const (
		no = SCTPNone
		i1 = SCTPInit1
		in = SCTPInit
		cs = SCTPCookieSent
		cr = SCTPCookieReplied
		cw = SCTPCookieWait
		co = SCTPCookie
		ce = SCTPCookieEchoed
		es = SCTPEstablished
		ss = SCTPShutdownSent
		sr = SCTPShutdownReceived
		sa = SCTPShutdownAckSent
		rj = SCTPRejected
		cl = SCTPClosed
	)
	return [directions][events][SCTPClosed - SCTPNone + 1]State{
		In: {
			//                      no  i1  in  cs  cr  cw  co  ce  es  ss  sr  sa  rj  cl
			ChunkData:             {es, i1, in, cs, cr, cw, co, ce, es, ss, sr, sa, rj, cl},
			ChunkInit:             {i1, in, in, cs, cr, cw, co, ce, es, ss, sr, sa, in, in},
			ChunkInitAck:          {cw, cw, cw, cs, cr, co, co, ce, es, ss, sr, sa, rj, cl},
			ChunkCookieEcho:       {cr, in, in, cr, cr, cw, co, ce, es, ss, sr, sa, rj, cl},
			ChunkCookieAck:        {es, i1, in, cs, cr, cw, co, es, es, ss, sr, sa, rj, cl},
			ChunkShutdown:         {sr, i1, in, cs, cr, cw, co, ce, sr, ss, sr, sa, rj, cl},
			ChunkShutdownAck:      {cl, in, in, cs, cr, cw, co, ce, es, cl, sr, cl, rj, cl},
			ChunkShutdownComplete: {cl, cl, cl, cs, cr, cw, co, ce, es, ss, sr, cl, rj, cl},
			ChunkError:            {cl, i1, in, cs, cr, cw, co, cl, es, ss, sr, sa, rj, cl},
			ChunkAbort:            {cl, cl, cl, cl, cl, rj, cl, cl, cl, cl, cl, cl, cl, cl},
		},
		Out: {
			ChunkData:             {es, i1, in, cs, cr, cw, co, ce, es, ss, sr, sa, rj, cl},
			ChunkInit:             {cw, cw, cw, cw, cw, cw, cw, cw, es, cw, cw, cw, cw, cw},
			ChunkInitAck:          {cs, cs, cs, cs, cr, cw, co, ce, es, ss, sr, sa, rj, cl},
			ChunkCookieEcho:       {ce, ce, ce, ce, ce, ce, ce, ce, es, ss, sr, sa, rj, cl},
			ChunkCookieAck:        {es, es, es, es, es, es, es, es, es, ss, sr, sa, rj, cl},
			ChunkShutdown:         {ss, ss, ss, ss, ss, ss, ss, ss, ss, ss, sr, sa, rj, cl},
			ChunkShutdownAck:      {sa, sa, sa, sa, sa, cw, co, ce, es, sa, sa, sa, rj, cl},
			ChunkShutdownComplete: {cl, i1, in, cs, cr, cw, co, ce, es, ss, sr, sa, rj, cl},
			ChunkError:            {cl, cl, cl, cl, cl, cw, co, ce, es, ss, sr, sa, rj, cl},
			ChunkAbort:            {cl, rj, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl},
		},
		InOnly: {
			ChunkData:             {es, i1, in, cs, cr, es, co, ce, es, ss, sr, sa, rj, cl},
			ChunkInit:             {i1, in, in, in, in, in, co, ce, es, ss, sr, sa, in, in},
			ChunkInitAck:          {ce, ce, ce, ce, ce, ce, co, ce, es, ss, sr, sa, rj, cl},
			ChunkCookieEcho:       {es, es, es, es, es, es, co, ce, es, ss, sr, sa, rj, cl},
			ChunkCookieAck:        {es, i1, in, es, es, cw, es, es, es, ss, sr, sa, rj, cl},
			ChunkShutdown:         {sr, i1, in, cs, cr, cw, co, ce, sr, ss, sr, sa, rj, cl},
			ChunkShutdownAck:      {cl, in, in, cs, cr, cw, co, ce, cl, cl, sr, cl, rj, cl},
			ChunkShutdownComplete: {cl, cl, cl, cl, cl, cw, co, ce, es, ss, cl, cl, rj, cl},
			ChunkError:            {cl, i1, in, cs, cr, cw, co, ce, es, ss, sr, sa, rj, cl},
			ChunkAbort:            {cl, cl, cl, cl, cl, rj, cl, cl, cl, cl, cl, cl, cl, cl},
		},
	}
}()
