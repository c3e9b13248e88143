package service_test

import (
	"slices"
	"testing"

	"director/service"
)

// serve lets server id have so many new connections, of which so many make progress and so
// many are refused.
func (r *registry) serve(id uint32, opened, completed, refused uint64) {
	s := r.table.Server(id)
	s.Add(0, &service.Tally{Conns: opened})
	s.AddSigns(0, &service.Signs{Opened: opened, Completed: completed, Refused: refused})
}

// suspects compares, and returns the servers that are suspect then. It compares twice,
// because a connection without a result is judged only at the second time.
func (r *registry) suspects() (ids []uint32) {
	r.Compare()
	r.Compare()
	for _, s := range r.table.Servers() {
		if s.Health().Suspect {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// A server whose new connections fail is suspect if those of another server do not.
func TestCompare_FindsTheServerThatDiffers(t *testing.T) {
	for _, c := range []struct {
		what                       string
		opened, completed, refused [3]uint64
		errors                     [3]uint64
		want                       []uint32
	}{
		{what: "80 half-open on one of three", opened: [3]uint64{80, 80, 80}, completed: [3]uint64{80, 0, 79}, want: []uint32{1}},
		{what: "resets", opened: [3]uint64{20, 20, 20}, completed: [3]uint64{20, 20, 2}, refused: [3]uint64{0, 0, 18}, want: []uint32{2}},
		{what: "ICMP errors", opened: [3]uint64{20, 20, 20}, completed: [3]uint64{20, 20, 20}, errors: [3]uint64{300, 0, 0}, want: []uint32{0}},
		{what: "two of three", opened: [3]uint64{30, 30, 30}, completed: [3]uint64{0, 30, 0}, want: []uint32{0, 2}},
		{what: "all alike", opened: [3]uint64{80, 80, 80}, completed: [3]uint64{0, 0, 0}},
		{what: "a flood of SYNs, and one a little worse", opened: [3]uint64{1000, 1000, 1000}, completed: [3]uint64{300, 300, 100}},
		{what: "some that fail", opened: [3]uint64{80, 80, 80}, completed: [3]uint64{80, 45, 80}},
		{what: "too few to tell", opened: [3]uint64{80, 9, 80}, completed: [3]uint64{80, 0, 80}},
		{what: "peers with few connections", opened: [3]uint64{9, 80, 4}, completed: [3]uint64{9, 0, 4}, want: []uint32{1}},
		{what: "refusals, and peers with few connections", opened: [3]uint64{9, 1686, 0}, completed: [3]uint64{9, 0, 0}, refused: [3]uint64{0, 1686, 0}, want: []uint32{1}},
		{what: "no peer with a connection", opened: [3]uint64{0, 80, 0}},
	} {
		r := newRegistry(t, service.Options{}, web(3))
		for i := range c.opened {
			r.serve(uint32(i), c.opened[i], c.completed[i], c.refused[i])
			r.table.Server(uint32(i)).AddSigns(0, &service.Signs{Errors: c.errors[i]})
		}
		if got := r.suspects(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v are suspect, want %v", c.what, got, c.want)
		}
	}
}

// A suspect server is none any more when it works, and when it gets no new connections. It
// does not change with every Compare.
func TestCompare_ForgetsASuspect(t *testing.T) {
	for what, c := range map[string]struct {
		after func(r *registry)
		want  service.Outcome
	}{
		"it works":           {func(r *registry) { r.serve(0, 40, 40, 0); r.serve(1, 40, 40, 0) }, service.Works},
		"no new connections": {func(*registry) {}, service.Unused},
		"the peer fails too": {func(r *registry) { r.serve(0, 40, 0, 0); r.serve(1, 40, 0, 0) }, service.Alike},
		"no peer any more": {func(r *registry) {
			r.serve(1, 40, 0, 0)
			if s := r.table.Server(0); r.Servers(s.Of) == 2 {
				r.must(r.DeleteServer(s.Of, s.Addr, s.Port))
			}
		}, service.Alike},
	} {
		r := newRegistry(t, service.Options{}, web(2))
		r.serve(0, 40, 40, 0)
		r.serve(1, 40, 0, 40)
		var outcomes []service.Outcome
		n := 0
		for ; n < 1000 && len(outcomes) < 2; n++ {
			changed, _ := r.Compare()
			for _, v := range changed {
				if !v.Whole {
					outcomes = append(outcomes, v.Outcome)
				}
			}
			c.after(r)
		}
		if want := []service.Outcome{service.Fails, c.want}; !slices.Equal(outcomes, want) {
			t.Errorf("%s: after %d comparisons the outcomes are %v, want %v", what, n, outcomes, want)
		}
	}
}

// A server that refuses the connections that it gets stays suspect, however long its peer
// gets none and however few its peer had before: by wlc a server that refuses all gets all
// new connections while its peer holds some that are idle.
func TestCompare_KeepsASuspectThatStarvesItsPeers(t *testing.T) {
	for _, good := range []uint64{4, 9, 30, 3000} {
		r := newRegistry(t, service.Options{}, web(2))
		r.serve(0, good, good, 0)
		r.serve(1, good, good, 0)
		var all []service.Verdict
		for range 1800 { // an hour
			changed, _ := r.Compare()
			all = append(all, changed...)
			r.serve(1, 7, 0, 7)
		}
		server := r.table.Server(1)
		if !server.Health().Suspect || r.table.Server(0).Health().Suspect || !r.Health(server.Of).Suspect {
			t.Errorf("%d good connections before: server 1 is suspect: %v, server 0: %v, the service fails: %v; want server 1 and the service",
				good, server.Health().Suspect, r.table.Server(0).Health().Suspect, r.Health(server.Of).Suspect)
		}
		if len(all) != 2 {
			t.Errorf("%d good connections before: the verdicts are %+v, want one of the server and one of the service", good, all)
		}
		for n := 0; n < 300 && server.Health().Suspect; n++ { // it works again
			changed, _ := r.Compare()
			all = append(all, changed...)
			r.serve(1, 7, 7, 0)
		}
		if server.Health().Suspect || len(all) != 4 || all[3].Outcome != service.Works || all[2].Outcome != service.Works {
			t.Errorf("%d good connections before: when it works, the verdicts are %+v", good, all)
		}
	}
}

// It is said of a service, not of its servers, that most new connections fail at all of them.
func TestCompare_FindsTheServiceThatFails(t *testing.T) {
	for _, c := range []struct {
		what                       string
		opened, completed, refused []uint64
		want                       bool
		suspects                   int
	}{
		{"one server that refuses", []uint64{10}, []uint64{0}, []uint64{10}, true, 0},
		{"one server that is silent", []uint64{11}, []uint64{0}, []uint64{0}, true, 0},
		{"too few to tell", []uint64{9}, []uint64{0}, []uint64{9}, false, 0},
		{"all refuse", []uint64{30, 30}, []uint64{0, 0}, []uint64{30, 30}, true, 0},
		{"a flood", []uint64{1000, 1000, 1000}, []uint64{20, 20, 20}, []uint64{0, 0, 0}, true, 0},
		{"less than half", []uint64{50, 50}, []uint64{50, 2}, []uint64{0, 48}, false, 1},
		{"half", []uint64{50, 50}, []uint64{50, 0}, []uint64{0, 50}, true, 1},
		{"no connection", []uint64{0, 0}, []uint64{0, 0}, []uint64{0, 0}, false, 0},
	} {
		r := newRegistry(t, service.Options{}, web(len(c.opened)))
		for i := range c.opened {
			r.serve(uint32(i), c.opened[i], c.completed[i], c.refused[i])
		}
		suspects := r.suspects()
		if got := r.Health(r.table.Server(0).Of).Suspect; got != c.want || len(suspects) != c.suspects {
			t.Errorf("%s: the service fails: %v, want %v; %v are suspect, want %d", c.what, got, c.want, suspects, c.suspects)
		}
	}
}

// A flood of SYNs that begins after many good connections reaches all servers. It is not
// taken for the failure of one, even if one gets a little more of it.
func TestCompare_TakesNoFloodForAFailure(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(3))
	for range 1000 {
		for id := range uint32(3) {
			r.serve(id, 5, 5, 0)
		}
		r.Compare()
	}
	for range 100 {
		r.serve(0, 2000, 5, 0)
		r.serve(1, 3000, 4, 0)
		r.serve(2, 1000, 3, 0)
		changed, _ := r.Compare()
		for _, v := range changed {
			if !v.Whole || v.Outcome != service.Fails {
				t.Fatalf("the verdict is %+v, want nothing of a server", v)
			}
		}
	}
	if !r.Health(r.table.Server(0).Of).Suspect {
		t.Error("the service does not fail")
	}
}

// Connections whose handshake takes longer than the rest of a period are not taken for
// failures.
func TestCompare_WaitsForTheResult(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(1))
	for range 100 {
		for _, completed := range []uint64{0, 40} {
			r.serve(0, 40-completed, completed, 0)
			if changed, _ := r.Compare(); changed != nil {
				t.Fatalf("the verdict is %+v although no connection fails", changed)
			}
		}
	}
}

// Compare names the servers whose new connections have shown no sign of life since the last
// call.
func TestCompare_NamesTheQuiet(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(3))
	r.serve(0, 3, 1, 0)
	r.serve(1, 3, 0, 0)
	r.serve(2, 3, 0, 1)
	if _, quiet := r.Compare(); !slices.Equal(quiet, []uint32{1}) {
		t.Errorf("%v are quiet, want 1", quiet)
	}
	if _, quiet := r.Compare(); quiet != nil {
		t.Errorf("%v are quiet without new connections", quiet)
	}
}

// Refused and Errors have 32 bits each. They do not spill into each other, and a wrap does
// not look like four billion failures.
func TestSigns_WrapAround(t *testing.T) {
	r := newRegistry(t, service.Options{Workers: 2}, web(2))
	s := r.table.Server(0)
	s.AddSigns(1, &service.Signs{Opened: 1, Completed: 2, Refused: 3, Errors: 1<<32 - 1})
	r.Compare()
	s.AddSigns(1, &service.Signs{Errors: 5})
	s.AddSigns(0, &service.Signs{Refused: 1})
	if got, want := s.Signs(), (service.Signs{Opened: 1, Completed: 2, Refused: 4, Errors: 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	before := s.Health().Errors
	r.Compare()
	if by := s.Health().Errors - before; by > 5 {
		t.Errorf("%v more errors, want at most 5", by)
	}
}
