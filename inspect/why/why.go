// Package why explains what a director does with a packet: its service, its connection,
// the scheduler's reasons, and the interface by which it leaves.
//
// The package does not repeat the director's decisions. It makes a shadow of the
// director (dataplane.Engine.Shadow): a copy of its services, its schedulers with their
// state, its loads, its next hops, and those connections that the packet may concern. A
// worker of the shadow processes the packet in memory by the ordinary stages. The
// explanation is derived from the state before, the scheduler's input, and the state
// after. The director itself does not change: no scheduler moves its position, no
// connection begins, and no Ethernet address is requested.
package why

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"director/control"
	"director/dataplane"
	"director/inspect/pcap"
	"director/packet"
)

// Director is the director to ask. It is running or only described.
type Director struct {
	Control *control.Control
	Shared  *dataplane.Engine
}

// Question is a packet to explain, or a capture of packets.
type Question struct {
	Proto string `json:"proto,omitempty"` // tcp, udp or sctp
	Src   string `json:"src,omitempty"`   // address:port
	Dst   string `json:"dst,omitempty"`
	// Flags are the flags of the TCP segment, letters of SAFRPU. Empty: ACK if the flow
	// has a connection, else SYN.
	Flags string `json:"flags,omitempty"`
	// Interface is the interface on which the packet arrives. Empty: the interface by
	// which its source is reached; for a capture, those that it names.
	Interface string `json:"interface,omitempty"`
	// Capture is a pcapng or pcap file. Its frames arrive one after the other. It
	// replaces the packet.
	Capture []byte `json:"capture,omitempty"`
}

// ErrQuestion is matched by errors about an invalid question: no such packet can exist,
// or the director has no such interface.
var ErrQuestion = errors.New("invalid question")

type questionError struct{ error }

func (questionError) Is(target error) bool { return target == ErrQuestion }

func wrong(format string, args ...any) error { return questionError{fmt.Errorf(format, args...)} }

// roomPerFrame is the largest number of connections that a packet can begin: its own, its
// template and a data connection of FTP.
const roomPerFrame = 3

// Explain answers a question with one explanation, or with one for each frame of the
// capture, in its order. The state for each frame of a capture includes the effects of
// the frames before it. An error matches ErrQuestion, or there was no memory for the
// shadow.
func (d *Director) Explain(q *Question) ([]Explanation, error) {
	if q.Capture != nil {
		return d.explainCapture(q)
	}
	flow, err := q.flow()
	if err != nil {
		return nil, err
	}
	w, err := d.shadow(roomPerFrame, flow.Src, flow.Dst)
	if err != nil {
		return nil, err
	}
	defer w.close()
	f, err := w.build(q, flow)
	if err != nil {
		return nil, err
	}
	e, err := w.explain(f.data, f.iface)
	if err != nil {
		return nil, err
	}
	e.Notes = append(f.notes, e.Notes...)
	return []Explanation{*e}, nil
}

// captured is a frame of a capture.
type captured struct {
	pcap.Frame
	iface int
}

func (d *Director) explainCapture(q *Question) ([]Explanation, error) {
	frames, ends, err := d.read(q)
	if err != nil {
		return nil, err
	}
	w, err := d.shadow(roomPerFrame*len(frames), ends...)
	if err != nil {
		return nil, err
	}
	defer w.close()
	all := make([]Explanation, 0, len(frames))
	for i := range frames {
		f := &frames[i]
		w.reach(f.Time - frames[0].Time)
		e, err := w.explain(f.Data, f.iface)
		if err != nil {
			return nil, err
		}
		e.Frame, e.Time = i+1, f.Time
		all = append(all, *e)
	}
	return all, nil
}

// read reads the capture of a question. It returns the frames and all addresses that may
// belong to a client.
func (d *Director) read(q *Question) (frames []captured, ends []packet.Addr, err error) {
	capture, err := pcap.NewReader(bytes.NewReader(q.Capture))
	if err != nil {
		return nil, nil, wrong("the capture: %w", err)
	}
	known := map[packet.Addr]bool{}
	for number := 1; ; number++ {
		f, err := capture.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var iface int
		if err == nil {
			iface, err = d.arrival(q, &f)
		}
		if err != nil {
			return nil, nil, wrong("frame %d: %w", number, err)
		}
		f.Data = bytes.Clone(f.Data)
		frames = append(frames, captured{f, iface})
		for _, a := range addresses(f.Data) {
			if !known[a] {
				known[a] = true
				ends = append(ends, a)
			}
		}
	}
	if len(frames) == 0 {
		return nil, nil, wrong("the capture: it has no frame")
	}
	return frames, ends, nil
}

// arrival returns the interface on which a captured frame arrives, or an error if the
// frame cannot arrive.
func (d *Director) arrival(q *Question, f *pcap.Frame) (int, error) {
	switch {
	case len(f.Data) < f.Length:
		return 0, fmt.Errorf("the capture holds %d of its %d bytes: capture whole frames (tcpdump -s 0)", len(f.Data), f.Length)
	case len(f.Data) > packet.MaxFrame:
		return 0, fmt.Errorf("%d bytes are more than a frame has (%d): capture with GRO and LRO switched off", len(f.Data), packet.MaxFrame)
	}
	name := f.Interface
	if q.Interface != "" {
		name = q.Interface
	}
	if name == "" {
		return 0, nil
	}
	return ifaceOf(d.Shared.View(), name)
}

// ifaceOf returns the interface with that name.
func ifaceOf(v *dataplane.View, name string) (int, error) {
	var names []string
	for i, l := range v.Hops.Interfaces() {
		if l.Name == name {
			return i, nil
		}
		names = append(names, l.Name)
	}
	return 0, fmt.Errorf("interface %s does not carry balanced traffic: use one of %s", name, strings.Join(names, ", "))
}

// addresses returns the addresses of a frame and of the packet that it quotes.
func addresses(data []byte) []packet.Addr {
	f := parse(data)
	if f.L3 == 0 {
		return nil
	}
	all := []packet.Addr{f.Src, f.Dst}
	var q packet.Quote
	if packet.ParseQuote(&f, &q) {
		all = append(all, q.Src, q.Dst)
	}
	if packet.ParseGUE(&f, &q) {
		all = append(all, q.Src, q.Dst)
	}
	return all
}

// flow returns the flow of the question's packet.
func (q *Question) flow() (f packet.Flow, err error) {
	proto := strings.ToLower(q.Proto)
	var ok bool
	if f.Proto, ok = packet.ParseProto(proto); !ok && strings.HasPrefix(proto, "icmp") {
		return f, wrong("protocol %q: an ICMP error goes where the connection goes that it quotes: "+
			"ask for a packet of that connection, or give a capture of the error by --in; other ICMP is left to the kernel", q.Proto)
	} else if !ok {
		return f, wrong("protocol %q: want tcp, udp or sctp", q.Proto)
	}
	if f.Src, f.SrcPort, err = end(q.Src); err != nil {
		return f, wrong("the source %w", err)
	}
	if f.Dst, f.DstPort, err = end(q.Dst); err != nil {
		return f, wrong("the destination %w", err)
	}
	return f, nil
}

func end(s string) (a packet.Addr, port uint16, err error) {
	ap, err := netip.ParseAddrPort(s)
	switch {
	case err != nil:
		return a, 0, fmt.Errorf("%q: want ADDRESS:PORT, as in 198.51.100.7:40000", s)
	case !ap.Addr().Is4():
		return a, 0, fmt.Errorf("%q: IPv6 is not supported by this version", s)
	}
	return packet.AddrFrom(ap.Addr()), ap.Port(), nil
}
