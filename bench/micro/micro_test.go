package micro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/bench/figure"
	"director/conntrack"
)

// quick returns options for a run with all kinds of rows, with smaller tables than
// "director bench micro --quick". Under the race detector the tables are on the Go
// heap and smaller still.
func quick() Options {
	o := Defaults().Quick()
	o.CPUs = []int{0, 1}
	o.TableSize, o.Flows = 1<<17, []uint32{1, 1000, 64_000}
	if raceEnabled {
		o.Area, o.TableSize, o.Flows = 1<<20, 1<<13, []uint32{1, 1000}
	}
	return o
}

func TestRun_MeasuresEveryRow(t *testing.T) {
	o := quick()
	r, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	var cases, stages, scaling []string
	for _, p := range []string{"nat-in", "nat-reply", "dr", "tun"} {
		for _, kind := range []string{"hit", "new"} {
			if p == "nat-reply" && kind == "new" {
				continue
			}
			for _, flows := range o.Flows {
				cases = append(cases, fmt.Sprintf("%s/%s/%s", p, kind, flowName(flows)))
			}
		}
		many := flowName(o.Flows[len(o.Flows)-1])
		stages = append(stages, "stages/"+p+"/hit/1", "stages/"+p+"/hit/"+many)
		if p != "nat-reply" {
			stages = append(stages, "stages/"+p+"/new/"+many)
		}
	}
	for _, kind := range []string{"floor", "hit", "giant", "new"} {
		scaling = append(scaling, "scaling/"+kind+"/1", "scaling/"+kind+"/2")
	}
	got := parsed(t, r)
	if diff := cmp.Diff(cases, names(got.Cases, func(c Case) string { return c.Name })); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(stages, names(got.Stages, func(s StageCase) string { return s.Name })); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(scaling, names(got.Scaling, func(s Scaling) string { return s.Name })); diff != "" {
		t.Errorf("scaling (-want +got):\n%s", diff)
	}
	for _, c := range got.Cases {
		if c.NS.Min <= 0 || c.NS.Min > c.NS.Median || c.NS.Median > c.NS.Max || c.Ratio <= 0 {
			t.Errorf("%s: %+v", c.Name, c)
		}
		if c.Allocs != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations a packet, want 0", c.Name, c.Allocs)
		}
	}
	checkBatches(t, got)
}

// parsed returns r after encoding and decoding as JSON, which must not change it.
func parsed(t *testing.T, r *Result) *Result {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, &got); diff != "" {
		t.Errorf("JSON (-written +read):\n%s", diff)
	}
	return &got
}

func names[T any](rows []T, name func(T) string) (all []string) {
	for _, r := range rows {
		all = append(all, name(r))
	}
	return all
}

// checkBatches checks that connections ended while packets were forwarded, and
// never more in one batch than permitted.
func checkBatches(t *testing.T, r *Result) {
	t.Helper()
	const bound = 64 // most connections that one call of the sweeper may end
	if len(r.Batch) != 3 {
		t.Fatalf("%d rows of batch times, want 3", len(r.Batch))
	}
	stay, end, flood := r.Batch[0], r.Batch[1], r.Batch[2]
	if stay.Ended != 0 || stay.MostEnd != 0 || stay.P50 <= 0 {
		t.Errorf("while none should end: %+v", stay)
	}
	if end.Ended <= 0 || end.MostEnd == 0 || end.MostEnd > bound || end.P999 < end.P50 {
		t.Errorf("while connections end, at most %d in a batch: %+v", bound, end)
	}
	if !flood.Flood || flood.Ended != 32 || flood.Lost != 0 || flood.P50 <= 0 || flood.Max < flood.P999 || flood.P999 < flood.P50 {
		t.Errorf("in a flood: %+v", flood)
	}
}

// If a flood removes an established connection, or changes its server, the run
// returns an error.
func TestRun_EndsWhenAFloodCostsAConnection(t *testing.T) {
	for name, spoil := range map[string]func(r *rig) error{
		"its place": func(r *rig) error {
			if err := r.end(7, 1); err != nil {
				return err
			}
			_, err := r.insert(r.newFlows(1), conntrack.TCPEstablished, oldAge)
			return err
		},
		"its server": func(r *rig) error {
			if err := r.end(7, 1); err != nil {
				return err
			}
			_, err := r.insert(7, conntrack.TCPEstablished, oldAge)
			return err
		},
	} {
		o := small("^flood$")
		run := &bench{Options: o, rigs: map[rigKey]*rig{}}
		if err := run.prepare(); err != nil {
			t.Fatal(err)
		}
		if err := run.flood.take(o.Time); err != nil {
			t.Errorf("untouched: %v", err)
		}
		if err := spoil(run.flood.rig); err != nil {
			t.Fatal(err)
		}
		if err := run.flood.take(o.Time); err == nil {
			t.Errorf("an established connection lost %s, and the run did not notice", name)
		}
		run.close()
	}
}

// small returns options for a run of few rows.
func small(only string) Options {
	o := quick()
	o.Area, o.TableSize, o.Flows, o.Only = 1<<20, 1<<12, []uint32{1, 100}, regexp.MustCompile(only)
	return o
}

func TestRun_TakesOnlyWhatIsSelected(t *testing.T) {
	o := small("^dr/new/100$|^scaling/new/2$")
	o.Repetitions = 1
	var said []string
	o.Progress = func(text string) { said = append(said, text) }
	var profile bytes.Buffer
	o.Profile = &profile
	r, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) != 1 || r.Cases[0].Name != "dr/new/100" || len(r.Scaling) != 1 || r.Scaling[0].Workers != 2 ||
		len(r.Stages) != 0 || len(r.Batch) != 0 || r.Footprint != nil {
		t.Errorf("got %+v", r)
	}
	if want := []string{"memory", "dr: 100 connections", "nat: 100 connections", "repetition 1 of 1"}; !slices.Equal(said, want) {
		t.Errorf("progress %q, want %q", said, want)
	}
	if profile.Len() == 0 {
		t.Error("no profile")
	}
}

func TestRun_RefusesWhatItCannotMeasure(t *testing.T) {
	crowded := small("hit")
	crowded.TableSize = 50
	full := small("new/100$")
	full.TableSize = 101
	idle := small("hit")
	idle.CPUs = nil
	for name, o := range map[string]Options{
		"more connections than the table holds": crowded,
		"no room for new ones":                  full,
		"no row of that name":                   small("^sctp"),
		"no CPU":                                idle,
	} {
		if _, err := Run(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v, want %v", name, err, ErrOptions)
		}
	}
}

func TestRun_EndsWhenItCannotPin(t *testing.T) {
	for _, first := range []int{0, 1} { // the CPU that cannot be used
		o := small("^scaling/hit/2$")
		refused := errors.New("not yours")
		o.Pin = func(cpu int) error {
			if cpu == first {
				return refused
			}
			return nil
		}
		if _, err := Run(o); !errors.Is(err, refused) {
			t.Errorf("CPU %d: %v, want %v", first, err, refused)
		}
	}
}

func TestWrite_SaysWhatIsReached(t *testing.T) {
	r := &Result{
		Memory: Reference{NS: figure.Spread{Min: 90, Median: 100, Max: 110}},
		Floor:  Reference{NS: figure.Spread{Min: 10, Median: 13, Max: 16}, Ratio: 0.13},
		Cases: []Case{
			{Name: "dr/hit/1", Flows: 1, NS: figure.Spread{Min: 30, Median: 34, Max: 40}, Ratio: 0.34},
			{Name: "dr/hit/1k", Flows: 1000, NS: figure.Spread{Min: 30, Median: 34, Max: 40}, Ratio: 0.34},
		},
		Scaling: []Scaling{{
			Name: "scaling/hit/2", Kind: scaleHit, Workers: 2, Flows: 1_000_000,
			Mpps: figure.Spread{Min: 9, Median: 10, Max: 11}, Speedup: 1.9,
		}},
		Footprint: &Footprint{Conns: 1_000_000, Bytes: 200},
	}
	r.Figures = r.figures()
	var out strings.Builder
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`floor +13\.0 +10\.0 +16\.0 +76\.92 +0\.13 +≤ 0\.12 +NO`,
		`dr/hit/1 +34\.0 +30\.0 +40\.0 +29\.41 +0 +0\.34 +≤ 0\.35 +yes`,
		`dr/hit/1k +34\.0 +30\.0 +40\.0 +29\.41 +0 +0\.34 *\n`,
		`hit +2 +10\.00 +9\.00 +11\.00 +1\.90 +≥ 1\.9 +yes`,
		`with 1000000: 200 bytes ≤ 192 NO`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("nothing matches %s in\n%s", want, out.String())
		}
	}
}

func TestFigures_JudgeTheRowsThatAreThere(t *testing.T) {
	const many = 1_000_000
	r := &Result{
		Floor: Reference{Ratio: 0.13},
		Cases: []Case{
			{Name: "dr/hit/1", Flows: 1, Ratio: 0.35}, {Name: "dr/hit/1k", Flows: 1000, Ratio: 9},
			{Name: "dr/hit/1M", Flows: many, Ratio: 0.91, Allocs: 0.1},
			{Name: "dr/new/1", Flows: 1, New: true, Ratio: 9}, {Name: "dr/new/1M", Flows: many, New: true, Ratio: 3},
		},
		Scaling: []Scaling{
			{Name: "scaling/hit/1", Kind: scaleHit, Workers: 1, Flows: many, Speedup: 1},
			{Name: "scaling/hit/2", Kind: scaleHit, Workers: 2, Flows: many, Speedup: 1.89},
			{Name: "scaling/giant/2", Kind: scaleGiant, Workers: 2, Flows: many, Speedup: 0.8},
			{Name: "scaling/new/2", Kind: scaleNew, Workers: 2, Flows: many, Speedup: 1.6},
		},
		Footprint: &Footprint{Conns: many, Bytes: 192},
	}
	got := map[string]string{}
	for _, f := range r.figures() {
		got[f.Name] = f.ToReach() + " " + f.Verdict()
	}
	want := map[string]string{
		"floor / memory": "≤ 0.12 NO", "dr/hit/1 / memory": "≤ 0.35 yes", "dr/hit/1M / memory": "≤ 0.9 NO", "dr/new/1M / memory": "≤ 3 yes",
		"scaling/hit/2 / one worker": "≥ 1.9 NO", "scaling/new/2 / one worker": "≥ 1.6 yes",
		"bytes of a connection, 1M of them": "≤ 192 yes", "allocations of a packet, of the row with most": "≤ 0 NO",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRun_DeclinesHugePagesAndThenWantsThemAgain(t *testing.T) {
	o := small("^dr/hit/1$")
	o.Area, o.Repetitions = 16<<20, 1
	huge := func(decline bool) int64 {
		o.SmallPages = decline
		r, err := Run(o)
		if err != nil {
			t.Fatal(err)
		}
		if r.SmallPages != decline {
			t.Errorf("declined: %v, want %v", r.SmallPages, decline)
		}
		return r.Machine.HugeBytes
	}
	if raceEnabled || runtime.GOOS != "linux" {
		o.SmallPages = true
		if _, err := Run(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%v, want %v: all lies on the Go heap", err, ErrOptions)
		}
		return
	}
	wanted, declined, again := huge(false), huge(true), huge(false)
	if wanted < int64(o.Area) {
		t.Skip("this system gives no huge pages")
	}
	if most := int64(o.Area / 2); declined > wanted-most || again < declined+most {
		t.Errorf("%d bytes on huge pages, then %d when they were declined, then %d: want at least %d less in between", wanted, declined, again, most)
	}
}
