package dataplane_test

import (
	"sync"
	"testing"

	"director/dataplane"
	"director/dataplane/memport"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// late is a port that calls a function at the beginning of a step, before it
// receives.
type late struct {
	*memport.Port
	before func()
}

func (p *late) Recv(b *packet.Batch) error {
	if do := p.before; do != nil {
		p.before = nil
		do()
	}
	return p.Port.Recv(b)
}

// behind returns another worker of the rig's director, with its own ports. do runs
// after the worker's next step has begun.
func (r *rig) behind(do func()) (w *dataplane.Worker, ports [2]*memport.Port) {
	r.t.Helper()
	var ifaces []dataplane.Interface
	for i := range ports {
		ports[i] = memport.New()
		queue := &late{Port: ports[i]}
		if i == 0 {
			queue.before = do
		}
		ifaces = append(ifaces, dataplane.Interface{Queues: []dataplane.Port{queue}, Hosts: []dataplane.Port{memport.New()}})
	}
	workers, err := dataplane.NewWorkers(r.shared, ifaces, []dataplane.Waiter{memport.NewWaiter()})
	if err != nil {
		r.t.Fatal(err)
	}
	return workers[0], ports
}

// newcomer is the real server that these tests add.
var newcomer = service.ServerSpec{Addr: packet.MustAddr("10.0.0.14"), Port: 9090, Weight: 1}

// During a step, a worker finds a connection to a server that was added after the
// step began, with any kind of packet. The number of the server may be free in the
// view of this step.
func TestStep_MeetsAServerThatItsViewDoesNotKnow(t *testing.T) {
	for name, again := range map[string]bool{"a new number": false, "a number used again": true} {
		for what, push := range map[string]func(ports [2]*memport.Port){
			"a client's segment": func(ports [2]*memport.Port) {
				ports[0].Push(fromClient(40000, packettest.Frame{Flags: "A"}))
			},
			"a client's SYN": func(ports [2]*memport.Port) {
				ports[0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
			},
			"an answer": func(ports [2]*memport.Port) {
				ports[1].Push(fromServer(4, 40000, packettest.Frame{Flags: "SA", Src: "10.0.0.14:9090"}))
			},
			"an error": func(ports [2]*memport.Port) {
				ports[0].Push(fromClientSide(false))
			},
			"a new client": func(ports [2]*memport.Port) {
				ports[0].Push(fromClient(40001, packettest.Frame{Flags: "S"}))
			},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				r := newRig(t, options{scheduler: "fo", weights: []int32{0}})
				k := r.specs[0].Key
				if again {
					r.free(k)
				}
				var w *dataplane.Worker
				var ports [2]*memport.Port
				w, ports = r.behind(func() {
					if err := r.control.AddServer(k, newcomer); err != nil {
						t.Fatal(err)
					}
					r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
					r.step()
					push(ports)
				})
				if _, err := w.Step(); err != nil {
					t.Fatal(err)
				}
				if sent := len(ports[0].Take()) + len(ports[1].Take()); sent != 1 {
					t.Errorf("%d frames sent, want 1; counts %+v", sent, w.Counts())
				}
				server := r.newest()
				if n := server.Load.Total.Load(); n != 1 && what != "a new client" || n == 0 {
					t.Errorf("the new server has %d connections", n)
				}
				r.control.Estimate()
				got := r.control.Services()[0].Servers[0].Stats
				want := uint64(2)
				if got.InPkts+got.OutPkts != want {
					t.Errorf("%+v counted for the new server, want %d packets", got, want)
				}
			})
		}
	}
}

// free makes the number of a removed server free. The next server gets this number.
func (r *rig) free(k service.Key) {
	r.t.Helper()
	gone := newcomer
	gone.Port++
	if err := r.control.AddServer(k, gone); err != nil {
		r.t.Fatal(err)
	}
	id := r.newest().ID
	if err := r.control.DeleteServer(k, gone.Addr, gone.Port); err != nil {
		r.t.Fatal(err)
	}
	for minute := range int64(5) {
		r.control.Collect(minute * 60e9)
	}
	if r.shared.View().Services.Server(id) != nil {
		r.t.Fatal("the server is not removed from the trash")
	}
}

// newest returns the real server with the address of the newcomer.
func (r *rig) newest() *service.Server {
	r.t.Helper()
	for _, s := range r.shared.View().Services.Servers() {
		if s != nil && s.Addr == newcomer.Addr {
			return s
		}
	}
	r.t.Fatal("no server has the address of the newcomer")
	return nil
}

// Two workers receive the first packets of the same connections at the same time. The
// later worker finds a connection to a server that was added after its step began.
func TestStep_ComesTooLateForAConnectionToANewServer(t *testing.T) {
	r := newRig(t, options{queues: [2]int{1, 1}, scheduler: "rr", weights: []int32{1}, unordered: true})
	k, server := r.specs[0].Key, newcomer
	for round := range 30 {
		var both sync.WaitGroup
		w, ports := r.behind(func() {
			server.Port++
			if err := r.control.AddServer(k, server); err != nil {
				t.Error(err)
			}
			begun := make(chan struct{})
			both.Go(func() {
				close(begun)
				r.step()
			})
			<-begun
		})
		for _, frame := range clients(1000+round*packet.BatchSize, packettest.Frame{Flags: "S"}) {
			r.ports[0][0].Push(frame)
			ports[0].Push(frame)
		}
		if _, err := w.Step(); err != nil {
			t.Fatal(err)
		}
		both.Wait()
		if sent := len(ports[1].Take()); sent != packet.BatchSize {
			t.Errorf("round %d: %d frames sent, want %d; counts %+v", round, sent, packet.BatchSize, w.Counts())
		}
	}
	for _, s := range r.shared.View().Services.Servers() {
		s.Load.Total.Add(-int64(r.held(s.ID)))
		if n := s.Load.Total.Load(); n != 0 {
			t.Errorf("server %d counts %d connections too many", s.ID, n)
		}
	}
}

// held returns how many connections to a server the table holds.
func (r *rig) held(server uint32) (n int) {
	for info := range r.shared.Conns().All() {
		if info.Server == server {
			n++
		}
	}
	return n
}
