package main

// fault is one mistake: in file, old becomes new.
type fault struct {
	name, file, old, new string
}

const (
	hit      = "dataplane/hit.go"
	track    = "dataplane/track.go"
	classify = "dataplane/classify.go"
	batch    = "dataplane/batch.go"
	sums     = "dataplane/checksum.go"
	partial  = "packet/partial.go"
	table    = "conntrack/hit.go"
	lookup   = "conntrack/lookup.go"
	plain    = "packet/plain.go"
	natPlain = "nat/plain.go"
)

// faults are those that tests must find. A change that only sends more packets to
// the stages is not a fault: the outcome is the same.
var faults = []fault{
	// The guards of a client's packet.
	{"in: no TTL check", hit, `c.Is(conntrack.Helper) || p.TTL() <= 1 {`, `c.Is(conntrack.Helper) {`},
	{"in: TTL 1 passes", hit, `p.TTL() <= 1 {`, `p.TTL() < 1 {`},
	{"in: no MTU check", hit, `hop.Reason != packet.None || f.IPLen > hop.MTU {`, `hop.Reason != packet.None {`},
	{"in: one byte above the MTU", hit, `f.IPLen > hop.MTU {`, `f.IPLen > hop.MTU+1 {`},
	{"in: no look at the next hop", hit, `hop.Reason != packet.None || f.IPLen > hop.MTU {`, `f.IPLen > hop.MTU {`},
	{"in: SYN passes", hit, `f.TCPFlags&packet.SYN != 0 || `, ``},
	{"in: removed server", hit, `f.TCPFlags&packet.SYN != 0 || !v.Services.Member(id) || `, `f.TCPFlags&packet.SYN != 0 || `},
	{"in: helper not asked", hit, `|| c.Is(conntrack.Helper) || p.TTL() <= 1 {`, `|| p.TTL() <= 1 {`},
	{"in: datagram without checksum", hit, `method == service.NAT && nat.Summed(p, f.Proto):`, `method == service.NAT:`},
	{"in: any tunnel fits", hit, `method == service.TUN && s.fitsIPIP(f, hop, id):`, `method == service.TUN:`},
	{"in: state machine of direct routing", hit, `dir = conntrack.In
`, `dir = conntrack.InOnly
`},
	{"in: state machine ignored", hit, `if !c.Steady(dir, event(f), s.now, s.machine, &v.Timeouts) {`, `if !c.Steady(dir, event(f), s.now, s.machine, &v.Timeouts) && dir > conntrack.InOnly {`},
	// What a client's packet counts and becomes.
	{"in: packets not counted", hit, `	t.InPkts++
`, ``},
	{"in: one byte more", hit, `t.InBytes += uint64(f.IPLen)`, `t.InBytes += uint64(f.IPLen) + 1`},
	{"in: bytes of the frame", hit, `t.InBytes += uint64(f.IPLen)`, `t.InBytes += uint64(f.Len)`},
	{"direct: TTL kept", hit, `	case service.DR:
		p.Forward(0)
`, `	case service.DR:
`},
	{"tunnel: one identification for all", hit, `		b.out.ident++
`, ``},
	{"tunnel: DF always copied", hit, `ident, v.Sysctl.PMTUDisc)`, `ident, true)`},
	{"tunnel: DF never copied", hit, `ident, v.Sysctl.PMTUDisc)`, `ident, false)`},
	{"tunnel: Ethernet addresses inside", hit, `		p = f.Front()
`, ``},
	{"tunnel: from the server", hit, `nat.PlainIPIP(f, hop.Source.V4(), addr, `, `nat.PlainIPIP(f, addr, addr, `},
	{"tunnel: path MTU ignored", hit, `width, narrow := server.Path.MTU(hop.MTU, s.now)`, `width, narrow := hop.MTU, false; _ = server.Path.MTU`},
	{"tunnel: IPIP for all", hit, `server.Tunnel().Encap == packet.IPIP && `, ``},
	{"tunnel: DF on a narrow path", hit, `!narrow && `, `(narrow || !narrow) && `},
	{"tunnel: sent packets forgotten", hit, `length > minTunnelled {`, `length > minTunnelled+2000 {`},
	{"tunnel: inner length noted", hit, `s.sent.note(c.Hash(), length, s.now)`, `s.sent.note(c.Hash(), f.IPLen, s.now)`},
	{"tunnel: no least MTU", hit, `width >= minTunnelMTU+packet.IPv4Len && `, ``},
	{"tunnel: one byte below the least MTU", hit, `width >= minTunnelMTU+packet.IPv4Len && `, `width >= minTunnelMTU+packet.IPv4Len-1 && `},
	{"tunnel: no room for the header", hit, `f.IPLen <= width-packet.IPv4Len`, `f.IPLen <= width`},
	{"tunnel: one byte above the MTU", hit, `f.IPLen <= width-packet.IPv4Len`, `f.IPLen <= width-packet.IPv4Len+1`},
	// A real server's answer.
	{"out: no TTL check", hit, `p.TTL() <= 1 || !nat.Summed`, `!nat.Summed`},
	{"out: TTL 1 passes", hit, `p.TTL() <= 1 || !nat.Summed`, `p.TTL() < 1 || !nat.Summed`},
	{"out: helper not asked", hit, `c.Is(conntrack.Helper) || p.TTL() <= 1 || !nat`, `p.TTL() <= 1 || !nat`},
	{"out: datagram without checksum", hit, ` || !nat.Summed(p, f.Proto) {`, ` {`},
	{"out: no look at the next hop", hit, `hop.Reason != packet.None || f.IPLen > hop.MTU ||`, `f.IPLen > hop.MTU ||`},
	{"out: no MTU check", hit, `f.IPLen > hop.MTU ||`, ``},
	{"out: one byte above the MTU", hit, `f.IPLen > hop.MTU ||`, `f.IPLen > hop.MTU+1 ||`},
	{"out: sent to the server", hit, `v.Hops.Route(f.Dst)`, `v.Hops.Server(id)`},
	{"out: the client's events", hit, `c.Steady(conntrack.Out, `, `c.Steady(conntrack.In, `},
	{"out: packets not counted", hit, `	t.OutPkts++
`, ``},
	{"out: one byte less", hit, `t.OutBytes += uint64(f.IPLen)`, `t.OutBytes += uint64(f.IPLen) - 1`},
	{"out: destination rewritten", hit, `nat.PlainToClient(`, `nat.PlainToServer(`},
	// Both.
	{"next hop not touched", hit, `	hop.Touch()
`, ``},
	{"Ethernet addresses exchanged", hit, `p.SetAddrs(&hop.Dst, &hop.Src)`, `p.SetAddrs(&hop.Src, &hop.Dst)`},
	{"leaves by the first interface", hit, `f.Out, f.Verdict = hop.Interface, packet.Tx`, `f.Out, f.Verdict = 0, packet.Tx`},
	{"track: all stay", track, `} else if f.Out == in {`, `} else {`},
	{"track: nothing left for the stages", track, `			b.rest = true
`, ``},
	{"classify: all to one address", classify, `if f.Dst != dst {`, `if i == 0 || f.Dst == dst {`},
	{"classify: frames for others", classify, `!packet.ParsePlain(f) || f.To != mac {`, `!packet.ParsePlain(f) {`},
	// Partial checksums.
	{"partial: no look at them", batch, `if in.partial || b.now`, `if b.now`},
	{"partial: everywhere", sums, `case in.partial && f.MayBePartial():`, `case f.MayBePartial():`},
	{"partial: nowhere", sums, `case in.partial && f.MayBePartial():`, `case in.partial && f.MayBePartial() && false:`},
	{"partial: after the decision", sums, `case f.Verdict != packet.Pending: //`, `case f.L4 == 0: //`},
	{"partial: not inverted", partial, `Written(^sum)`, `Written(sum)`},
	{"partial: length of the packet", partial, `f.IPLen-(f.L4-f.L3))`, `f.IPLen)`},
	{"partial: UDP in TCP's place", partial, `		at = udpChecksum
`, ``},
	{"verify: never", batch, ` || b.now-in.verified >= verifyPeriod {`, ` {`},
	{"verify: always", sums, `case verify && !f.ChecksumOK():`, `case !f.ChecksumOK():`},
	// The connection.
	{"find in: any addresses", table, `addrs != f.Src.Lo<<32|uint64(f.Dst.V4()) || `, `addrs == 0 || `},
	{"find in: any ports", table, `uint32(dest) != uint32(f.SrcPort)<<16|uint32(f.DstPort) ||
`, ``},
	{"find in: the service's port", table, `dest>>32<<16 | server>>16&0xffff}`, `dest>>32<<16 | dest&0xffff}`},
	{"find out: any server", table, `uint32(addrs>>32) != f.Dst.V4() || uint32(dest>>32) != f.Src.V4() ||`, `uint32(addrs>>32) != f.Dst.V4() ||`},
	{"find out: any port", table, `uint32(dest)&0xffff0000|uint32(server>>16)&0xffff != uint32(f.DstPort)<<16|uint32(f.SrcPort) ||
`, ``},
	{"find out: any method", table, `uint16(server)&outMask !=`, `uint16(server)&inMask !=`},
	{"find out: the server's port", table, `addrs<<32>>16 | dest&0xffff}`, `addrs<<32>>16 | server>>16&0xffff}`},
	{"seek: the first of several", lookup, `set != 0 && set&(set-1) == 0 && `, `set != 0 && `},
	{"steady: state not asked", table, `m[dir][ev][state] != state || `, ``},
	{"steady: packets not counted", table, `m[dir][ev][state] != state || dir != Out && packets < maxPackets {`, `m[dir][ev][state] != state {`},
	{"steady: one packet too early", table, `packets < maxPackets {`, `packets < maxPackets-1 {`},
	{"steady: answers assure nobody", table, `(ev == Datagram || packets < manyPackets)`, `packets < manyPackets`},
	{"steady: first answer not noted", table, `h.word&answeredBit == 0 || uint32(`, `uint32(`},
	{"steady: deadline later", table, `deadline, was := now+timeouts[state], `, `deadline, was := now+timeouts[state]+1, `},
	{"steady: deadline kept", table, `		h.e.deadline.Store(deadline)
`, ``},
	{"steady: shorter time-out ignored", table, `		return false
	}
	return true
`, `	}
	return true
`},
	// Reading a frame.
	{"parse: more fragments", plain, `(IPv4MF|IPv4OffsetMask)&0xff<<8 | (IPv4MF|IPv4OffsetMask)>>8`, `IPv4OffsetMask&0xff<<8 | IPv4OffsetMask>>8`},
	{"parse: later fragments", plain, `(IPv4MF|IPv4OffsetMask)&0xff<<8 | (IPv4MF|IPv4OffsetMask)>>8`, `IPv4MF&0xff<<8 | IPv4MF>>8`},
	{"parse: low bits of the offset", plain, `(IPv4MF|IPv4OffsetMask)&0xff<<8 | `, ``},
	{"parse: options", plain, `plainStart     = 0x450008
	plainStartMask = 0xffffff`, `plainStart     = 0x000008
	plainStartMask = 0x00ffff`},
	{"parse: shorter than its headers", plain, `total < least || `, `total < least-UDPLen || `},
	{"parse: longer than the frame", plain, `int32(total) > f.Len-EthLen || `, ``},
	{"parse: wrong checksum", plain, ` || !plainChecksumOK((*[IPv4Len]byte)(b[EthLen:])) {`, ` {`},
	{"parse: half of the checksum", plain, `(s+carry)%0xffff == 0`, `(s+carry)%0xff == 0`},
	{"parse: carry lost", plain, `Uint32(b[16:])), carry)`, `Uint32(b[16:])), 0)`},
	{"parse: flags from the wrong byte", plain, `b[plainL4+tcpFlags]`, `b[plainL4+tcpFlags-1]`},
	{"parse: ports exchanged", plain, `= uint16(ports>>16), uint16(ports), proto`, `= uint16(ports), uint16(ports>>16), proto`},
	{"parse: flags of a datagram", plain, `least, flags = IPv4Len+UDPLen, 0`, `least = IPv4Len+UDPLen`},
	{"parse: any protocol", plain, `		if proto != ProtoUDP {
			return false
		}
`, ``},
	// Writing it.
	{"forward: TTL too low", plain, `(w-1<<24)&0xffff0000`, `(w-2<<24)&0xffff0000`},
	{"forward: checksum without the TTL", plain, `(delta + hop).Apply(`, `delta.Apply(`},
	{"forward: checksum without the address", plain, `(delta + hop).Apply(`, `hop.Apply(`},
	{"swap: old source not in the checksum", plain, `binary.BigEndian.Uint32(b[plainSrc:]), addr)`, `0, addr)`},
	{"swap: old destination not in the checksum", plain, `binary.BigEndian.Uint32(b[plainDst:]), addr)`, `0, addr)`},
	{"swap: source port kept", plain, `	binary.BigEndian.PutUint16(b[plainL4:], port)
`, ``},
	{"swap: destination port kept", plain, `	binary.BigEndian.PutUint16(b[plainL4+2:], port)
`, ``},
	{"mend: TCP like UDP", plain, `sum == 0 && proto == ProtoUDP`, `sum == 0`},
	{"mend: checksum 0 is written", plain, `		sum = 0xffff
`, ``},
	{"mend: UDP in TCP's place", plain, `at = (*[2]byte)(b[plainL4+udpChecksum:])`, `at = (*[2]byte)(b[plainL4+tcpChecksum:])`},
	{"checksum of a datagram read elsewhere", plain, `return binary.BigEndian.Uint16(b[plainL4+udpChecksum:])`, `return binary.BigEndian.Uint16(b[plainL4+tcpChecksum:])`},
	{"NAT: all datagrams have checksums", natPlain, `return proto != packet.ProtoUDP || p.UDPChecksum() != 0`, `return true`},
	{"NAT in: header checksum without the address", natPlain, `	delta := p.SwapDst(addr)
	p.Forward(delta)
`, `	delta := p.SwapDst(addr)
	p.Forward(0)
`},
	{"NAT in: transport checksum without the address", natPlain, `delta+p.SwapDstPort(port)`, `p.SwapDstPort(port)`},
	{"NAT in: transport checksum without the port", natPlain, `p.Mend(proto, delta+p.SwapDstPort(port))`, `p.SwapDstPort(port); p.Mend(proto, delta)`},
	{"NAT out: TTL kept", natPlain, `	delta := p.SwapSrc(addr)
	p.Forward(delta)
`, `	delta := p.SwapSrc(addr)
`},
	{"NAT out: transport checksum without the port", natPlain, `p.Mend(proto, delta+p.SwapSrcPort(port))`, `p.SwapSrcPort(port); p.Mend(proto, delta)`},
	{"IPIP: TTL kept", natPlain, `	f.Front().Forward(0)
`, ``},
	{"IPIP: padding inside", natPlain, `f.Len = packet.EthLen + packet.IPv4Len + int32(f.IPLen)`, `f.Len += packet.IPv4Len`},
	{"IPIP: no EtherType", natPlain, `	p.SetIPv4()
`, ``},
	{"IPIP: congestion copied", natPlain, `outerTOS(inner[1])`, `inner[1]`},
	{"IPIP: length of the inner packet", natPlain, `uint32(f.IPLen+packet.IPv4Len),`, `uint32(f.IPLen),`},
	{"IPIP: DF misread", natPlain, `&packet.IPv4DF != 0`, `&packet.IPv4MF != 0`},
	{"IPIP: DF against the sysctl", natPlain, `identify(id, discover && df)`, `identify(id, df)`},
	{"IPIP: TTL 64", natPlain, `uint32(inner[8])<<24|`, `64<<24|`},
	{"IPIP: another protocol", natPlain, `packet.ProtoIPIP<<16`, `packet.ProtoGRE<<16`},
	{"IPIP: to ourselves", natPlain, `		src, dst)`, `		dst, src)`},
}
