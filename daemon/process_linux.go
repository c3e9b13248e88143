package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"

	"golang.org/x/sys/unix"

	"director/conntrack"
	"director/view/figures"
)

// ticks is the unit of times in /proc/self/stat, per second (USER_HZ, which is 100 on all
// architectures that Go supports).
const ticks = 100

// process reads what the kernel knows of this process. What cannot be read stays 0, and
// the error says why.
func process() (p figures.Process, err error) {
	p.Goroutines = runtime.NumGoroutine()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	p.HeapLive = live[0].Value.Uint64()
	stat, failed := os.ReadFile("/proc/self/stat")
	errs := []error{failed}
	if failed == nil {
		errs = append(errs, readStat(&p, stat))
	}
	files, failed := os.ReadDir("/proc/self/fd")
	p.OpenFiles = max(0, len(files)-1) // one of them is the directory itself
	var limit unix.Rlimit
	errs = append(errs, failed, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	p.MaxFiles = limit.Cur
	var boot, now unix.Timespec
	if failed := errors.Join(unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot), unix.ClockGettime(unix.CLOCK_REALTIME, &now)); failed == nil {
		p.Started += float64(now.Nano()-boot.Nano()) / 1e9
	}
	return p, errors.Join(errs...)
}

// readStat reads /proc/self/stat (proc_pid_stat(5)). Started is then seconds since the
// boot.
func readStat(p *figures.Process, text []byte) error {
	end := bytes.LastIndexByte(text, ')') // the name before it may contain anything
	var state byte
	var skip, user, system, started, pages int64
	_, err := fmt.Sscanf(string(text[end+1:]), " %c %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d",
		&state, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system,
		&skip, &skip, &skip, &skip, &p.Threads, &skip, &started, &p.Virtual, &pages)
	if err != nil {
		return fmt.Errorf("/proc/self/stat: %w", err)
	}
	p.CPUSeconds, p.Started = float64(user+system)/ticks, float64(started)/ticks
	p.Resident = uint64(pages) * uint64(os.Getpagesize())
	return nil
}

// states counts the connections in each state.
func (d *Daemon) states() []figures.State {
	counts := d.shared.Conns().CountStates()
	all := make([]figures.State, len(counts))
	for i, n := range counts {
		s := conntrack.State(i)
		all[i] = figures.State{Proto: s.Proto(), Name: s.String(), Connections: n}
	}
	return all
}
