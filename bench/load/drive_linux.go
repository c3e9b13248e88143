package load

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"director/host/cpu"
)

// Drive executes a plan and reports the result. It starts at start, or at once if
// start is zero. If ctx ends first, Drive aborts the open connections and returns
// the error of ctx.
func Drive(ctx context.Context, p Plan, start time.Time) (Report, error) {
	p = p.WithDefaults()
	if err := p.Validate(); err != nil {
		return Report{}, err
	}
	if err := raiseDescriptors(p.MaxOpen + 64); err != nil {
		return Report{}, err
	}
	if start.IsZero() {
		start = time.Now()
	}
	if p.TLS {
		report, err := p.crowd(ctx, start)
		return report, errors.Join(err, ctx.Err())
	}
	type result struct {
		report Report
		err    error
	}
	results := make(chan result, p.Threads)
	for i := range p.Threads {
		go func() {
			runtime.LockOSThread() // without unlock, because the thread may be pinned
			report, err := p.lane(ctx, i, start)
			results <- result{report, err}
		}()
	}
	var sum Report
	var errs []error
	for i := range p.Threads {
		r := <-results
		errs = append(errs, r.err)
		if r.err != nil {
			continue
		}
		if i == 0 || sum.Threads == 0 {
			sum = r.report
			continue
		}
		merged, err := sum.Merge(r.report)
		sum, errs = merged, append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return Report{}, err // covers only a part of the plan
	}
	sum.Clients = 1
	sum.rates()
	return sum, ctx.Err()
}

// lane executes the part of one thread on the calling thread.
func (p Plan) lane(ctx context.Context, i int, start time.Time) (Report, error) {
	if len(p.CPUs) > 0 {
		if err := cpu.Pin(p.CPUs[i]); err != nil {
			return Report{}, err
		}
	}
	l, err := newLane(p, i, start)
	if err != nil {
		return Report{}, err
	}
	before, err := usage(unix.RUSAGE_THREAD)
	if err != nil {
		return Report{}, err
	}
	err = l.run(ctx)
	report, closing := l.finish()
	after, reading := usage(unix.RUSAGE_THREAD)
	if err := errors.Join(err, closing, reading); err != nil {
		return Report{}, err
	}
	report.stamp("epoll", p, start, after, before)
	return report, nil
}

// stamp completes the report of one thread with the engine, the times and the CPU
// usage.
func (r *Report) stamp(engine string, p Plan, start time.Time, after, before CPU) {
	r.Engine, r.Plan, r.Start, r.Took = engine, p, start, time.Since(start)
	r.Clients, r.Threads = 1, 1
	r.CPU = CPU{User: after.User - before.User, System: after.System - before.System}
	r.rates()
}

// usage returns the CPU time that the calling thread, or the process, has used so
// far.
func usage(whose int) (CPU, error) {
	var u unix.Rusage
	if err := unix.Getrusage(whose, &u); err != nil {
		return CPU{}, fmt.Errorf("read the CPU time: %w", err)
	}
	return CPU{User: time.Duration(u.Utime.Nano()), System: time.Duration(u.Stime.Nano())}, nil
}

// raiseDescriptors raises the process's limit of open descriptors to n, if
// permitted.
func raiseDescriptors(n int) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("read the limit of descriptors: %w", err)
	}
	if l.Cur >= uint64(n) {
		return nil
	}
	want := unix.Rlimit{Cur: uint64(n), Max: max(l.Max, uint64(n))}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &want) == nil {
		return nil
	}
	want = unix.Rlimit{Cur: l.Max, Max: l.Max} // only root may raise the hard limit
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		return fmt.Errorf("raise the limit of descriptors to %d: %w", n, err)
	}
	return nil
}
