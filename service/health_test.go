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

// suspects compares, and returns the servers that are suspect then.
func (r *registry) suspects() (ids []uint32) {
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
		{what: "no peer with enough", opened: [3]uint64{9, 80, 9}, completed: [3]uint64{9, 0, 9}},
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
	for what, after := range map[string]func(r *registry){
		"it works":           func(r *registry) { r.serve(0, 40, 40, 0); r.serve(1, 40, 40, 0) },
		"no new connections": func(*registry) {},
		"the peer fails too": func(r *registry) { r.serve(0, 40, 0, 0); r.serve(1, 40, 0, 0) },
	} {
		r := newRegistry(t, service.Options{}, web(2))
		r.serve(0, 40, 40, 0)
		r.serve(1, 40, 0, 0)
		changes, n := 0, 0
		for ; n < 1000; n++ {
			changed, _ := r.Compare()
			changes += len(changed)
			if n > 0 && !r.table.Server(1).Health().Suspect {
				break
			}
			after(r)
		}
		if n == 0 || n == 1000 || changes != 2 {
			t.Errorf("%s: after %d comparisons with %d changes, want some and 2", what, n, changes)
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
