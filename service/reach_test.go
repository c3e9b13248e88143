package service_test

import (
	"slices"
	"testing"

	"director/packet"
	"director/service"
)

// skipped returns the numbers of the servers that are passed over.
func (r *registry) skipped() (ids []uint32) {
	for _, s := range r.table.Servers() {
		if s != nil && r.table.Member(s.ID) && s.Skipped() {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

func (r *registry) unreachable(ids ...uint32) {
	r.Skip(func(id uint32) bool { return slices.Contains(ids, id) })
}

// Servers that packets cannot reach are skipped, unless that would leave none that has a
// weight.
func TestSkip_NeverSkipsAll(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(3))
	for _, c := range []struct {
		what        string
		weights     []int32
		unreachable []uint32
		want        []uint32
	}{
		{"none", []int32{1, 1, 1}, nil, nil},
		{"one", []int32{1, 1, 1}, []uint32{1}, []uint32{1}},
		{"two", []int32{1, 1, 1}, []uint32{0, 2}, []uint32{0, 2}},
		{"all", []int32{1, 1, 1}, []uint32{0, 1, 2}, nil},
		{"the only one with a weight", []int32{1, 0, 0}, []uint32{0}, nil},
		{"all back", []int32{1, 1, 1}, nil, nil},
	} {
		for i, w := range c.weights {
			spec := web(3).Servers[i]
			spec.Weight = w
			r.change(r.EditServer(web(3).Key, spec))
		}
		r.unreachable(c.unreachable...)
		if got := r.skipped(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v are skipped, want %v", c.what, got, c.want)
		}
	}
}

// While one of two servers is always skipped, another one by turns, each connection finds a
// server: a scheduler never sees both as skipped.
func TestSkip_NobodyIsRefusedMeanwhile(t *testing.T) {
	for _, scheduler := range []string{"rr", "wrr", "wlc", "sh", "mh", "dh", "twos"} {
		spec := web(2)
		spec.Scheduler = scheduler
		r := newRegistry(t, service.Options{}, spec)
		r.unreachable(0)
		s := r.table.Services()[0]
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range uint32(20_000) {
				f := packet.Flow{Src: packet.AddrFrom4(0xc6336400 + n), SrcPort: 40000, Dst: s.Addr, DstPort: 80, Proto: packet.ProtoTCP}
				if _, ok := s.Schedule(&f, 0, service.Active{}); !ok {
					t.Errorf("%s: connection %d is refused", scheduler, n)
					return
				}
			}
		}()
		for n := uint32(1); ; n++ {
			r.unreachable(n % 2)
			select {
			case <-done:
			default:
				continue
			}
			break
		}
		r.Skip(nil)
		if got := r.skipped(); got != nil {
			t.Errorf("%s: in the end %v are skipped, want none", scheduler, got)
		}
	}
}

// A server that was skipped when it was removed is not skipped when it is added again.
func TestSkip_ForgetsARemovedServer(t *testing.T) {
	spec := web(2)
	for what, again := range map[string]func(r *registry){
		"the server": func(r *registry) {
			server := r.table.Server(0)
			r.change(r.DeleteServer(spec.Key, server.Addr, server.Port))
			r.Skip(nil)
			r.change(r.AddServer(spec.Key, spec.Servers[0]))
		},
		"the service": func(r *registry) {
			r.change(r.DeleteService(spec.Key))
			r.Skip(nil)
			r.change(r.AddService(spec))
		},
		"the server by one commit": func(r *registry) {
			server := r.table.Server(0)
			r.must(r.DeleteServer(spec.Key, server.Addr, server.Port))
			r.change(r.AddServer(spec.Key, spec.Servers[0]))
		},
	} {
		r := newRegistry(t, service.Options{}, spec)
		r.unreachable(0)
		if got := r.skipped(); !slices.Equal(got, []uint32{0}) {
			t.Fatalf("%v are skipped, want server 0", got)
		}
		again(r)
		r.Skip(nil)
		if got := r.skipped(); got != nil {
			t.Errorf("%s was removed and added again: %v are skipped, want none", what, got)
		}
	}
}

// A server can be reached in no service or in all, but each service decides for itself.
func TestSkip_DecidesForEachService(t *testing.T) {
	alone := web(1)
	alone.Port, alone.Servers[0].Port = 81, 81
	r := newRegistry(t, service.Options{}, web(2), alone)
	r.unreachable(0, 2) // the same address: server 0 of the first service, and the only one of the second
	if got := r.skipped(); !slices.Equal(got, []uint32{0}) {
		t.Errorf("%v are skipped, want that of the service with another server", got)
	}
}

// The hash over the servers for a full connection table leaves out a skipped server, too,
// and takes it again afterwards.
func TestSpare_PassesOverSkippedServers(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(3))
	s := r.table.Services()[0]
	chosen := func() (ids []uint32) {
		for n := range uint32(100) {
			f := packet.Flow{Src: packet.AddrFrom4(0xc6336401 + n), Dst: s.Addr, DstPort: 80, Proto: packet.ProtoTCP}
			c, ok := s.Spare(&f, 0)
			if !ok {
				t.Fatalf("client %d is refused", n)
			}
			ids = append(ids, c.ID)
		}
		return ids
	}
	before := chosen()
	if !slices.Contains(before, 1) {
		t.Fatal("no client has server 1: the test shows nothing")
	}
	r.unreachable(1)
	if slices.Contains(chosen(), 1) {
		t.Error("a client has server 1 although it is skipped")
	}
	r.unreachable()
	if !slices.Equal(chosen(), before) {
		t.Error("the clients do not go back to their servers")
	}
}

// A shadow passes over the same servers.
func TestShadow_SkipsToo(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(2))
	r.unreachable(1)
	var picks []*service.Pick
	shadow := r.table.Shadow(func(p *service.Pick) { picks = append(picks, p) })
	for range 4 {
		if c, ok := shadow.Services()[0].Schedule(to(web(2).Key), 0, service.Active{}); !ok || c.ID != 0 {
			t.Errorf("server %v, %v; want 0", c.Server, ok)
		}
	}
	if got := picks[0].Servers[0]; !got.Skipped || got.Weight != 1 { // the last added comes first
		t.Errorf("candidate: %+v, want it skipped, of weight 1", got)
	}
}
