package plan

import (
	"director/control/config"
	"director/packet"
)

// MaxMTU is the longest IP packet that fits a frame, with an outer header.
const MaxMTU = packet.MaxFrame - packet.EthLen - packet.IPv4Len

// Kind is a way of taking frames from an interface.
type Kind uint8

// The kinds of I/O.
const (
	NativeXDP  Kind = iota // AF_XDP, with the program in the driver
	GenericXDP             // AF_XDP, with the program in the kernel's stack
	Packet                 // AF_PACKET
)

// Mode is how frames travel between the NIC and an AF_XDP socket.
type Mode string

// The modes. Auto is ZeroCopy if the driver can, else Copy.
const (
	Auto     Mode = "auto"
	ZeroCopy Mode = "zero-copy"
	Copy     Mode = "copy"
)

// Rung is one way of opening an interface.
type Rung struct {
	Name string
	Kind Kind
	Mode Mode // empty with Packet
}

// Ladder lists the ways that the flags allow, the best first.
func Ladder(io config.IO, mode config.XDPMode) (rungs []Rung) {
	native := Rung{"AF_XDP native", NativeXDP, Auto}
	generic := Rung{"AF_XDP generic", GenericXDP, Copy}
	if io != config.IOPacket {
		switch mode {
		case config.XDPAuto:
			rungs = []Rung{native, generic}
		case config.XDPZeroCopy:
			native.Mode = ZeroCopy
			rungs = []Rung{native}
		case config.XDPCopy:
			native.Mode = Copy
			rungs = []Rung{native}
		case config.XDPGeneric:
			rungs = []Rung{generic}
		}
	}
	if io != config.IOXDP {
		rungs = append(rungs, Rung{Name: "AF_PACKET", Kind: Packet})
	}
	return rungs
}
