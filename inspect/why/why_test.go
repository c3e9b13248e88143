package why_test

import (
	"strings"
	"testing"

	"director/inspect/why"
	"director/packet"
	"director/sched"
	"director/service"
)

// printed returns an explanation as text. Each run of white space becomes one blank.
func printed(t *testing.T, e why.Explanation) string {
	t.Helper()
	var b strings.Builder
	if err := why.Print(&b, []why.Explanation{e}); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestExplain_TellsANewConnectionByEveryScheduler(t *testing.T) {
	for _, name := range sched.Names() {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1000, web(name, 1, 2, 3))
			for i := range 5 {
				r.segment("198.51.100.8:"+string(rune('1'+i))+"000", vip+":80", "S")
			}
			e := r.ask(tcp(client+":40000", vip+":80"))
			if e.Scheduler == nil || e.Scheduler.Name != name || e.Scheduler.Rule == "" || len(e.Scheduler.Servers) != 3 {
				t.Fatalf("scheduler %+v", e.Scheduler)
			}
			if name == "none" {
				return
			}
			if chosen := e.Scheduler.Servers[e.Scheduler.Chosen]; chosen.Address != e.Server.Address {
				t.Errorf("chosen %v, server %v", chosen.Address, e.Server.Address)
			}
			best := e.Scheduler.Servers[e.Scheduler.Chosen].Score
			for _, c := range e.Scheduler.Servers {
				if c.Score != nil && best != nil && *c.Score < *best && name != "twos" && name != "nq" && name != "lblc" && name != "lblcr" {
					t.Errorf("score %v is less than the chosen one's %v", *c.Score, *best)
				}
			}
		})
	}
}

func TestExplain_ReadsLikeAnExplanation(t *testing.T) {
	r := newRig(t, 1000, web("wlc", 1, 2))
	r.segment("198.51.100.8:1000", vip+":80", "S")
	r.segment("198.51.100.8:1001", vip+":80", "S")
	want := `packet tcp 198.51.100.7:40000 → 192.0.2.10:80 SYN ttl 64, arrives on eth0
service tcp 192.0.2.10:80, scheduler wlc
connection none: this packet begins one, in SYN_RECV for 60 s
scheduler wlc: least (256*active + all connections) / weight
10.0.0.12:8080 weight 2 active 1 inactive 0 → 128.5 chosen
10.0.0.11:8080 weight 1 active 1 inactive 0 → 257
server 10.0.0.12:8080 by NAT
next hop 10.0.0.12 is at 02:00:00:09:09:09 on eth1, mtu 1500
sends tcp 198.51.100.7:40000 → 10.0.0.12:8080 SYN ttl 63 by eth1, 02:00:00:00:00:02 → 02:00:00:09:09:09
verdict tx by eth1`
	if got := printed(t, r.ask(tcp(client+":40000", vip+":80"))); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Each case has a director in some state, a question, and texts that the answer must
// contain. Each case also checks that the packet then does what the answer said.
func TestExplain_TellsWhatHappens(t *testing.T) {
	persistent := web("rr", 1, 1)
	persistent.Persistent = 300
	ops := spec(packet.ProtoUDP, 53, "rr", service.DR, 1, 1)
	ops.OnePacket = true
	opsPersistent := ops
	opsPersistent.Persistent = 300
	limited := web("wlc", 1, 1)
	limited.Servers[0].Upper, limited.Servers[1].Upper = 1, 10
	marked := service.Spec{Key: service.Key{Mark: 5}, Scheduler: "lblc", Servers: []service.ServerSpec{
		{Addr: server(0), Method: service.DR, Weight: 1}, {Addr: server(1), Method: service.DR, Weight: 1},
	}}
	unresolved := web("rr")
	unresolved.Servers = []service.ServerSpec{{Addr: server(8), Port: 80, Weight: 1}}
	half := web("rr", 1) // the server that was added last is the first, and it is silent
	half.Servers = append(half.Servers, service.ServerSpec{Addr: server(8), Port: 8080, Weight: 1})
	tunnel := spec(packet.ProtoTCP, 80, "rr", service.TUN, 1)
	gue := spec(packet.ProtoTCP, 80, "rr", service.TUN, 1)
	gue.Servers[0].Tunnel = packet.Tunnel{Encap: packet.GUE, Port: 6080}
	established := func(r *rig) {
		r.segment(client+":40000", vip+":80", "S")
		r.answer("10.0.0.11:8080", client+":40000", "SA")
		r.segment(client+":40000", vip+":80", "A")
	}
	for _, c := range []struct {
		name  string
		specs []service.Spec
		size  int
		given func(*rig)
		q     why.Question
		want  []string
	}{
		{name: "existing connection", specs: []service.Spec{web("rr", 1)}, given: established, q: tcp(client+":40000", vip+":80"),
			want: []string{"assumed an ACK", "stays in ESTABLISHED for 900 s", "server 10.0.0.11:8080 by NAT", "verdict tx by eth1"}},
		{name: "FIN of a connection", specs: []service.Spec{web("rr", 1)}, given: established,
			q: why.Question{Proto: "tcp", Src: client + ":40000", Dst: vip + ":80", Flags: "FA"}, want: []string{"from ESTABLISHED to CLOSE_WAIT"}},
		{name: "a new connection where one is over", specs: []service.Spec{web("rr", 1, 1)},
			given: func(r *rig) {
				established(r)
				r.answer("10.0.0.11:8080", client+":40000", "R")
				r.answer("10.0.0.12:8080", client+":40000", "R")
			},
			q:    why.Question{Proto: "tcp", Src: client + ":40000", Dst: vip + ":80", Flags: "S"},
			want: []string{"had ended, in CLOSE: this packet begins another"}},
		{name: "persistence begins", specs: []service.Spec{persistent}, q: tcp(client+":40000", vip+":80"),
			want: []string{"persistent 300 s", "template none: this packet makes one", "chosen"}},
		{name: "persistence goes on", specs: []service.Spec{persistent}, given: func(r *rig) { r.segment(client+":39000", vip+":80", "S") },
			q: tcp(client+":40000", vip+":80"), want: []string{"template of client 198.51.100.7 to 10.0.0.12:8080, for 300 s", "server 10.0.0.12:8080"}},
		{name: "persistence to a server that was removed", specs: []service.Spec{persistent},
			given: func(r *rig) {
				r.segment(client+":39000", vip+":80", "S")
				r.must(r.Control.DeleteServer(persistent.Key, server(1), 8080))
			},
			q: tcp(client+":40000", vip+":80"), want: []string{"the earlier one cannot be used", "server 10.0.0.11:8080"}},
		{name: "quiesced server", specs: []service.Spec{web("rr", 1, 0)}, q: tcp(client+":40000", vip+":80"),
			want: []string{"10.0.0.12:8080 weight 0 active 0 inactive 0 gets no new connections: weight 0", "server 10.0.0.11:8080"}},
		{name: "overloaded server", specs: []service.Spec{limited},
			given: func(r *rig) { r.segment("198.51.100.8:1", vip+":80", "S"); r.segment("198.51.100.8:2", vip+":80", "S") },
			q:     tcp(client+":40000", vip+":80"), want: []string{"overloaded, thresholds 1 and 0", "server 10.0.0.12:8080"}},
		{name: "unreachable server", specs: []service.Spec{half}, given: func(r *rig) { r.Control.SkipUnreachable(true) },
			q:    tcp(client+":40000", vip+":80"),
			want: []string{"10.0.0.19:8080 weight 1 active 0 inactive 0 gets no new connections: packets cannot reach it", "server 10.0.0.11:8080"}},
		{name: "a repeated SYN whose server is unreachable", specs: []service.Spec{half},
			given: func(r *rig) { r.segment(client+":40000", vip+":80", "S"); r.Control.SkipUnreachable(true) },
			q:     why.Question{Proto: "tcp", Src: client + ":40000", Dst: vip + ":80", Flags: "S"},
			want:  []string{"was not answered, in SYN_RECV, and its server gets no new connections: this packet begins another, in SYN_RECV", "server 10.0.0.11:8080"}},
		{name: "no server", specs: []service.Spec{web("rr", 0)}, q: tcp(client+":40000", vip+":80"),
			want: []string{"no server is chosen", "sends icmp 192.0.2.10 → 198.51.100.7 type 3 code 3, port unreachable", "verdict drop no-server", "the sender gets an ICMP error"}},
		{name: "no server, and nobody told", specs: []service.Spec{web("rr", 0)},
			given: func(r *rig) {
				for range 6 {
					r.segment(client+":1", vip+":80", "S")
				}
			},
			q: tcp(client+":40000", vip+":80"), want: []string{"the limit on ICMP errors", "verdict drop no-server"}},
		{name: "no service", specs: []service.Spec{web("rr", 1)}, q: tcp(client+":40000", vip+":81"),
			want: []string{"service tcp 192.0.2.10:81: there is no such service", "verdict host no-service", "192.0.2.10 has the services tcp 80"}},
		{name: "mistyped address", specs: []service.Spec{web("rr", 1)}, q: tcp(client+":40000", "192.0.2.11:80"),
			want: []string{"the source is not the address of a real server, so this is no answer", "no service has the address 192.0.2.11; there are 192.0.2.10"}},
		{name: "mistyped address, SYN", specs: []service.Spec{web("rr", 1)},
			q:    why.Question{Proto: "tcp", Src: client + ":40000", Dst: "192.0.2.11:80", Flags: "S"},
			want: []string{"verdict host no-connection", "no service has the address 192.0.2.11; there are 192.0.2.10"}},
		{name: "no connection and no SYN", specs: []service.Spec{web("rr", 1)},
			q:    why.Question{Proto: "tcp", Src: client + ":40000", Dst: vip + ":80", Flags: "A"},
			want: []string{"connection none", "sends tcp 192.0.2.10:80 → 198.51.100.7:40000 RST", "verdict drop no-connection"}},
		{name: "bad source", specs: []service.Spec{web("rr", 1)}, q: tcp("127.0.0.1:40000", vip+":80"),
			want: []string{"assumed that the packet arrives on eth0", "verdict drop bad-source"}},
		{name: "server removed", specs: []service.Spec{web("rr", 1)},
			given: func(r *rig) { established(r); r.must(r.Control.DeleteServer(web("rr").Key, server(0), 8080)) },
			q:     tcp(client+":40000", vip+":80"), want: []string{"its server was removed from the service", "verdict drop server-removed"}},
		{name: "server removed, expire_nodest", specs: []service.Spec{web("rr", 1, 1)},
			given: func(r *rig) {
				established(r)
				r.must(r.Control.DeleteServer(web("rr").Key, server(1), 8080))
				r.must(r.Control.SetSysctl("expire_nodest_conn", "1"))
			},
			q:    why.Question{Proto: "tcp", Src: client + ":40000", Dst: vip + ":80", Flags: "S"},
			want: []string{"begins another", "server 10.0.0.11:8080"}},
		{name: "table full", specs: []service.Spec{web("rr", 1, 1)}, size: 1,
			given: established, q: tcp(client+":40001", vip+":80"),
			want: []string{"none, and the table is full", "server 10.0.0.1"}},
		{name: "table full, a half-open connection is evicted", specs: []service.Spec{web("rr", 1, 1)}, size: 1,
			given: func(r *rig) { r.segment("198.51.100.8:1", vip+":80", "S") }, q: tcp(client+":40001", vip+":80"),
			want: []string{"this packet begins one", "server 10.0.0.11:8080"}},
		{name: "neighbour unknown", specs: []service.Spec{unresolved}, q: tcp(client+":40000", vip+":80"),
			want: []string{"next hop 10.0.0.19 on eth1, whose Ethernet address is not known", "verdict wait neighbor: until the Ethernet address of 10.0.0.19 is known"}},
		{name: "answer of a masquerading server", specs: []service.Spec{web("rr", 1)}, given: established,
			q:    tcp("10.0.0.11:8080", client+":40000"),
			want: []string{"(this packet is an answer)", "sends tcp 192.0.2.10:80 → 198.51.100.7:40000 ACK ttl 63 by eth0", "next hop 198.51.100.7"}},
		{name: "answer to nobody", specs: []service.Spec{web("rr", 1)}, q: tcp("10.0.0.11:8080", client+":40000"),
			want: []string{"a server's answer, a SYN-ACK", "verdict host no-connection"}},
		{name: "firewall mark", specs: []service.Spec{marked},
			given: func(r *rig) { r.segment("198.51.100.8:1", "203.0.113.9:443", "S") },
			q:     tcp(client+":40000", "203.0.113.9:443"),
			want:  []string{"service fwmark 5, scheduler lblc", "remembered for 203.0.113.9: 10.0.0.12:0", "by direct routing", "verdict tx"}},
		{name: "one packet", specs: []service.Spec{ops}, q: why.Question{Proto: "udp", Src: client + ":40000", Dst: vip + ":53"},
			want: []string{"one packet", "chosen", "server 10.0.0.12:53 by direct routing"}},
		{name: "one packet, persistent", specs: []service.Spec{opsPersistent},
			given: func(r *rig) {
				r.send(0, packettestUDP(client+":39000", vip+":53"))
			},
			q:    why.Question{Proto: "udp", Src: client + ":40000", Dst: vip + ":53"},
			want: []string{"server 10.0.0.12:53 by direct routing", "template of client 198.51.100.7"}},
		{name: "IPIP tunnel", specs: []service.Spec{tunnel}, q: tcp(client+":40000", vip+":80"),
			want: []string{"by a tunnel", "sends ipip 10.0.0.1 → 10.0.0.11 ipip tunnel ttl 63 of tcp 198.51.100.7:40000 → 192.0.2.10:80"}},
		{name: "FTP data connection", specs: []service.Spec{spec(packet.ProtoTCP, 21, "rr", service.NAT, 1)},
			given: passive, q: tcp(client+":40001", vip+":20000"),
			want: []string{"whose client port was not known until now", "server 10.0.0.11:20000 by NAT", "verdict tx"}},
		{name: "SCTP", specs: []service.Spec{spec(packet.ProtoSCTP, 80, "rr", service.DR, 1)}, q: why.Question{Proto: "sctp", Src: client + ":40000", Dst: vip + ":80"},
			want: []string{"INIT", "in INIT1", "verdict tx"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, max(c.size, 1+999*b2i(c.size == 0)), c.specs...)
			if c.given != nil {
				c.given(r)
			}
			got := printed(t, r.ask(c.q))
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("want %q in:\n%s", want, got)
				}
			}
		})
	}
}
