package afpacket_test

import (
	"net"
	"testing"
)

// BenchmarkRoundTrip measures a datagram and its echo through a bridge of two ports.
// The result is twice the latency that a port adds to a single frame.
func BenchmarkRoundTrip(b *testing.B) {
	g := newBridge(b)
	var echo net.PacketConn
	g.right.Do(b, func() (err error) {
		echo, err = net.ListenPacket("udp4", "198.51.100.2:9000")
		return err
	})
	defer echo.Close()
	go func() {
		buf := make([]byte, 64)
		for {
			n, from, err := echo.ReadFrom(buf)
			if err != nil {
				return
			}
			echo.WriteTo(buf[:n], from)
		}
	}()
	c := dial(b, g.left, "udp4", "198.51.100.2:9000")
	buf := make([]byte, 64)
	for b.Loop() {
		if _, err := c.Write(buf[:10]); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTransfer measures the throughput of one TCP connection through the bridge.
// The ports segment the super-packets of both stacks.
func BenchmarkTransfer(b *testing.B) {
	g := newBridge(b)
	data := random(64 << 20)
	for b.Loop() {
		g.transfer(b, data)
	}
	b.SetBytes(2 * int64(len(data)))
}
