package ipvsadm

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"

	"director/packet"
	"director/service"
)

// methodFlags are the forwarding methods as "ipvsadm -S" prints them.
var methodFlags = [...]string{service.NAT: "-m", service.DR: "-g", service.TUN: "-i"}

// Write prints services in the form of "ipvsadm -S -n": commands that, applied
// to an empty Table, make it hold the same services.
func Write(w io.Writer, services []service.Spec) error {
	b := bufio.NewWriter(w)
	for _, s := range services {
		fmt.Fprintf(b, "-A %s -s %s", serviceArg(s.Key), s.Scheduler)
		if s.Flags != 0 {
			fmt.Fprintf(b, " -b %s", flagNames(s.Flags, s.Scheduler))
		}
		fmt.Fprintln(b)
		for _, r := range s.Servers {
			fmt.Fprintf(b, "-a %s %s %s -w %d\n", serviceArg(s.Key), serverArg(r), methodFlags[r.Method], r.Weight)
		}
	}
	return b.Flush()
}

// serviceArg is how a rule names a service.
func serviceArg(k service.Key) string {
	flag := "-t "
	if k.Proto == packet.ProtoUDP {
		flag = "-u "
	}
	return flag + netip.AddrPortFrom(k.Addr.Netip(), k.Port).String()
}

// serverArg is how a rule names a real server.
func serverArg(r service.ServerSpec) string {
	return "-r " + netip.AddrPortFrom(r.Addr.Netip(), r.Port).String()
}
