package page_test

import (
	"context"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/view/figures"
	"director/view/page"
)

// sampled takes the given number of samples. At each sample the first service of the source
// has as many connections per second as there were samples before.
func sampled(t *testing.T, s *source, samples int) *page.Page {
	p := newPage(t, s)
	for i := range samples + 1 { // the first is what rates are taken against
		s.change(func(s *source) { s.services[0].Rates.CPS = uint64(i) })
		p.Sample()
	}
	return p
}

func upTo(last, n, step int) (values []float32) {
	for i := range n {
		values = append(values, float32(last-(n-1-i)*step))
	}
	return values
}

func TestHistory_KeepsTheLastTenMinutes(t *testing.T) {
	for _, c := range []struct {
		samples, size int
		want          []float32
	}{
		{0, 1, nil},
		{3, 1, []float32{1, 2, 3}},
		{page.Points, 1, upTo(120, 120, 1)},
		{page.Points + 7, 1, upTo(127, 120, 1)},
		{5 * page.Points, 1, upTo(600, 120, 1)},
		{3, 2, []float32{2, 3}}, // the greatest of two samples, and one that has no other yet
		{4, 2, []float32{2, 4}},
		{200, 2, upTo(200, 60, 2)},
	} {
		p := sampled(t, newSource(1, 1), c.samples)
		if diff := cmp.Diff(c.want, p.Line(0, c.size)); diff != "" {
			t.Errorf("%d samples by %d (-want +got):\n%s", c.samples, c.size, diff)
		}
	}
}

// A line can show two samples as one. A peak of such a line keeps its height as it moves.
func TestHistory_GroupsTheSameSamples(t *testing.T) {
	p := sampled(t, newSource(1, 1), 200)
	before := p.Line(0, 2)
	p.Sample()
	p.Sample()
	after := p.Line(0, 2)
	if diff := cmp.Diff(before[1:], after[:len(after)-1]); diff != "" {
		t.Errorf("two samples later the same points are others (-before +after):\n%s", diff)
	}
}

func TestHistory_ForgetsWhatIsGone(t *testing.T) {
	s := newSource(3, 4)
	p := newPage(t, s)
	expect := func(services, servers int) {
		t.Helper()
		p.Sample()
		if a, b, _ := p.Followed(); a != services || b != servers {
			t.Errorf("%d services and %d servers are followed, want %d and %d", a, b, services, servers)
		}
	}
	expect(0, 0) // the first sample adds no point
	expect(3, 12)
	s.change(func(s *source) { s.services[0].Servers = s.services[0].Servers[1:] })
	expect(3, 11)
	s.change(func(s *source) { s.services = s.services[:1] })
	expect(1, 3)
	for i := range 20 { // other services each time; the history must not grow
		s.change(func(s *source) { s.services = []control.Service{newService(100+i, 2)} })
		expect(1, 2)
	}
	s.change(func(s *source) { s.figures.Workers = s.figures.Workers[:1] })
	p.Sample()
	if _, _, workers := p.Followed(); workers != 1 {
		t.Errorf("%d workers are followed, want 1", workers)
	}
}

// Lines take memory for what is busy only, and for a limited number of those.
func TestHistory_IsBounded(t *testing.T) {
	s := newSource(3, 4)
	p := newPage(t, s)
	expect := func(rings int) {
		t.Helper()
		p.Sample()
		if got := p.Rings(); got != rings {
			t.Errorf("%d lines are kept, want %d", got, rings)
		}
	}
	quiet := func(s *source) {
		for i := range s.services {
			s.services[i].Rates = control.Rates{}
			for j := range s.services[i].Servers {
				s.services[i].Servers[j].Rates, s.services[i].Servers[j].Active = control.Rates{}, 0
			}
		}
	}
	s.change(quiet)
	expect(0) // the first sample adds no point
	expect(0)
	s.change(func(s *source) { s.services[1].Rates.CPS, s.services[1].Servers[2].Active = 1, 1 })
	expect(3) // the active connections of the service, too
	s.change(func(s *source) { s.services = s.services[:1] })
	expect(0)
	s.change(func(s *source) {
		s.services = nil
		for i := range 100 {
			s.services = append(s.services, newService(i, page.MaxRings/100))
		}
		quiet(s)
		for i := range s.services {
			for j := range s.services[i].Servers {
				s.services[i].Servers[j].Active = 1
			}
		}
	})
	expect(page.MaxRings)
}

// A server that was removed and added again starts a new line.
func TestHistory_BeginsAnewForWhoComesBack(t *testing.T) {
	s := newSource(2, 1)
	p := newPage(t, s)
	for range 5 {
		p.Sample()
	}
	s.change(func(s *source) { s.services = s.services[1:] })
	p.Sample()
	s.change(func(s *source) { s.services = []control.Service{newService(0, 1), s.services[0]} })
	p.Sample()
	if got := p.Line(1, 1); len(got) != 1 { // it is the second one in the order of the page
		t.Errorf("the line of a service that came back has %d points, want 1", len(got))
	}
}

func TestRun_TakesASampleEachPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1, 1)
		p := newPage(t, s)
		done := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(done)
			p.Run(ctx)
		}()
		time.Sleep(10*page.Period + time.Second)
		synctest.Wait()
		if got := p.Line(0, 1); len(got) != 10 {
			t.Errorf("%d points after ten periods", len(got))
		}
		cancel()
		<-done
	})
}

// Rates are computed from two samples, and are unknown before there are two.
func TestRates_AreTakenFromTwoSamples(t *testing.T) {
	s := newSource(1, 1)
	row := func(p *page.Page) string {
		t.Helper()
		return regexp.MustCompile(`(?m)^0\|.*$`).FindString(words(get(t, p, "/")))
	}
	p := newPage(t, s)
	if got, want := row(p), "0| 2|| –| –| –| –| –| –| –| –|"; got != want {
		t.Errorf("without a sample: %q, want %q", got, want)
	}
	p.Sample()
	s.change(func(s *source) {
		w := &s.figures.Workers[0]
		s.figures.At = s.figures.At.Add(4 * time.Second)
		w.CPUSeconds += 1
		w.Rx["eth0"] += 6000
		w.Rx["eth1"] += 2000
		w.Tx["eth1"] += 4000
		w.Handoff += 40
		w.Drops["ttl"] += 2
		w.Conns, w.Expired = w.Conns+400, w.Expired+200
		w.Batches[0] += 100
		w.Batches[6] += 150
	})
	p.Sample()
	if got, want := row(p), "0| 2|| 25| 2.00 k| 1.00 k| 10| 0.5| 100| 50| 32|"; got != want {
		t.Errorf("4 seconds later: %q, want %q", got, want)
	}
	s.change(func(s *source) { // counters that were reset to 0
		s.figures.At = s.figures.At.Add(4 * time.Second)
		s.figures.Workers[0] = figures.Worker{CPU: 2, CPUSeconds: 0.4, Rx: map[string]uint64{"eth0": 800}, Conns: 20}
	})
	p.Sample()
	if got, want := row(p), "0| 2|| 10| 200| 0| 0| 0| 5| 0| –|"; got != want {
		t.Errorf("after a restart of the counters: %q, want %q", got, want)
	}
}
