package nat_test

import (
	"testing"

	"director/internal/packettest"
	"director/nat"
	"director/packet"
)

// BenchmarkRewrite measures each forwarding method.
func BenchmarkRewrite(b *testing.B) {
	payload := make([]byte, 64)
	tcp := packettest.Frame{Src: client, Dst: vip, Flags: "A", TTL: 255, Payload: payload}
	udp := packettest.Frame{Src: client, Dst: vip, UDP: true, TTL: 255, Payload: payload}
	toServer := func(f *packet.Frame) { nat.ToServer(f, server, 8080) }
	toClient := func(f *packet.Frame) { nat.ToClient(f, virtual, 80) }
	type row struct {
		frame []byte
		do    func(*packet.Frame)
	}
	rows := map[string]row{
		"to server":       {tcp.Bytes(), toServer},
		"to client":       {tcp.Bytes(), toClient},
		"to server, UDP":  {udp.Bytes(), toServer},
		"to client, UDP":  {udp.Bytes(), toClient},
		"to server, SCTP": {sctp(client, vip, data), toServer},
		"direct":          {tcp.Bytes(), nat.Direct},
	}
	for name, tunnel := range tunnels {
		rows["tunnel, "+name] = row{tcp.Bytes(), func(f *packet.Frame) { nat.Tunnel(f, tunnel, own, server, 1, true) }}
	}
	for name, r := range rows {
		b.Run(name, func(b *testing.B) {
			f := parsed(b, r.frame)
			was := *f
			for b.Loop() {
				*f = was
				r.do(f)
			}
		})
	}
}
