package micro

import (
	"fmt"
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/packet"
)

// flooding is how many frames of a batch are SYNs of the flood.
const flooding = packet.BatchSize / 2

// flood measures the time of single batches while SYNs of new clients arrive at a
// full table. Half of the table is established connections, half is half-open ones.
// Each SYN replaces a half-open connection. The other half of each batch is packets
// of established connections.
type flood struct {
	rig     *rig
	worker  *dataplane.Worker
	traffic *traffic // of the established connections
	syns    *traffic
	times   []time.Duration
	batches []quantiles
}

// floods makes a director with a full table.
func (b *bench) floods() (*flood, error) {
	p := paths[0]
	r, err := b.halfFull(p)
	if err != nil {
		return nil, err
	}
	conns := r.shared.Conns()
	for conns.Used() < conns.Size() {
		if _, err := r.insert(r.newFlows(1), conntrack.TCPSynRecv, 1); err != nil {
			return nil, err
		}
	}
	return &flood{
		rig: r, traffic: newTraffic(p, r.order, r.flows, 1), syns: newSYNs(p),
		times: make([]time.Duration, 0, mostBatches),
	}, nil
}

// take measures once, for time d.
func (s *flood) take(d time.Duration) error {
	crew, err := s.rig.crew(1)
	if err != nil {
		return err
	}
	s.worker = crew[0]
	port := s.rig.ports[0]
	port.traffic, port.beside = s.traffic, s.syns
	defer func() { port.beside = nil }()
	before := s.worker.Counts()
	if err := s.rig.running(func() error { return s.rush(d) }); err != nil {
		return err
	}
	after := s.worker.Counts()
	s.batches = append(s.batches, quantilesOf(s.times))
	return s.kept(&before, &after)
}

// rush measures batches for time d.
func (s *flood) rush(d time.Duration) error {
	s.times = s.times[:0]
	for start := time.Now(); time.Since(start) < d && len(s.times) < mostBatches; {
		s.syns.ask(s.rig.newFlows(flooding), flooding)
		took, err := timed(s.worker)
		if err != nil {
			return err
		}
		s.times = append(s.times, took)
	}
	return nil
}

// kept returns an error unless every frame of the measurement was sent, every SYN
// made a connection in place of another, and all established connections are still
// there with the same servers.
func (s *flood) kept(before, after *dataplane.Counts) error {
	conns, batches := s.rig.shared.Conns(), uint64(len(s.times))
	if sent := after.Tx[0] - before.Tx[0]; sent != batches*packet.BatchSize {
		return fmt.Errorf("%d frames of %d were sent: %s", sent, batches*packet.BatchSize, lost(before, after))
	}
	if made := after.Conns - before.Conns; made != batches*flooding || conns.Used() != conns.Size() {
		return fmt.Errorf("%d connections began, want %d; the table holds %d of %d",
			made, batches*flooding, conns.Used(), conns.Size())
	}
	gone := 0
	var c conntrack.Conn
	for i := range s.rig.flows {
		f := flow(i)
		if !conns.FindIn(conns.HashIn(&f), &f, &c) {
			gone++
		} else if addr, _ := c.Target(); addr.V4() != s.rig.order[i%servers] {
			gone++
		}
	}
	if gone > 0 {
		return fmt.Errorf("%d established connections of %d were lost, or went to another server", gone, s.rig.flows)
	}
	return nil
}
