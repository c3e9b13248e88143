package page

import (
	"time"

	"director/control"
	"director/packet"
	"director/service"
	"director/view/figures"
)

// A line shows Points points, one for each Period. That is ten minutes.
const (
	Period = 5 * time.Second
	Points = 120
)

// The lines of a service or a server.
const (
	lineConns   = iota // connections per second
	linePackets        // packets per second, both directions
	lineBytes          // bytes per second, likewise
	lineActive         // active connections
	lines
)

// The lines of the whole director.
const (
	totalConns = iota
	totalActive
	totalInPkts
	totalOutPkts
	totalInBytes
	totalOutBytes
	totalUsed  // entries of the connection table
	totalCPU   // per cent of a CPU, of all workers
	totalDrops // frames per second
	totals
)

// history holds the samples that lines are drawn from: up to Points samples of each thing
// that existed at the last sample. Everything else is dropped, so the size depends on the
// number of services and servers alone. Of those, only the busy ones take much memory, and
// only as many as maxRings allows.
type history struct {
	count    int // samples taken
	rings    int // of services and servers
	total    *track
	services map[service.Key]*track
	servers  map[serverKey]*track
	workers  map[int]*track
}

// maxRings is the largest number of lines of services and servers that are kept: 31 MB.
// Further ones have no line.
const maxRings = 1 << 16

// serverKey names a real server of a service.
type serverKey struct {
	service service.Key
	addr    packet.Addr
	port    uint16
}

func newHistory() history {
	return history{
		total:    &track{rings: make([]*[Points]float32, totals)},
		services: map[service.Key]*track{},
		servers:  map[serverKey]*track{},
		workers:  map[int]*track{},
	}
}

// track is the history of one thing. Sample i is at position i modulo Points of each ring.
type track struct {
	first, last int                // its first and its last sample
	rings       []*[Points]float32 // by line; nil while all samples are 0; empty if all lines are
	none        bool               // some lines are not kept, because there are too many
}

// add takes a sample of the figures, the rates and the services that each lists.
func (h *history) add(f *figures.Figures, rates *figures.Rates, each func(func(*control.Service) bool)) {
	at := h.count
	h.count++
	var sum sums
	each(func(s *control.Service) bool {
		sum.add(s)
		var active uint32
		for j := range s.Servers {
			server := &s.Servers[j]
			active += server.Active
			key := serverKey{s.Key, server.Addr, server.Port}
			values := points(server.Rates, server.Active)
			follow(h.servers, key, at).set(at, &h.rings, values[:]...)
		}
		values := points(s.Rates, active)
		follow(h.services, s.Key, at).set(at, &h.rings, values[:]...)
		return true
	})
	unlimited := new(int)
	h.total.set(at, unlimited, float32(sum.rates.CPS), float32(sum.active),
		float32(sum.rates.InPPS), float32(sum.rates.OutPPS), float32(sum.rates.InBPS), float32(sum.rates.OutBPS),
		float32(f.Table.Used), float32(100*rates.Total.CPU), float32(rates.Total.Drops))
	for i := range f.Workers {
		follow(h.workers, f.Workers[i].Index, at).set(at, unlimited, float32(100*rates.Workers[i].CPU))
	}
	h.rings -= dropGone(h.services, at) + dropGone(h.servers, at)
	dropGone(h.workers, at)
}

func points(r control.Rates, active uint32) [lines]float32 {
	return [lines]float32{
		lineConns: float32(r.CPS), linePackets: float32(r.InPPS + r.OutPPS),
		lineBytes: float32(r.InBPS + r.OutBPS), lineActive: float32(active),
	}
}

func follow[K comparable](all map[K]*track, key K, at int) *track {
	t := all[key]
	if t == nil {
		t = &track{first: at, last: at}
		all[key] = t
	}
	return t
}

// dropGone drops what did not exist at the last sample, and returns its number of rings.
func dropGone[K comparable](all map[K]*track, last int) (rings int) {
	for key, t := range all {
		if t.last == last {
			continue
		}
		for _, ring := range t.rings {
			if ring != nil {
				rings++
			}
		}
		delete(all, key)
	}
	return rings
}

// set adds a sample. rings is the number of rings of all tracks so far.
func (t *track) set(at int, rings *int, values ...float32) {
	t.last = at
	for i, v := range values {
		if v != 0 && (t.rings == nil || t.rings[i] == nil) {
			if *rings >= maxRings {
				t.none = true
				continue
			}
			if t.rings == nil {
				t.rings = make([]*[Points]float32, len(values))
			}
			t.rings[i] = new([Points]float32)
			*rings++
		}
		if t.rings != nil && t.rings[i] != nil {
			t.rings[i][at%Points] = v
		}
	}
}

// line returns the last values of one ring, oldest first. Each value is the largest of a
// group of size samples. Groups are counted from the first sample of the history, so a
// peak keeps its height as it moves. A nil track has no values.
func (t *track) line(ring, count, size int) []float32 {
	if t == nil || count == 0 {
		return nil
	}
	var samples [Points]float32
	switch {
	case t.rings != nil && t.rings[ring] != nil:
		samples = *t.rings[ring]
	case t.none:
		return nil
	}
	first := max(t.first, count-Points)
	values := make([]float32, 0, Points/size+1)
	for at := first; at < count; at++ {
		v := samples[at%Points]
		if at == first || at%size == 0 {
			values = append(values, v)
		} else {
			last := &values[len(values)-1]
			*last = max(*last, v)
		}
	}
	return values[max(0, len(values)-Points/size):]
}

// sums are the sums over all services.
type sums struct {
	rates            control.Rates
	active, inactive uint64
	servers          int
	answers          bool // the answers of some server pass the director
}

func total(all []control.Service) (t sums) {
	for i := range all {
		t.add(&all[i])
	}
	return t
}

func (t *sums) add(s *control.Service) {
	t.rates.CPS += s.Rates.CPS
	t.rates.InPPS += s.Rates.InPPS
	t.rates.OutPPS += s.Rates.OutPPS
	t.rates.InBPS += s.Rates.InBPS
	t.rates.OutBPS += s.Rates.OutBPS
	t.servers += len(s.Servers)
	for j := range s.Servers {
		t.active += uint64(s.Servers[j].Active)
		t.inactive += uint64(s.Servers[j].Inactive)
		t.answers = t.answers || seesAnswers(&s.Servers[j])
	}
}
