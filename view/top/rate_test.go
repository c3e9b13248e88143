package top_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"director/packet"
	"director/service"
	"director/view/figures"
	"director/view/top"
)

// row returns the screen's line that begins with a text, its spaces one each.
func row(t *testing.T, m top.Model, begin string) string {
	t.Helper()
	screen, _ := m.Screen(80, 24)
	for l := range strings.Lines(screen) {
		if l = strings.Join(strings.Fields(l), " "); strings.HasPrefix(l, begin) {
			return l
		}
	}
	t.Fatalf("no line begins with %q in\n%s", begin, screen)
	return ""
}

func expect(t *testing.T, m top.Model, want ...string) {
	t.Helper()
	for _, w := range want {
		begin, _, _ := strings.Cut(w, "|")
		if got, want := row(t, m, begin), strings.ReplaceAll(w, "|", ""); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestRates_NeedTwoSamples(t *testing.T) {
	expect(t, after(0),
		"frames/s| in - out - to the kernel - dropped - lost in queues -",
		"workers| 2 frames to a batch - load - -")
	expect(t, after(0, 2),
		"frames/s| in 3.80k out 3.78k to the kernel 6 dropped 20 lost in queues 29",
		"workers| 2 frames to a batch 38.0 load 25.0% 50.0%",
		"10.0.0.11:8080| nat over 1 200k 4 40 1.50k 1.40k 60.0k 2.00M")
}

// Before there are two counts, a service has the director's own averages.
func TestRates_OfServicesBeginAsTheDirectorsOwn(t *testing.T) {
	f, all := director(0)
	all[0].Rates.CPS, all[0].Rates.OutBPS = 31, 41_000
	m := top.NewModel(time.Second)
	m.Answer(f, all, nil, begin)
	expect(t, m, "TCP 192.0.2.10:80| wlc 200k 28 31 0 0 0 41.0k")
}

// Services are counted every two seconds. Between two counts their rates do not change, at
// whatever times samples are taken.
func TestRates_OfServicesGoFromCountToCount(t *testing.T) {
	const want = "10.0.0.12:8080| nat 2 7 4 60 1.50k 1.40k 60.0k 2.00M"
	for _, seconds := range [][]int{{0, 2}, {0, 1, 2}, {0, 1, 2, 3}, {0, 3}, {1, 3}, {1, 5}, {0, 7, 8}} {
		expect(t, after(seconds...), want)
	}
}

// With run_estimation=0 the counts do not change, so their rates become invalid.
func TestRates_OfServicesEndWithTheEstimation(t *testing.T) {
	m := after(0, 2)
	counted, all := director(2)
	f, _ := director(13)
	f.Counted = counted.Counted
	m.Answer(f, all, nil, f.At)
	expect(t, m, "10.0.0.12:8080| nat 2 7 4 - - - - -", "frames/s| in 3.80k out 3.78k to the kernel 6 dropped 20 lost in queues 29")
}

// Services that were added since the last count have no rates yet.
func TestRates_OfANewServerAreNotKnown(t *testing.T) {
	m := after(0, 2)
	f, all := director(3)
	all[0].Servers = append(all[0].Servers, server("10.0.0.14:80", service.DR, 1, 0, 0, all[0].Stats))
	m.Answer(f, all, nil, f.At)
	expect(t, m, "10.0.0.14:80| dr 1 0 0 - - - - -", "10.0.0.12:8080| nat 2 7 4 60 1.50k 1.40k 60.0k 2.00M")
}

// Counts of two different directors are not compared.
func TestRates_BeginAnewWithARestart(t *testing.T) {
	m := after(98, 100)
	f, all := director(2)
	f.PID, f.At, f.Started, f.Counted = 4243, begin.Add(102*time.Second), begin.Add(101*time.Second), begin.Add(102*time.Second)
	m.Answer(f, all, nil, f.At)
	expect(t, m, "the director was| started anew at 12:01:41: counts begin at 0",
		"frames/s| in - out - to the kernel - dropped - lost in queues -", "10.0.0.12:8080| nat 2 7 4 0 0 0 0 0")
	f, all = director(4)
	f.PID, f.At, f.Started, f.Counted = 4243, begin.Add(104*time.Second), begin.Add(101*time.Second), begin.Add(104*time.Second)
	m.Answer(f, all, nil, f.At)
	expect(t, m, "frames/s| in 3.80k out 3.78k to the kernel 6 dropped 20 lost in queues 29",
		"10.0.0.12:8080| nat 2 7 4 60 1.50k 1.40k 60.0k 2.00M")
}

// Counts that were set to zero (ipvsadm -Z) have grown from 0.
func TestRates_SurviveZeroing(t *testing.T) {
	m := after(98, 100)
	f, all := director(102)
	all[0].Servers[1].Stats.Conns = 30
	m.Answer(f, all, nil, f.At)
	expect(t, m, "10.0.0.12:8080| nat 2 7 4 15 1.50k 1.40k 60.0k 2.00M")
}

// If the clock was set back, there are no rates instead of wrong ones.
func TestRates_AreNotKnownWhenTheClockGoesBack(t *testing.T) {
	m := after(10, 20)
	f, all := director(30)
	f.At, f.Counted = begin, begin
	m.Answer(f, all, nil, f.At)
	expect(t, m, "frames/s| in - out - to the kernel - dropped - lost in queues -", "10.0.0.12:8080| nat 2 7 4 - - - - -")
}

func TestAnswer_ThatDoesNotComeIsSaid(t *testing.T) {
	m := after(0, 2)
	for i := range 2 {
		m.Answer(figures.Figures{}, nil, errors.New("dial unix /run/director/control.sock: connection refused"), begin.Add(time.Duration(4+i)*time.Second))
	}
	expect(t, m, "NO ANSWER| since 12:00:04: dial unix /run/director/control.sock: connection refu~",
		"10.0.0.12:8080| nat 2 7 4 60 1.50k 1.40k 60.0k 2.00M")
	f, all := director(8)
	m.Answer(f, all, nil, f.At)
	expect(t, m, "the director| answers again", "10.0.0.12:8080| nat 2 7 4 60 1.50k 1.40k 60.0k 2.00M")
	for _, s := range []int{10, 12, 14} {
		f, all := director(s)
		m.Answer(f, all, nil, f.At)
	}
	if screen, _ := m.Screen(80, 24); strings.Contains(screen, "answers again") {
		t.Errorf("old news:\n%s", screen)
	}
}

// Text from other sources cannot control the terminal.
func TestScreen_HoldsNoControlCharacters(t *testing.T) {
	f, all := director(2)
	f.Version, f.Queues[0].Interface, all[0].Key = "v1\x1b[2J", "e\x9bé\n", key("192.0.2.10", 80, packet.ProtoTCP)
	f.Workers[0].Drops["\x07"] = 1
	m := top.NewModel(time.Second)
	m.Answer(f, all, nil, begin)
	m.Answer(f, all, errors.New("\x1b]0;x\x07"), begin)
	texts := ""
	for _, k := range []string{"1", "2", "3"} {
		m.Keys(k)
		screen, _ := m.Screen(100, 40)
		texts += screen
	}
	if i := strings.IndexFunc(texts, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
		t.Errorf("%q", texts[max(0, i-20):i+1])
	}
}

func TestShort_IsShortAndRounds(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.04: "0.0", 0.5: "0.5", 7: "7", 9.94: "9.9", 9.96: "10", 99.4: "99", 999.4: "999", 999.6: "1.00k", 1000: "1.00k",
		9994: "9.99k", 9996: "10.0k", 99_949: "99.9k", 99_951: "100k", 999_600: "1.00M", 12_345_678: "12.3M", 18.4e18: "18.4E",
	} {
		if got := top.Short(v); got != want || len(got) > 5 {
			t.Errorf("Short(%v) = %q, want %q", v, got, want)
		}
	}
}
