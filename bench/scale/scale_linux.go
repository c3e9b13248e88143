// Package scale measures the control plane of a director with many services: how long it
// takes to start, to change or reload one rule, to list the services and to answer a
// scrape, and how much memory it needs. The director and its real servers' addresses are
// in network namespaces of their own, so it needs root.
package scale

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"director/bench/figure"
	"director/control/api"
	"director/internal/lab"
	"director/internal/lab/process"
	"director/packet"
	"director/service"
)

// Options configures a measurement.
type Options struct {
	Services int
	Servers  int // of each service, masqueraded
	// Addresses is how many virtual addresses the services have together, with as many
	// ports each as that needs. 0: each service has an address of its own.
	Addresses int
	Repeat    int // how often everything but the start is measured
	// Director returns the command "director ARGS…".
	Director func(args ...string) *exec.Cmd
}

// Result is the measured values: seconds, and the largest resident memory in MB of 10^6
// bytes.
type Result struct {
	Services  int     `json:"services"`
	Servers   int     `json:"servers"`
	Addresses int     `json:"addresses"`
	Start     float64 `json:"start"` // until READY
	// User and System are the CPU times of the director until then.
	User    float64       `json:"user"`
	System  float64       `json:"system"`
	Change  figure.Spread `json:"change"`
	Reload  figure.Spread `json:"reload"`
	List    figure.Spread `json:"list"` // ipvsadm -Ln
	Scrape  figure.Spread `json:"scrape"`
	Scraped int           `json:"scraped"` // bytes of a scrape
	Memory  float64       `json:"memory"`
	End     float64       `json:"end"` // from SIGTERM until the process is gone
}

// Figures compares the values with the targets, which hold for ten thousand services of
// ten servers.
func (r *Result) Figures() []figure.Figure {
	return []figure.Figure{
		figure.Judge("start, s", r.Start, figure.AtMost, 2),
		{Name: "  its CPU time in the program, s", Value: r.User},
		{Name: "  its CPU time in the kernel, s", Value: r.System},
		figure.Judge("change of a rule, s", r.Change.Median, figure.AtMost, 0.2),
		figure.Judge("reload of a rule, s", r.Reload.Median, figure.AtMost, 0.2),
		figure.Judge("ipvsadm -Ln, s", r.List.Median, figure.AtMost, 1),
		figure.Judge("/metrics, s", r.Scrape.Median, figure.AtMost, 2),
		figure.Judge("memory, MB", r.Memory, figure.AtMost, 300),
		figure.Judge("end, s", r.End, figure.AtMost, 5),
	}
}

const (
	dev         = "in"
	tableSize   = 1 << 16 // entries of the connection table
	httpAddress = "127.0.0.1:9464"
	addresses   = 200 // of real servers
	startTime   = 2 * time.Minute
)

// site is a director and what is asked of it.
type site struct {
	Options
	lab   *lab.Lab
	host  *lab.Host
	d     *process.Director
	file  string
	http  http.Client
	admin api.Remote
}

// Run measures.
func Run(ctx context.Context, o Options) (r Result, err error) {
	dir, err := os.MkdirTemp("", "director-scale-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	s := &site{Options: o, file: filepath.Join(dir, "director.flags")}
	if err := s.build(ctx); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.lab.Close()) }()
	r.Services, r.Servers, r.Addresses = o.Services, o.Servers, s.addresses()
	if err := s.write(1); err != nil {
		return r, err
	}
	if r.Start, err = timed(func() error { return s.start(ctx) }); err != nil {
		return r, err
	}
	if err := s.watch(ctx, &r); err != nil {
		return r, errors.Join(err, s.d.Stop())
	}
	r.End, err = timed(s.d.Stop)
	return r, err
}

// watch takes everything of a director that has started.
func (s *site) watch(ctx context.Context, r *Result) (err error) {
	if r.User, r.System, err = cpuTime(s.d.PID()); err != nil {
		return err
	}
	client := api.Open(s.d.Control())
	defer client.Close()
	s.admin = api.Remote{Client: client, Context: ctx}
	if err := s.measure(r); err != nil {
		return err
	}
	r.Memory, err = peak(s.d.PID())
	return err
}

// measure takes everything but the start.
func (s *site) measure(r *Result) error {
	for _, m := range []struct {
		to   *figure.Spread
		what string
		do   func(n int) error
	}{
		{&r.Change, "change", s.change},
		{&r.Reload, "reload", s.reload},
		{&r.List, "list", s.list},
		{&r.Scrape, "scrape", func(int) (err error) { r.Scraped, err = s.scrape(); return err }},
	} {
		var samples []float64
		for n := range s.Repeat {
			if m.what == "reload" { // the file is not part of it
				if err := s.write(int32(2 + n)); err != nil {
					return err
				}
			}
			took, err := timed(func() error { return m.do(n) })
			if err != nil {
				return fmt.Errorf("%s: %w", m.what, err)
			}
			samples = append(samples, took)
		}
		*m.to = figure.SpreadOf(samples)
	}
	return nil
}

func timed(do func() error) (seconds float64, err error) {
	begin := time.Now()
	err = do()
	return time.Since(begin).Seconds(), err
}

// build makes the network: a host for the director, and one that has the addresses of the
// real servers.
func (s *site) build(ctx context.Context) error {
	l, hosts, err := lab.Bare(ctx, "director", "servers")
	if err != nil {
		return err
	}
	s.lab, s.host = l, hosts[0]
	s.http.Transport = &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		return s.host.Dial(ctx, network, "", to)
	}}
	err = s.host.Cable(dev, hosts[1], "out", 1)
	if err == nil {
		err = s.host.AddAddr(dev, netip.MustParsePrefix("10.0.255.254/16"))
	}
	for n := 0; err == nil && n < addresses; n++ {
		err = hosts[1].AddAddr("out", netip.PrefixFrom(server(n).Netip(), 16))
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

func server(n int) packet.Addr { return packet.AddrFrom4(10<<24 + 1 + uint32(n%addresses)) }

// serverPort spreads the servers over the ports, so that each is another endpoint.
func serverPort(n int) uint16 { return uint16(1024 + n/addresses) }

// firstPort is the first port of each virtual address.
const firstPort = 80

// addresses returns how many virtual addresses there are.
func (s *site) addresses() int {
	if s.Addresses == 0 {
		return s.Services
	}
	return min(s.Addresses, s.Services)
}

// service returns the name of a service. The services of an address follow each other.
func (s *site) service(i int) service.Key {
	each := (s.Services + s.addresses() - 1) / s.addresses()
	return service.Key{
		Addr: packet.AddrFrom4(10<<24 + 100<<16 + uint32(i/each)), Port: uint16(firstPort + i%each), Proto: packet.ProtoTCP,
	}
}

// write writes the flags file. The first server of the first service has the given weight.
func (s *site) write(weight int32) error {
	var b bytes.Buffer
	for i := range s.Services {
		k := s.service(i)
		fmt.Fprintf(&b, "-A -t %v:%d -s rr\n", k.Addr, k.Port)
		for j := range s.Servers {
			n := i*s.Servers + j
			fmt.Fprintf(&b, "-a -t %v:%d -r %v:%d -m -w %d\n", k.Addr, k.Port, server(n), serverPort(n), weight)
			weight = 1
		}
	}
	return os.WriteFile(s.file, b.Bytes(), 0o600)
}

func (s *site) start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	cmd := s.Director("run", "--interface="+dev, "--io=packet", "--queues=0", "--http="+httpAddress,
		"--conn-table-size="+strconv.Itoa(tableSize), "--log-level=warn")
	s.d, err = process.StartFrom(ctx, s.host, cmd, s.file)
	return err
}

// change gives the last server another weight.
func (s *site) change(n int) error {
	last := s.Services*s.Servers - 1
	return s.admin.EditServer(s.service(s.Services-1),
		service.ServerSpec{Addr: server(last), Port: serverPort(last), Method: service.NAT, Weight: int32(2 + n%2)})
}

// reload has the director read the file again.
func (s *site) reload(int) error {
	return s.admin.Do(s.admin.Context, http.MethodPost, "/v1/reload", nil, nil)
}

// list runs ipvsadm -Ln and checks that it lists every server of the file.
func (s *site) list(int) error {
	cmd := s.Director("ctl", "--control="+s.d.Control(), "-L", "-n")
	out, err := cmd.Output()
	if got, want := bytes.Count(out, []byte("  -> 10.")), s.Services*s.Servers; err == nil && got < want {
		err = fmt.Errorf("%d servers are listed, want %d", got, want)
	}
	return err
}

// scrape reads the metrics and checks that every server is there. It returns the length
// of the text.
func (s *site) scrape() (int, error) {
	r, err := s.http.Get("http://" + httpAddress + "/metrics")
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	// Prometheus too takes the text apart as it arrives.
	lines, got, length := bufio.NewReaderSize(r.Body, 1<<16), 0, 0
	for {
		line, err := lines.ReadSlice('\n')
		length += len(line)
		if bytes.HasPrefix(line, []byte("director_server_weight{")) {
			got++
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return length, err
		}
	}
	if want := s.Services * s.Servers; got != want {
		return length, fmt.Errorf("status %s: %d servers are shown, want %d", r.Status, got, want)
	}
	return length, nil
}

// peak returns the largest resident memory of a process so far (proc_pid_status(5)).
func peak(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscanf(rest, "%f kB", &kib); err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	return kib * 1024 / 1e6, nil
}

// cpuTime returns the CPU time that a process has used so far, in seconds (proc_pid_stat(5)).
func cpuTime(pid int) (user, system float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The name of the program is in parentheses. The fields utime and stime are the 12th
	// and the 13th after it. They count in hundredths of a second (USER_HZ).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, 0, fmt.Errorf("CPU time of process %d: only %d fields", pid, len(fields))
	}
	var ticks [2]float64
	for i := range ticks {
		if ticks[i], err = strconv.ParseFloat(fields[11+i], 64); err != nil {
			return 0, 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
	}
	return ticks[0] / 100, ticks[1] / 100, nil
}
