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

// Offsets in an IPIP frame and values that the decapsulator looks for.
const (
	offEtherType = 12
	offVersion   = 14
	offFragment  = 20
	offProtocol  = 23

	etherIPv4    = 0x0800
	plainIPv4    = 0x45 // version 4, five words of header: an outer header has no options
	anyFragment  = 0x3fff
	protoIPIP    = 4 // RFC 2003
	outerIPv4Len = 20

	adjRoomMAC = 1  // BPF_ADJ_ROOM_MAC, include/uapi/linux/bpf.h
	tcxNext    = -1 // TCX_NEXT
	tcxDrop    = 2  // TCX_DROP
)

// decapsulate makes a host take the outer header off IPIP packets as they come
// in by dev, until the closer is closed. The packet goes on up the stack as if
// it had come without: what an ipip device with any remote end would do.
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
	// The link holds the program.
	if err := errors.Join(err, prog.Close()); err != nil {
		return nil, fmt.Errorf("%s: attach decapsulator to %s: %w", h.Name, dev, err)
	}
	return tcx, nil
}

// decapProgram strips the outer header of a whole IPIP packet and leaves every
// other frame alone. LoadAbs reads from the frame's start in host order and
// ends the program with 0, TCX_PASS, when the frame is too short.
func decapProgram() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1), // LoadAbs takes the context from R6
		asm.LoadAbs(offEtherType, asm.Half),
		asm.JNE.Imm(asm.R0, etherIPv4, "next"),
		asm.LoadAbs(offVersion, asm.Byte),
		asm.JNE.Imm(asm.R0, plainIPv4, "next"),
		asm.LoadAbs(offProtocol, asm.Byte),
		asm.JNE.Imm(asm.R0, protoIPIP, "next"),
		asm.LoadAbs(offFragment, asm.Half),
		asm.And.Imm(asm.R0, anyFragment),
		asm.JNE.Imm(asm.R0, 0, "next"),

		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, -outerIPv4Len),
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
