package dataplane

import (
	"net/netip"

	"director/packet"
	"director/service"
)

// TapFilter selects the frames of a capture. The zero value selects all.
type TapFilter struct {
	// Client is the prefix of the client, for frames in both directions.
	Client netip.Prefix
	// Service is the service of the frame, in both directions. Fragments have no
	// ports, so for them only address and protocol must match.
	Service *service.Key
	// Server is the real server that receives or sends the frame. ServerPort is its
	// port, or 0 for any.
	Server     packet.Addr
	ServerPort uint16
	// Verdicts and Reasons select frames with one of these verdicts or reasons. If
	// both are empty, they select all. packet.Moved selects frames that wait.
	Verdicts [packet.Moved + 1]bool
	Reasons  [packet.Reasons]bool
}

// takes reports whether the verdict and the reason of a frame match the filter.
func (f *TapFilter) takes(v packet.Verdict, reason packet.Reason) bool {
	return f.Verdicts[v] || v != packet.Tx && f.Reasons[reason] ||
		f.Verdicts == [len(f.Verdicts)]bool{} && f.Reasons == [len(f.Reasons)]bool{}
}

// may reports whether a packet of the given flow can match the filter. The flow of a
// client's packet shows everything except the real server. The flow of a server's
// packet shows the client and the server. ports says whether flow has ports.
func (f *TapFilter) may(v *View, flow *packet.Flow, out, ports bool) bool {
	client := flow.Src
	if out {
		client = flow.Dst
	}
	if f.Client.IsValid() && !f.Client.Contains(client.Netip()) {
		return false
	}
	switch {
	case f.Server.IsZero() || !out:
	case flow.Src != f.Server, ports && f.ServerPort != 0 && flow.SrcPort != f.ServerPort:
		return false
	}
	return f.Service == nil || f.mayServe(v, flow, out, ports)
}

// mayServe is may for the service only.
func (f *TapFilter) mayServe(v *View, flow *packet.Flow, out, ports bool) bool {
	k := f.Service
	switch {
	case k.Mark != 0 && (out || !ports):
		return true
	case k.Mark == 0 && flow.Proto != k.Proto:
		return false
	case out:
		return true
	case k.Mark == 0 && flow.Dst != k.Addr:
		return false
	case k.Mark == 0 && (!ports || k.Port == flow.DstPort):
		return true
	}
	s := v.Services.Lookup(flow)
	return s != nil && s.Key == *k
}

// fits reports whether the frame of r matches the filter, apart from its verdict and
// reason. Its connection is known now.
func (f *TapFilter) fits(r *TapRecord) bool {
	if !f.Server.IsZero() && !r.Answer &&
		!(r.Known && r.Server == f.Server && (f.ServerPort == 0 || r.ServerPort == f.ServerPort)) {
		return false
	}
	if f.Service == nil || !r.Answer {
		return true
	}
	k := f.Service
	return r.Known && (r.key == *k || k.Mark == 0 && r.Virtual == k.Addr && r.VirtualPort == k.Port)
}
