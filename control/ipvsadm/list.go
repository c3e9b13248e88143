package ipvsadm

import (
	"fmt"
	"io"
	"strconv"

	"director/control"
	"director/control/rules"
	"director/packet"
	"director/service"
)

// headings holds the two lines above services and servers.
var headings = [...]string{
	rules.Summary: "Prot LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n",
	rules.Counts: fmt.Sprintf("%-33s %8s %8s %8s %8s %8s\n  -> RemoteAddress:Port\n",
		"Prot LocalAddress:Port", "Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"),
	rules.Rates: fmt.Sprintf("%-33s %8s %8s %8s %8s %8s\n  -> RemoteAddress:Port\n",
		"Prot LocalAddress:Port", "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"),
	rules.Thresholds: fmt.Sprintf("%-33s %-10s %-10s %-10s %-10s\n  -> RemoteAddress:Port\n",
		"Prot LocalAddress:Port", "Uthreshold", "Lthreshold", "ActiveConn", "InActConn"),
	rules.Persistence: fmt.Sprintf("%-33s %-9s %-11s %-10s %-10s\n  -> RemoteAddress:Port\n",
		"Prot LocalAddress:Port", "Weight", "PersistConn", "ActiveConn", "InActConn"),
	rules.Tunnels: "Prot LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n",
}

// Longer names are cut to these widths.
const (
	serviceWidth = 33 // including the protocol
	serverWidth  = 28
)

// table prints services and their servers.
type table struct {
	rules.Listing
	names rules.Namer // nil: numbers
	w     io.Writer
}

// service prints a service and its servers.
func (t *table) service(s *control.Service) {
	t.head(s)
	for i := range s.Servers {
		t.server(&s.Servers[i], rules.NamedProto(s.Key))
	}
}

func (t *table) head(s *control.Service) {
	text := "FWM  " + strconv.FormatUint(uint64(s.Mark), 10)
	if s.Mark == 0 {
		text = fmt.Sprintf("%-4s %s", protoName(s.Proto), rules.HostPort(t.names, s.Addr, s.Port, s.Proto))
	}
	text = cut(text, serviceWidth)
	switch t.View {
	case rules.Counts:
		fmt.Fprintf(t.w, "%-33s", text)
		t.numbers(s.Stats.Conns, s.Stats.InPkts, s.Stats.OutPkts, s.Stats.InBytes, s.Stats.OutBytes)
	case rules.Rates:
		fmt.Fprintf(t.w, "%-33s", text)
		t.numbers(s.Rates.CPS, s.Rates.InPPS, s.Rates.OutPPS, s.Rates.InBPS, s.Rates.OutBPS)
	default:
		fmt.Fprintf(t.w, "%s %s%s\n", text, s.Scheduler, features(&s.Spec))
	}
}

// features returns what the listing shows of a service after its scheduler.
func features(s *service.Spec) string {
	var text string
	if s.Flags != 0 {
		text += fmt.Sprintf(" (%s)", rules.FlagList(s.Flags, s.Scheduler))
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
	fmt.Fprintf(t.w, "  -> %-28s", cut(rules.HostPort(t.names, s.Addr, s.Port, proto), serverWidth))
	switch t.View {
	case rules.Counts:
		t.numbers(s.Stats.Conns, s.Stats.InPkts, s.Stats.OutPkts, s.Stats.InBytes, s.Stats.OutBytes)
	case rules.Rates:
		fmt.Fprintf(t.w, " %8d %8d %8d", s.Rates.CPS, s.Rates.InPPS, s.Rates.OutPPS)
		t.numbers(s.Rates.InBPS, s.Rates.OutBPS)
	case rules.Thresholds:
		fmt.Fprintf(t.w, " %-10d %-10d %-10d %-10d\n", s.Upper, s.Lower, s.Active, s.Inactive)
	case rules.Persistence:
		fmt.Fprintf(t.w, " %-9d %-11d %-10d %-10d\n", s.Weight, s.Persistent, s.Active, s.Inactive)
	case rules.Tunnels:
		fmt.Fprintf(t.w, " %-7s %-13s %-6d %-10d %-10d\n", methodNames[s.Method], tunnelInfo(&s.ServerSpec), s.Weight, s.Active, s.Inactive)
	default:
		fmt.Fprintf(t.w, " %-7s %-6d %-10d %-10d\n", methodNames[s.Method], s.Weight, s.Active, s.Inactive)
	}
}

// numbers prints counts up to the end of the line.
func (t *table) numbers(all ...uint64) {
	for _, n := range all {
		io.WriteString(t.w, number9(n, t.Exact))
	}
	io.WriteString(t.w, "\n")
}

// number9 formats n right-aligned in nine places, the first of which is blank. A
// number of more than eight digits is shown in thousands, millions and so on, or
// takes more room if exact.
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

var checksumSigns = [...]string{
	packet.WithoutChecksum: "-c", packet.WithChecksum: "+c", packet.WithRemoteChecksum: "r+c",
}

// tunnelInfo returns how a listing shows the tunnel of a server.
func tunnelInfo(s *service.ServerSpec) string {
	if s.Method != service.TUN {
		return "n/a"
	}
	text := s.Tunnel.Encap.String()
	if s.Tunnel.Encap.HasPort() {
		text += fmt.Sprintf(":%d", s.Tunnel.Port)
	}
	if s.Tunnel.Encap.Allows(s.Tunnel.Checksum) {
		text += ":" + checksumSigns[s.Tunnel.Checksum]
	}
	return text
}
