package micro

import (
	"errors"
	"fmt"

	"director/packet"
)

// verify makes one step and checks the frames that it sends: the right server or
// client, the right next hop, and correct checksums. known means that the
// connections existed before.
func (r *rig) verify(p path, from *port, known bool, step func() (int, error)) error {
	from.keep, from.kept = packet.BatchSize, nil
	defer func() { from.keep, from.kept = 0, nil }()
	n, err := step()
	if err != nil {
		return err
	}
	if len(from.kept) != n || n != packet.BatchSize {
		return fmt.Errorf("%d frames came and %d were sent", n, len(from.kept))
	}
	for i, b := range from.kept {
		if err := r.judge(p, b, known); err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
	}
	return nil
}

// judge checks one frame.
func (r *rig) judge(p path, b []byte, known bool) error {
	f := &packet.Frame{Buf: b, Len: int32(len(b))}
	reason := packet.Parse(f)
	mac := packet.Eth(b).Dst()
	var outer packet.Flow
	if p.name == "tun" {
		if reason != packet.Protocol || f.Proto != packet.ProtoIPIP {
			return fmt.Errorf("parsed as %v, protocol %d, want a tunnel's packet", reason, f.Proto)
		}
		outer = f.Flow
		f = &packet.Frame{Buf: append(append([]byte(nil), b[:l3]...), b[f.L4:]...)}
		f.Len = int32(len(f.Buf))
		reason = packet.Parse(f)
	}
	if reason != packet.None {
		return fmt.Errorf("parsed as %v", reason)
	}
	sum := packet.PseudoSum(f.Src.V4(), f.Dst.V4(), f.Proto, f.IPLen-packet.IPv4Len)
	if s := packet.Sum(f.Transport(), uint32(sum)); s != 0xffff {
		return fmt.Errorf("TCP segment sums to %#04x", s)
	}
	if got := f.IP().TTL(); got != ttl-1 {
		return fmt.Errorf("time to live %d, want %d", got, ttl-1)
	}
	return r.judgeAddrs(p, f, mac, outer, known)
}

// judgeAddrs checks the addresses of a frame: those of its segment, the Ethernet
// destination and the tunnel.
func (r *rig) judgeAddrs(p path, f *packet.Frame, mac packet.MAC, outer packet.Flow, known bool) error {
	service := flow(0)
	if p.reply {
		if f.Src != service.Dst || f.SrcPort != virtual || mac != gatewayMAC || flowOf(f.Dst.V4(), f.DstPort) >= r.flows {
			return fmt.Errorf("%v by %v: want the virtual service's answer to a client by %v", f.Flow, mac, gatewayMAC)
		}
		return nil
	}
	number := flowOf(f.Src.V4(), f.SrcPort)
	if known != (number < r.flows) {
		return fmt.Errorf("flow %d, where %d are known", number, r.flows)
	}
	server := r.serverBehind(mac)
	if server.IsZero() || known && server.V4() != r.order[number%servers] {
		return fmt.Errorf("flow %d goes to %v, want the server of its connection", number, mac)
	}
	dst, port := service.Dst, uint16(virtual)
	switch p.name {
	case "nat-in":
		dst, port = server, masked
	case "tun":
		if outer.Dst != server || outer.Src.V4() != ownIP {
			return errors.New("the tunnel does not lead from the director to the server")
		}
	}
	if f.Dst != dst || f.DstPort != port {
		return fmt.Errorf("%v, want it to %v port %d", f.Flow, dst, port)
	}
	return nil
}

// serverBehind returns the address of the real server with this Ethernet address,
// or the zero address.
func (r *rig) serverBehind(mac packet.MAC) packet.Addr {
	for n := range uint32(servers) {
		if serverMAC(n) == mac {
			return packet.AddrFrom4(serverIP + n)
		}
	}
	return packet.Addr{}
}
