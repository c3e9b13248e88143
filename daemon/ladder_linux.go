package daemon

import (
	"director/control/config"
	"director/dataplane/afxdp"
	"director/dataplane/steer"
	"director/packet"
)

// MaxMTU is the longest IP packet that fits a frame, with an outer header.
const MaxMTU = packet.MaxFrame - packet.EthLen - packet.IPv4Len

// Rung is one way of opening an interface.
type Rung struct {
	Name string
	Hook steer.Hook
	Mode afxdp.Mode
}

// Ladder lists the ways that the flags allow, the best first.
func Ladder(c *config.Config) []Rung {
	native := Rung{"AF_XDP native", steer.NativeXDP, afxdp.Auto}
	generic := Rung{"AF_XDP generic", steer.GenericXDP, afxdp.Copy}
	tap := Rung{Name: "AF_PACKET", Hook: steer.PacketTap}
	var rungs []Rung
	if c.IO != config.IOPacket {
		switch c.XDPMode {
		case config.XDPAuto:
			rungs = []Rung{native, generic}
		case config.XDPZeroCopy:
			native.Mode = afxdp.ZeroCopy
			rungs = []Rung{native}
		case config.XDPCopy:
			native.Mode = afxdp.Copy
			rungs = []Rung{native}
		case config.XDPGeneric:
			rungs = []Rung{generic}
		}
	}
	if c.IO != config.IOXDP {
		rungs = append(rungs, tap)
	}
	return rungs
}
