package ipvsadm_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/sched"
	"director/service"
)

func listed(s service.ServerSpec, active, inactive, persistent uint32) control.Server {
	return control.Server{ServerSpec: s, Active: active, Inactive: inactive, Persistent: persistent}
}

// balanced has the services of the listings below, in another order.
func balanced() *memory {
	web := control.Service{Spec: service.Spec{Key: tcp("192.0.2.10", 80), Scheduler: "wlc"},
		Stats: control.Stats{Conns: 15, InPkts: 120, OutPkts: 98, InBytes: 9600, OutBytes: 123456789},
		Rates: control.Rates{CPS: 2, InPPS: 15, OutPPS: 12, InBPS: 1200, OutBPS: 15432},
		Servers: []control.Server{
			listed(server("10.0.0.2", 8080, service.NAT, 2), 5, 0, 0),
			listed(limited(server("10.0.0.1", 80, service.NAT, 1), 100, 75), 3, 12, 4),
		}}
	web.Servers[1].Stats = control.Stats{Conns: 7, InPkts: 60, OutPkts: 49, InBytes: 4800, OutBytes: 61728394}
	web.Servers[1].Rates = control.Rates{CPS: 1, InPPS: 8, OutPPS: 6, InBPS: 600, OutBPS: 7716}
	return &memory{services: []control.Service{
		{Spec: service.Spec{Key: mark(1), Scheduler: "rr", Persistent: 300, HostMask: 0xff},
			Servers: []control.Server{listed(server("10.0.0.1", 0, service.DR, 1), 0, 0, 0)}},
		{Spec: service.Spec{Key: udp("192.0.2.10", 53), Scheduler: "rr", OnePacket: true},
			Servers: []control.Server{listed(server("10.0.0.3", 53, service.TUN, 0), 0, 7, 0)}},
		{Spec: service.Spec{Key: tcp("192.0.2.13", 80), Scheduler: "mh", Flags: sched.Port}},
		{Spec: service.Spec{Key: tcp("192.0.2.12", 80), Scheduler: "sh", Flags: sched.Fallback | sched.Port}},
		{Spec: service.Spec{Key: tcp("192.0.2.11", 443), Scheduler: "rr", Persistent: 300},
			Servers: []control.Server{listed(server("10.0.0.1", 443, service.DR, 1), 3, 12, 4)}},
		web,
	}}
}

// golden compares what a command line prints. Blanks at the end of a line are
// written as "·".
func golden(t *testing.T, d *memory, line, want string) {
	t.Helper()
	out, errs, code := run(d, line, "")
	if code != 0 || errs != "" {
		t.Fatalf("%s: %d %s", line, code, errs)
	}
	want = strings.ReplaceAll(want, "·", " ")
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(out, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", line, diff)
	}
}

const title = "IP Virtual Server version 1.2.1 (size=4096)\n"

func TestList_ShowsServices(t *testing.T) {
	golden(t, balanced(), "-Ln", title+`Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.10:80 wlc
  -> 10.0.0.1:80                  Masq    1      3          12········
  -> 10.0.0.2:8080                Masq    2      5          0·········
TCP  192.0.2.11:443 rr persistent 300
  -> 10.0.0.1:443                 Route   1      3          12········
TCP  192.0.2.12:80 sh (sh-fallback,sh-port)
TCP  192.0.2.13:80 mh (mh-port)
UDP  192.0.2.10:53 rr ops
  -> 10.0.0.3:53                  Tunnel  0      0          7·········
FWM  1 rr persistent 300 mask 255.255.255.0
  -> 10.0.0.1:0                   Route   1      0          0·········
`)
}

func TestList_ShowsOneService(t *testing.T) {
	golden(t, balanced(), "-Ln -t 192.0.2.11:443", `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.11:443 rr persistent 300
  -> 10.0.0.1:443                 Route   1      3          12········
`)
	golden(t, balanced(), "-Ln -f 1 --thresholds", `Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn·
  -> RemoteAddress:Port
FWM  1 rr persistent 300 mask 255.255.255.0
  -> 10.0.0.1:0                   0          0          0          0·········
`)
}

func TestList_ShowsTheOrderOfTheList(t *testing.T) {
	golden(t, balanced(), "-Ln --nosort", title+`Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
FWM  1 rr persistent 300 mask 255.255.255.0
  -> 10.0.0.1:0                   Route   1      0          0·········
UDP  192.0.2.10:53 rr ops
  -> 10.0.0.3:53                  Tunnel  0      0          7·········
TCP  192.0.2.13:80 mh (mh-port)
TCP  192.0.2.12:80 sh (sh-fallback,sh-port)
TCP  192.0.2.11:443 rr persistent 300
  -> 10.0.0.1:443                 Route   1      3          12········
TCP  192.0.2.10:80 wlc
  -> 10.0.0.2:8080                Masq    2      5          0·········
  -> 10.0.0.1:80                  Masq    1      3          12········
`)
}

func TestList_ShowsCounts(t *testing.T) {
	d := balanced()
	d.services = d.services[5:]
	d.services[0].Servers = d.services[0].Servers[1:]
	golden(t, d, "-Ln --stats", title+`Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                      15      120       98     9600  123456K
  -> 10.0.0.1:80                         7       60       49     4800 61728394
`)
	golden(t, d, "-Ln --stats --exact -t 192.0.2.10:80",
		`Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                      15      120       98     9600 123456789
  -> 10.0.0.1:80                         7       60       49     4800 61728394
`)
	golden(t, d, "-Ln --rate", title+`Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       2       15       12     1200    15432
  -> 10.0.0.1:80                         1        8        6      600     7716
`)
}

// As ipvsadm 1.31 printed these counts; a server's rates of connections and
// packets it never shortens.
func TestList_ShortensLargeNumbers(t *testing.T) {
	s := control.Service{Spec: service.Spec{Key: tcp("192.0.2.10", 80), Scheduler: "rr"},
		Servers: []control.Server{listed(server("10.0.0.1", 80, service.NAT, 1), 0, 0, 0)}}
	s.Stats = control.Stats{Conns: 99999999, InPkts: 100000000, OutPkts: 999999999, InBytes: 1000000000, OutBytes: 99999999999}
	s.Servers[0].Stats = control.Stats{Conns: 4294967295, InBytes: 12345678901234, OutBytes: 1e14, OutPkts: 99999999999999, InPkts: 1<<64 - 1}
	s.Rates = control.Rates{CPS: 99999999, InPPS: 100000000, OutPPS: 123456789, InBPS: 4294967295, OutBPS: 5}
	s.Servers[0].Rates = control.Rates{CPS: 100000000, InPPS: 2, OutPPS: 4294967295, InBPS: 99999999, OutBPS: 100000000}
	d := &memory{services: []control.Service{s}}
	golden(t, d, "-Ln --stats -t 192.0.2.10:80", `Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                99999999  100000K  999999K    1000M   99999M
  -> 10.0.0.1:80                     4294M18446744T   99999G   12345G     100T
`)
	golden(t, d, "-Ln --stats --exact -t 192.0.2.10:80", `Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                99999999 100000000 999999999 1000000000 99999999999
  -> 10.0.0.1:80                  4294967295 18446744073709551615 99999999999999 12345678901234 100000000000000
`)
	golden(t, d, "-Ln --rate -t 192.0.2.10:80", `Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  192.0.2.10:80                99999999  100000K  123456K    4294M        5
  -> 10.0.0.1:80                  100000000        2 4294967295 99999999  100000K
`)
}

func TestList_ShowsThresholds(t *testing.T) {
	d := balanced()
	d.services = d.services[5:]
	d.services[0].Servers = d.services[0].Servers[1:]
	golden(t, d, "-Ln --thresholds", title+`Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn·
  -> RemoteAddress:Port
TCP  192.0.2.10:80 wlc
  -> 10.0.0.1:80                  100        75         3          12········
`)
}

func TestList_ShowsPersistentConnections(t *testing.T) {
	d := balanced()
	d.services = d.services[4:5]
	golden(t, d, "-Ln --persistent-conn", title+`Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn·
  -> RemoteAddress:Port
TCP  192.0.2.11:443 rr persistent 300
  -> 10.0.0.1:443                 1         4           3          12········
`)
}

func TestList_ShowsTunnels(t *testing.T) {
	d := balanced()
	d.services = d.services[:2]
	golden(t, d, "-Ln --tun-info", title+`Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn
UDP  192.0.2.10:53 rr ops
  -> 10.0.0.3:53                  Tunnel  ipip          0      0          7·········
FWM  1 rr persistent 300 mask 255.255.255.0
  -> 10.0.0.1:0                   Route   n/a           1      0          0·········
`)
	d = &memory{}
	must(t, d, `-A -t 192.0.2.14:80 -s rr
-a -t 192.0.2.14:80 -r 10.0.0.1 -i --tun-type gue --tun-port 6080 --tun-csum
-a -t 192.0.2.14:80 -r 10.0.0.2 -i --tun-type gue --tun-port 65535 --tun-remcsum
-a -t 192.0.2.14:80 -r 10.0.0.3 -i --tun-type gue --tun-port 1
-a -t 192.0.2.14:80 -r 10.0.0.4 -i --tun-type gre --tun-nocsum
-a -t 192.0.2.14:80 -r 10.0.0.5 -i --tun-csum --tun-type gre
`)
	golden(t, d, "-Ln --tun-info", title+`Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn
TCP  192.0.2.14:80 rr
  -> 10.0.0.1:80                  Tunnel  gue:6080:+c   1      0          0·········
  -> 10.0.0.2:80                  Tunnel  gue:65535:r+c 1      0          0·········
  -> 10.0.0.3:80                  Tunnel  gue:1:-c      1      0          0·········
  -> 10.0.0.4:80                  Tunnel  gre:-c        1      0          0·········
  -> 10.0.0.5:80                  Tunnel  gre:+c        1      0          0·········
`)
	// An edit that does not say so makes the tunnel ipip again.
	must(t, d, "-e -t 192.0.2.14:80 -r 10.0.0.1 -i\n-e -t 192.0.2.14:80 -r 10.0.0.2\n"+
		"-e -t 192.0.2.14:80 -r 10.0.0.3 -i --tun-type gre\n-d -t 192.0.2.14:80 -r 10.0.0.4\n")
	golden(t, d, "-Sn", `-A -t 192.0.2.14:80 -s rr
-a -t 192.0.2.14:80 -r 10.0.0.1:80 -i -w 1 --tun-type ipip
-a -t 192.0.2.14:80 -r 10.0.0.2:80 -g -w 1
-a -t 192.0.2.14:80 -r 10.0.0.3:80 -i -w 1 --tun-type gre --tun-nocsum
-a -t 192.0.2.14:80 -r 10.0.0.5:80 -i -w 1 --tun-type gre --tun-csum
`)
}

func TestList_ShowsTimeouts(t *testing.T) {
	d := &memory{timeouts: service.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300}}
	golden(t, d, "-L --timeout", "Timeout (tcp tcpfin udp): 900 120 300\n")
	golden(t, d, "-L --daemon", "")
}

func connection(proto uint8, seconds float64, state, client, virtual, server string) control.Connection {
	return control.Connection{Proto: proto, Expires: time.Duration(seconds * 1e9), State: state,
		Client: netip.MustParseAddrPort(client), Virtual: netip.MustParseAddrPort(virtual), Server: netip.MustParseAddrPort(server)}
}

func TestList_ShowsConnections(t *testing.T) {
	call := connection(17, 99.9, "NONE", "198.51.100.7:0", "192.0.2.10:5060", "10.0.0.3:5060")
	call.Engine, call.EngineData = "sip", "193373839@10.0.0.1"
	d := &memory{connections: []control.Connection{
		connection(6, 898, "ESTABLISHED", "198.51.100.7:40000", "192.0.2.10:80", "10.0.0.1:80"),
		connection(6, 59.999, "SYN_RECV", "198.51.100.8:51234", "192.0.2.10:80", "10.0.0.2:8080"),
		connection(17, 299, "UDP", "198.51.100.7:5353", "192.0.2.10:53", "10.0.0.3:53"),
		connection(6, 292, "ASSURED", "198.51.100.9:0", "192.0.2.11:443", "10.0.0.1:443"),
		connection(0, 99, "NONE", "10.0.1.55:0", "0.0.0.6:0", "10.0.2.1:0"),
		connection(132, 6000, "ESTABLISHED", "198.51.100.7:40000", "192.0.2.10:80", "10.0.0.1:80"),
	}}
	golden(t, d, "-Lcn", `IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:58  ESTABLISHED 198.51.100.7:40000 192.0.2.10:80      10.0.0.1:80
TCP 00:59  SYN_RECV    198.51.100.8:51234 192.0.2.10:80      10.0.0.2:8080
UDP 04:59  UDP         198.51.100.7:5353  192.0.2.10:53      10.0.0.3:53
TCP 04:52  ASSURED     198.51.100.9:0     192.0.2.11:443     10.0.0.1:443
IP  01:39  NONE        10.0.1.55:0        0.0.0.6:0          10.0.2.1:0
SCTP 100:00 ESTABLISHED 198.51.100.7:40000 192.0.2.10:80      10.0.0.1:80
`)
	d.connections = append(d.connections[:1], call)
	golden(t, d, "-Lcn --persistent-conn", `IPVS connection entries
pro expire state       source             virtual            destination        pe name          pe_data
TCP 14:58  ESTABLISHED 198.51.100.7:40000 192.0.2.10:80      10.0.0.1:80
UDP 01:39  NONE        198.51.100.7:0     192.0.2.10:5060    10.0.0.3:5060    sip                193373839@10.0.0.1
`)
}

func TestList_ShowsNames(t *testing.T) {
	golden(t, balanced(), "-L -t 192.0.2.10:80", `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  vip.example:http wlc
  -> 10.0.0.1:http                Masq    1      3          12········
  -> the-second-server.of-the-exa Masq    2      5          0·········
`)
	d := balanced()
	d.services = d.services[5:]
	golden(t, d, "-S", `-A -t vip.example:http -s wlc
-a -t vip.example:http -r 10.0.0.1:http -m -w 1
-a -t vip.example:http -r the-second-server.of-the-example:8080 -m -w 2
`)
	d.connections = []control.Connection{
		connection(6, 1, "NONE", "10.0.0.2:80", "192.0.2.10:80", "10.0.0.1:80"),
		connection(17, 1, "UDP", "198.51.100.7:80", "192.0.2.10:514", "10.0.0.1:514"),
	}
	golden(t, d, "-Lc", `IPVS connection entries
pro expire state       source             virtual            destination
TCP 00:01  NONE        the-second-server.of-the-example:http vip.example:http   10.0.0.1:http
UDP 00:01  UDP         198.51.100.7:80    vip.example:syslog 10.0.0.1:syslog
`)
	d.services[0].Key = tcp("203.0.113.1", 80)
	golden(t, d, "-L --stats -t 203.0.113.1:80", `Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  a-host-with-a-long-name.exam       15      120       98     9600  123456K
  -> 10.0.0.1:http                       7       60       49     4800 61728394
  -> the-second-server.of-the-exa        0        0        0        0        0
`)
}

func TestSave_PrintsWhatIpvsadmPrints(t *testing.T) {
	d := &memory{}
	must(t, d, `-A -f 9 -s rr
-A -f 6 -s rr -p 100
-a -f 6 -r 10.0.2.1:8080 -m
-A -u 192.0.2.10:5060 -s wlc -p 10 --pe sip -o -b flag-3
-A -t 10.0.1.100:203
-a -t 10.0.1.100:203 -r 10.0.2.1 -i -x 9 -y 3
-A -t 10.0.1.100:81 -s sh -b sh-port,sh-fallback
-A -t 10.0.1.100:0 -s rr -p 50 -M 255.255.255.0
-a -t 10.0.1.100:0 -r 10.0.2.1 -m
-A --sctp-service 10.0.1.100:80 -s none
`)
	golden(t, d, "-Sn", `-A -t 10.0.1.100:0 -s rr -p 50 -M 255.255.255.0
-a -t 10.0.1.100:0 -r 10.0.2.1:0 -m -w 1
-A -t 10.0.1.100:81 -s sh -b sh-fallback,sh-port
-A -t 10.0.1.100:203 -s wlc
-a -t 10.0.1.100:203 -r 10.0.2.1:203 -i -w 1 --tun-type ipip
-A -u 192.0.2.10:5060 -s wlc -p 10 --pe sip -o -b flag-3
-A --sctp-service 10.0.1.100:80 -s none
-A -f 6 -s rr -p 100
-a -f 6 -r 10.0.2.1:8080 -m -w 1
-A -f 9 -s rr
`)
}

// ipvsadm 1.31 lists these addresses, given in this order, in that order.
func TestList_SortsAsIpvsadmDoes(t *testing.T) {
	given := strings.Fields("203.0.113.1 10.0.0.1 172.16.0.1 150.0.0.1 100.64.0.1 192.0.2.1 50.0.0.1 127.0.0.2")
	want := strings.Fields("50.0.0.1 100.64.0.1 127.0.0.2 150.0.0.1 172.16.0.1 192.0.2.1 203.0.113.1 10.0.0.1")
	d := &memory{}
	for _, a := range given {
		d.services = append(d.services, control.Service{Spec: service.Spec{Key: tcp(a, 80), Scheduler: "rr"}})
	}
	out, _, _ := run(d, "-Sn", "")
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		got = append(got, strings.TrimSuffix(strings.Fields(line)[2], ":80"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
