package why

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"director/packet"
	"director/service"
)

// dropTexts and hostTexts explain the reasons for dropping a packet and for leaving it to
// the kernel. docs/drops.md explains them in more detail.
var (
	dropTexts = map[packet.Reason]string{
		packet.Truncated:     "its transport header is not complete",
		packet.Fragment:      "it cannot be joined with the other fragments to a datagram",
		packet.Protocol:      "the segment cannot be sent to the client yet; the server repeats it",
		packet.BadSource:     "no client can have this source address",
		packet.NoConnection:  "it belongs to no connection and begins none",
		packet.NoServer:      "no real server of the service is usable",
		packet.ServerRemoved: "the server of its connection was removed, and expire_nodest_conn is 0",
		packet.DropPacket:    "the defence drop_packet drops it",
		packet.TableFull:     "the connection table is full, and the packet cannot be forwarded without an entry",
		packet.TTL:           "its time to live has run out",
		packet.MTU:           "it is longer than the MTU of the path, and must not be fragmented",
		packet.NoRoute:       "no route to the next hop leads through an interface of the director",
		packet.Neighbor:      "too many frames wait for Ethernet addresses",
		packet.LinkDown:      "the interface towards the next hop is down",
		packet.TxFull:        "there is no free buffer for sending",
		packet.BadChecksum:   "its checksum is wrong",
		packet.Relayed:       "the error is about a tunnel packet: its content is sent to the client in a new ICMP error",
		packet.NoCallID:      "the SIP datagram has no usable Call-ID",
	}
	hostTexts = map[packet.Reason]string{
		packet.Truncated:    "it is shorter than its headers say",
		packet.NotIPv4:      "it is not IPv4",
		packet.NotForUs:     "its destination is not the Ethernet address of the interface",
		packet.BadHeader:    "its IPv4 header contradicts itself, or its checksum is wrong",
		packet.Protocol:     "it is not about a connection",
		packet.NoService:    "the address has no service on this port",
		packet.NoConnection: "it belongs to no connection through the director",
		packet.LocalServer:  "the real server is this host itself",
	}
)

// verdict derives the packet's verdict from the worker's counters.
func (o *outcome) verdict() Verdict {
	before, after := &o.before.counts, &o.after.counts
	for reason := range packet.Reasons {
		if after.Drops[reason] != before.Drops[reason] {
			return Verdict{Action: Drop, Reason: reason.String(), Text: dropTexts[reason]}
		}
	}
	for reason := range packet.Reasons {
		if after.Host[reason] != before.Host[reason] {
			return Verdict{Action: Host, Reason: reason.String(), Text: "left to the kernel: " + hostTexts[reason]}
		}
	}
	switch {
	case after.Tx != before.Tx:
		return Verdict{Action: Tx}
	case len(o.resolver.Wanted) > 0:
		text := fmt.Sprintf("until the Ethernet address of %v is known, for at most a second", o.resolver.Wanted[0])
		return Verdict{Action: Wait, Reason: packet.Neighbor.String(), Text: text}
	}
	return Verdict{Action: Wait, Reason: packet.Fragment.String(), Text: "until the other fragments of the datagram have arrived, for at most 30 seconds"}
}

// note adds other facts that help to understand the explanation.
func (o *outcome) note(e *Explanation) {
	switch {
	case o.flow == nil:
	case e.Service != nil && e.Service.Missing:
		e.Notes = append(e.Notes, alternatives(o.view().Services, o.flow))
	case e.Verdict.Action == Host && o.answer() && !o.hasServer(o.flow.Src):
		e.Notes = append(e.Notes, "the source is not the address of a real server, so this is no answer", alternatives(o.view().Services, o.flow))
	}
	told := e.Verdict.Action == Drop && len(e.Sends) > 0
	switch reason := e.Verdict.Reason; {
	case told:
		e.Verdict.Text += "; the sender gets an ICMP error or a reset"
	case e.Verdict.Action != Drop:
	case reason == packet.NoServer.String(), reason == packet.TTL.String(), reason == packet.MTU.String():
		if len(o.resolver.Wanted) == 0 {
			e.Notes = append(e.Notes, "the sender gets no ICMP error: the limit on ICMP errors is reached, or the packet must not be answered")
		}
	}
	if e.Verdict.Action == Drop && len(o.resolver.Wanted) > 0 {
		e.Notes = append(e.Notes, fmt.Sprintf("the answer to the sender waits until the Ethernet address of %v is known", o.resolver.Wanted[0]))
	}
}

// offered is the most services or addresses that a note lists.
const offered = 4

// alternatives says which services the reader may have meant by a flow that has none. They
// are those of its address, else the addresses that begin like it.
func alternatives(t *service.Table, flow *packet.Flow) string {
	var same, others []string
	seen := map[packet.Addr]bool{}
	for _, s := range t.Services() {
		switch {
		case s.Mark != 0:
		case s.Addr == flow.Dst:
			same = append(same, protoName(s.Proto)+" "+strconv.Itoa(int(s.Port)))
		case !seen[s.Addr]:
			seen[s.Addr] = true
			others = append(others, s.Addr.String())
		}
	}
	address := flow.Dst.String()
	if same != nil {
		slices.Sort(same)
		return address + " has the services " + listed(same)
	}
	if others == nil {
		return "no service has an address"
	}
	slices.SortFunc(others, func(a, b string) int {
		return cmp.Or(cmp.Compare(alike(b, address), alike(a, address)), strings.Compare(a, b))
	})
	return "no service has the address " + address + "; there are " + listed(others)
}

// alike returns how many characters two texts have in common at their beginning.
func alike(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// listed names the first ones, and says how many more there are.
func listed(names []string) string {
	text := strings.Join(names[:min(offered, len(names))], ", ")
	if more := len(names) - offered; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
