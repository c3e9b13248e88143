package rules

import (
	"bufio"
	"fmt"
	"io"
	"strconv"

	"director/packet"
	"director/service"
)

// Write prints services as "ipvsadm -S -n" does, and thresholds, which ipvsadm
// leaves out. The commands that it prints make an empty Table hold the same
// services.
func Write(w io.Writer, services []service.Spec) error {
	b := bufio.NewWriter(w)
	for i := range services {
		s := &services[i]
		WriteService(b, s, nil)
		for j := range s.Servers {
			WriteServer(b, s.Key, &s.Servers[j], nil, true)
		}
	}
	return b.Flush()
}

// WriteService prints the command that adds s, without its servers. names may be
// nil, for numbers.
func WriteService(w io.Writer, s *service.Spec, names Namer) {
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
		fmt.Fprintf(w, " -b %s", FlagList(s.Flags, s.Scheduler))
	}
	fmt.Fprintln(w)
}

// methodFlags holds the options of the forwarding methods.
var methodFlags = [...]string{service.NAT: "-m", service.DR: "-g", service.TUN: "-i"}

// WriteServer prints the command that adds a real server of service k. Thresholds
// are optional because "ipvsadm -S" leaves them out.
func WriteServer(w io.Writer, k service.Key, s *service.ServerSpec, names Namer, thresholds bool) {
	fmt.Fprintf(w, "-a %s -r %s %s -w %d", serviceArg(k, names),
		HostPort(names, s.Addr, s.Port, NamedProto(k)), methodFlags[s.Method], s.Weight)
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

// serviceArg returns the option that names service k in a rule.
func serviceArg(k service.Key, names Namer) string {
	if k.Mark != 0 {
		return "-f " + strconv.FormatUint(uint64(k.Mark), 10)
	}
	flag := map[uint8]string{
		packet.ProtoTCP: "-t ", packet.ProtoUDP: "-u ", packet.ProtoSCTP: "--sctp-service ",
	}[k.Proto]
	return flag + HostPort(names, k.Addr, k.Port, k.Proto)
}
