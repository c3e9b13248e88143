package control_test

import (
	"fmt"
	"testing"

	"director/conntrack"
	"director/internal/packettest"
)

// fill adds connections until the table has n. Each client sends the given segments after
// its SYN.
func (r *rig) fill(n int, flags ...string) {
	r.t.Helper()
	for r.Shared.Conns().Used() < n {
		var frames []packettest.Frame
		for range min(60, n-r.Shared.Conns().Used()) {
			f := syn(1)
			f.Src = fmt.Sprintf("198.51.%d.%d:40000", 100+r.clients/250, 1+r.clients%250)
			r.clients++
			frames = append(frames, f)
			for _, flags := range flags {
				f.Flags = flags
				frames = append(frames, f)
			}
		}
		for len(frames) > 0 {
			n := min(60, len(frames))
			r.send(frames[:n]...)
			frames = frames[n:]
		}
	}
}

// empty ends all connections but n.
func (r *rig) empty(n int) {
	var dead [2]conntrack.Conn
	for info := range r.Shared.Conns().All() {
		if r.Shared.Conns().Used() <= n {
			return
		}
		for i := range r.Shared.Conns().Remove(info.ID, &dead) {
			r.Shared.Settle(&dead[i])
		}
	}
}

func (r *rig) newClient() packettest.Frame {
	f := syn(1)
	f.Src = "203.0.113.9:40000"
	return f
}

// secured reports whether the state machine of secure_tcp is active. With it, a half-open
// connection has the state SYNACK if the answers of the server are not seen.
func (r *rig) secured() bool {
	r.t.Helper()
	r.send(r.newClient())
	for info := range r.Shared.Conns().All() {
		if info.Key.Client.String() == "203.0.113.9" {
			state := info.State
			var dead [2]conntrack.Conn
			for i := range r.Shared.Conns().Remove(info.ID, &dead) {
				r.Shared.Settle(&dead[i])
			}
			return state == conntrack.TCPSynAck
		}
	}
	r.t.Fatal("there is no such connection")
	return false
}

var direct = []string{"-A -t 192.0.2.10:80 -s rr", "-a -t 192.0.2.10:80 -r 10.0.0.11 -g"}

func TestSecureTCP_FollowsTheFill(t *testing.T) {
	for _, c := range []struct {
		set               string
		room, short, back bool // whether it is in force
	}{
		{"0", false, false, false}, {"1", false, true, false}, {"2", false, true, false}, {"3", true, true, true},
	} {
		r := newRig(t, 4096)
		r.quietly(direct...)
		r.sysctl("secure_tcp", c.set)
		check := func(when string, want bool) {
			t.Helper()
			if got := r.secured(); got != want {
				t.Errorf("secure_tcp=%s, %s: in force %v, want %v", c.set, when, got, want)
			}
		}
		check("with room", c.room) // at once
		r.fill(3072)
		r.tick()
		check("with 1024 free", c.room)
		r.fill(3073)
		check("with 1023 free, before the second is over", c.room)
		r.tick()
		check("with 1023 free", c.short)
		r.empty(3072)
		r.tick()
		check("with room again", c.back)
		r.sysctl("amemthresh", "4000")
		r.tick()
		check("with a higher threshold", c.short)
		r.sysctl("secure_tcp", "0")
		check("switched off", false)
	}
}

// dropped sends n first packets and tells which of them were dropped.
func (r *rig) dropped(n int) (pattern string) {
	r.t.Helper()
	for i := range n {
		f := r.newClient()
		f.Src = fmt.Sprintf("203.0.113.9:%d", 30000+i)
		if len(r.send(f)) == 0 {
			pattern += "x"
		} else {
			pattern += "."
		}
	}
	for info := range r.Shared.Conns().All() {
		if info.Key.Client.String() == "203.0.113.9" {
			var dead [2]conntrack.Conn
			for i := range r.Shared.Conns().Remove(info.ID, &dead) {
				r.Shared.Settle(&dead[i])
			}
		}
	}
	return pattern
}

func TestDropPacket_DropsOneInSoMany(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly(direct...)
	check := func(when, want string) {
		t.Helper()
		if got := r.dropped(len(want)); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	r.sysctl("drop_packet", "3")
	check("always, at the default of 10", "x.........x.")
	r.sysctl("drop_packet", "0")
	check("off", "....")
	r.sysctl("am_droprate", "3")
	r.sysctl("drop_packet", "3")
	check("always, one in 3, after what is left to count of 10", "........x..x..")
	r.sysctl("am_droprate", "0")
	check("always, one in 0", "....")
	// It does not affect existing connections.
	r.sysctl("am_droprate", "1")
	check("every one", "xxx")
	r.sysctl("drop_packet", "0")
	r.send(r.newClient())
	r.sysctl("drop_packet", "3")
	f := r.newClient()
	f.Flags = "A"
	if len(r.send(f, f, f)) != 3 {
		t.Error("packets of a connection were dropped")
	}
}

// While few entries are free, one in amemthresh/(amemthresh-free) is dropped.
func TestDropPacket_FollowsTheFill(t *testing.T) {
	for _, set := range []string{"1", "2"} {
		r := newRig(t, 4096)
		r.quietly(direct...)
		r.sysctl("drop_packet", set)
		if got := r.dropped(4); got != "...." {
			t.Errorf("with room: %s, want none dropped", got)
		}
		r.fill(4096 - 768) // 1024/(1024-768) = 4
		r.tick()
		if got := r.dropped(9); got != "...x...x." {
			t.Errorf("with 768 free: %s, want every 4th dropped", got)
		}
		r.sysctl("am_droprate", "2") // for mode 3 alone
		r.tick()
		if got := r.dropped(5); got != "...x." {
			t.Errorf("with 768 free, am_droprate set: %s, want every 4th dropped", got)
		}
		r.fill(4096 - 500) // 1024/524 = 1
		r.tick()
		if got := r.dropped(3); got != "xxx" {
			t.Errorf("with 500 free: %s, want all dropped", got)
		}
		r.empty(100)
		r.tick()
		if got := r.dropped(4); got != "...." {
			t.Errorf("with room again: %s, want none dropped", got)
		}
	}
}

// In each second drop_entry checks one bucket of 32.
func TestDropEntry_FollowsTheFill(t *testing.T) {
	for _, c := range []struct {
		set         string
		room, short bool // whether it drops
	}{
		{"0", false, false}, {"1", false, true}, {"2", false, true}, {"3", true, true},
	} {
		r := newRig(t, 4096)
		r.quietly(direct...)
		r.sysctl("drop_entry", c.set)
		ticks := func(when string, dropping bool) {
			t.Helper()
			before := r.Shared.Conns().Used()
			for range 3 {
				r.Defend(r.Clock.Now())
			}
			used := r.Shared.Conns().Used()
			if got := used < before; got != dropping {
				t.Errorf("drop_entry=%s, %s: from %d to %d connections, dropping should be %v", c.set, when, before, used, dropping)
			}
			if total := r.Shared.View().Services.Server(0).Load.Total.Load(); int(total) != used {
				t.Errorf("drop_entry=%s, %s: the server counts %d connections, the table %d", c.set, when, total, used)
			}
		}
		r.fill(2000)
		ticks("with room", c.room)
		r.fill(3300)
		ticks("with fewer than 1024 free", c.short)
		r.empty(1000)
		ticks("with room again", c.room)
	}
}

// Established connections that are not idle are never dropped.
func TestDropEntry_SparesWhatIsInUse(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly(direct...)
	r.fill(500, "A")
	r.sysctl("drop_entry", "3")
	for range 200 {
		r.Defend(r.Clock.Now())
	}
	if got := r.Shared.Conns().Used(); got != 500 {
		t.Errorf("%d of 500 are left", got)
	}
	r.Clock.Advance(60 * second)
	for range 200 {
		r.Defend(r.Clock.Now())
	}
	if got := r.Shared.Conns().Used(); got > 100 {
		t.Errorf("idle for a minute with two packets each, %d of 500 are left", got)
	}
}
