package dataplane

import (
	"net/netip"

	"director/packet"
	"director/service"
)

// TapFilter says which frames a capture is about. The zero value is all.
type TapFilter struct {
	// Client is where the client is, whoever sent the frame.
	Client netip.Prefix
	// Service is the service the frame is for or answers for. Of fragments, which
	// do not show their ports, address and protocol must fit.
	Service *service.Key
	// Server is the real server the frame goes to or comes from, ServerPort its
	// port or 0.
	Server     packet.Addr
	ServerPort uint16
	// Verdicts and Reasons are what becomes of the frame, any of them; none is
	// all. packet.Moved stands for frames that wait.
	Verdicts [packet.Moved + 1]bool
	Reasons  [packet.Reasons]bool
}

// takes reports whether a frame's fate is one that the capture is about.
func (f *TapFilter) takes(v packet.Verdict, reason packet.Reason) bool {
	return f.Verdicts[v] || v != packet.Tx && f.Reasons[reason] ||
		f.Verdicts == [len(f.Verdicts)]bool{} && f.Reasons == [len(f.Reasons)]bool{}
}

// may reports whether a packet of the given flow can be one that the capture is
// about: of a client's all but the real server is known, of a server's the client
// and the server. ports says whether flow has any.
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

// mayServe is may for the service alone.
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

// fits reports whether the capture is about the frame of r, whose connection is
// known now, whatever became of it.
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
