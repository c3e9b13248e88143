//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// GUEPort is the port on which the servers of the lab receive GUE.
const GUEPort = 6080

// Offsets in a frame of a tunnel, and values that the decapsulator compares.
const (
	offEtherType = 12
	offVersion   = 14
	offFragment  = 20
	offProtocol  = 23
	offGREFlags  = 34
	offGREType   = 36
	offUDPPort   = 36
	offGUE       = 42

	etherIPv4   = 0x0800
	plainIPv4   = 0x45 // version 4, five words of header: an outer header has no options
	anyFragment = 0x3fff
	protoIPIP   = 4 // RFC 2003
	protoUDP    = 17
	protoGRE    = 47         // RFC 2784
	gueIPv4     = 0x00040000 // version 0, no options, IPv4 inside (draft-ietf-intarea-gue-09)
	greChecksum = 0x8000     // the flag of a checksum, which is not verified here

	// The lengths of the encapsulations, including the outer IPv4 header.
	ipipLen        = 20
	gueLen         = 32
	greLen         = 24
	greChecksumLen = 28

	adjRoomMAC = 1  // BPF_ADJ_ROOM_MAC, include/uapi/linux/bpf.h
	tcxNext    = -1 // TCX_NEXT
	tcxDrop    = 2  // TCX_DROP
)

// decapsulate makes a host remove the encapsulation of packets that arrive on dev by IPIP,
// GUE or GRE, until the closer is closed. The inner packet continues through the stack as if
// it had arrived without a tunnel. Tunnel devices with any remote end would do the same.
func (h *Host) decapsulate(dev string) (io.Closer, error) {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name:         "lab_decap",
		Type:         ebpf.SchedCLS,
		License:      "GPL",
		Instructions: decapProgram(),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: load decapsulator: %w", h.Name, err)
	}
	l, err := h.device(dev)
	if err != nil {
		return nil, errors.Join(err, prog.Close())
	}
	var tcx link.Link
	err = h.Do(func() (err error) {
		tcx, err = link.AttachTCX(link.TCXOptions{
			Interface: l.Attrs().Index,
			Program:   prog,
			Attach:    ebpf.AttachTCXIngress,
		})
		return err
	})
	// The link has its own reference to the program.
	if err := errors.Join(err, prog.Close()); err != nil {
		return nil, fmt.Errorf("%s: attach decapsulator to %s: %w", h.Name, dev, err)
	}
	return tcx, nil
}

// decapProgram decapsulates packets of tunnels that are not fragments, and does not change
// other frames. LoadAbs reads from the start of the frame in host order. If the frame is too
// short, it ends the program with 0, which is TCX_PASS.
func decapProgram() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1), // LoadAbs takes the context from R6
		asm.LoadAbs(offEtherType, asm.Half),
		asm.JNE.Imm(asm.R0, etherIPv4, "next"),
		asm.LoadAbs(offVersion, asm.Byte),
		asm.JNE.Imm(asm.R0, plainIPv4, "next"),
		asm.LoadAbs(offFragment, asm.Half),
		asm.And.Imm(asm.R0, anyFragment),
		asm.JNE.Imm(asm.R0, 0, "next"),

		asm.LoadAbs(offProtocol, asm.Byte),
		asm.Mov.Imm(asm.R7, -ipipLen),
		asm.JEq.Imm(asm.R0, protoIPIP, "strip"),
		asm.JEq.Imm(asm.R0, protoUDP, "udp"),
		asm.JNE.Imm(asm.R0, protoGRE, "next"),

		asm.LoadAbs(offGREType, asm.Half),
		asm.JNE.Imm(asm.R0, etherIPv4, "next"),
		asm.LoadAbs(offGREFlags, asm.Half),
		asm.Mov.Imm(asm.R7, -greLen),
		asm.JEq.Imm(asm.R0, 0, "strip"),
		asm.Mov.Imm(asm.R7, -greChecksumLen),
		asm.JEq.Imm(asm.R0, greChecksum, "strip"),
		asm.Ja.Label("next"),

		asm.LoadAbs(offUDPPort, asm.Half).WithSymbol("udp"),
		asm.JNE.Imm(asm.R0, GUEPort, "next"),
		asm.LoadAbs(offGUE, asm.Word),
		asm.Mov.Imm(asm.R7, -gueLen),
		asm.JNE.Imm(asm.R0, gueIPv4, "next"),

		asm.Mov.Reg(asm.R1, asm.R6).WithSymbol("strip"),
		asm.Mov.Reg(asm.R2, asm.R7),
		asm.Mov.Imm(asm.R3, adjRoomMAC),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnSkbAdjustRoom.Call(),
		asm.JEq.Imm(asm.R0, 0, "next"),
		asm.Mov.Imm(asm.R0, tcxDrop),
		asm.Return(),

		asm.Mov.Imm(asm.R0, tcxNext).WithSymbol("next"),
		asm.Return(),
	}
}
