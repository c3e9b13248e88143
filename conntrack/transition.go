package conntrack

// Short names for the rows below, in IPVS's order of states.
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
	ud = UDP
)

// next is IPVS's state table (ip_vs_proto_tcp.c, tcp_states): by direction and
// event a row with the successor of each state. UDP has one state, which every
// event keeps and no TCP state leads to; a datagram creates it.
var next = [directions][events][States]State{
	In: {
		//       no  es  ss  sr  fw  tw  cl  cw  la  li  sa  ud
		Syn:      {sr, es, es, sr, sr, sr, sr, sr, sr, sr, sr, ud},
		Fin:      {cl, cw, ss, tw, tw, tw, cl, cw, la, li, tw, ud},
		Ack:      {es, es, ss, es, fw, tw, cl, cw, cl, li, es, ud},
		Reset:    {cl, cl, cl, sr, cl, cl, cl, cl, la, li, sr, ud},
		Other:    {cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, ud},
		Datagram: {ud, es, ss, sr, fw, tw, cl, cw, la, li, sa, ud},
	},
	Out: {
		Syn:      {ss, es, ss, sr, ss, ss, ss, ss, ss, li, sr, ud},
		Fin:      {tw, fw, ss, tw, fw, tw, cl, tw, la, li, tw, ud},
		Ack:      {es, es, ss, es, fw, tw, cl, cw, la, es, es, ud},
		Reset:    {cl, cl, ss, cl, cl, tw, cl, cl, cl, cl, cl, ud},
		Other:    {cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, ud},
		Datagram: {ud, es, ss, sr, fw, tw, cl, cw, la, li, sa, ud},
	},
	InOnly: {
		Syn:      {sr, es, es, sr, sr, sr, sr, sr, sr, sr, sr, ud},
		Fin:      {cl, fw, ss, tw, fw, tw, cl, cw, la, li, tw, ud},
		Ack:      {es, es, ss, es, fw, tw, cl, cw, cl, li, es, ud},
		Reset:    {cl, cl, cl, sr, cl, cl, cl, cl, la, li, cl, ud},
		Other:    {cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, cl, ud},
		Datagram: {ud, es, ss, sr, fw, tw, cl, cw, la, li, sa, ud},
	},
}
