package ipvsadm

import (
	"bufio"
	"fmt"
	"io"
	"strconv"

	"director/packet"
	"director/service"
)

// Write prints services in the form of "ipvsadm -S -n", and what that leaves out:
// commands that, applied to an empty Table, make it hold the same services.
func Write(w io.Writer, services []service.Spec) error {
	b := bufio.NewWriter(w)
	for i := range services {
		s := &services[i]
		writeService(b, s, nil)
		for j := range s.Servers {
			writeServer(b, s.Key, &s.Servers[j], nil, true)
		}
	}
	return b.Flush()
}

// writeService prints the command that adds s, without its servers.
func writeService(w io.Writer, s *service.Spec, names Namer) {
	fmt.Fprintf(w, "-A %s -s %s", serviceArg(s.Key, names), s.Scheduler)
	if s.Persistent != 0 {
		fmt.Fprintf(w, " -p %d", s.Persistent)
	}
	if s.HostMask != 0 {
		fmt.Fprintf(w, " -M %s", packet.AddrFrom4(^s.HostMask))
	}
	if s.Engine != "" {
		fmt.Fprintf(w, " --pe %s", s.Engine)
	}
	if s.OnePacket {
		fmt.Fprint(w, " -o")
	}
	if s.Flags != 0 {
		fmt.Fprintf(w, " -b %s", flagList(s.Flags, s.Scheduler))
	}
	fmt.Fprintln(w)
}

// methodFlags are the forwarding methods as rules name them.
var methodFlags = [...]string{service.NAT: "-m", service.DR: "-g", service.TUN: "-i"}

// writeServer prints the command that adds a real server. ipvsadm saves no
// thresholds.
func writeServer(w io.Writer, k service.Key, s *service.ServerSpec, names Namer, thresholds bool) {
	fmt.Fprintf(w, "-a %s -r %s %s -w %d", serviceArg(k, names),
		hostPort(names, s.Addr, s.Port, namedProto(k)), methodFlags[s.Method], s.Weight)
	if thresholds && s.Upper != 0 {
		fmt.Fprintf(w, " -x %d", s.Upper)
	}
	if thresholds && s.Lower != 0 {
		fmt.Fprintf(w, " -y %d", s.Lower)
	}
	if s.Method == service.TUN {
		fmt.Fprint(w, " ", tunnelRule(s.Tunnel))
	}
	fmt.Fprintln(w)
}

// serviceArg is how a rule names a service.
func serviceArg(k service.Key, names Namer) string {
	if k.Mark != 0 {
		return "-f " + strconv.FormatUint(uint64(k.Mark), 10)
	}
	flag := map[uint8]string{
		packet.ProtoTCP: "-t ", packet.ProtoUDP: "-u ", packet.ProtoSCTP: "--sctp-service ",
	}[k.Proto]
	return flag + hostPort(names, k.Addr, k.Port, k.Proto)
}
