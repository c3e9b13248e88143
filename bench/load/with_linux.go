package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"director/bench/fetch"
)

// ErrMissing is matched by the error for a program that is not installed.
var ErrMissing = exec.ErrNotFound

// Programs are the other load generators that Plan.With supports.
var Programs = []string{"httperf", "wrk"}

// With runs another program with the plan, as closely as the program permits, and
// parses its output into a report. The report's Notes contain the differences.
func (p Plan) With(ctx context.Context, program string) (Report, error) {
	p = p.WithDefaults()
	if err := p.Validate(); err != nil {
		return Report{}, err
	}
	run := map[string]func(context.Context, Plan) (Report, error){"httperf": httperf, "wrk": wrk}[program]
	if run == nil {
		return Report{}, fmt.Errorf("%w: program %q: want one of %s", ErrPlan, program, strings.Join(Programs, ", "))
	}
	if len(p.Pages) > 1 || p.Poisson || p.Think > 0 || p.TLS || len(p.Sources) > 0 {
		return Report{}, fmt.Errorf("%w: %s supports one page, a constant rate, one source address and no TLS", ErrPlan, program)
	}
	start := time.Now()
	r, err := run(ctx, p)
	if program == "wrk" {
		p.Rate = 0
	}
	r.Plan, r.Start, r.Took, r.Clients, r.Threads = p, start, time.Since(start), 1, 1
	return r, err
}

// output runs a program and returns what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
	if _, err := exec.LookPath(name); err != nil {
		return "", fmt.Errorf("%w: install it (apt-get install %s)", err, name)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return "", errors.Join(fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes())), ctx.Err())
	}
	return said.String(), nil
}

// httperf runs httperf(1). It has no warm-up, so its figures cover all connections.
// It samples the reply rate every five seconds and reports no percentiles.
func httperf(ctx context.Context, p Plan) (r Report, err error) {
	n := int(p.Rate * p.Duration.Seconds())
	args := []string{
		"--hog", "--server=" + p.Target.Addr().String(), "--port=" + strconv.Itoa(int(p.Target.Port())), "--uri=" + p.Pages[0].Path,
		fmt.Sprintf("--rate=%g", p.Rate), "--num-conns=" + strconv.Itoa(n), "--num-calls=" + strconv.Itoa(p.Requests),
		fmt.Sprintf("--timeout=%g", p.Timeout.Seconds()),
	}
	if p.Requests == 1 {
		args = append(args, "--http-version=1.0")
	}
	text, err := output(ctx, "httperf", args...)
	if err != nil {
		return r, err
	}
	s := scanner{text: text}
	total := s.numbers(`Total: connections (\d+) requests (\d+) replies (\d+) test-duration ([\d.]+) s`, 4)
	times := s.numbers(`Connection time \[ms\]: min ([\d.]+) avg ([\d.]+) max ([\d.]+) median ([\d.]+) stddev ([\d.]+)`, 5)
	connect := s.numbers(`Connection time \[ms\]: connect ([\d.]+)`, 1)
	first := s.numbers(`Reply time \[ms\]: response ([\d.]+)`, 1)
	used := s.numbers(`CPU time \[s\]: user ([\d.]+) system ([\d.]+)`, 2)
	failed := s.numbers(`client-timo (\d+) socket-timo (\d+) connrefused (\d+) connreset (\d+)`, 4)
	own := s.numbers(`fd-unavail (\d+) addrunavail (\d+) ftab-full (\d+) other (\d+)`, 4)
	if s.err != nil {
		return r, s.err
	}
	r = Report{
		Engine: "httperf", Connections: int64(n), Connected: int64(total[0]), Requests: int64(total[1]), Replies: int64(total[2]),
		Interval: p.Interval, Errors: map[fetch.Kind]int64{},
		CPU:   CPU{User: seconds(used[0]), System: seconds(used[1])},
		Notes: []string{"httperf has no warm-up, rounds its median to half a millisecond, and measures times from the start of a connection, not from its due time"},
	}
	for i, k := range []fetch.Kind{fetch.Timeout, fetch.KernelGaveUp, fetch.Refused, fetch.Reset} {
		r.note(k, failed[i])
	}
	for i, k := range []fetch.Kind{fetch.NoDescriptor, fetch.NoPort, fetch.FileTable, fetch.Other} {
		r.note(k, own[i])
	}
	ms := func(v float64) time.Duration { return seconds(v / 1000) }
	r.Uncorrected.Summary = Summary{Count: r.Replies, Min: ms(times[0]), Mean: ms(times[1]), Max: ms(times[2]), P50: ms(times[3]), StdDev: ms(times[4])}
	r.Connect.Summary = Summary{Count: r.Connected, Mean: ms(connect[0])}
	r.FirstByte.Summary = Summary{Count: r.Replies, Mean: ms(first[0])}
	r.ReplyRate.Mean = total[2] / total[3]
	return r, nil
}

func (r *Report) note(k fetch.Kind, n float64) {
	if n > 0 {
		r.Errors[k] = int64(n)
	}
}

// wrkOpen is how many connections wrk keeps busy.
const wrkOpen = 64

// wrk runs wrk(1), which sends the next request as soon as a reply is complete.
func wrk(ctx context.Context, p Plan) (r Report, err error) {
	args := []string{
		"--threads=1", "--connections=" + strconv.Itoa(wrkOpen), fmt.Sprintf("--duration=%ds", max(1, int(p.Duration.Seconds()))),
		fmt.Sprintf("--timeout=%ds", max(1, int(p.Timeout.Seconds()))), "--latency",
	}
	if p.Requests == 1 {
		args = append(args, "--header=Connection: close")
	}
	text, err := output(ctx, "wrk", append(args, fmt.Sprintf("http://%s%s", p.Target, p.Pages[0].Path))...)
	if err != nil {
		return r, err
	}
	s := scanner{text: text}
	total := s.numbers(`(\d+) requests in ([\d.]+)(?:s|m)`, 2)
	r = Report{
		Engine: "wrk", Replies: int64(total[0]), Requests: int64(total[0]), Interval: p.Interval, Errors: map[fetch.Kind]int64{},
		Notes: []string{fmt.Sprintf("wrk has no constant rate: it keeps %d connections busy", wrkOpen)},
	}
	for name, to := range map[string]*time.Duration{"50": &r.Uncorrected.P50, "90": &r.Uncorrected.P90, "99": &r.Uncorrected.P99} {
		*to = s.duration(`\s` + name + `%\s+(\S+)`)
	}
	r.ReplyRate.Mean = s.numbers(`Requests/sec:\s+([\d.]+)`, 1)[0]
	if s.err != nil {
		return r, s.err
	}
	if m := regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`).FindStringSubmatch(text); m != nil {
		n := func(i int) float64 { v, _ := strconv.ParseFloat(m[i], 64); return v } // the pattern matches only digits
		r.note(fetch.Other, n(1)+n(3))
		r.note(fetch.Timeout, n(4))
		// With "Connection: close" wrk counts each end of a connection as a read
		// error.
		if p.Requests > 1 {
			r.note(fetch.Reset, n(2))
		}
	}
	if m := regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`).FindStringSubmatch(text); m != nil {
		v, _ := strconv.ParseFloat(m[1], 64)
		r.note(fetch.BadReply, v)
		r.Replies -= int64(v)
	}
	r.Uncorrected.Count, r.Connections, r.Connected = r.Replies, r.Requests, r.Requests
	return r, nil
}

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }

// scanner finds figures in the output of a program, and collects errors for missing
// ones.
type scanner struct {
	text string
	err  error
}

// find returns the groups of a pattern.
func (s *scanner) find(pattern string, n int) []string {
	m := regexp.MustCompile(pattern).FindStringSubmatch(s.text)
	if m == nil {
		s.err = errors.Join(s.err, fmt.Errorf("no match for %q in the output:\n%s", pattern, s.text))
		return make([]string, n)
	}
	return m[1:]
}

// numbers returns the n numbers of a pattern, or zeros if there is no match.
func (s *scanner) numbers(pattern string, n int) []float64 {
	v := make([]float64, n)
	for i, text := range s.find(pattern, n) {
		v[i], _ = strconv.ParseFloat(text, 64) // the pattern matches only numbers
	}
	return v
}

// duration returns the duration of a pattern, such as 1.20ms.
func (s *scanner) duration(pattern string) time.Duration {
	text := s.find(pattern, 1)[0]
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		s.err = errors.Join(s.err, err)
	}
	return d
}
