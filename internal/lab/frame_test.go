//go:build linux

package lab_test

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/web"
)

func TestLab_DirectorSeesWholeFramesUnlessOffloadsAreLeftOn(t *testing.T) {
	for _, on := range []bool{false, true} {
		l := labtest.New(t, lab.Config{Servers: 1, Offloads: on})
		tap := socket(t, l.Director, unix.AF_PACKET, unix.SOCK_DGRAM, int(htons(unix.ETH_P_IP)))
		send(t, l, l.Clients[0], 2_000_000)

		var longest, bad int
		buf := make([]byte, 1<<17)
		for {
			n, err := readNow(t, tap, buf)
			if err != nil {
				break // all read
			}
			longest = max(longest, n)
			if n >= 40 && [4]byte(buf[12:16]) == l.Clients[0].Addr.As4() && !tcpSumGood(buf[:n]) {
				bad++
			}
		}
		if whole := longest <= 1500 && bad == 0; whole == on || longest < 1000 {
			t.Errorf("offloads %v: longest packet %d bytes, %d bad checksums", on, longest, bad)
		}
	}
}

func TestLab_SpreadsFlowsOverTheDirectorsQueues(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1, Queues: [2]int{2, 1}})
	front := countQueues(t, l.Director, "eth0")
	back := countQueues(t, l.Director, "eth1")
	echo(t, l.Director, ":7")
	for range 100 {
		exchange(t, l.Clients[0], l.Front.String()+":7")
	}
	exchange(t, l.Servers[0], l.Back.String()+":7")
	if got := front(); min(got[0], got[1]) < (got[0]+got[1])/4 {
		t.Errorf("eth0: queues got %v frames, want a quarter each or more", got)
	}
	if got := back(); got[0] == 0 || got[1] != 0 {
		t.Errorf("eth1: queues got %v frames, want all on queue 0", got)
	}
}

// countQueues attaches an XDP program that counts frames by receive queue.
func countQueues(t *testing.T, h *lab.Host, dev string) func() [2]uint64 {
	t.Helper()
	counts, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { counts.Close() })
	const rxQueueIndex, xdpPass = 16, 2 // struct xdp_md and enum xdp_action in include/uapi/linux/bpf.h
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		asm.LoadMem(asm.R0, asm.R1, rxQueueIndex, asm.Word),
		asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
		asm.LoadMapPtr(asm.R1, counts.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"),
		asm.Return(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	dl, err := h.Link.LinkByName(dev)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Do(func() error {
		x, err := link.AttachXDP(link.XDPOptions{Program: prog, Interface: dl.Attrs().Index, Flags: link.XDPDriverMode})
		if err == nil {
			t.Cleanup(func() { x.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatalf("attach to %s: %v", dev, err)
	}
	return func() (v [2]uint64) {
		for i := range v {
			if err := counts.Lookup(uint32(i), &v[i]); err != nil {
				t.Error(err)
			}
		}
		return v
	}
}

// send moves n bytes from a host to the director, and waits until they are
// there.
func send(t *testing.T, l *lab.Lab, from *lab.Host, n int64) {
	t.Helper()
	ln, err := l.Director.Listen("tcp4", ":9")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	got := make(chan int64, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			got <- -1
			return
		}
		defer c.Close()
		n, _ := io.Copy(io.Discard, c)
		got <- n
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := from.Dial(ctx, "tcp4", "", l.Front.String()+":9")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(c, web.Bytes(n)); err != nil {
		t.Error(err)
	}
	c.Close()
	if g := <-got; g != n {
		t.Fatalf("director got %d bytes, want %d", g, n)
	}
}

// readNow reads without waiting.
func readNow(t *testing.T, f *os.File, buf []byte) (n int, err error) {
	t.Helper()
	raw, rawErr := f.SyscallConn()
	if rawErr != nil {
		t.Fatal(rawErr)
	}
	rawErr = raw.Control(func(fd uintptr) { n, err = unix.Read(int(fd), buf) })
	if rawErr != nil {
		t.Fatal(rawErr)
	}
	return n, err
}

// tcpSumGood checks the TCP checksum of an IPv4 packet (RFC 9293 §3.1).
func tcpSumGood(ip []byte) bool {
	seg := ip[int(ip[0]&15)*4 : binary.BigEndian.Uint16(ip[2:])]
	sum := uint32(unix.IPPROTO_TCP) + uint32(len(seg))
	for _, part := range [][]byte{ip[12:20], seg} {
		for i, b := range part {
			sum += uint32(b) << (8 * (1 - i%2))
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return sum == 0xffff
}
