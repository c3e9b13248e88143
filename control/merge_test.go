package control_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/internal/packettest"
	"director/packet"
	"director/sched"
	"director/service"
)

// randomServices returns a valid set of services. It uses few addresses, so two sets have
// much in common, and an address can belong to a service in one set and to a real server
// in the other.
func randomServices(r *rand.Rand) (specs []service.Spec) {
	addr := func(n int) packet.Addr { return packet.AddrFrom4(10<<24 | 11 + uint32(n)) }
	vips := map[packet.Addr]bool{}
	for _, n := range r.Perm(6)[:r.IntN(5)] {
		key := service.Key{Addr: addr(n / 2), Port: uint16(80 + n%2), Proto: packet.ProtoTCP}
		vips[key.Addr] = true
		specs = append(specs, service.Spec{Key: key, Scheduler: []string{"rr", "wlc", "mh"}[r.IntN(3)],
			Flags: sched.Flags(r.IntN(2)), Persistent: uint32(r.IntN(2) * 300), HostMask: uint32(r.IntN(2) * 8)})
	}
	for i := range specs {
		for _, n := range r.Perm(5)[:r.IntN(4)] {
			s := service.ServerSpec{Addr: addr(n), Port: specs[i].Port, Weight: int32(r.IntN(3)), Upper: uint32(r.IntN(3))}
			s.Lower = uint32(r.IntN(int(s.Upper) + 1))
			if s.Method = service.Method(r.IntN(3)); vips[s.Addr] {
				s.Method = service.DR
			}
			specs[i].Servers = append(specs[i].Servers, s)
		}
	}
	return specs
}

// ordered returns services and their servers in a fixed order.
func ordered(specs []service.Spec) []service.Spec {
	specs = slices.Clone(specs)
	for i := range specs {
		specs[i].Servers = slices.Clone(specs[i].Servers)
		slices.SortFunc(specs[i].Servers, func(a, b service.ServerSpec) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	slices.SortFunc(specs, func(a, b service.Spec) int { return strings.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key)) })
	return specs
}

func wantServices(t *testing.T, what string, got, want []service.Spec) {
	t.Helper()
	if d := cmp.Diff(ordered(want), ordered(got), cmp.Comparer(func(a, b []service.ServerSpec) bool { return slices.Equal(a, b) })); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// TestReplace_LeadsFromAnythingToAnything replaces one random set of services by the
// next.
func TestReplace_LeadsFromAnythingToAnything(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := newRig(t, 64)
	for i := range 500 {
		have, want := r.Specs(), randomServices(random)
		ops := control.Diff(have, want)
		if err := r.Replace(want); err != nil {
			t.Fatalf("%d: from\n%+v to\n%+v by\n%+v: %v", i, have, want, ops, err)
		}
		wantServices(t, fmt.Sprintf("%d: replaced", i), r.Specs(), want)
		if again := control.Diff(r.Specs(), want); len(again) > 0 {
			t.Fatalf("%d: nothing is to be done any more, got %+v", i, again)
		}
	}
}

// TestMerge_FollowsWhoeverMadeAChange holds for any services.
func TestMerge_FollowsWhoeverMadeAChange(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		base, next, running := randomServices(random), randomServices(random), randomServices(random)
		wantServices(t, "nobody changed what runs", control.Merge(base, next, base), next)
		wantServices(t, "the configuration is the same", control.Merge(base, base, running), running)
		wantServices(t, "both did the same", control.Merge(base, next, next), next)
		once := control.Merge(base, next, running)
		wantServices(t, "a second load of the same", control.Merge(next, next, once), once)
	}
}

// Each case has the old configuration, the new one, the running services, and the result
// that the documentation of Merge requires.
func TestMerge_GoesByAttribute(t *testing.T) {
	const vip, rs1, rs2 = "-A -t 192.0.2.10:80 ", "-a -t 192.0.2.10:80 -r 10.0.0.11 ", "-a -t 192.0.2.10:80 -r 10.0.0.12 "
	lines := func(l ...string) []string { return l }
	for name, c := range map[string]struct{ base, next, running, want []string }{
		"a new service":                    {nil, lines(vip + "-s rr"), nil, lines(vip + "-s rr")},
		"a new service that runs":          {nil, lines(vip + "-s rr"), lines(vip + "-s wlc"), lines(vip + "-s wlc")},
		"a removed service":                {lines(vip + "-s rr"), nil, lines(vip + "-s rr"), nil},
		"a removed service, edited":        {lines(vip + "-s rr"), nil, lines(vip + "-s wlc"), lines(vip + "-s wlc")},
		"a removed service, with a server": {lines(vip + "-s rr"), nil, lines(vip+"-s rr", rs1), lines(vip+"-s rr", rs1)},
		"a service of ctl":                 {nil, nil, lines(vip + "-s rr"), lines(vip + "-s rr")},
		"a service that ctl deleted":       {lines(vip + "-s rr"), lines(vip + "-s wlc"), nil, nil},

		"an edited scheduler":       {lines(vip + "-s rr"), lines(vip + "-s wlc"), lines(vip + "-s rr"), lines(vip + "-s wlc")},
		"ctl's scheduler":           {lines(vip + "-s rr"), lines(vip + "-s wlc"), lines(vip + "-s lc"), lines(vip + "-s lc")},
		"ctl's scheduler, no flags": {lines(vip + "-s sh"), lines(vip + "-s sh -b sh-port"), lines(vip + "-s rr"), lines(vip + "-s rr")},
		"persistence, ctl's scheduler": {lines(vip + "-s rr"), lines(vip + "-s rr -p 60 -M 255.255.255.0"), lines(vip + "-s lc"),
			lines(vip + "-s lc -p 60 -M 255.255.255.0")},
		"ctl's persistence": {lines(vip + "-s rr"), lines(vip + "-s rr -p 60 -M 255.255.0.0"), lines(vip + "-s rr -p 90"), lines(vip + "-s rr -p 90")},

		"a new server":               {lines(vip), lines(vip, rs1), lines(vip), lines(vip, rs1)},
		"a new server that runs":     {lines(vip), lines(vip, rs1+"-w 3"), lines(vip, rs1+"-w 5"), lines(vip, rs1+"-w 5")},
		"a removed server":           {lines(vip, rs1, rs2), lines(vip, rs2), lines(vip, rs1, rs2), lines(vip, rs2)},
		"a removed server, drained":  {lines(vip, rs1), lines(vip), lines(vip, rs1+"-w 0"), lines(vip, rs1+"-w 0")},
		"a server of ctl":            {lines(vip, rs1), lines(vip, rs1), lines(vip, rs1, rs2), lines(vip, rs1, rs2)},
		"a server that ctl deleted":  {lines(vip, rs1), lines(vip, rs1+"-w 7"), lines(vip), lines(vip)},
		"a weight":                   {lines(vip, rs1), lines(vip, rs1+"-w 7"), lines(vip, rs1), lines(vip, rs1+"-w 7")},
		"ctl's weight":               {lines(vip, rs1), lines(vip, rs1+"-w 7"), lines(vip, rs1+"-w 0"), lines(vip, rs1+"-w 0")},
		"a method, ctl's weight":     {lines(vip, rs1+"-g"), lines(vip, rs1+"-m"), lines(vip, rs1+"-g -w 0"), lines(vip, rs1+"-m -w 0")},
		"ctl's method":               {lines(vip, rs1+"-g"), lines(vip, rs1+"-m"), lines(vip, rs1+"-i"), lines(vip, rs1+"-i")},
		"ctl's upper threshold":      {lines(vip, rs1), lines(vip, rs1+"-x 10 -y 5"), lines(vip, rs1+"-x 3"), lines(vip, rs1+"-x 3")},
		"thresholds, ctl's weight":   {lines(vip, rs1), lines(vip, rs1+"-x 10 -y 5"), lines(vip, rs1+"-w 3"), lines(vip, rs1+"-w 3 -x 10 -y 5")},
		"a server's other service":   {lines(vip, rs1), lines(vip, rs1, "-A -t 192.0.2.11:80 -s rr"), lines(vip), lines(vip, "-A -t 192.0.2.11:80 -s rr")},
		"a port is another server's": {lines(vip, rs1+"-m"), lines(vip, "-a -t 192.0.2.10:80 -r 10.0.0.11:81 -m"), lines(vip, rs1+"-m"), lines(vip, "-a -t 192.0.2.10:80 -r 10.0.0.11:81 -m")},
	} {
		t.Run(name, func(t *testing.T) {
			specs := func(lines []string) []service.Spec {
				r := newRig(t, 64)
				r.quietly(lines...)
				return r.Specs()
			}
			got := control.Merge(specs(c.base), specs(c.next), specs(c.running))
			wantServices(t, "merged", got, specs(c.want))
			r := newRig(t, 64)
			if err := r.Add(got); err != nil {
				t.Errorf("what was merged is refused: %v", err)
			}
		})
	}
}

// everythingOf contains all state that a list of changes can modify.
func (r *rig) everythingOf() string {
	return fmt.Sprintf("%+v\n%s%s%d servers, VIPs %v", r.Settings(), r.ipvsadm("-Ln --stats --exact"), r.ipvsadm("-Ln --exact"),
		len(r.Shared.View().Services.Servers()), r.Shared.View().Services.VIPs())
}

// TestApply_IsAllOrNothing applies changes of which the last one is wrong. The others must
// have no effect: on the lists, on the counts, or on the next server of round robin.
func TestApply_IsAllOrNothing(t *testing.T) {
	r := newRig(t, 64)
	r.quietly(web...)
	r.quietly("-a -t 192.0.2.10:80 -r 10.0.0.13:8080 -m")
	first := r.send(syn(1))[0].IP.DstIP.String()
	r.Estimate()
	before := r.everythingOf()
	specs := r.Specs()
	of := service.Spec{Key: specs[0].Key}
	server := func(n byte) service.ServerSpec {
		return service.ServerSpec{Addr: packet.AddrFrom4(10<<24 | uint32(n)), Port: 8080, Weight: 1}
	}
	bad := server(99)
	bad.Lower = 1
	elsewhere := service.Spec{Key: service.Key{Addr: packet.MustAddr("192.0.2.77"), Port: 80, Proto: packet.ProtoTCP}, Scheduler: "rr"}
	whole := elsewhere
	whole.Servers = []service.ServerSpec{server(21), bad}
	edited := specs[0]
	edited.Scheduler = "wlc"
	for name, ops := range map[string][]control.Op{
		"a service with two servers": {{Kind: control.AddService, Service: whole}},
		"all kinds": {
			{Kind: control.AddService, Service: elsewhere}, {Kind: control.EditService, Service: edited},
			{Kind: control.AddServer, Service: of, Server: server(22)}, {Kind: control.EditServer, Service: of, Server: server(11)},
			{Kind: control.DeleteServer, Service: of, Server: server(12)}, {Kind: control.DeleteService, Service: elsewhere},
			{Kind: control.AddServer, Service: of, Server: bad},
		},
		"removed and added again": {
			{Kind: control.DeleteService, Service: of}, {Kind: control.AddService, Service: specs[0]}, {Kind: control.AddService, Service: specs[0]},
		},
	} {
		err := r.Apply(ops...)
		if e, ok := err.(*control.OpError); !ok || e.At != len(ops)-1 { //nolint:errorlint // as documented
			t.Errorf("%s: got %v, want a refusal of the last change", name, err)
		}
		r.Refresh() // the workers see what there is
		if after := r.everythingOf(); after != before {
			t.Errorf("%s left a trace:\n%s\nwant\n%s", name, after, before)
		}
	}
	turns := map[string]bool{first: true}
	for n := 2; n <= 3; n++ {
		turns[r.send(syn(n))[0].IP.DstIP.String()] = true
	}
	if again := r.send(syn(4))[0].IP.DstIP.String(); len(turns) != 3 || again != first {
		t.Errorf("round robin went on with %v, then %s, want each in turn, and %s again", turns, again, first)
	}
}

// The first rules of a director are not tried on a copy. If one is refused, nothing is left
// of the others: the address of a service may be that of a server now, and the reverse.
func TestApply_OfTheFirstRulesIsAllOrNothing(t *testing.T) {
	r := newRig(t, 64)
	before := r.everythingOf()
	vip, real := packet.MustAddr("192.0.2.10"), packet.MustAddr("10.0.0.11")
	spec := func(vip, real packet.Addr) service.Spec {
		return service.Spec{
			Key: service.Key{Addr: vip, Port: 80, Proto: packet.ProtoTCP}, Scheduler: "rr",
			Servers: []service.ServerSpec{{Addr: real, Port: 80, Method: service.NAT, Weight: 1}},
		}
	}
	first := spec(vip, real)
	err := r.Add([]service.Spec{first, first})
	if e, ok := err.(*control.OpError); !ok || e.At != 1 { //nolint:errorlint // as documented
		t.Fatalf("got %v, want a refusal of the second service", err)
	}
	r.Refresh()
	if after := r.everythingOf(); after != before || len(r.Specs()) != 0 {
		t.Errorf("the refused rules left a trace:\n%s\nwant\n%s", after, before)
	}
	if err := r.Add([]service.Spec{spec(real, vip)}); err != nil {
		t.Errorf("with addresses of the refused rules: %v", err)
	}
	if n := len(r.Shared.View().Services.Servers()); n != 1 {
		t.Errorf("%d servers have a number, want 1", n)
	}
}

// TestUpdate_TakesAllBack makes an update fail that sets everything.
func TestUpdate_TakesAllBack(t *testing.T) {
	r := newRig(t, 64)
	r.quietly(web...)
	before := r.everythingOf()
	change := func(lower uint32) error {
		return r.Update(func(now control.Settings) control.Settings {
			now.Timeouts = service.Timeouts{TCP: 1, TCPFIN: 2, UDP: 3}
			now.Sysctl.DropEntry = 3
			now.Services[0].Scheduler = "wlc"
			now.Services[0].Servers[0].Lower = lower
			return now
		})
	}
	err := change(7)
	if e, ok := err.(*control.ServiceError); !ok || e.Key() != r.Specs()[0].Key { //nolint:errorlint // as documented
		t.Errorf("got %v, want what is wrong with the service", err)
	}
	r.Refresh()
	if after := r.everythingOf(); after != before {
		t.Errorf("the update left a trace:\n%s\nwant\n%s", after, before)
	}
	if err := change(0); err != nil {
		t.Fatal(err)
	}
	if s := r.Settings(); s.Timeouts.TCP != 1 || s.Sysctl.DropEntry != 3 || s.Services[0].Scheduler != "wlc" {
		t.Errorf("the update set %+v", s)
	}
}

// TestDeleteService_KeepsItsConnectionsFromTheHost: the host would reset the connections of
// the deleted service. A new connection goes to the host.
func TestDeleteService_KeepsItsConnectionsFromTheHost(t *testing.T) {
	r := newRig(t, 64)
	r.quietly(web...)
	r.send(syn(1))
	r.quietly("-D -t 192.0.2.10:80")
	r.send(ack(1))
	if dropped := r.drops(packet.ServerRemoved); dropped != 1 || len(r.Hosts[0].Take()) != 0 {
		t.Errorf("a packet of a connection whose service was removed: %d dropped, want 1, and none for the host", dropped)
	}
	r.send(syn(2))
	if got := r.Hosts[0].Take(); len(got) != 1 || packettest.Decode(t, got[0]).Flow() != "198.51.100.2:40000 > 192.0.2.10:80" {
		t.Errorf("a new connection to a service that was removed: the host got %d frames, want it", len(got))
	}
}
