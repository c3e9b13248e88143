package metrics_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"

	"director/control"
	"director/internal/fields"
	"director/packet"
	"director/service"
	"director/view/figures"
	"director/view/metrics"
)

// scrape returns what Prometheus gets.
func scrape(t *testing.T, p *metrics.Page) string {
	t.Helper()
	w := httptest.NewRecorder()
	metrics.Handler(p, zerolog.New(zerolog.NewTestWriter(t))).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	r := w.Result()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v:\n%s", r.StatusCode, err, body)
	}
	return string(body)
}

// parse reads a scrape with Prometheus' own parser. What that writes of it again must be
// the scrape, without two lines for one sample.
func parse(t *testing.T, text string) []*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var again bytes.Buffer
	var all []*dto.MetricFamily
	for _, name := range slices.Sorted(maps.Keys(families)) {
		all = append(all, families[name])
		if _, err := expfmt.MetricFamilyToText(&again, families[name]); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(again.String(), text); d != "" {
		t.Errorf("Prometheus' library would write it otherwise (-its +ours):\n%s", d)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		sample := line[:strings.LastIndexByte(line, ' ')]
		if seen[sample] {
			t.Errorf("two lines of %s", sample)
		}
		seen[sample] = line[0] != '#'
	}
	return all
}

// both returns the two pages of a source by the name of their golden file.
func both(s metrics.Source) map[string]*metrics.Page {
	return map[string]*metrics.Page{"native": metrics.New(s), "ipvs": metrics.NewIPVS(s)}
}

// A scrape must be equal to the golden file, byte for byte. After an intended change, run
// UPDATE=1 go test ./view/metrics
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

// client_golang has the linter of promtool.
func TestMetrics_PassTheLinter(t *testing.T) {
	for name, r := range both(sample()) {
		problems, err := promlint.New(strings.NewReader(scrape(t, r))).Lint()
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

// A director that has not started has no workers in a scrape, and no metric twice.
func TestScrape_OfNothingIsFine(t *testing.T) {
	for name, r := range both(&source{}) {
		if got := scrape(t, r); !strings.Contains(got, "# HELP ") || strings.Contains(got, "worker=") {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

// The name of an interface can contain any bytes. A scrape must not fail because of it.
func TestScrape_BearsOddNames(t *testing.T) {
	s := sample()
	s.figures.Queues[0].Interface = "a\xff\"b\\"
	got := scrape(t, metrics.New(s))
	parse(t, got)
	if want := `interface="a` + "\uFFFD" + `\"b\\",queue="0"`; !strings.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, got)
	}
}

func TestScrape_OfSelectedMetrics(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/metrics?name[]=director_connection_table_used&name[]=none", nil)
	metrics.Handler(metrics.New(sample()), zerolog.Nop()).ServeHTTP(w, r)
	if families := parse(t, w.Body.String()); len(families) != 1 || families[0].GetName() != "director_connection_table_used" {
		t.Errorf("got\n%s\nwant one metric", w.Body)
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
				if len(parse(t, scrape(t, r))) == 0 {
					t.Errorf("%s: nothing is exported", name)
				}
			}
			return
		default:
			s.n.Add(1)
			runtime.Gosched()
		}
	}
}

// thousand is a sample with a thousand services more.
func thousand() *source {
	s := sample()
	for i := range 1000 {
		a := packet.AddrFrom4(10<<24 + 1<<16 + uint32(i))
		s.services = append(s.services, listed(
			service.Key{Addr: a, Port: 80, Proto: packet.ProtoTCP}, "rr", server(a.String(), 80, service.NAT, 1)))
	}
	return s
}

func TestScrape_HasAThousandServers(t *testing.T) {
	for name, r := range both(thousand()) {
		if got, want := scrape(t, r), "10.1.3.231"; strings.Count(got, want) < 3 {
			t.Errorf("%s: no %s, the last server", name, want)
		}
	}
}

func BenchmarkScrape_OfAThousandServers(b *testing.B) {
	for name, r := range both(thousand()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				metrics.Handler(r, zerolog.Nop()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
				b.SetBytes(int64(w.Body.Len()))
			}
		})
	}
}

// Every reason has its metric from the start, so that sums in a dashboard do not start with
// the first drop.
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

// Counters do not fall when an operator sets the counts of ipvsadm to zero.
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

// A field that is added to the figures of a worker and not exported makes this fail.
func TestScrape_ShowsEveryFigureOfAWorker(t *testing.T) {
	full := worker(1, 1)
	if zero := fields.Zero(full); len(zero) != 0 {
		t.Fatalf("%v are zero", zero)
	}
	unseen := fields.Unseen(full, func(w figures.Worker) string {
		s := sample()
		s.figures.Workers = []figures.Worker{w}
		return scrape(t, metrics.New(s))
	})
	if len(unseen) != 0 {
		t.Errorf("no metric shows %v of a worker", unseen)
	}
}
