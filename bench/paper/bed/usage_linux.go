package bed

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"director/bench/machine"
	"director/bench/paper"
)

// reading is the usage up to one moment.
type reading struct {
	at      time.Time
	cpus    map[int]machine.Spent // by number
	procs   []machine.Spent       // of the subjects, in their order
	traffic traffic
}

// watched is a series of readings with their subjects.
type watched struct {
	cpus     []int
	subjects []subject
	readings []reading
}

// watch waits for the time after, then takes readings during the time over.
func (b *Bed) watch(ctx context.Context, subjects []subject, after, over time.Duration) (w watched, err error) {
	w.cpus, w.subjects = b.cpus, subjects
	next := time.Now().Add(after)
	for range samples + 1 {
		select {
		case <-ctx.Done():
			return w, ctx.Err()
		case <-time.After(time.Until(next)):
		}
		var before *reading
		if n := len(w.readings); n > 0 {
			before = &w.readings[n-1]
		}
		r, err := b.read(subjects, before)
		if err != nil {
			return w, err
		}
		w.readings = append(w.readings, r)
		next = next.Add(over / samples)
	}
	return w, nil
}

// read takes a reading. before is the previous one, nil for the first.
func (b *Bed) read(subjects []subject, before *reading) (r reading, err error) {
	r = reading{at: time.Now(), procs: make([]machine.Spent, len(subjects))}
	if r.cpus, err = machine.CPUs(machine.Host); err != nil {
		return r, err
	}
	for i, s := range subjects {
		for _, pid := range s.pids() {
			t, _, err := machine.Process(machine.Host, strconv.Itoa(pid))
			if err != nil && before != nil {
				r.procs[i] = before.procs[i] // a process that has ended uses no more
				break
			}
			r.procs[i] = r.procs[i].Plus(t)
		}
	}
	r.traffic, err = trafficOf(b.lab.Clients[0])
	return r, err
}

// addTo adds the readings of the whole machine to a point.
func (w *watched) addTo(p *paper.Point) {
	first, last := w.readings[0], w.readings[len(w.readings)-1]
	seconds := last.at.Sub(first.at).Seconds()
	for _, c := range w.cpus {
		spent := last.cpus[c].Since(first.cpus[c])
		p.Busy += spent.Busy().Seconds() / seconds
		p.Softirq += spent.Softirq.Seconds() / seconds
	}
	if len(w.subjects) > 0 && p.Balancer == w.subjects[0].name {
		p.Process = last.procs[0].Since(first.procs[0]).Busy().Seconds() / seconds
	}
	p.Bits = float64(last.traffic.bytes-first.traffic.bytes) * 8 / seconds
	p.Packets = float64(last.traffic.packets-first.traffic.packets) / seconds
}

// usage returns the rows of the subjects and the CPUs.
func (w *watched) usage() (rows []paper.Usage) {
	share := func(of func(*reading) time.Duration) (mean, dev float64) {
		var v []float64
		for i := 1; i < len(w.readings); i++ {
			a, b := &w.readings[i-1], &w.readings[i]
			v = append(v, float64(of(b)-of(a))/float64(b.at.Sub(a.at)))
		}
		for _, x := range v {
			mean += x / float64(len(v))
		}
		for _, x := range v {
			dev += (x - mean) * (x - mean) / float64(max(1, len(v)-1))
		}
		return mean, math.Sqrt(dev)
	}
	for i, s := range w.subjects {
		u := paper.Usage{Subject: s.name}
		u.User, u.UserDev = share(func(r *reading) time.Duration { return r.procs[i].User })
		u.Sys, u.SysDev = share(func(r *reading) time.Duration { return r.procs[i].System })
		rows = append(rows, u)
	}
	for _, c := range w.cpus {
		u := paper.Usage{Subject: fmt.Sprintf("cpu%d", c)}
		u.User, u.UserDev = share(func(r *reading) time.Duration { return r.cpus[c].User })
		u.Sys, u.SysDev = share(func(r *reading) time.Duration { return r.cpus[c].System })
		u.Soft, u.SoftDev = share(func(r *reading) time.Duration { return r.cpus[c].Softirq })
		u.Idle, u.IdleDev = share(func(r *reading) time.Duration { return r.cpus[c].Idle })
		rows = append(rows, u)
	}
	return rows
}
