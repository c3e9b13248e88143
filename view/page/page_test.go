package page_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"director/packet"
	"director/service"
	"director/view/figures"
	"director/view/page"
)

var update = flag.Bool("update", false, "write what the page says into testdata")

func newPage(t testing.TB, s page.Source) *page.Page {
	return page.New(s, zerolog.New(zerolog.NewTestWriter(t)))
}

// get asks for an address of the page.
func get(t testing.TB, p http.Handler, address string) string {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d: %s", address, w.Code, w.Body)
	}
	return w.Body.String()
}

var (
	silent = regexp.MustCompile(`(?s)<(style|script|svg)\b.*?</(style|script|svg)>`)
	ends   = regexp.MustCompile(`</t[dh]>`)
	breaks = regexp.MustCompile(`</(tr|p|h1|h2|li|title|dt|dd)>`)
	tags   = regexp.MustCompile(`<[^>]*>`)
	blanks = regexp.MustCompile(`[ \n]+`)
)

// words returns the text of a page: a line for each row, with "|" after each cell.
func words(page string) string {
	page = silent.ReplaceAllString(page, "")
	page = strings.ReplaceAll(blanks.ReplaceAllString(page, " "), "> <", "><")
	page = breaks.ReplaceAllString(ends.ReplaceAllString(page, "|"), "\n")
	var lines []string
	for line := range strings.Lines(tags.ReplaceAllString(page, " ")) {
		if line = strings.TrimSpace(blanks.ReplaceAllString(line, " ")); line != "" {
			lines = append(lines, html.UnescapeString(strings.ReplaceAll(line, " |", "|")))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// The page of a fixed director has exactly the text of the golden file.
func TestPage_SaysWhatThereIs(t *testing.T) {
	s := newSource(4, 3)
	p := newPage(t, s)
	p.Sample()
	s.change(func(s *source) {
		s.step(page.Period)
		s.figures.Queues[0].KernelDrops += 500
		s.figures.Unserved["eth1"] = 77
		s.figures.Workers[1].Drops["neighbor"] = 15
		s.figures.Workers[3].CPUSeconds += 4
	})
	p.Sample()
	got := words(get(t, p, "/"))
	const golden = "testdata/page.txt"
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	got = strings.ReplaceAll(strings.Replace(got, "director "+host, "director HOST", 1), "director · "+host, "director · HOST")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the page says otherwise than %s (-want +got; -update takes it over):\n%s", golden, diff)
	}
}

// Text from other sources never becomes part of the page's markup.
func TestPage_EscapesWhatItIsTold(t *testing.T) {
	const evil = `"'><script>alert(1)</script>`
	s := newSource(1, 1)
	s.change(func(s *source) {
		s.figures.Version = evil
		s.figures.Queues[0].Interface, s.figures.Queues[0].IO = evil, evil
		s.figures.Queues[0].RxRingFull = 1
		s.figures.Unserved[evil] = 1
		s.figures.Workers[0].Drops[evil] = 1
		s.services[0].Scheduler, s.services[0].Engine = evil, evil
	})
	p := newPage(t, s)
	for _, address := range []string{"/", "/?part=main", "/?q=%22%3E%3Cscript%3Ealert(1)&x=%22%3E%3Cscript%3E&sort=%22%3E&line=%3C&open=%3E"} {
		body := get(t, p, address)
		if n := strings.Count(body, "<script>"); n > 1 || strings.Contains(body, "<script>alert") || strings.Contains(body, `"'>`) {
			t.Errorf("%s: %d scripts; what came from outside is in the markup", address, n)
		}
		if !strings.Contains(body, "alert(1)") {
			t.Errorf("%s: what came from outside is not shown at all", address)
		}
	}
}

// The policy allows only the style and the script of the page, and the page has no others.
func TestPage_HasAPolicyThatFitsIt(t *testing.T) {
	w := httptest.NewRecorder()
	newPage(t, newSource(4, 5)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	policy, body := w.Header().Get("Content-Security-Policy"), w.Body.String()
	for _, kind := range []string{"style", "script"} {
		parts := regexp.MustCompile(`(?s)<`+kind+`>(.*?)</`+kind+`>`).FindAllStringSubmatch(body, -1)
		if len(parts) != 1 {
			t.Fatalf("%d elements %s, want 1", len(parts), kind)
		}
		sum := sha256.Sum256([]byte(parts[0][1]))
		if want := kind + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for what, pattern := range map[string]string{
		"an inline handler": `<[^>]* on[a-z]+=`, "an inline style": `<[^>]* style=`,
		"something from elsewhere": `(src|href|action)="(https?:)?//`,
	} {
		if found := regexp.MustCompile(pattern).FindString(body); found != "" {
			t.Errorf("the page has %s: %s", what, found)
		}
	}
}

func TestPage_AnswersReadersOnly(t *testing.T) {
	p := newPage(t, newSource(1, 1))
	for _, c := range []struct {
		method, address string
		status          int
	}{
		{http.MethodGet, "/", 200}, {http.MethodGet, "/?part=main", 200}, {http.MethodGet, "/favicon.ico", 404},
		{http.MethodPost, "/", 405}, {http.MethodDelete, "/", 405}, {http.MethodHead, "/", 200},
	} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(c.method, c.address, nil))
		if w.Code != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.address, w.Code, c.status)
		}
		if c.method == http.MethodHead && w.Body.Len() > 0 {
			t.Errorf("HEAD has a body of %d bytes", w.Body.Len())
		}
	}
}

func TestPage_IsCompressedForThoseWhoTakeIt(t *testing.T) {
	s := newSource(4, 5)
	p := newPage(t, s)
	plain := get(t, p, "/")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "br;q=1, gzip; q=0.5")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > len(plain)/3 {
		t.Errorf("encoding %q, %d bytes of %d", w.Header().Get("Content-Encoding"), w.Body.Len(), len(plain))
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || string(body) != plain {
		t.Errorf("unpacked: %v, %d bytes, want the %d of the plain page", err, len(body), len(plain))
	}
	for accept, want := range map[string]bool{"": false, "gzip": true, "br": false, "gzip;q=0": false, "gzip;q=0.000": false, "deflate, gzip;q=1.0": true} {
		if got := page.TakesGzip(accept); got != want {
			t.Errorf("Accept-Encoding %q takes gzip: %v", accept, got)
		}
	}
}

// With any number of readers, the source is asked at most twice a second, and the shown
// data is at most half a second old.
func TestPage_SparesItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1, 1)
		p := newPage(t, s)
		for range 100 {
			get(t, p, "/")
		}
		if s.asked != 1 {
			t.Errorf("asked %d times at one moment", s.asked)
		}
		time.Sleep(500 * time.Millisecond)
		get(t, p, "/")
		if s.asked != 2 {
			t.Errorf("asked %d times in half a second, want 2", s.asked)
		}
	})
}

// Sampling, serving readers and changes of the director happen at the same time.
func TestPage_IsReadWhileItIsSampled(t *testing.T) {
	s := newSource(4, 5)
	p := newPage(t, s)
	var all sync.WaitGroup
	for _, do := range []func(int){
		func(int) { p.Sample() },
		func(int) { s.change(func(s *source) { s.step(page.Period) }) },
		func(int) { get(t, p, "/?sort=cps&q=tcp") },
		func(int) { get(t, p, "/?part=main&line=bytes&open=all") },
		func(i int) { s.change(func(s *source) { s.services[0] = newService(i%7, i%5) }) },
	} {
		all.Go(func() {
			for i := range 50 {
				do(i)
			}
		})
	}
	all.Wait()
}

// There is an alert only while frames are lost. A total that no longer grows raises none.
func TestPage_AlertsWhileNoWorkerServesAQueue(t *testing.T) {
	s := newSource(1, 1)
	p := newPage(t, s)
	p.Sample()
	const alert = "▲ 20 /s lost at eth1 frames arrive on queues that no worker serves"
	for _, c := range []struct {
		total uint64
		want  bool
	}{{0, false}, {100, true}, {100, false}} {
		s.change(func(s *source) {
			s.step(page.Period)
			s.figures.Unserved["eth1"] = c.total
		})
		p.Sample()
		got := words(get(t, p, "/"))
		if strings.Contains(got, alert) != c.want {
			t.Errorf("%d frames in total: alert %v, want %v:\n%s", c.total, !c.want, c.want, got)
		}
	}
}

// Servers that cannot be reached or differ from their peers, links that are down and AF_PACKET
// for lack of memory are alerts, and no others are.
func TestPage_AlertsOfWhatDoesNotWork(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*source)
		want   []string
	}{
		{"nothing", func(*source) {}, []string{"Nothing to look at"}},
		{"one server unreachable", func(s *source) {
			s.services[0].Servers[1].Way, s.services[0].Servers[1].Skipped = packet.Neighbor, true
		},
			[]string{"✕ 1 server is unreachable 10.0.0.12:80 (neighbor)", "✕ unreachable"}},
		{"all servers unreachable", func(s *source) {
			for i := range s.services[0].Servers {
				s.services[0].Servers[i].Way = packet.LinkDown
			}
		}, []string{"✕ Packets can reach no server of 1 service TCP 192.0.2.10:80", "✕ 3 servers are unreachable"}},
		{"drained and unreachable", func(s *source) { s.services[0].Servers[1].Way, s.services[0].Servers[1].Weight = packet.Neighbor, 0 },
			[]string{"◌ 1 server is drained"}},
		{"a server of this host", func(s *source) { s.services[0].Servers[1].Way = packet.LocalServer }, []string{"Nothing to look at"}},
		{"80 half-open on one of three", func(s *source) {
			s.services[0].Servers[2].Health = service.Health{Conns: 80.2, Stalled: 79.6, Suspect: true}
		}, []string{"▲ New connections to 1 server fail, unlike those to the peers 10.0.0.13:80 (80 of 80 connections)", "▲ suspect"}},
		{"a service that fails", func(s *source) {
			s.services[0].Health = service.Health{Conns: 107.2, Stalled: 2, Refused: 99.4, Suspect: true}
		}, []string{"✕ At least half of the new connections to 1 service fail TCP 192.0.2.10:80 (101 of 107 connections, 99 of them refused)", "✕ failing"}},
		{"a link down", func(s *source) { s.figures.LinksDown = []string{"eth0", "eth1"} }, []string{"✕ 2 links are down eth0, eth1"}},
		{"VIPs removed", func(s *source) { s.figures.VIPsMissing = []string{"192.0.2.10", "192.0.2.11"} },
			[]string{"✕ 2 VIPs are on no interface 192.0.2.10, 192.0.2.11: removed or not added"}},
		{"a reload refused", func(s *source) { s.figures.Reload.Failing = true },
			[]string{"▲ The last reload was refused the configuration before it is in force; the log has the reason"}},
		{"too little memory", func(s *source) { s.figures.ShortOfMemory = []string{"eth1"} },
			[]string{"▲ AF_PACKET is used instead of AF_XDP eth1: too little memory may be locked"}},
	} {
		s := newSource(1, 3)
		s.figures.Queues[3].RxRingFull, s.figures.Queues[3].TxFull = 0, 0
		c.change(s)
		p := newPage(t, s)
		p.Sample()
		got := words(get(t, p, "/"))
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the page lacks %q:\n%s", c.what, want, got)
			}
		}
		if first := c.want[0]; strings.Contains(got, "Nothing to look at") != (first == "Nothing to look at") {
			t.Errorf("%s: want %q:\n%s", c.what, first, got)
		}
	}
}

// Nobody else tells the operator: the director forwards such packets, and servers drop
// them.
func TestPage_AlertsWhileWrongChecksumsArrive(t *testing.T) {
	s := newSource(1, 1)
	p := newPage(t, s)
	p.Sample()
	const alert = "▲ Packets with wrong checksums arrive at eth1"
	for _, c := range []struct {
		total uint64
		want  bool
	}{{0, false}, {1, true}, {1, false}} {
		s.change(func(s *source) {
			s.step(page.Period)
			s.figures.Workers[0].Wrong = map[string]uint64{"eth1": c.total}
		})
		p.Sample()
		got := words(get(t, p, "/"))
		if strings.Contains(got, alert) != c.want {
			t.Errorf("%d packets in total: alert %v, want %v:\n%s", c.total, !c.want, c.want, got)
		}
	}
}

// A source without any data has a page, too.
func TestPage_OfNothing(t *testing.T) {
	p := newPage(t, &source{figures: figures.Figures{Started: began, At: began}})
	p.Sample()
	got := words(get(t, p, "/"))
	for _, want := range []string{"There is no service yet.", "There is no worker.", "There is no queue.", "◌ There is no service nothing is forwarded"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page of nothing lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "✓") {
		t.Errorf("the page of nothing says that all is well:\n%s", got)
	}
}
