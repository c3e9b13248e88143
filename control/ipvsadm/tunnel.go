package ipvsadm

import (
	"errors"
	"fmt"
	"slices"

	"director/packet"
	"director/service"
)

// encaps are the types of tunnels: what they are called, and which options each
// must and must not have.
var encaps = [...]struct {
	name        string
	needs, bars []name
}{
	packet.IPIP: {"ipip", nil, tunnelOptions},
	packet.GUE:  {"gue", []name{tunPort}, nil},
	packet.GRE:  {"gre", nil, []name{tunPort, tunRemCsum}},
}

// tunnelOptions are the options that a type may have, in the order in which
// ipvsadm checks them. Those behind the first exclude each other.
var tunnelOptions = []name{tunPort, tunNoCsum, tunCsum, tunRemCsum}

// The checksums of tunnels: as a rule asks for them, and as a listing shows them.
var (
	checksumFlags = [...]string{
		packet.WithoutChecksum: "--tun-nocsum", packet.WithChecksum: "--tun-csum", packet.WithRemoteChecksum: "--tun-remcsum",
	}
	checksumSigns = [...]string{
		packet.WithoutChecksum: "-c", packet.WithChecksum: "+c", packet.WithRemoteChecksum: "r+c",
	}
)

// tunnelType reads the type of a tunnel.
func (d *draft) tunnelType(it item) error {
	for e := range encaps {
		if encaps[e].name == it.arg {
			d.Server.Tunnel.Encap = packet.Encap(e)
			return nil
		}
	}
	return mistake(it.String(), "illegal tunnel type specified")
}

// checkTunnel checks which options the tunnel has.
func (d *draft) checkTunnel() error {
	for _, n := range append([]name{tunType}, tunnelOptions...) {
		if d.has(n) && d.Server.Method != service.TUN {
			return mistake(d.given[n].spelled, "Tunnel options conflict with forward method", errors.New("they are for -i"))
		}
	}
	e := encaps[d.Server.Tunnel.Encap]
	for i, n := range tunnelOptions {
		if !d.has(n) && slices.Contains(e.needs, n) {
			return mistake(d.given[tunType].String(),
				fmt.Sprintf("You need to supply the '%s' option for the '%s' tunnel type", rules[n].text, e.name))
		}
		if d.has(n) && slices.Contains(e.bars, n) {
			return mistake(d.given[n].spelled, fmt.Sprintf("Illegal '%s' option with the '%s' tunnel type", rules[n].text, e.name))
		}
		if err := d.exclusive(fmt.Sprintf("'%s' tunnel type", e.name), tunnelOptions[1:i+1]...); err != nil {
			return err
		}
	}
	return nil
}

// tunnelRule is how a rule asks for a tunnel.
func tunnelRule(t packet.Tunnel) string {
	rule := "--tun-type " + encaps[t.Encap].name
	if t.Encap == packet.GUE {
		rule += fmt.Sprintf(" --tun-port %d", t.Port)
	}
	if t.Encap != packet.IPIP {
		rule += " " + checksumFlags[t.Checksum]
	}
	return rule
}

// tunnelInfo is how a listing shows the tunnel of a server.
func tunnelInfo(s *service.ServerSpec) string {
	if s.Method != service.TUN {
		return "n/a"
	}
	t, name := s.Tunnel, encaps[s.Tunnel.Encap].name
	switch t.Encap {
	case packet.GUE:
		return fmt.Sprintf("%s:%d:%s", name, t.Port, checksumSigns[t.Checksum])
	case packet.GRE:
		return name + ":" + checksumSigns[t.Checksum]
	}
	return name
}
