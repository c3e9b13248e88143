package service

import (
	"director/packet"
	"director/sched"
)

// Method is how a frame reaches its real server.
type Method uint8

// The forwarding methods of LVS.
const (
	NAT Method = iota // masquerading (-m): destination rewritten, answers come back through us
	DR                // gatewaying (-g): Ethernet destination rewritten, nothing else
	TUN               // IP in IP (-i)
)

var methodNames = [...]string{NAT: "nat", DR: "dr", TUN: "tun"}

func (m Method) String() string { return methodNames[m] }

// Key names a virtual service. Proto is packet.ProtoTCP or packet.ProtoUDP.
type Key struct {
	Addr  packet.Addr
	Port  uint16
	Proto uint8
}

// Spec is a virtual service as the operator asked for it. Servers stand in the
// order in which they were added.
type Spec struct {
	Key
	Scheduler string       // a name that sched.New knows
	Flags     sched.Flags  // of the scheduler
	Seed      uint64       // of what the scheduler draws at random; 0: a different one each time
	Servers   []ServerSpec // at most sched.MaxServers of the scheduler
}

// ServerSpec is a real server of a service as the operator asked for it. Port
// equals the service's port unless the method is NAT.
type ServerSpec struct {
	Addr   packet.Addr
	Port   uint16
	Method Method
	Weight int32 // 0: no new connections
}
