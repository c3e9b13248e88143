package top

import (
	"math"
	"time"

	"director/control"
	"director/packet"
	"director/service"
	"director/view/figures"
)

// sample is one answer of a director.
type sample struct {
	figures.Figures
	services []control.Service
}

// rate is an amount per second, NaN if it is not known.
type rate float64

var unknown = rate(math.NaN())

// per returns how fast a counter grew in so many seconds: see figures.Per.
func per(before, now uint64, seconds float64) rate { return rate(figures.Per(before, now, seconds)) }

// snapshot is a sample with its rates.
type snapshot struct {
	sample
	*figures.Rates
	traffic map[target]traffic // of services and servers
}

// target is a service, or a server of one.
type target struct {
	service service.Key
	addr    packet.Addr
	port    uint16
}

// traffic is the rates of a target. Bytes are those of IP.
type traffic struct{ conns, inPkts, outPkts, inBytes, outBytes rate }

// history holds the samples that rates are computed from.
type history struct {
	last *sample
	// counted is the first sample of the latest count. The counters of services
	// change in steps, so their rates are computed from step to step.
	counted *sample
	rates   map[target]traffic
}

// take makes a snapshot of a sample. restarted reports that the director was restarted
// since the last sample, so older samples are dropped.
func (h *history) take(s sample) (now snapshot, restarted bool) {
	s.services = control.Sorted(s.services) // the order of ipvsadm's listing
	var then *figures.Figures
	if h.last != nil {
		if h.last.SameRun(&s.Figures) {
			then = &h.last.Figures
		} else {
			*h, restarted = history{}, true
		}
	}
	now = snapshot{sample: s, Rates: figures.Compare(then, &s.Figures)}
	switch {
	case h.counted == nil:
		h.counted, h.rates = &s, estimated(s.services)
	case !h.counted.Counted.Equal(s.Counted):
		h.rates = compareServices(h.counted, &s)
		h.counted = &s
	}
	if s.At.Sub(s.Counted) <= standstill {
		now.traffic = h.rates
	}
	h.last = &s
	return now, restarted
}

// standstill is how old the counts of services may be. They should be two seconds old at
// most. Without run_estimation they stand still and say nothing about the present.
const standstill = 10 * time.Second

// compareServices returns the rates of all services and servers in now. Both samples must
// differ in the time of counting.
func compareServices(before, now *sample) map[target]traffic {
	seconds := now.Counted.Sub(before.Counted).Seconds()
	was := map[target]control.Stats{}
	each(before.services, func(t target, s control.Stats, _ control.Rates) { was[t] = s })
	rates := map[target]traffic{}
	each(now.services, func(t target, s control.Stats, r control.Rates) {
		b, known := was[t]
		if !known || before.Counted.IsZero() {
			rates[t] = averaged(r)
			return
		}
		rates[t] = traffic{
			per(b.Conns, s.Conns, seconds), per(b.InPkts, s.InPkts, seconds), per(b.OutPkts, s.OutPkts, seconds),
			per(b.InBytes, s.InBytes, seconds), per(b.OutBytes, s.OutBytes, seconds),
		}
	})
	return rates
}

// estimated returns the director's own averages, those of ipvsadm --rate, which follow a
// change slowly. They are used until there are two counts.
func estimated(services []control.Service) map[target]traffic {
	rates := map[target]traffic{}
	each(services, func(t target, _ control.Stats, r control.Rates) { rates[t] = averaged(r) })
	return rates
}

func averaged(r control.Rates) traffic {
	return traffic{rate(r.CPS), rate(r.InPPS), rate(r.OutPPS), rate(r.InBPS), rate(r.OutBPS)}
}

func each(services []control.Service, visit func(target, control.Stats, control.Rates)) {
	for i := range services {
		s := &services[i]
		visit(target{service: s.Key}, s.Stats, s.Rates)
		for j := range s.Servers {
			r := &s.Servers[j]
			visit(target{s.Key, r.Addr, r.Port}, r.Stats, r.Rates)
		}
	}
}

// uptime returns how long the director has been running.
func (n *snapshot) uptime() time.Duration { return max(0, n.At.Sub(n.Started)) }

// fill returns how full the table is, from 0 to 1.
func (n *snapshot) fill() float64 { return float64(n.Table.Used) / math.Max(1, float64(n.Table.Size)) }
