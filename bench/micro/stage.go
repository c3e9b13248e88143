package micro

import (
	"fmt"
	"slices"
	"time"

	"director/packet"
)

// stage is a part of the processing of a packet.
type stage int

// The stages, in the order of processing. The port's stages come first and last.
const (
	receive  stage = iota
	parse          // headers and their checksum
	classify       // virtual address or not, hash, touching the table's bucket
	lookUp         // of the connection
	state          // the state machine, the deadline, the server's counters
	schedule       // new connections: the service and its scheduler
	insert         // new connections: into the table
	rewrite        // next hop, addresses, checksums, time to live
	transmit
	stages
)

var stageNames = [stages]string{
	"receive", "parse", "classify", "look-up", "state", "schedule", "insert", "rewrite", "transmit",
}

// stageRow is a case whose stages are measured.
type stageRow struct {
	name    string
	path    path
	flows   uint32
	fresh   bool
	walk    *walk
	traffic *traffic
	samples [stages][]float64
}

func stageRowName(p path, flows uint32, fresh bool) string {
	return "stages/" + caseName(p, flows, fresh)
}

// stagesOf makes the row that measures the stages of a case.
func (b *bench) stagesOf(p path, flows uint32, fresh bool) (*stageRow, error) {
	s := &stageRow{name: stageRowName(p, flows, fresh), path: p, flows: flows, fresh: fresh}
	r, err := b.rig(p, flows)
	if err != nil {
		return nil, err
	}
	s.walk = &walk{rig: r, path: p, port: r.ports[0], table: r.shared.Conns(), area: b.area}
	if s.traffic = newTraffic(p, r.order, flows, 1); fresh {
		s.traffic = newSYNs(p)
	}
	return s, nil
}

// take measures the stages once.
func (s *stageRow) take(d time.Duration) error {
	w := s.walk
	w.times, w.packets = [stages]time.Duration{}, 0
	w.port.traffic, w.view = s.traffic, w.rig.shared.View()
	clock := readings()
	n := 0
	err := w.rig.running(func() (err error) {
		if s.fresh {
			n, err = w.begin(d / freshShare)
			return err
		}
		for start := time.Now(); time.Since(start) < d; n++ {
			w.hit()
		}
		return nil
	})
	if err == nil && w.failed > 0 {
		err = fmt.Errorf("%d frames were not forwarded as expected", w.failed)
	}
	if err != nil {
		return err
	}
	for i, t := range w.times {
		s.samples[i] = append(s.samples[i], max(0, float64(t)-float64(n)*clock)/float64(w.packets))
	}
	return nil
}

// begin lets walks begin connections for time d, and returns the number of walks.
func (w *walk) begin(d time.Duration) (walks int, err error) {
	sum := func() (t time.Duration) {
		for _, stage := range w.times {
			t += stage
		}
		return t
	}
	for sum() < d {
		n := w.rig.room()
		first := w.rig.newFlows(n)
		w.port.traffic.ask(first, n)
		w.area.sweep()
		for range n / packet.BatchSize {
			w.start()
			walks++
		}
		if err := w.rig.end(first, n); err != nil {
			return walks, err
		}
	}
	return walks, nil
}

// hit takes a batch of packets of established connections through all stages.
func (w *walk) hit() {
	w.now = w.rig.clock()
	t := time.Now()
	w.receive()
	t = w.lap(receive, t)
	w.parse()
	t = w.lap(parse, t)
	w.classify()
	t = w.lap(classify, t)
	w.find()
	t = w.lap(lookUp, t)
	w.observe()
	t = w.lap(state, t)
	w.rewrite()
	t = w.lap(rewrite, t)
	w.transmit()
	w.lap(transmit, t)
}

// start takes a batch of first packets through all stages.
func (w *walk) start() {
	w.now = w.rig.clock()
	t := time.Now()
	w.receive()
	t = w.lap(receive, t)
	w.parse()
	t = w.lap(parse, t)
	w.classify()
	t = w.lap(classify, t)
	w.miss()
	t = w.lap(lookUp, t)
	w.schedule()
	t = w.lap(schedule, t)
	w.insert()
	t = w.lap(insert, t)
	w.rewrite()
	t = w.lap(rewrite, t)
	w.transmit()
	w.lap(transmit, t)
}

// lap adds the time since last to a stage, and returns the current time.
func (w *walk) lap(s stage, last time.Time) time.Time {
	now := time.Now()
	w.times[s] += now.Sub(last)
	return now
}

// readings returns the median of the nanoseconds between two readings of the clock.
func readings() float64 {
	var all [1001]float64
	for i := range all {
		t := time.Now()
		all[i] = float64(time.Since(t))
	}
	slices.Sort(all[:])
	return all[len(all)/2]
}
