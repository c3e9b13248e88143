//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// arrival is the form in which packets of the load should arrive at the sink.
type arrival struct {
	proto uint8
	to    netip.Prefix
}

const (
	protoIPIP = 4 // RFC 2003
	protoUDP  = 17
)

var (
	unchanged  = arrival{protoUDP, netip.PrefixFrom(virtual, 32)}
	translated = arrival{protoUDP, serverNet}
	tunnelled  = arrival{protoIPIP, serverNet}
)

// sink counts and drops the load where it arrives.
type sink struct {
	objects sinkObjects
	link    link.Link
}

func newSink(n *network, want arrival) (*sink, error) {
	spec, err := loadSink()
	if err != nil {
		return nil, err
	}
	mask := ^uint32(0) << (32 - want.to.Bits())
	v := spec.Variables
	if err := errors.Join(
		v["proto"].Set(want.proto),
		v["net"].Set(want.to.Addr().As4()),
		v["mask"].Set([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}),
	); err != nil {
		return nil, fmt.Errorf("prepare the sink: %w", err)
	}
	s := &sink{}
	if err := spec.LoadAndAssign(&s.objects, nil); err != nil {
		return nil, fmt.Errorf("load the sink: %w", err)
	}
	err = n.sink.Do(func() (err error) {
		s.link, err = link.AttachTCX(link.TCXOptions{
			Interface: n.end["sink0"].index, Program: s.objects.Sink, Attach: ebpf.AttachTCXIngress,
		})
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach the sink: %w", err), s.objects.Close())
	}
	return s, nil
}

// counts returns how many packets arrived as expected, and how many in another
// form.
func (s *sink) counts() (arrived, otherwise uint64, err error) {
	var n [2]uint64
	for i := range n {
		var perCPU []uint64
		if err := s.objects.Counts.Lookup(uint32(i), &perCPU); err != nil {
			return 0, 0, fmt.Errorf("read the counters of the sink: %w", err)
		}
		for _, c := range perCPU {
			n[i] += c
		}
	}
	return n[0], n[1], nil
}

func (s *sink) close() error { return errors.Join(s.link.Close(), s.objects.Close()) }
