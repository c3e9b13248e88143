package control_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"director/control/ipvsadm"
	"director/control/names"
	"director/internal/memlab"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// rig is a director in memory that ipvsadm controls. All hosts are on one link.
type rig struct {
	*memlab.Director
	t *testing.T

	clients int // so far, of fill
}

func newRig(t *testing.T, size int, marks ...service.Mark) *rig {
	t.Helper()
	r := &rig{Director: memlab.New(t, memlab.Options{Size: size, Marks: marks}), t: t}
	t.Cleanup(func() {
		if len(r.Wanted) > 0 { // every neighbour is known
			t.Errorf("asked for the neighbours %v", r.Wanted)
		}
	})
	return r
}

// ipvsadm runs a command line and returns what it printed, errors last, and its
// exit code if that is not 0.
func (r *rig) ipvsadm(line string) string {
	r.t.Helper()
	var out, errs strings.Builder
	command, err := ipvsadm.Parse(strings.Fields(line), names.System{})
	if err != nil {
		r.t.Fatal(err)
	}
	code := ipvsadm.Execute(command, ipvsadm.Local{Control: r.Control}, strings.NewReader(""), &out, &errs)
	if code != 0 {
		fmt.Fprintf(&errs, "exit %d\n", code)
	}
	return out.String() + errs.String()
}

// quietly runs command lines that must succeed and print nothing.
func (r *rig) quietly(lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		if got := r.ipvsadm(line); got != "" {
			r.t.Fatalf("%s: %s", line, got)
		}
	}
}

// prints compares what a command line prints. Trailing blanks do not count.
func (r *rig) prints(line, want string) {
	r.t.Helper()
	if got := trimmed(r.ipvsadm(line)); got != trimmed(want) {
		r.t.Errorf("%s prints\n%swant\n%s", line, got, want)
	}
}

func trimmed(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (r *rig) sysctl(name, value string) {
	r.t.Helper()
	if err := r.SetSysctl(name, value); err != nil {
		r.t.Fatal(err)
	}
}

// send passes packets to the director and returns the frames that it sent.
func (r *rig) send(frames ...packettest.Frame) (sent []*packettest.Decoded) {
	r.t.Helper()
	for _, f := range frames {
		f.SrcMAC, f.DstMAC = memlab.OthersMAC, memlab.MAC
		r.Ports[0].Push(f.Bytes())
	}
	if _, err := r.Worker.Step(); err != nil {
		r.t.Fatal(err)
	}
	for _, f := range r.Ports[0].Take() {
		if packet.IPv4(f[packet.EthLen:]).Proto() != packet.ProtoICMP {
			sent = append(sent, packettest.Decode(r.t, f))
		}
	}
	return sent
}

// drops returns the number of frames that were dropped for a reason.
func (r *rig) drops(reason packet.Reason) uint64 {
	c := r.Worker.Counts()
	return c.Drops[reason]
}

// syn is the SYN of client 198.51.100.n to the service, from port 40000.
func syn(n int) packettest.Frame {
	return packettest.Frame{Src: fmt.Sprintf("198.51.100.%d:40000", n), Dst: "192.0.2.10:80", Flags: "S"}
}

func ack(n int) packettest.Frame {
	f := syn(n)
	f.Flags = "A"
	return f
}

// seconds advances the clock and removes expired connections.
func (r *rig) seconds(n int) {
	r.Clock.Advance(time.Duration(n) * time.Second)
	r.Worker.ExpireAll()
}

func (r *rig) tick() {
	r.seconds(1)
	r.Defend(r.Clock.Now())
}
