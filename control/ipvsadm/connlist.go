package ipvsadm

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"director/control"
	"director/control/rules"
	"director/packet"
)

// listConnections prints connections as ipvsadm does, in the order given.
func listConnections(w io.Writer, all []control.Connection, view rules.View, names rules.Namer) {
	const heading = "IPVS connection entries\npro expire state       source             virtual            destination"
	if view == rules.ConnectionData {
		fmt.Fprintf(w, "%s        pe name          pe_data\n", heading)
	} else {
		fmt.Fprintln(w, heading)
	}
	for i := range all {
		c := &all[i]
		name := func(a netip.AddrPort) string {
			return rules.HostPort(names, packet.AddrFrom(a.Addr()), a.Port(), c.Proto)
		}
		proto := protoName(c.Proto)
		left := int64(c.Expires.Seconds())
		fmt.Fprintf(w, "%-3s %-6s %-11s %-18s %-18s ", proto,
			fmt.Sprintf("%02d:%02d", left/60, left%60), c.State, name(c.Client), name(c.Virtual))
		if view == rules.ConnectionData && c.Engine != "" {
			fmt.Fprintf(w, "%-16s %-18s %s\n", name(c.Server), c.Engine, c.EngineData)
		} else {
			fmt.Fprintln(w, name(c.Server))
		}
	}
}

// protoName returns how listings spell a protocol. The template of a firewall mark
// has none.
func protoName(proto uint8) string { return cmp.Or(strings.ToUpper(packet.ProtoName(proto)), "IP") }
