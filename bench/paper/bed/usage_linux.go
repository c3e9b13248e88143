package bed

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"director/bench/paper"
)

// tick is a second divided by USER_HZ, what /proc counts CPU time in.
const tick = 10 * time.Millisecond

// reading is what has been used up to a moment.
type reading struct {
	at      time.Time
	cpus    map[string][4]float64 // ticks, whole: user, system, softirq, idle
	procs   [][2]float64          // of the subjects, ticks as well: user, system
	traffic traffic
}

// watched is readings, and of whom.
type watched struct {
	subjects []subject
	readings []reading
}

// watch takes readings over a time that begins after a while.
func (b *Bed) watch(ctx context.Context, subjects []subject, after, over time.Duration) (w watched, err error) {
	w.subjects = subjects
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

// read takes a reading, the next one after before, nil if it is the first.
func (b *Bed) read(subjects []subject, before *reading) (r reading, err error) {
	r = reading{at: time.Now(), procs: make([][2]float64, len(subjects))}
	if r.cpus, err = cpuTimes(b.cpus); err != nil {
		return r, err
	}
	for i, s := range subjects {
		for _, pid := range s.pids() {
			t, err := processTimes(pid)
			if err != nil && before != nil {
				r.procs[i] = before.procs[i] // one that has ended uses no more
				break
			}
			r.procs[i][0] += t[0]
			r.procs[i][1] += t[1]
		}
	}
	r.traffic, err = trafficOf(b.lab.Clients[0])
	return r, err
}

// cpuTimes reads what CPUs have spent (proc_stat(5)).
func cpuTimes(cpus []int) (map[string][4]float64, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, err
	}
	all := make(map[string][4]float64, len(cpus))
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		for _, c := range cpus {
			if len(f) < 9 || f[0] != "cpu"+strconv.Itoa(c) {
				continue
			}
			t, err := ticks(f[1:9]) // user, nice, system, idle, iowait, irq, softirq, steal
			if err != nil {
				return nil, fmt.Errorf("/proc/stat: %w", err)
			}
			all[f[0]] = [4]float64{t[0] + t[1], t[2] + t[5], t[6], t[3] + t[4]}
		}
	}
	return all, nil
}

// processTimes reads what a process has spent (proc_pid_stat(5)): user, system. The
// name, second, may hold anything, and ends with the last parenthesis.
func processTimes(pid int) (t [2]float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return t, err
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 13 {
		return t, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	n, err := ticks(f[11:13])
	if err != nil {
		return t, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return [2]float64(n), nil
}

// ticks reads times. They are left whole, so that nobody who rests has used less
// than nothing.
func ticks(fields []string) ([]float64, error) {
	t := make([]float64, len(fields))
	for i, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return nil, err
		}
		t[i] = float64(n)
	}
	return t, nil
}

// tell adds to a point what the readings say of the whole.
func (w *watched) tell(p *paper.Point) {
	first, last := w.readings[0], w.readings[len(w.readings)-1]
	over := last.at.Sub(first.at)
	seconds, ticks := over.Seconds(), float64(over)/float64(tick)
	for name, t := range last.cpus {
		before := first.cpus[name]
		p.Busy += (t[0] + t[1] + t[2] - before[0] - before[1] - before[2]) / ticks
		p.Softirq += (t[2] - before[2]) / ticks
	}
	if len(w.subjects) > 0 && p.Balancer == w.subjects[0].name {
		p.Process = (last.procs[0][0] + last.procs[0][1] - first.procs[0][0] - first.procs[0][1]) / ticks
	}
	p.Bits = float64(last.traffic.bytes-first.traffic.bytes) * 8 / seconds
	p.Packets = float64(last.traffic.packets-first.traffic.packets) / seconds
}

// usage are the rows of the subjects and the CPUs.
func (w *watched) usage() (rows []paper.Usage) {
	share := func(of func(*reading) float64) (mean, dev float64) {
		var v []float64
		for i := 1; i < len(w.readings); i++ {
			a, b := &w.readings[i-1], &w.readings[i]
			v = append(v, (of(b)-of(a))*float64(tick)/float64(b.at.Sub(a.at)))
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
		u.User, u.UserDev = share(func(r *reading) float64 { return r.procs[i][0] })
		u.Sys, u.SysDev = share(func(r *reading) float64 { return r.procs[i][1] })
		rows = append(rows, u)
	}
	for name := range w.readings[0].cpus {
		u := paper.Usage{Subject: name}
		of := func(i int) func(*reading) float64 { return func(r *reading) float64 { return r.cpus[name][i] } }
		u.User, u.UserDev = share(of(0))
		u.Sys, u.SysDev = share(of(1))
		u.Soft, u.SoftDev = share(of(2))
		u.Idle, u.IdleDev = share(of(3))
		rows = append(rows, u)
	}
	return rows
}
