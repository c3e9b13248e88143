//go:build linux

package lab

import (
	"fmt"
	"strings"

	"director/service"
)

// Interfaces returns the names of the director's interfaces, in the order of the arms.
func (l *Lab) Interfaces() []string {
	return []string{"eth0", "eth1"}[:l.Arms]
}

// Flags returns the lines of a flags file that describe the director's host.
func (l *Lab) Flags() []string {
	return []string{"--interface=" + strings.Join(l.Interfaces(), ",")}
}

// Rules returns the lines of a flags file, in ipvsadm's grammar, for one service at the
// virtual address. Its servers are all servers of the lab, with weight 1. The protocol is
// "tcp" or "udp". The servers' port is used with NAT only, because the other methods cannot
// change it.
func (l *Lab) Rules(protocol, scheduler string, port, serverPort int) []string {
	kind := map[string]string{"tcp": "-t", "udp": "-u"}[protocol]
	method := map[service.Method]string{service.NAT: "-m", service.DR: "-g", service.TUN: "-i"}[l.Method]
	if l.Method != service.NAT {
		serverPort = port
	}
	rules := []string{fmt.Sprintf("-A %s %s:%d -s %s", kind, l.VIP, port, scheduler)}
	for _, h := range l.Servers {
		rules = append(rules, fmt.Sprintf("-a %s %s:%d -r %s:%d %s -w 1",
			kind, l.VIP, port, h.Addr, serverPort, method))
	}
	return rules
}
