package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"director/bench/fetch"
	"director/bench/load"
	"director/host/cpu"
	"director/internal/cli"
)

// loadFlags has the flags of bench load.
type loadFlags struct {
	plan           load.Plan
	target, cpus   string
	pages, sources []string
	clients        int
	json           bool
	log, with      string
	part           string // for a client process: its plan and its start, as JSON
}

func (f *loadFlags) set() *pflag.FlagSet {
	p := &f.plan
	fs := cli.NewFlags()
	fs.StringVar(&f.target, "target", "", "the address and port to send requests to (required)")
	fs.Float64Var(&p.Rate, "rate", 1000, "new connections per second; the rate does not depend on the replies")
	fs.BoolVar(&p.Poisson, "poisson", false, "begin connections at random times (a Poisson process) instead of evenly")
	fs.Uint64Var(&p.Seed, "seed", 0, "seed of the random times and pages")
	fs.DurationVar(&p.Warmup, "warmup", time.Second, "time before the measurement; its connections are not counted")
	fs.DurationVar(&p.Duration, "duration", 10*time.Second, "length of the measurement, which follows the warm-up")
	fs.DurationVar(&p.Interval, "interval", 0, "time between samples of the reply rate; 0 is a tenth of the duration, at most 5s")
	fs.DurationVar(&p.Timeout, "timeout", fetch.DefaultTimeout, "longest time for a request, including the connect; a longer one is an error")
	fs.BoolVar(&p.TLS, "tls", false, "use TLS 1.3, with a full handshake on each connection and one thread for each CPU")
	fs.IntVar(&p.Requests, "requests", 1, "requests on each connection; more than one use HTTP/1.1")
	fs.DurationVar(&p.Think, "think", 0, "time between a reply and the next request")
	fs.StringSliceVar(&f.pages, "page", []string{fmt.Sprintf("/:%d", fetch.DefaultBodySize)}, "a page to request, as PATH:BYTES[:WEIGHT]; BYTES is the expected size, * for any; pages are chosen in proportion to their weights (repeatable)")
	fs.StringSliceVar(&f.sources, "source", nil, "the source addresses, each an address or a prefix, used in turn (repeatable)")
	fs.StringVar(&f.cpus, "cpus", "", "the CPUs for the client's threads, a list such as 0-1; one thread runs on each")
	fs.IntVar(&p.Threads, "threads", 1, "threads of each client, if --cpus is not given")
	fs.IntVar(&p.MaxOpen, "max-open", load.DefaultMaxOpen, "most connections that a client has open at the same time")
	fs.IntVar(&p.SendBuffer, "send-buffer", 0, "send buffer of each socket in bytes; 0 is the kernel's default")
	fs.IntVar(&p.RecvBuffer, "recv-buffer", 0, "receive buffer of each socket in bytes; 0 is the kernel's default")
	fs.IntVar(&f.clients, "clients", 1, "client processes, which share the rate; this process starts them")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	fs.StringVar(&f.log, "log", "", "append the report to this file, as one line of JSON")
	fs.StringVar(&f.with, "with", "", "use another program to generate the load, as far as it supports the flags: "+strings.Join(load.Programs, ", "))
	fs.StringVar(&f.part, "part", "", "")
	_ = fs.MarkHidden("part") // the flag exists
	return fs
}

// check completes the plan.
func (f *loadFlags) check() (err error) {
	p := &f.plan
	if f.part != "" {
		return nil
	}
	if f.target == "" {
		return errors.New("--target: required: an address and a port")
	}
	if p.Target, err = netip.ParseAddrPort(f.target); err != nil {
		return fmt.Errorf("--target: %w", err)
	}
	for _, text := range f.sources {
		more, err := parseSource(text)
		if err != nil {
			return fmt.Errorf("--source: %w", err)
		}
		p.Sources = append(p.Sources, more...)
	}
	for _, text := range f.pages {
		page, err := parsePage(text)
		if err != nil {
			return fmt.Errorf("--page %s: %w", text, err)
		}
		p.Pages = append(p.Pages, page)
	}
	if f.cpus != "" {
		if p.CPUs, err = cpu.ParseList(f.cpus); err != nil {
			return fmt.Errorf("--cpus: %w", err)
		}
	}
	if f.clients < 1 || f.with != "" && f.clients > 1 {
		return errors.New("--clients must be 1 or more, and 1 with --with")
	}
	return p.WithDefaults().Validate()
}

// mostSources is the largest number of addresses in one --source.
const mostSources = 1 << 16

// parseSource reads an address or a prefix. It returns all addresses of a prefix.
func parseSource(text string) (all []netip.Addr, err error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		return []netip.Addr{a}, err
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, err
	}
	if p.Addr().BitLen()-p.Bits() > 16 {
		return nil, fmt.Errorf("%s: more than %d addresses", text, mostSources)
	}
	for a := p.Masked().Addr(); p.Contains(a); a = a.Next() {
		all = append(all, a)
	}
	return all, nil
}

// parsePage reads PATH:BYTES[:WEIGHT].
func parsePage(text string) (p load.Page, err error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return p, errors.New("want PATH:BYTES or PATH:BYTES:WEIGHT")
	}
	p.Path, p.Size, p.Weight = parts[0], fetch.AnySize, 1
	if parts[1] != "*" {
		if p.Size, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
			return p, err
		}
	}
	if len(parts) == 3 {
		p.Weight, err = strconv.Atoi(parts[2])
	}
	return p, err
}

func loadVerb() cli.Verb {
	var flags loadFlags
	return cli.Verb{
		Use: "load --target ADDRESS:PORT [flags]", Flags: cli.Flags(flags.set()),
		Check: flags.check, Run: flags.ask,
	}
}

// ask sends requests to a web server and reports the replies.
func (f *loadFlags) ask(std cli.IO) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := f.run(ctx, std); err != nil {
		fmt.Fprintln(std.Err, err)
		if errors.Is(err, load.ErrPlan) {
			return cli.Usage
		}
		return cli.Failed
	}
	return cli.OK
}

func (f *loadFlags) run(ctx context.Context, std cli.IO) error {
	if f.part != "" {
		return drivePart(ctx, f.part, std)
	}
	report, err := f.drive(ctx)
	if err != nil {
		return err
	}
	if f.log != "" {
		if err := appendLine(f.log, report); err != nil {
			return fmt.Errorf("--log: %w", err)
		}
	}
	if f.json {
		err = json.NewEncoder(std.Out).Encode(report)
	} else {
		_, err = fmt.Fprint(std.Out, report.Text())
	}
	if err == nil && report.Replies == 0 {
		err = fmt.Errorf("%s sent no valid reply", f.plan.Target)
	}
	return err
}

func appendLine(name string, v any) error {
	out, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(out).Encode(v), out.Close())
}

// part contains the task of one client process.
type part struct {
	Plan  load.Plan `json:"plan"`
	Start time.Time `json:"start"`
}

// soon is the time between the start of the client processes and their first
// connections. By then all processes are running.
const soon = 300 * time.Millisecond

// drive carries out the plan. If there is more than one client, each client is a
// process, and all begin at the same time.
func (f *loadFlags) drive(ctx context.Context) (sum load.Report, err error) {
	if f.with != "" {
		return f.plan.With(ctx, f.with)
	}
	if f.clients == 1 {
		return load.Drive(ctx, f.plan, time.Time{})
	}
	type client struct {
		out, said bytes.Buffer
		wait      func() error
	}
	clients := make([]*client, 0, f.clients)
	start := time.Now().Add(soon)
	for i := range f.clients {
		p := part{f.plan, start}
		p.Plan.Share = load.Share{Index: i, Of: f.clients}
		text, err := json.Marshal(p)
		if err != nil {
			return sum, err
		}
		c := new(client)
		cmd := program("bench", "load", "--part="+string(text))
		cmd.Stdout, cmd.Stderr = &c.out, &c.said
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		if err := cmd.Start(); err != nil {
			return sum, err
		}
		defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
		c.wait = cmd.Wait
		clients = append(clients, c)
	}
	var errs []error
	for i, c := range clients {
		if err := c.wait(); err != nil {
			errs = append(errs, fmt.Errorf("client %d: %w: %s", i+1, err, bytes.TrimSpace(c.said.Bytes())))
			continue
		}
		var r load.Report
		if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
			errs = append(errs, fmt.Errorf("client %d: %w", i+1, err))
			continue
		}
		if sum.Clients == 0 {
			sum = r
			continue
		}
		merged, err := sum.Merge(r)
		sum, errs = merged, append(errs, err)
	}
	return sum, errors.Join(append(errs, ctx.Err())...)
}

// drivePart carries out the share of one client process.
func drivePart(ctx context.Context, text string, std cli.IO) error {
	var p part
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return fmt.Errorf("--part: %w", err)
	}
	report, err := load.Drive(ctx, p.Plan, p.Start)
	if err != nil {
		return err
	}
	return json.NewEncoder(std.Out).Encode(report)
}
