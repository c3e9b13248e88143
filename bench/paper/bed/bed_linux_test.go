package bed_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"director/bench/load"
	"director/bench/paper"
	"director/bench/paper/bed"
	"director/host/cpu"
	"director/internal/lab/labtest"
)

// binary is the path of the director that the bed starts. It is built once, with
// director-bench beside it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "bed-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "director")
		build := exec.Command("go", "build", "-buildvcs=false", "-pgo=off", "-o", dir, "director/cmd/director", "director/cmd/director-bench")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

func self(args ...string) *exec.Cmd { return exec.Command(binary, args...) }

func allCPUs(t *testing.T) []int {
	t.Helper()
	cpus, err := cpu.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	return cpus
}

// measure repeats a measurement until the client kept its rate and got replies in time,
// and returns how many it took. On a busy machine this may fail the first time, which is
// no fault of the bed.
func measure(t *testing.T, b *bed.Bed, rate float64, o *paper.Options) (p paper.Point, usage []paper.Usage, tries int, err error) {
	t.Helper()
	for tries < 10 {
		tries++
		p, usage, err = b.Measure(t.Context(), rate, o)
		if err != nil || p.Fault != string(load.ClientSaturates) && p.Replies > 0 {
			break
		}
		t.Logf("measured once more: %+v", p)
	}
	return p, usage, tries, err
}

// Every kind of setup is built, answers all requests at a low rate, uses the
// servers evenly, reports CPU usage, and leaves nothing behind.
func TestBed_MeasuresEachKindOfSetup(t *testing.T) {
	labtest.RequireRoot(t)
	cpus := allCPUs(t)
	o := paper.Options{Duration: 300 * time.Millisecond, Warmup: 50 * time.Millisecond}
	dr := paper.Setup{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: 2, Cap: 1000}
	with := func(change func(*paper.Setup)) paper.Setup {
		s := dr
		change(&s)
		return s
	}
	// CPU time and traffic are sampled. On a busy machine the samples of a point may begin
	// when its traffic is over, so a single point may show none.
	busy, bits, packets := 0.0, 0.0, 0.0
	for _, s := range []paper.Setup{
		{Balancer: paper.Direct, Servers: 1},
		{Balancer: paper.Forward, Servers: 1},
		dr,
		with(func(s *paper.Setup) {
			s.Method = paper.TUN
			s.IO = "packet"
			s.Workload = paper.Sizes
			s.Scheduler = "lc"
		}),
		with(func(s *paper.Setup) { s.Workers = 2; s.GiantLock = true; s.Placement = paper.Apart }),
		with(func(s *paper.Setup) { s.Workers = 2; s.Quota = 0.5; s.Scheduler = "wrr" }),
		{Balancer: "nft", Servers: 2},
		with(func(s *paper.Setup) { s.Workload = paper.Service }),
		with(func(s *paper.Setup) { s.Workload, s.Cap = paper.TLS, 0 }),
		with(func(s *paper.Setup) { s.Server, s.Cap = paper.Apache, 0 }),
		{Balancer: paper.Direct, Servers: 1, Server: paper.Nginx},
		with(func(s *paper.Setup) { s.Method, s.Cap, s.Flood = paper.NAT, 0, 2000 }),
	} {
		t.Run(strings.ReplaceAll(s.Key(), "/", "-"), func(t *testing.T) {
			b, err := bed.Build(t.Context(), self, s, cpus)
			if errors.Is(err, bed.ErrLacks) {
				t.Skipf("not on this kernel: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			p, usage, tries, err := measure(t, b, 200, &o)
			if err := errors.Join(err, b.Close()); err != nil {
				t.Fatal(err)
			}
			if p.Started != 60 || p.Replies+p.Errors() != 60 || p.Replies == 0 || p.Setup != s || p.Offered != 200 {
				t.Errorf("%d begun, %d replies, %d errors; want 60", p.Started, p.Replies, p.Errors())
			}
			astray := 0.1
			if s.Flood > 0 {
				// The SYNs of the flood take turns too, so the clients' connections
				// fall on the servers at random: 6 or fewer of 60 on one of them
				// has a probability of 10^-9.
				astray = 0.4
			}
			if s.Servers == 2 && p.Errors() == 0 && (p.LeastShare < 0.5-astray || p.MostShare > 0.5+astray) {
				t.Errorf("shares of the servers: %v to %v", p.LeastShare, p.MostShare)
			}
			// The SYNs of a second flood belong to connections of the first one.
			if s.Flood > 0 && (p.SYNs <= 0 || p.Held <= 0 || tries == 1 && p.Held < p.SYNs/2 || p.Held > 2*p.SYNs+500) {
				t.Errorf("%v SYNs/s and %v connections/s, want about %d and as many again with the clients'", p.SYNs, p.Held, s.Flood)
			}
			busy, bits, packets = busy+p.Busy, bits+p.Bits, packets+p.Packets
			if p.P50 <= 0 || p.Busy < 0 {
				t.Errorf("%+v: want times and CPU", p)
			}
			seen := map[string]bool{}
			for _, u := range usage {
				seen[u.Subject] = true
				if u.User < 0 || u.Sys < 0 {
					t.Errorf("%+v: negative CPU usage", u)
				}
			}
			want := []string{"rs1", "client", "cpu0"}
			if s.Balancer == paper.Director {
				want = append(want, "director")
			}
			for _, name := range want {
				if !seen[name] {
					t.Errorf("no usage of %s, only of %v", name, seen)
				}
			}
		})
	}
	if busy <= 0 || bits <= 0 || packets <= 0 {
		t.Errorf("all points together: CPU %v, bits %v, packets %v, want all of them", busy, bits, packets)
	}
	left, err := filepath.Glob("/sys/fs/cgroup/cpu/director-bench-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Messages of all sizes return, on every path.
func TestBed_SendsMessagesThereAndBack(t *testing.T) {
	labtest.RequireRoot(t)
	for _, s := range []paper.Setup{
		{Balancer: paper.Direct, Servers: 1},
		{Balancer: paper.Director, Method: paper.NAT, Workers: 1, Servers: 1},
	} {
		b, err := bed.Build(t.Context(), self, s, allCPUs(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1, 12 << 20} {
			step, err := b.Sweep(t.Context(), size)
			if err != nil {
				t.Fatal(err)
			}
			if step.Setup != s || step.Bytes != size || step.Turns < 1 || step.Throughput() <= 0 {
				t.Errorf("%+v", step)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Sweep(gone, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("after its context ended: got %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A run that was interrupted continues where it stopped, and notes which setups
// cannot be built.
func TestRun_GoesOnWhereItEnded(t *testing.T) {
	labtest.RequireRoot(t)
	cpus, dir := allCPUs(t), t.TempDir()
	begin := func() *paper.Store {
		s, err := paper.Open(dir, paper.Run{
			Options: paper.Options{Quick: true, Repetitions: 1, Duration: 200 * time.Millisecond, Cap: 100},
			Workers: 1, Skipped: map[string]string{},
		})
		if err != nil {
			t.Fatal(err)
		}
		if s.Run.Ceiling == 0 { // as if it had been measured
			s.Run.Ceiling, s.Run.Cap, s.Run.Quota = 1000, 100, 0.5
		}
		return s
	}
	ctx, cancel := context.WithCancel(t.Context())
	points := 0
	first := begin()
	r := bed.Run{Self: self, CPUs: cpus, Store: first, Progress: func(what string, _ float64, _ time.Duration) {
		if strings.Contains(what, "connections/s") {
			if points++; points == 3 {
				cancel()
			}
		}
	}}
	if err := r.Take(ctx, []string{"fig10"}); err == nil {
		t.Fatal("it was not interrupted")
	}
	had := len(first.Points)
	if had == 0 || had > 3 {
		t.Fatalf("%d points were kept", had)
	}
	t.Setenv("PATH", "") // no program is installed, in particular not httperf
	second := begin()
	r = bed.Run{Self: self, CPUs: cpus, Store: second}
	if err := r.Take(t.Context(), []string{"fig10", "agree"}); err != nil {
		t.Fatal(err)
	}
	if len(second.Points) != 8+2*4-4 { // four setups at two rates, two of them at four; half of those are the same
		t.Errorf("%d points", len(second.Points))
	}
	keys := map[string]bool{}
	for i := range second.Points {
		if k := second.Points[i].Key(); keys[k] {
			t.Errorf("%s was measured twice", k)
		} else {
			keys[k] = true
		}
	}
	if second.Run.Sittings != 2 || second.Run.Complete || second.Run.Took <= 0 {
		t.Errorf("%+v: want two sittings, not complete", second.Run)
	}
	for _, key := range []string{"direct/rs1/cap100/httperf", "director-dr/w1/rs1/cap100/httperf"} {
		if why := second.Run.Skipped[key]; !strings.Contains(why, "httperf is not installed") {
			t.Errorf("%s is left out: %q", key, why)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "points.csv")); err != nil {
		t.Error(err)
	}
}
