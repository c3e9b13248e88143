package rules

import (
	"errors"
	"fmt"
	"slices"

	"director/packet"
	"director/service"
)

// tunnelOptions lists the options that a type of tunnel may have, in the order in
// which ipvsadm checks them. All but the first exclude each other.
var tunnelOptions = []name{tunPort, tunNoCsum, tunCsum, tunRemCsum}

// checksumOptions holds the option that asks for each checksum of a tunnel.
var checksumOptions = [...]name{
	packet.WithoutChecksum: tunNoCsum, packet.WithChecksum: tunCsum, packet.WithRemoteChecksum: tunRemCsum,
}

// tunnelType reads the type of a tunnel.
func (d *draft) tunnelType(it item) error {
	e, ok := packet.ParseEncap(it.arg)
	if !ok {
		return misused(it.String(), "illegal tunnel type specified")
	}
	d.Server.Tunnel.Encap = e
	return nil
}

// checkTunnel checks that the tunnel has the options of its type.
func (d *draft) checkTunnel() error {
	if d.Server.Method != service.TUN {
		for n := tunType; n < unchecked; n++ {
			if d.has(n) {
				return misused(d.given[n].spelled, "Tunnel options conflict with forward method", errors.New("they are for -i"))
			}
		}
		return nil
	}
	e := d.Server.Tunnel.Encap
	for i, n := range tunnelOptions {
		if n == tunPort && !d.has(n) && e.HasPort() {
			return misused(d.given[tunType].String(),
				fmt.Sprintf("You need to supply the '%s' option for the '%s' tunnel type", usages[n].text, e))
		}
		if !d.has(n) {
			continue
		}
		if !tunnelHas(e, n) {
			return misused(d.given[n].spelled, fmt.Sprintf("Illegal '%s' option with the '%s' tunnel type", usages[n].text, e))
		}
		if err := d.exclusive(fmt.Sprintf("'%s' tunnel type", e), tunnelOptions[1:i+1]...); err != nil {
			return err
		}
	}
	return nil
}

// tunnelHas reports whether a tunnel of type e has option n.
func tunnelHas(e packet.Encap, n name) bool {
	if n == tunPort {
		return e.HasPort()
	}
	return e.Allows(packet.TunnelChecksum(slices.Index(checksumOptions[:], n)))
}

// tunnelRule returns the options that ask for a tunnel.
func tunnelRule(t packet.Tunnel) string {
	rule := "--tun-type " + t.Encap.String()
	if t.Encap.HasPort() {
		rule += fmt.Sprintf(" --tun-port %d", t.Port)
	}
	if t.Encap.Allows(t.Checksum) {
		rule += " --" + usages[checksumOptions[t.Checksum]].text
	}
	return rule
}
