package ipvsadm

import (
	"fmt"
	"io"
	"strconv"

	"director/control"
	"director/packet"
	"director/service"
)

// headings are the two lines above services and servers.
var headings = [...]string{
	Summary: "Prot LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n",
	Counts: fmt.Sprintf("%-33s %8s %8s %8s %8s %8s\n  -> RemoteAddress:Port\n",
		"Prot LocalAddress:Port", "Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"),
	Rates: fmt.Sprintf("%-33s %8s %8s %8s %8s %8s\n  -> RemoteAddress:Port\n",
		"Prot LocalAddress:Port", "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"),
	Thresholds: fmt.Sprintf("%-33s %-10s %-10s %-10s %-10s\n  -> RemoteAddress:Port\n",
		"Prot LocalAddress:Port", "Uthreshold", "Lthreshold", "ActiveConn", "InActConn"),
	Persistence: fmt.Sprintf("%-33s %-9s %-11s %-10s %-10s\n  -> RemoteAddress:Port\n",
		"Prot LocalAddress:Port", "Weight", "PersistConn", "ActiveConn", "InActConn"),
	Tunnels: "Prot LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n",
}

// The widths to which long names are cut.
const (
	serviceWidth = 33 // with the protocol
	serverWidth  = 28
)

// table prints services and their servers.
type table struct {
	Listing
	names Namer // nil: numbers
	w     io.Writer
}

func (t *table) services(all []control.Service) {
	io.WriteString(t.w, headings[t.View])
	for i := range all {
		s := &all[i]
		t.service(s)
		for j := range s.Servers {
			t.server(&s.Servers[j], namedProto(s.Key))
		}
	}
}

func (t *table) service(s *control.Service) {
	text := "FWM  " + strconv.FormatUint(uint64(s.Mark), 10)
	if s.Mark == 0 {
		text = fmt.Sprintf("%-4s %s", protoName(s.Proto), hostPort(t.names, s.Addr, s.Port, s.Proto))
	}
	text = cut(text, serviceWidth)
	switch t.View {
	case Counts:
		fmt.Fprintf(t.w, "%-33s", text)
		t.numbers(s.Stats.Conns, s.Stats.InPkts, s.Stats.OutPkts, s.Stats.InBytes, s.Stats.OutBytes)
	case Rates:
		fmt.Fprintf(t.w, "%-33s", text)
		t.numbers(s.Rates.CPS, s.Rates.InPPS, s.Rates.OutPPS, s.Rates.InBPS, s.Rates.OutBPS)
	default:
		fmt.Fprintf(t.w, "%s %s%s\n", text, s.Scheduler, features(&s.Spec))
	}
}

// features are what the listing says of a service behind its scheduler.
func features(s *service.Spec) string {
	var text string
	if s.Flags != 0 {
		text += fmt.Sprintf(" (%s)", flagList(s.Flags, s.Scheduler))
	}
	if s.Persistent != 0 {
		text += fmt.Sprintf(" persistent %d", s.Persistent)
	}
	if s.HostMask != 0 {
		text += fmt.Sprintf(" mask %s", packet.AddrFrom4(^s.HostMask))
	}
	if s.Engine != "" {
		text += " pe " + s.Engine
	}
	if s.OnePacket {
		text += " ops"
	}
	return text
}

var methodNames = [...]string{service.NAT: "Masq", service.DR: "Route", service.TUN: "Tunnel"}

func (t *table) server(s *control.Server, proto uint8) {
	fmt.Fprintf(t.w, "  -> %-28s", cut(hostPort(t.names, s.Addr, s.Port, proto), serverWidth))
	switch t.View {
	case Counts:
		t.numbers(s.Stats.Conns, s.Stats.InPkts, s.Stats.OutPkts, s.Stats.InBytes, s.Stats.OutBytes)
	case Rates:
		fmt.Fprintf(t.w, " %8d %8d %8d", s.Rates.CPS, s.Rates.InPPS, s.Rates.OutPPS)
		t.numbers(s.Rates.InBPS, s.Rates.OutBPS)
	case Thresholds:
		fmt.Fprintf(t.w, " %-10d %-10d %-10d %-10d\n", s.Upper, s.Lower, s.Active, s.Inactive)
	case Persistence:
		fmt.Fprintf(t.w, " %-9d %-11d %-10d %-10d\n", s.Weight, s.Persistent, s.Active, s.Inactive)
	case Tunnels:
		fmt.Fprintf(t.w, " %-7s %-13s %-6d %-10d %-10d\n", methodNames[s.Method], tunnelInfo(&s.ServerSpec), s.Weight, s.Active, s.Inactive)
	default:
		fmt.Fprintf(t.w, " %-7s %-6d %-10d %-10d\n", methodNames[s.Method], s.Weight, s.Active, s.Inactive)
	}
}

// numbers prints the rest of a line of counts.
func (t *table) numbers(all ...uint64) {
	for _, n := range all {
		io.WriteString(t.w, number9(n, t.Exact))
	}
	io.WriteString(t.w, "\n")
}

// number9 is n with a blank in front of it, right-aligned in nine places; numbers
// beyond eight digits become thousands, millions and so on, or wider if exact.
func number9(n uint64, exact bool) string {
	switch {
	case n < 1e8:
		return fmt.Sprintf("%9d", n)
	case exact:
		return fmt.Sprintf(" %d", n)
	case n < 1e9:
		return fmt.Sprintf("%8dK", n/1e3)
	case n < 1e11:
		return fmt.Sprintf("%8dM", n/1e6)
	case n < 1e14:
		return fmt.Sprintf("%8dG", n/1e9)
	}
	return fmt.Sprintf("%8dT", n/1e12)
}

func cut(s string, width int) string { return s[:min(len(s), width)] }
