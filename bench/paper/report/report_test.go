package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"director/bench/paper"
	"director/bench/paper/report"
)

// written returns the report of data.
func written(t testing.TB, d *paper.Data) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// figureOf returns the element of a figure.
func figureOf(t testing.TB, html, id string) string {
	t.Helper()
	_, after, ok := strings.Cut(html, `<figure id="`+id+`">`)
	if !ok {
		t.Fatalf("there is no figure %s", id)
	}
	inside, _, _ := strings.Cut(after, "</figure>")
	return inside
}

func TestWrite_DrawsEveryFigure(t *testing.T) {
	d := dataOf(wholeRun())
	html := written(t, d)
	if n := len(html); n > 5<<20 {
		t.Errorf("%d bytes, want 5 MB at most", n)
	}
	for _, f := range paper.Figures(&d.Run) {
		inside := figureOf(t, html, f.ID)
		for _, class := range []string{"wide", "narrow"} {
			if !strings.Contains(inside, `<svg class="`+class+`" viewBox=`) {
				t.Errorf("%s is not drawn for %s screens", f.ID, class)
			}
		}
		if !strings.Contains(inside, "<figcaption>") || !strings.Contains(inside, "<summary>The data</summary>") {
			t.Errorf("%s has no caption, or no data", f.ID)
		}
		if !strings.Contains(html, `href="#`+f.ID+`"`) {
			t.Errorf("nothing leads to %s", f.ID)
		}
	}
	if wrong := regexp.MustCompile(`NaN|Inf\b|#FE01|%!|ZgotmplZ|<script|(src|href)="https?:`).FindString(html); wrong != "" {
		t.Errorf("the page has %q in it", wrong)
	}
	for _, want := range []string{"of 1 March 2026, 12:00 UTC", "Full run", "0123456789abcdef", "the kernel has no &lt;IPVS&gt;", "<td>2.06</td>", "<td>4.09</td>", "HAProxy 9 &lt;test&gt;", "× 1.90"} {
		if !strings.Contains(html, want) {
			t.Errorf("no %q", want)
		}
	}
}

// where is the directory of the committed report.
const where = "../../report"

// kept returns its data.
func kept(t testing.TB) *paper.Data {
	t.Helper()
	d, err := paper.Read(os.DirFS(where))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The committed page is the one that "make report" draws from its data. Each claim
// in it is met, or reported as not met.
func TestReport_ThatIsKeptIsOfItsData(t *testing.T) {
	d := kept(t)
	page, err := os.ReadFile(filepath.Join(where, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != written(t, d) {
		t.Error("the page differs from what its data gives: run make report")
	}
	if len(page) > 5<<20 || d.Run.Options.Quick || !d.Run.Complete || d.Run.Commit == "" {
		t.Errorf("%d bytes, %+v: want a whole run in 5 MB at most", len(page), d.Run.Options)
	}
}

// The same data gives the same page, so the committed report does not change
// without a cause.
func TestWrite_IsTheSameEachTime(t *testing.T) {
	d := dataOf(wholeRun())
	first := written(t, d)
	if again := written(t, d); again != first {
		t.Error("two reports of the same data differ")
	}
}

// Captions are computed from the data.
func TestWrite_SaysWhatTheDataSays(t *testing.T) {
	run := wholeRun()
	d := &paper.Data{Run: run}
	for servers, rate := range map[int]float64{1: 1600, 2: 3200, 4: 5600} {
		s := paper.Setup{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: servers, Cap: run.Cap, GiantLock: true}
		d.Points = append(d.Points, paper.Point{Setup: s, Offered: rate, Repetition: 1, ReplyRate: rate, Started: 10, Late: 60_000})
	}
	inside := figureOf(t, written(t, d), "fig7")
	for _, want := range []string{
		"DR, 1 server 1.00; DR, 2 servers 2.00; DR, 4 servers 3.50.", "The paper&#39;s: Direct and DR, 1 server 1.00; DR, 2 servers 1.68; DR, 4 servers 1.80.",
		"of 1,600 by one server: DR, 1 server 1,600; DR, 2 servers 3,200; DR, 4 servers 5,600.",
		"The paper&#39;s, of 4,000: Direct and DR, 1 server 4,000; DR, 2 servers 6,700; DR, 4 servers 7,200.",
		"machine saturated", "<li>Direct: not measured in this run</li>",
	} {
		if !strings.Contains(inside, want) {
			t.Errorf("no %q in\n%s", want, regexp.MustCompile(`(?s)<svg.*?</svg>`).ReplaceAllString(inside, ""))
		}
	}
}

func TestWrite_JudgesClaims(t *testing.T) {
	d := dataOf(wholeRun())
	html := written(t, d)
	judged := 0
	for _, c := range paper.Claims(d) {
		if c.Met != nil {
			judged++
		}
	}
	if got := strings.Count(html, `class="good"`) + strings.Count(html, `class="bad"`); got != judged || judged == 0 {
		t.Errorf("%d claims are judged, want %d", got, judged)
	}
	d.Run.Options.Quick = true
	html = written(t, d)
	if strings.Contains(html, `class="good"`) || strings.Contains(html, `class="bad"`) || !strings.Contains(html, "This was a quick run.") {
		t.Error("a quick run is judged, or the page does not say that it is a quick run")
	}
}

// Figure 20 allows one error in 10,000, figure 15 one in 100.
func TestWrite_TakesEachFiguresOwnShareOfErrors(t *testing.T) {
	run := wholeRun()
	s := paper.Setup{Balancer: paper.Director, Method: paper.NAT, Workers: 1, Servers: 4, Cap: run.Cap}
	d := &paper.Data{Run: run, Points: []paper.Point{
		{Setup: s, Offered: 1000, Repetition: 1, Started: 1000, ReplyRate: 1000},
		{Setup: s, Offered: 2000, Repetition: 1, Started: 1000, Timeouts: 5, ReplyRate: 1990},
	}}
	if inside := figureOf(t, written(t, d), "fig20"); !strings.Contains(inside, "4 servers 1,000 replies/s") {
		t.Errorf("not 1,000 replies/s: %s", inside)
	}
}

// Capacity is computed from the additional cost of a connection compared with
// Direct. A single repetition is not sufficient.
func TestWrite_ReckonsCapacity(t *testing.T) {
	direct, dr := paper.Setup{Balancer: paper.Direct, Servers: 1}, paper.Setup{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: 4}
	d := &paper.Data{Run: wholeRun()}
	repeat := func(r int) {
		d.Points = append(d.Points,
			paper.Point{Setup: direct, Offered: 1000, Repetition: r, Started: 1, ReplyRate: 1000, Busy: 0.2},
			paper.Point{Setup: dr, Offered: 1000, Repetition: r, Started: 1, ReplyRate: 1000, Busy: 0.24})
	}
	const row = `<th scope="row">director DR</th><td>1,000</td><td>240</td><td>200</td><td>40</td><td>`
	repeat(1)
	if !strings.Contains(written(t, d), row+"–</td>") {
		t.Error("a capacity is computed from one repetition")
	}
	repeat(2)
	if !strings.Contains(written(t, d), row+"25,000</td>") {
		t.Error("40 µs more per connection do not give 25,000 connections/s")
	}
}

// Rows with impossible values are counted and not shown.
func TestWrite_LeavesOutWhatCannotBe(t *testing.T) {
	d := dataOf(wholeRun())
	if strings.Contains(written(t, d), "left out") {
		t.Error("rows of good data are left out")
	}
	d.Points[0].ReplyRate = math.NaN()
	d.Points[1].Busy = -1
	key := d.Points[2].Key()
	d.Usage[key][0].User = -0.1
	if !strings.Contains(written(t, d), "Rows of the data left out: 3.") {
		t.Error("three bad rows are not counted")
	}
}

// With minimal or invalid data the page says what is missing.
func TestWrite_BearsAnyData(t *testing.T) {
	run := wholeRun()
	s := paper.Setup{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: 4, Cap: run.Cap}
	nan, inf := math.NaN(), math.Inf(1)
	for name, d := range map[string]*paper.Data{
		"nothing":      {},
		"no points":    {Run: run},
		"one point":    {Run: run, Points: []paper.Point{{Setup: s, Offered: 1000, Repetition: 1, Started: 1, ReplyRate: 1000}}},
		"all zero":     {Run: run, Points: []paper.Point{{Setup: s}}},
		"not a number": {Run: run, Points: []paper.Point{{Setup: s, Offered: 1000, ReplyRate: nan, P50: nan, P99: inf, Busy: nan, Bits: inf}}},
		"strange":      {Run: run, Points: []paper.Point{{Setup: paper.Setup{Balancer: "x", Servers: 9}, Offered: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			html := written(t, d)
			if strings.Contains(html, "NaN") || strings.Contains(html, "Inf") {
				t.Error("the page has an invalid number in it")
			}
			for _, f := range paper.Figures(&d.Run) {
				inside := figureOf(t, html, f.ID)
				if strings.Contains(inside, "<svg") == strings.Contains(inside, "Nothing to draw") {
					t.Errorf("%s is neither drawn nor reported as missing, or both", f.ID)
				}
			}
		})
	}
}

// failing is a writer that always fails, like a full disk.
type failing struct{}

var errFull = errors.New("full")

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestWrite_TellsTheWritersError(t *testing.T) {
	if err := report.Write(failing{}, &paper.Data{}); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}

func FuzzWrite(f *testing.F) {
	f.Add(1000.0, 990.0, 250.0, 0.5, 100, 1, uint8(1))
	f.Add(0.0, -1.0, math.MaxFloat64, -0.5, -3, 0, uint8(9))
	f.Fuzz(func(t *testing.T, offered, rate, time, busy float64, started, errors int, servers uint8) {
		run := wholeRun()
		d := &paper.Data{Run: run}
		for _, s := range []paper.Setup{
			{Balancer: paper.Direct, Servers: 1, Cap: run.Cap}, {Balancer: paper.Direct, Servers: 1},
			{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: int(servers), Cap: run.Cap},
			{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: 4, Workload: paper.Sizes, Scheduler: "rr"},
		} {
			p := paper.Point{Setup: s, Offered: offered, ReplyRate: rate, P50: time, P99: time, Busy: busy, Started: started, Timeouts: errors, MostShare: busy}
			d.Points = append(d.Points, p)
			d.Usage = map[string][]paper.Usage{p.Key(): {{Subject: "director", User: busy, Sys: time, UserDev: busy}}}
		}
		if html := written(t, d); strings.Contains(html, "NaN") {
			t.Error(fmt.Sprint("the page has an invalid number in it: ", offered, rate, time, busy))
		}
	})
}

// BenchmarkWrite measures the making of a whole report.
func BenchmarkWrite(b *testing.B) {
	d := dataOf(wholeRun())
	b.ResetTimer()
	begun := time.Now()
	for b.Loop() {
		written(b, d)
	}
	b.ReportMetric(float64(time.Since(begun).Milliseconds())/float64(b.N), "ms/report")
}
