package metrics_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"director/control"
	"director/packet"
	"director/service"
	"director/view/metrics"
)

// scrape is what Prometheus gets.
func scrape(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	w := httptest.NewRecorder()
	metrics.Handler(g, zerolog.New(zerolog.NewTestWriter(t))).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	r := w.Result()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v:\n%s", r.StatusCode, err, body)
	}
	return string(body)
}

// both are the two registries of a source by the name of their golden file.
func both(s metrics.Source) map[string]*prometheus.Registry {
	return map[string]*prometheus.Registry{"native": metrics.New(s), "ipvs": metrics.NewIPVS(s)}
}

// The golden files are what a scrape has to be, byte for byte. After a change that
// is wanted: UPDATE=1 go test ./metrics
func TestScrape_IsTheGoldenOne(t *testing.T) {
	for name, r := range both(sample()) {
		got := strings.ReplaceAll(scrape(t, r), runtime.Version(), "GOVERSION")
		file := filepath.Join("testdata", name+".prom")
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
	}
}

// client_golang has the linter of promtool in it.
func TestMetrics_PassTheLinter(t *testing.T) {
	for name, r := range both(sample()) {
		problems, err := testutil.GatherAndLint(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s: %s", name, p.Metric, p.Text)
		}
	}
}

// promtool finds promtool, or skips the test.
func promtool(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skipf("promtool is not installed: %v", err)
	}
	return exec.Command(path, args...)
}

func TestScrape_PassesPromtool(t *testing.T) {
	for name, r := range both(sample()) {
		cmd := promtool(t, "check", "metrics")
		cmd.Stdin = strings.NewReader(scrape(t, r))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: promtool check metrics: %v\n%s", name, err, out)
		}
	}
}

// A director that has not begun shows no workers, and no metric twice.
func TestScrape_OfNothingIsFine(t *testing.T) {
	for name, r := range both(&source{}) {
		if got := scrape(t, r); !strings.Contains(got, "# HELP ") || strings.Contains(got, "worker=") {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

// An interface's name is any bytes; a scrape must not fail because of it.
func TestScrape_BearsOddNames(t *testing.T) {
	s := sample()
	s.figures.Queues[0].Interface = "a\xff\"b\\"
	if got, want := scrape(t, metrics.New(s)), `interface="a`+"\uFFFD"+`\"b\\",queue="0"`; !strings.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, got)
	}
}

// Scrapes read while numbers change; the race detector looks on.
func TestScrape_WhileNumbersChange(t *testing.T) {
	s := new(moving)
	all := both(s)
	var scraping sync.WaitGroup
	for _, r := range all {
		for range 2 {
			scraping.Go(func() {
				for range 20 {
					scrape(t, r)
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { scraping.Wait(); close(done) }()
	for {
		select {
		case <-done:
			for name, r := range all {
				if _, err := r.Gather(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			return
		default:
			s.n.Add(1)
			runtime.Gosched()
		}
	}
}

// Nobody waits for a scrape of a thousand servers, and it takes no mentionable
// memory. How much is said, not demanded.
func TestScrape_OfAThousandServers(t *testing.T) {
	s := sample()
	for i := range 1000 {
		a := packet.AddrFrom4(10<<24 + 1<<16 + uint32(i))
		s.services = append(s.services, listed(
			service.Key{Addr: a, Port: 80, Proto: packet.ProtoTCP}, "rr", server(a.String(), 80, service.NAT, 1)))
	}
	for name, r := range both(s) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		got := scrape(t, r)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		t.Logf("%s: %d lines, %d KiB in %v, %d KiB allocated", name, strings.Count(got, "\n"), len(got)>>10, took,
			(after.TotalAlloc-before.TotalAlloc)>>10)
		if want := "10.1.3.231"; strings.Count(got, want) < 3 {
			t.Errorf("%s: no %s, the last server", name, want)
		}
	}
}

// Every reason has a name of its own from the beginning: what a dashboard adds up
// must not begin with the first drop.
func TestScrape_ShowsEveryReason(t *testing.T) {
	got := scrape(t, metrics.New(&source{}))
	for r := packet.None + 1; r < packet.Reasons; r++ {
		for _, metric := range []string{"director_dropped_frames_total", "director_host_frames_total"} {
			if want := fmt.Sprintf("%s{reason=%q} 0\n", metric, r); !strings.Contains(got, want) {
				t.Errorf("no %q", want)
			}
		}
	}
}

// Counters do not go back when an operator zeroes what ipvsadm shows.
func TestScrape_IgnoresZeroing(t *testing.T) {
	s := sample()
	before := scrape(t, metrics.New(s)) + scrape(t, metrics.NewIPVS(s))
	for i := range s.services {
		s.services[i].Stats = control.Stats{}
	}
	if after := scrape(t, metrics.New(s)) + scrape(t, metrics.NewIPVS(s)); after != before {
		t.Error("a scrape shows what was zeroed")
	}
}
