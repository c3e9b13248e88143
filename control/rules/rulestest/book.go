// Package rulestest is for tests of what reads and prints rules.
package rulestest

import (
	"errors"
	"net/netip"

	"director/packet"
)

// Saved holds services of many kinds as Write prints them, thresholds included.
const Saved = `-A -t 192.0.2.10:80 -s wlc
-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m -w 2
-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1
-a -t 192.0.2.10:80 -r 10.0.0.11:8081 -m -w 0
-A -u 192.0.2.10:80 -s rr
-a -u 192.0.2.10:80 -r 10.0.0.13:80 -i -w 2147483647 --tun-type ipip
-a -u 192.0.2.10:80 -r 10.0.0.14:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -u 192.0.2.10:80 -r 10.0.0.15:80 -i -w 1 -x 9 --tun-type gue --tun-port 65535 --tun-csum
-a -u 192.0.2.10:80 -r 10.0.0.16:80 -i -w 1 --tun-type gue --tun-port 1 --tun-remcsum
-a -u 192.0.2.10:80 -r 10.0.0.17:80 -i -w 1 --tun-type gre --tun-nocsum
-a -u 192.0.2.10:80 -r 10.0.0.18:80 -i -w 1 --tun-type gre --tun-csum
-A -t 192.0.2.11:443 -s wrr
-a -t 192.0.2.11:443 -r 192.0.2.11:443 -g -w 1
-A -t 192.0.2.12:443 -s lc
-A -t 192.0.2.13:80 -s sh -b sh-fallback,sh-port
-A -t 192.0.2.14:80 -s mh -b mh-port,flag-3
-A -t 192.0.2.15:80 -s rr -b flag-1,flag-2
-A -t 192.0.2.16:0 -s none -p 50 -M 255.255.255.0
-a -t 192.0.2.16:0 -r 10.0.0.11:0 -m -w 1 -x 100 -y 75
-a -t 192.0.2.16:0 -r 10.0.0.12:0 -i -w 1 -x 100 --tun-type ipip
-A -u 192.0.2.16:5060 -s wlc -p 360 -M 0.0.0.0 --pe sip -o -b flag-3
-A --sctp-service 192.0.2.16:80 -s wlc
-A -f 4294967295 -s rr -p 100
-a -f 4294967295 -r 10.0.0.11:8080 -g -w 1
-a -f 4294967295 -r 10.0.0.11:0 -m -w 1
`

// Book is a rules.Resolver and a rules.Namer that knows a few names.
type Book struct{}

// Host implements rules.Resolver.
func (Book) Host(name string) (netip.Addr, error) {
	switch name {
	case "vip.example":
		return netip.MustParseAddr("192.0.2.10"), nil
	case "group.example":
		return netip.MustParseAddr("224.0.0.1"), nil
	}
	return netip.Addr{}, errors.New("no such host")
}

// Port implements rules.Resolver.
func (Book) Port(name string, proto uint8) (uint16, error) {
	switch {
	case name == "http" && proto == packet.ProtoTCP:
		return 80, nil
	case name == "syslog" && proto == packet.ProtoUDP:
		return 514, nil
	case name == "diameter" && proto == packet.ProtoSCTP:
		return 3868, nil
	}
	return 0, errors.New("no such service")
}

// HostName implements rules.Namer.
func (Book) HostName(a netip.Addr) string {
	return map[string]string{
		"192.0.2.10": "vip.example", "10.0.0.2": "the-second-server.of-the-example", "203.0.113.1": "a-host-with-a-long-name.example",
	}[a.String()]
}

// PortName implements rules.Namer.
func (Book) PortName(port uint16, proto uint8) string {
	switch {
	case port == 80 && proto == packet.ProtoTCP:
		return "http"
	case port == 514 && proto == packet.ProtoUDP:
		return "syslog"
	}
	return ""
}
