package daemon

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"director/dataplane/steer"
	"director/internal/memlab"
	"director/packet"
)

// fakeVIPs records the calls of its methods.
type fakeVIPs struct {
	vips   []netip.Addr
	did    []string
	refuse error
}

func (v *fakeVIPs) Set(vips []netip.Addr, _ []netip.Prefix) error {
	v.vips, v.did = vips, append(v.did, "set")
	return v.refuse
}
func (v *fakeVIPs) Leave() error { v.did = append(v.did, "leave"); return v.refuse }
func (v *fakeVIPs) Close() error { v.did = append(v.did, "close"); return v.refuse }

func at(addr string, port uint16, proto uint8) steer.Endpoint {
	return steer.Endpoint{Addr: packet.MustAddr(addr), Port: port, Proto: proto}
}

func TestRules_SayWhatIsSteered(t *testing.T) {
	const tcp, udp = packet.ProtoTCP, packet.ProtoUDP
	vip := func(port uint16) steer.Endpoint { return at("192.0.2.10", port, tcp) }
	real := func(port uint16) steer.Endpoint { return at("10.0.0.11", port, tcp) }
	for _, c := range []struct {
		what, rules string
		change      func(*rig)
		want        steer.Set
	}{
		{"nothing", "", nil, steer.Set{}},
		{"NAT: the server's answers too", website, nil, steer.Set{Services: []steer.Endpoint{vip(80)}, Reals: []steer.Endpoint{real(80)}}},
		{"direct routing: no answers", strings.Replace(website, "-m", "-g", 1), nil, steer.Set{Services: []steer.Endpoint{vip(80)}}},
		{"a tunnel: errors from within", strings.Replace(website, "-m", "-i", 1), nil, steer.Set{
			Services: []steer.Endpoint{vip(80)}, Tunnels: []packet.Addr{packet.MustAddr("10.0.0.11")},
		}},
		{"FTP: data connections on other ports", strings.ReplaceAll(website, ":80", ":21"), nil, steer.Set{
			Services: []steer.Endpoint{vip(0)}, Reals: []steer.Endpoint{real(0)},
		}},
		{"21 of UDP is no FTP", "-A -u 192.0.2.10:21 -s rr\n-a -u 192.0.2.10:21 -r 10.0.0.11:21 -m\n", nil, steer.Set{
			Services: []steer.Endpoint{at("192.0.2.10", 21, udp)}, Reals: []steer.Endpoint{at("10.0.0.11", 21, udp)},
		}},
		{"a mark", "--fwmark=7=tcp,198.51.100.0/24\n--fwmark=8=udp,203.0.113.0/24\n-A -f 7 -s rr\n-a -f 7 -r 10.0.0.11 -m\n", nil, steer.Set{
			Prefixes: []steer.Prefix{{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Proto: tcp}}, Reals: []steer.Endpoint{real(0)},
		}},
		{"a service that was removed while its server has a connection", website, func(r *rig) {
			r.receive(0, frame(tcp, 1024, 80))
			if err := r.control.Clear(); err != nil {
				t.Fatal(err)
			}
		}, steer.Set{Services: []steer.Endpoint{vip(80)}, Reals: []steer.Endpoint{real(80)}}},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := newRig(t, c.rules)
			if c.change != nil {
				c.change(r)
			}
			if err := r.follower.begin(); err != nil {
				t.Fatal(err)
			}
			c.want.MACs = map[int]packet.MAC{2: memlab.MAC}
			c.want.Locals = []packet.Addr{packet.MustAddr("10.0.0.1")}
			if diff := cmp.Diff(c.want, r.maps.last, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Errorf("steered (-want +got):\n%s", diff)
			}
		})
	}
}

// The steering and the VIPs are updated before the call that changes the rules returns. An
// update that fails is logged, and the others are still made.
func TestFollower_FollowsEachChange(t *testing.T) {
	r, vips := newRig(t, website), &fakeVIPs{}
	r.maps.updates = 0
	add := func(text string) {
		t.Helper()
		if err := r.control.Add(parse(t, text).Services); err != nil {
			t.Fatal(err)
		}
	}
	add(nameserver)
	if r.maps.updates != 1 || len(r.maps.last.Services) != 2 {
		t.Errorf("%d updates, services %v; want one of both", r.maps.updates, r.maps.last.Services)
	}
	r.follower.hold(vips)
	r.logged.take()
	add(strings.ReplaceAll(website, "192.0.2.10", "192.0.2.11"))
	if want := []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.11")}; !cmp.Equal(vips.vips, want, cmpopts.EquateComparable(netip.Addr{})) {
		t.Errorf("addresses %v, want %v", vips.vips, want)
	}
	if log := r.logged.take(); log != "" {
		t.Errorf("logged %s", log)
	}
	r.maps.refuse, vips.refuse = errors.New("a map is full"), errors.New("no room")
	r.follower.catchUp()
	log := r.logged.take()
	for _, want := range []string{`"error":"a map is full","message":"cannot update the steering"`, `"error":"no room","message":"cannot update the VIPs"`} {
		if !strings.Contains(log, want) {
			t.Errorf("logged %s, want %s", log, want)
		}
	}
}

func TestFollower_LeavesTheVIPsToTheNextDirector(t *testing.T) {
	for leave, want := range map[bool]string{true: "leave", false: "close"} {
		r, vips := newRig(t, website), &fakeVIPs{}
		r.follower.hold(vips)
		if err := r.follower.release(leave); err != nil {
			t.Fatal(err)
		}
		r.follower.catchUp() // the network changes while the director stops
		if got := strings.Join(vips.did, " "); got != want {
			t.Errorf("release(%v): %q, want %q and nothing after it", leave, got, want)
		}
	}
}

// The kernel is asked to keep the servers' addresses resolved, once for each change of the
// list.
func TestHops_AsksForServersOnce(t *testing.T) {
	r := newRig(t, website)
	want := []packet.Addr{packet.MustAddr("10.0.0.11")}
	if diff := cmp.Diff(want, r.network.served); diff != "" {
		t.Errorf("served (-want +got):\n%s", diff)
	}
	r.network.served = nil
	r.control.Refresh()
	if r.network.served != nil {
		t.Errorf("asked again for %v, though nothing changed", r.network.served)
	}
}
