package control_test

import (
	"testing"

	"director/control"
	"director/packet"
)

// Housekeeping uses the workers' clock. A removed server is deleted two minutes after it
// was found unused, and the workers get a new view.
func TestCollect_ShowsTheWorkersWhatIsForgotten(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly(web...)
	r.send(syn(1)) // 10.0.0.12, number 1
	r.quietly("-d -t 192.0.2.10:80 -r 10.0.0.12:8080")
	known := func() bool { return r.Shared.View().Services.Server(1) != nil }
	collect := func(minutes int, want bool) {
		t.Helper()
		for range minutes {
			r.seconds(int(control.CollectPeriod / 1e9))
			before := r.Shared.View()
			r.Collect(r.Clock.Now())
			if was, is := before, r.Shared.View(); (was != is) != (was.Services.Server(1) != nil && !known()) {
				t.Error("another view although nothing was forgotten, or none")
			}
		}
		if known() != want {
			t.Errorf("at %d s the server is known: %v, want %v", r.Clock.Now()/1e9, known(), want)
		}
	}
	collect(1, true) // its connection ends here: seen unused
	collect(1, true)
	collect(1, false)
}

func TestEstimate_FreezesIfAsked(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly(web...)
	r.send(syn(1))
	r.sysctl("run_estimation", "0")
	if r.Estimate() {
		t.Error("estimated with run_estimation=0")
	}
	if got := r.Services()[0].Stats.Conns; got != 0 {
		t.Errorf("%d connections shown with run_estimation=0, want none", got)
	}
	if got := r.Services()[0]; got.Counted.Conns != 1 || got.Servers[0].Counted.Conns+got.Servers[1].Counted.Conns != 1 {
		t.Errorf("%d connections counted with run_estimation=0, want one, by one server", got.Counted.Conns)
	}
	if got := r.Counted(); got.Conns != 1 || got.InPkts != 1 {
		t.Errorf("%+v counted in all, want a connection and its packet", got)
	}
	r.sysctl("run_estimation", "1")
	if !r.Estimate() {
		t.Error("not estimated with run_estimation=1")
	}
	if got := r.Services()[0]; got.Stats.Conns != 1 || got.Stats.InPkts != 1 || got.Rates.CPS != 0 {
		t.Errorf("%+v at %+v a second shown, want a connection", got.Stats, got.Rates)
	}
}

func TestServices_SayWhoIsOverloaded(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly("-A -t 192.0.2.10:80 -s rr", "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -x 2 -y 1")
	for n, want := range []bool{false, true} {
		r.send(syn(n + 1))
		if got := r.Services()[0].Servers[0]; got.Overloaded != want || got.Active != uint32(n+1) {
			t.Errorf("after %d connections of -x 2: %+v, want overloaded %v", n+1, got, want)
		}
	}
}

// The workers see several changes at once, or none of them.
func TestAdd_IsWhole(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly(web...)
	specs := r.Specs()
	r.quietly("-C")
	view := r.Shared.View()
	if err := r.Add(append(specs, specs[0])); err == nil {
		t.Error("a service was added twice")
	}
	if got := r.Specs(); len(got) != 0 || r.Shared.View() != view {
		t.Errorf("%d services are left of what was refused, or the workers were shown them", len(got))
	}
	if err := r.Add(specs); err != nil || len(r.Specs()) != 1 {
		t.Errorf("%v, %d services, want 1", err, len(r.Specs()))
	}
}

func TestControl_RefusesWhatIsWrong(t *testing.T) {
	r := newRig(t, 4096)
	view := r.Shared.View()
	for name, value := range map[string]string{"drop_entry": "4", "conntrack": "1", "no_such": "1", "sloppy_tcp": "x"} {
		if err := r.SetSysctl(name, value); err == nil {
			t.Errorf("%s=%s is accepted", name, value)
		}
	}
	if r.Shared.View() != view {
		t.Error("the workers were shown a change that was refused")
	}
}

// The listing of a real server says whether packets can reach it.
func TestServices_SayHowServersAreReached(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly("-A -t 192.0.2.10:80", "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m", "-a -t 192.0.2.10:80 -r 10.0.0.99:8080 -m")
	servers := r.Services()[0].Servers
	if far, near := servers[0].Way, servers[1].Way; near != packet.None || far != packet.Neighbor {
		t.Errorf("10.0.0.11: %v, 10.0.0.99, who is not there: %v; want %v, %v", near, far, packet.None, packet.Neighbor)
	}
}
