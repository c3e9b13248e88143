package page_test

import (
	"fmt"
	"html"
	"math"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/view/page"
)

func TestSI_HasThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.01: "<0.1", 0.4: "0.4", 3: "3", 9.4: "9.4", 9.96: "10", 12.4: "12", 999: "999", 999.4: "999", 999.6: "1.00k",
		1000: "1.00k", 1234: "1.23k", 9994: "9.99k", 9996: "10.0k", 12_345: "12.3k", 99_960: "100k", 123_456: "123k", 999_400: "999k",
		999_600: "1.00M", 1.5e9: "1.50G", 2e12: "2.00T", math.MaxUint64: "18.4E", -1: "0",
	} {
		if got := page.SI(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
	if got := page.SI(math.NaN()); got != "–" {
		t.Errorf("what is not known is %s", got)
	}
}

func TestCount_IsInGroups(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1 000", 1048576: "1 048 576"} {
		if got := strings.ReplaceAll(page.Count(n), "\u202f", " "); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestSpark_IsAPathThroughItsValues(t *testing.T) {
	for _, c := range []struct {
		what   string
		values []float32
		peak   float32
		step   int
		want   string
	}{
		{"nothing", nil, 0, 1, ""},
		{"one value", []float32{1}, 1, 1, "M116 24V1h4V24"},
		{"idle", []float32{0, 0, 0}, 0, 1, "M114 24V23h6V24"},
		{"up, level, down, at once up", []float32{0, 2, 2, 1, 2}, 2, 1, "M112 24V23h2l1-22h1l1 11 1-11h2V24"},
		{"by twos", []float32{0, 1}, 1, 2, "M114 24V23h2l2-22h2V24"},
		{"above its scale", []float32{0, 9}, 1, 1, "M115 24V23h2l1-22h2V24"},
	} {
		if got := page.Spark(c.values, c.peak, c.step); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestNames_AreComparedByTheirNumbers(t *testing.T) {
	names := []string{"10.0.0.10:80", "10.0.0.9:443", "9.0.0.1:80", "10.0.0.9:80", "[fd00::1]:80"}
	slices.SortFunc(names, page.CompareNames)
	want := []string{"9.0.0.1:80", "10.0.0.9:80", "10.0.0.9:443", "10.0.0.10:80", "[fd00::1]:80"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// firsts returns the names in the first column of the table.
func firsts(body string) (names []string) {
	for _, found := range regexp.MustCompile(`<(?:tbody|tr) id="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		names = append(names, found[1])
	}
	return names
}

func TestChoice_SortsServicesAndTheirServers(t *testing.T) {
	s := newSource(2, 3)
	for i, cps := range []uint64{5, 9, 5} {
		s.services[0].Servers[i].Rates = control.Rates{CPS: cps}
	}
	s.services[0].Rates, s.services[1].Rates = control.Rates{CPS: 19}, control.Rates{CPS: 20}
	const web, tls = "tcp-192.0.2.10:80", "tcp-192.0.2.10:443"
	for _, c := range []struct {
		sort string
		want []string
	}{
		{"", []string{web, web + "-10.0.0.11:80", web + "-10.0.0.12:80", web + "-10.0.0.13:80", tls}},
		{"cps", []string{tls, web, web + "-10.0.0.12:80", web + "-10.0.0.11:80", web + "-10.0.0.13:80"}},
		{"-cps", []string{web, web + "-10.0.0.11:80", web + "-10.0.0.13:80", web + "-10.0.0.12:80", tls}},
		{"-name", []string{tls, web, web + "-10.0.0.13:80", web + "-10.0.0.12:80", web + "-10.0.0.11:80"}},
		{"nonsense", []string{web, web + "-10.0.0.11:80", web + "-10.0.0.12:80", web + "-10.0.0.13:80", tls}},
	} {
		got := firsts(get(t, newPage(t, s), "/?x="+tls+"&sort="+c.sort))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("by %q (-want +got):\n%s", c.sort, diff)
		}
	}
}

func TestChoice_FindsAndOpens(t *testing.T) {
	p := newPage(t, newSource(4, 3))
	for address, want := range map[string]int{
		"/":                     4 + 12,
		"/?open=none":           4,
		"/?open=all":            4 + 12,
		"/?q=udp":               1 + 3,
		"/?q=TCP+wlc":           1 + 3,
		"/?q=drained":           2 + 1 + 3,
		"/?q=no+usable":         1 + 3,
		"/?q=10.0.1.12":         1 + 1,
		"/?q=full+mh":           1 + 1,
		"/?q=nobody":            0,
		"/?x=udp-192.0.2.10:53": 4 + 9,
		"/?flip=x&x=x":          4 + 12,
		"/?flip=udp-192.0.2.10:53&x=udp-192.0.2.10:53":           4 + 12,
		"/?open=none&flip=udp-192.0.2.10:53":                     4 + 3,
		"/?open=none&q=" + strings.Repeat("%ff", 300):            4,
		"/?open=none&" + strings.Repeat("x=a&", 999) + "x=a&x=b": 4,
	} {
		if got := firsts(get(t, p, address)); len(got) != want {
			t.Errorf("%.60s shows %d rows, want %d: %v", address, len(got), want, got)
		}
	}
	if got := firsts(get(t, newPage(t, newSource(20, 6)), "/")); len(got) != 20 {
		t.Errorf("of 120 servers the page opens %d by itself, want none", len(got)-20)
	}
}

// big returns a director of the largest size that the page must support.
func big(t testing.TB, services, servers int) (*source, *page.Page) {
	s := newSource(services, servers)
	p := newPage(t, s)
	for range page.Points + 1 {
		p.Sample()
		s.step(page.Period)
	}
	return s, p
}

func TestPage_OfManyServersIsSmall(t *testing.T) {
	for _, c := range []struct{ services, servers int }{{1, 1000}, {50, 20}, {1000, 1}, {10_000, 1}} {
		_, p := big(t, c.services, c.servers)
		for _, address := range []string{"/", "/?open=all"} {
			w := httptest.NewRecorder()
			p.ServeHTTP(w, httptest.NewRequest("GET", address, nil))
			if size := w.Body.Len(); size >= 1e6 {
				t.Errorf("%d services of %d servers, %s: %d bytes, want less than 1 MB", c.services, c.servers, address, size)
			}
		}
	}
}

func BenchmarkPage(b *testing.B) {
	for _, open := range []string{"none", "all"} {
		b.Run(fmt.Sprintf("1000 servers, open %s", open), func(b *testing.B) {
			_, p := big(b, 50, 20)
			r := httptest.NewRequest("GET", "/?part=main&open="+open, nil)
			for b.Loop() {
				w := httptest.NewRecorder()
				p.ServeHTTP(w, r)
				b.ReportMetric(float64(w.Body.Len()), "B/page")
			}
		})
	}
}

// Of many services the page shows a part at a time. All of them are reached by following
// "next", each once, in the order of the table, also sorted and filtered.
func TestPage_ShowsManyServicesInParts(t *testing.T) {
	p := newPage(t, newSource(1000, 1))
	for address, want := range map[string]int{"/": 1000, "/?sort=-name": 1000, "/?q=udp": 250, "/?from=99999": 200} {
		seen := map[string]bool{}
		parts := 0
		for next := address; next != ""; parts++ {
			text := get(t, p, next)
			rows := regexp.MustCompile(`<tbody id="([^"]+)">`).FindAllStringSubmatch(text, -1)
			for _, r := range rows {
				if seen[r[1]] {
					t.Errorf("%s: %s is shown twice", address, r[1])
				}
				seen[r[1]] = true
			}
			if len(rows) > 200 || parts > 10 {
				t.Fatalf("%s: part %d has %d services, want 200 or fewer", address, parts, len(rows))
			}
			link := regexp.MustCompile(`<a href="([^"#]+)#services" rel="next">`).FindStringSubmatch(text)
			if next = ""; link != nil {
				next = "/" + html.UnescapeString(link[1])
			}
		}
		if len(seen) != want {
			t.Errorf("%s: %d services in %d parts, want %d", address, len(seen), parts, want)
		}
	}
	if text := get(t, p, "/?from=200"); !strings.Contains(text, "201 to 400 of 1\u202f000 services") || !strings.Contains(text, `rel="prev"`) {
		t.Error("the second part does not say which one it is, or has no way back")
	}
}

// Services and servers are in the order of ipvsadm -Ln, however the director lists them.
func TestPage_ListsLikeIpvsadm(t *testing.T) {
	s := newSource(8, 3)
	slices.Reverse(s.services)
	for i := range s.services {
		slices.Reverse(s.services[i].Servers)
	}
	var want []string
	for _, each := range control.Sorted(s.Services()) {
		for _, server := range each.Servers {
			want = append(want, server.Addr.String())
		}
	}
	var got []string
	for _, m := range regexp.MustCompile(`<th scope="row">(10\.[0-9.]+):`).FindAllStringSubmatch(get(t, newPage(t, s), "/"), -1) {
		got = append(got, m[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of servers (-want +got):\n%s", diff)
	}
}

// The director does not see the answers of direct routing and tunnels: no number says so.
func TestPage_ShowsNoNumberOfAnswersThatItCannotSee(t *testing.T) {
	s := newSource(2, 2) // of methods NAT and DR
	p := newPage(t, s)
	text := get(t, p, "/")
	for id, want := range map[string]int{"tcp-192.0.2.10:80": 0, "tcp-192.0.2.10:80-10.0.0.11:80": 0, "tcp-192.0.2.10:443": 2, "tcp-192.0.2.10:443-10.0.1.11:443": 2} {
		_, row, found := strings.Cut(text, `id="`+id+`"`)
		row, _, _ = strings.Cut(row, "</tr>")
		if n := strings.Count(row, "do not pass the director"); !found || n != want {
			t.Errorf("%s: %d numbers of answers are not known, want %d", id, n, want)
		}
	}
	if strings.Contains(text, "answers not seen") {
		t.Error("the sum leaves out the answers of NAT")
	}
	s.change(func(s *source) { s.services = s.services[1:] })
	if text := get(t, newPage(t, s), "/"); strings.Count(text, "answers not seen") != 2 {
		t.Error("the sums say 0 although no answer is seen")
	}
}
