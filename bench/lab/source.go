//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cilium/ebpf"

	"director/internal/lab"
)

const (
	frameLen   = 60              // 64 bytes on the wire, without the frame check sequence
	ethLen     = 14              // IEEE 802.3: two addresses and a type
	headersLen = ethLen + 20 + 8 // IPv4 (RFC 791) and UDP (RFC 768)
	writtenLen = 48              // written by the program: the headers, in whole words
	liveFrames = 2               // BPF_F_TEST_XDP_LIVE_FRAMES, linux/bpf.h
	firstChunk = 1 << 17         // frames of a flood before its rate is known
	burst      = 64              // frames that the kernel sends in one batch
	maxChunk   = 1 << 30 / burst * burst
)

// xdpContext is struct xdp_md (linux/bpf.h). It tells the program on which
// interface and queue a frame arrived.
type xdpContext struct {
	Data, DataEnd, DataMeta       uint32
	Ifindex, QueueIndex, EgressIf uint32
}

// source sends the load from one CPU. One goroutine controls it.
type source struct {
	host    *lab.Host
	ifindex int
	cpu     int
	objects sourceObjects
	running sync.WaitGroup
	err     error // of the flood, after running is done
}

// newSource makes the i-th of n sources, which share the flows.
func newSource(net *network, cpu, i, n int) (*source, error) {
	spec, err := loadSource()
	if err != nil {
		return nil, err
	}
	headers := template(net.end["in0"].mac, net.end["src0"].mac)
	ip, udp := sums(headers)
	v := spec.Variables
	if err := errors.Join(
		v["headers"].Set(headers), v["ip_sum"].Set(ip), v["udp_sum"].Set(udp),
		v["first"].Set(uint32(i)), v["step"].Set(uint32(n)),
	); err != nil {
		return nil, fmt.Errorf("prepare the source: %w", err)
	}
	s := &source{host: net.source, ifindex: net.end["src0"].index, cpu: cpu}
	if err := spec.LoadAndAssign(&s.objects, nil); err != nil {
		return nil, fmt.Errorf("load the source: %w", err)
	}
	return s, nil
}

// template returns the headers of the load, without source address, source port and
// checksums.
func template(to, from []byte) (h [writtenLen]byte) {
	copy(h[0:], to)
	copy(h[6:], from)
	h[12] = 0x08 // IPv4
	ip, udp := h[ethLen:], h[ethLen+20:]
	ip[0] = 0x45 // version 4, five words
	binary.BigEndian.PutUint16(ip[2:], frameLen-ethLen)
	ip[6] = 0x40 // DF
	ip[8] = 64   // time to live
	ip[9] = 17   // UDP
	copy(ip[16:], virtual.AsSlice())
	binary.BigEndian.PutUint16(udp[2:], discard)
	binary.BigEndian.PutUint16(udp[4:], frameLen-ethLen-20)
	return h
}

// sums adds the 16-bit words, in the machine's byte order, that the checksums of
// IPv4 and UDP cover, except those that vary.
func sums(h [writtenLen]byte) (ip, udp uint32) {
	words := func(b []byte) (sum uint32) {
		for ; len(b) > 0; b = b[2:] {
			sum += uint32(binary.NativeEndian.Uint16(b))
		}
		return sum
	}
	header, datagram := h[ethLen:ethLen+20], h[ethLen+20:headersLen]
	pseudo := []byte{0, header[9], datagram[4], datagram[5]}
	return words(header), words(header[12:]) + words(pseudo) + words(datagram)
}

// setFlows sets the number of flows of all sources together.
func (s *source) setFlows(n int) error { return s.objects.Flows.Set(uint32(n)) }

// sent returns how many frames were sent, including those lost on the cable.
func (s *source) sent() (n uint64, err error) { return n, s.objects.Sent.Get(&n) }

// flood starts to send as fast as possible, until halt. It first sends a short
// chunk to measure the rate. From this it computes how many frames the kernel must
// send without a pause for the time horizon: each call costs about 20 ms.
func (s *source) flood(horizon time.Duration) error {
	if err := errors.Join(s.objects.Gap.Set(uint64(0)), s.objects.Stopped.Set(uint32(0))); err != nil {
		return err
	}
	s.running.Go(func() {
		s.err = s.host.Do(func() error {
			return onCPU(s.cpu, func() error { return s.chunks(horizon) })
		})
	})
	return nil
}

// chunks sends chunk after chunk until the source is stopped.
func (s *source) chunks(horizon time.Duration) error {
	chunk := firstChunk
	for {
		begin := time.Now()
		if err := s.run(chunk); err != nil {
			return err
		}
		rate := float64(chunk) / time.Since(begin).Seconds()
		chunk = min(maxChunk, int(rate*horizon.Seconds())/burst*burst+burst)
		var stopped uint32
		if err := s.objects.Stopped.Get(&stopped); err != nil || stopped != 0 {
			return err
		}
	}
}

// halt ends the flood and waits until the last frame has been sent.
func (s *source) halt() error {
	err := s.objects.Stopped.Set(uint32(1))
	s.running.Wait()
	return errors.Join(err, s.err)
}

// pace sends for time d at a rate, in frames per second, in bursts.
func (s *source) pace(rate float64, d time.Duration) error {
	gap := uint64(burst / rate * 1e9)
	if err := errors.Join(s.objects.Gap.Set(gap), s.objects.Stopped.Set(uint32(0))); err != nil {
		return err
	}
	n := min(maxChunk, int(rate*d.Seconds())/burst*burst+burst)
	return s.host.Do(func() error {
		return onCPU(s.cpu, func() error { return s.run(n) })
	})
}

// run lets the kernel run the program over n frames and send them.
func (s *source) run(n int) error {
	_, err := s.objects.Source.Run(&ebpf.RunOptions{
		Data:    make([]byte, frameLen),
		Context: xdpContext{DataEnd: frameLen, Ifindex: uint32(s.ifindex)},
		Repeat:  uint32(n),
		Flags:   liveFrames,
	})
	if err != nil {
		return fmt.Errorf("send live frames: %w", err)
	}
	return nil
}

func (s *source) close() error { return s.objects.Close() }
