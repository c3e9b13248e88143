//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"director/internal/lab"
	"director/internal/packettest"
	"director/packet"
)

// forge sends forged frames until their number is enough. Each forged client has an address and a port of its own.
func (f *flooded) forge(kind floodKind, enough func(sent int) bool) error {
	fd, err := openSender(f.lab.Clients[0], "eth0")
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var patterns []*pattern
	for _, flags := range append(kind.flags, make([]string, 1-min(1, len(kind.flags)))...) {
		p, err := newPattern(f.lab, kind, flags)
		if err != nil {
			return err
		}
		patterns = append(patterns, p)
	}
	clock, err := f.begin(echoPort)
	if err != nil {
		return err
	}
	defer clock.Close()
	pace := pacer{Conn: clock.(datagrams).Conn}
	for i := 0; ; i++ {
		if i%(floodRound*floodChunk) == 0 && enough(i) {
			return nil
		}
		if i%floodChunk == 0 {
			if err := pace.wait(); err != nil {
				return err
			}
		}
		p := patterns[i%len(patterns)]
		switch _, err := unix.Write(fd, p.from(uint32(i/len(patterns)))); err {
		case nil, unix.ENOBUFS, unix.EAGAIN:
		default:
			return fmt.Errorf("send a forged frame: %w", err)
		}
	}
}

// pacer keeps a flood as fast as the director, but no faster. Otherwise most of it would be
// lost in front of the director, and the packets of real clients with it. A datagram
// follows each chunk of the flood. Its answer shows that the director has handled them.
type pacer struct {
	net.Conn
	ahead int // datagrams without an answer
}

// wait returns when the director has handled all but the last chunks.
func (p *pacer) wait() error {
	if _, err := p.Write([]byte("chunk")); err != nil {
		return err
	}
	if p.ahead++; p.ahead < floodAhead {
		return nil
	}
	if err := p.SetReadDeadline(time.Now().Add(floodPause)); err != nil {
		return err
	}
	switch _, err := p.Read(make([]byte, 64)); {
	case errors.Is(err, os.ErrDeadlineExceeded): // one was lost
		p.ahead = 0
	case err != nil:
		return err
	default:
		p.ahead--
	}
	return nil
}

// openSender opens a packet socket that only sends.
func openSender(h *lab.Host, dev string) (fd int, err error) {
	link, err := h.Link.LinkByName(dev)
	if err != nil {
		return -1, err
	}
	err = h.Do(func() error {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// pattern is a frame without a sender.
type pattern struct {
	frame     []byte
	transport []byte // its checksum
	sum       uint32 // of the transport's words, without the sender
}

func newPattern(l *lab.Lab, kind floodKind, flags string) (*pattern, error) {
	client, err := l.Clients[0].Link.LinkByName("eth0")
	if err != nil {
		return nil, err
	}
	director, err := l.Director.Link.LinkByName("eth0")
	if err != nil {
		return nil, err
	}
	frame := packettest.Frame{
		SrcMAC: packet.MAC(client.Attrs().HardwareAddr), DstMAC: packet.MAC(director.Attrs().HardwareAddr),
		Src: "0.0.0.0:0", Dst: netip.AddrPortFrom(l.VIP, uint16(kind.port)).String(),
		UDP: kind.udp, Flags: flags, Seq: 1000, Payload: []byte("forged"),
	}
	at := packet.EthLen + packet.IPv4Len + 16 // of the checksum of TCP
	if kind.udp {
		at = packet.EthLen + packet.IPv4Len + 6
	} else {
		frame.Payload = nil
	}
	p := &pattern{frame: frame.Bytes()}
	p.transport = p.frame[at : at+2]
	p.sum = uint32(^binary.BigEndian.Uint16(p.transport))
	return p, nil
}

// from returns the frame of forged client i. It is valid until the next call.
func (p *pattern) from(i uint32) []byte {
	ip := packet.IPv4(p.frame[packet.EthLen:])
	// The upper bits of the products look random, so neither grows with the other.
	addr := packet.AddrFrom(floodNet.Addr()).V4() + i*0x9E3779B1>>floodNet.Bits()
	port := uint16(1024 + i%60_000)
	ip.SetSrc(addr)
	ip.UpdateChecksum()
	binary.BigEndian.PutUint16(ip[packet.IPv4Len:], port)
	sum := p.sum + addr>>16 + addr&0xffff + uint32(port)
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(p.transport, ^uint16(sum>>16+sum))
	return p.frame
}
