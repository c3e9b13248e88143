package ipvsadm

import (
	"fmt"
	"io"
	"net/netip"

	"director/control"
	"director/packet"
)

// listConnections prints connections in the order given, as ipvsadm does.
func listConnections(w io.Writer, all []control.Connection, view View, names Namer) {
	const heading = "IPVS connection entries\npro expire state       source             virtual            destination"
	if view == ConnectionData {
		fmt.Fprintf(w, "%s        pe name          pe_data\n", heading)
	} else {
		fmt.Fprintln(w, heading)
	}
	for i := range all {
		c := &all[i]
		name := func(a netip.AddrPort) string {
			return hostPort(names, packet.AddrFrom(a.Addr()), a.Port(), c.Proto)
		}
		left := int64(c.Expires.Seconds())
		fmt.Fprintf(w, "%-3s %-6s %-11s %-18s %-18s ", protoName(c.Proto),
			fmt.Sprintf("%02d:%02d", left/60, left%60), c.State, name(c.Client), name(c.Virtual))
		if view == ConnectionData && c.Engine != "" {
			fmt.Fprintf(w, "%-16s %-18s %s\n", name(c.Server), c.Engine, c.EngineData)
		} else {
			fmt.Fprintln(w, name(c.Server))
		}
	}
}
