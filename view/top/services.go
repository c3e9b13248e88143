package top

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"director/control"
	"director/packet"
	"director/service"
)

// column is what services are sorted by.
type column uint8

const (
	byOrder column = iota // as they were added
	byName
	byWeight
	byActive
	byInactive
	byConns
	byInPkts
	byOutPkts
	byInBytes
	byOutBytes
	columns
)

// columnNames are the footer's words, columnKeys the keys.
var (
	columnNames = [columns]string{
		"order", "name", "weight", "active", "inactive",
		"connections/s", "packets in", "packets out", "bytes in", "bytes out",
	}
	columnKeys = [columns]string{"o", "n", "w", "a", "i", "c", "p", "P", "b", "B"}
)

// entry is a displayed service or server.
type entry struct {
	target
	name, about  string
	state, brief string // what is wrong with it, and a short form of at most five letters
	style        style
	numbers      [columns]float64 // NaN: not known
	servers      []entry
}

// entries returns the entries to display, filtered and sorted.
func (m *model) entries() (all []entry) {
	for i := range m.now.services {
		s := &m.now.services[i]
		e := m.now.serviceEntry(s)
		whole := e.matches(m.filter)
		for j := range s.Servers {
			if r := m.now.serverEntry(s.Key, &s.Servers[j]); whole || r.matches(m.filter) {
				e.servers = append(e.servers, r)
			}
		}
		if whole || len(e.servers) > 0 {
			all = append(all, e)
		}
	}
	m.sort(all)
	for i := range all {
		m.sort(all[i].servers)
	}
	return all
}

// matches reports whether the entry contains a filter, which is in lower case.
func (e *entry) matches(filter string) bool {
	return strings.Contains(strings.ToLower(e.name+" "+e.about+" "+e.state), filter)
}

// sort sorts names and positions in ascending order, and numbers in descending order.
// Equal entries keep their order.
func (m *model) sort(all []entry) {
	if m.sortBy != byOrder {
		slices.SortStableFunc(all, func(a, b entry) int {
			if m.sortBy == byName {
				return m.turned(a.target.compare(b.target))
			}
			return m.turned(cmp.Compare(b.numbers[m.sortBy], a.numbers[m.sortBy]))
		})
	} else if m.reverse {
		slices.Reverse(all)
	}
}

// compare orders addresses as numbers, firewall marks last.
func (t target) compare(o target) int {
	return cmp.Or(
		cmp.Compare(t.service.Mark, o.service.Mark),
		t.service.Addr.Netip().Compare(o.service.Addr.Netip()),
		cmp.Compare(t.service.Port, o.service.Port), cmp.Compare(t.service.Proto, o.service.Proto),
		t.addr.Netip().Compare(o.addr.Netip()), cmp.Compare(t.port, o.port),
	)
}

func (m *model) turned(order int) int {
	if m.reverse {
		return -order
	}
	return order
}

func (n *snapshot) serviceEntry(s *control.Service) entry {
	e := entry{target: target{service: s.Key}, name: serviceName(s.Key), about: s.Scheduler, style: strong}
	seen := len(s.Servers) == 0
	for i := range s.Servers {
		r := &s.Servers[i]
		seen = seen || r.Method == service.NAT
		e.numbers[byActive] += float64(r.Active)
		e.numbers[byInactive] += float64(r.Inactive)
		if r.Usable() {
			e.numbers[byWeight] += float64(r.Weight)
		}
	}
	if !s.Usable() {
		e.state, e.brief, e.style = "no server", "none", alarm
	} else if s.Unreachable() {
		e.state, e.brief, e.style = "unreachable", "away", alarm
	} else if s.Health.Suspect {
		e.state, e.brief, e.style = "failing", "fail", alarm
	}
	e.traffic(n)
	e.answers(seen)
	return e
}

func (n *snapshot) serverEntry(k service.Key, s *control.Server) entry {
	e := entry{target: target{k, s.Addr, s.Port}, name: endpoint(s.Addr, s.Port), about: s.Method.String()}
	switch {
	case s.Weight == 0:
		e.state, e.brief, e.style = "drained", "drain", warning
	case s.Unreachable():
		e.state, e.brief, e.style = "unreachable", "away", alarm
	case s.Overloaded:
		e.state, e.brief, e.style = "overloaded", "over", alarm
	case s.Health.Suspect:
		e.state, e.brief, e.style = "suspect", "susp", warning
	}
	e.numbers[byWeight] = float64(s.Weight)
	e.numbers[byActive], e.numbers[byInactive] = float64(s.Active), float64(s.Inactive)
	e.traffic(n)
	e.answers(s.Method == service.NAT)
	return e
}

// answers says whether answers pass the director. If they do not, their rates are unknown.
func (e *entry) answers(seen bool) {
	for _, c := range []column{byOutPkts, byOutBytes} {
		if !seen && e.numbers[c] == 0 {
			e.numbers[c] = math.NaN()
		}
	}
}

// traffic fills in the rates. A target that was added since the last count has none yet.
func (e *entry) traffic(n *snapshot) {
	t, known := n.traffic[e.target]
	if !known {
		t = traffic{unknown, unknown, unknown, unknown, unknown}
	}
	for c, r := range map[column]rate{
		byConns: t.conns, byInPkts: t.inPkts, byOutPkts: t.outPkts, byInBytes: t.inBytes, byOutBytes: t.outBytes,
	} {
		e.numbers[c] = float64(r)
	}
}

func serviceName(k service.Key) string {
	if k.Mark != 0 {
		return fmt.Sprintf("FWM %d", k.Mark)
	}
	return strings.ToUpper(packet.ProtoName(k.Proto)) + " " + endpoint(k.Addr, k.Port)
}

func endpoint(a packet.Addr, port uint16) string { return netip.AddrPortFrom(a.Netip(), port).String() }

// The widths of a service's line: the front with its name and other text, then a field for
// each number.
const (
	fieldWidth = 6
	numbers    = int(columns - byWeight)
	leastFront = 32
	wideFront  = 42 // from this width on, states are written in full
)

// servicesTable returns the heading and the lines of the services view. They are as wide
// as necessary, but not wider than width, unless width is 0.
func (m *model) servicesTable(width int) (head, body []line) {
	all := m.entries()
	front := wideFront
	for _, e := range all {
		front = max(front, len(e.name)+len(e.about)+len(e.state)+2)
		for _, r := range e.servers {
			front = max(front, len(r.name)+len("  nat unreachable"))
		}
	}
	if width > 0 {
		front = min(front, max(leastFront, width-numbers*fieldWidth))
	}
	title := "SERVICE"
	if m.servers {
		title = "SERVICE, SERVERS"
	}
	head = []line{
		text(header, "%-*s%6s%12s%12s", front+3*fieldWidth, "", "CONN", "PACKETS/S", "BYTES/S"),
		text(header, "%-*s%6s%6s%6s%6s%6s%6s%6s%6s", front, title, "WEIGHT", "ACT", "INACT", "/S", "IN", "OUT", "IN", "OUT"),
	}
	for _, e := range all {
		body = append(body, e.line(e.serviceFront(front), false))
		if m.servers {
			for _, r := range e.servers {
				body = append(body, r.line(r.serverFront(front), true))
			}
		}
	}
	return head, body
}

func (e *entry) shownState(front int) string {
	if front < wideFront {
		return e.brief
	}
	return e.state
}

// serviceFront returns the name, the scheduler if there is room for it, and the state.
func (e *entry) serviceFront(width int) string {
	state := e.shownState(width)
	room := width - len(state) - 1
	if state == "" {
		room = width
	}
	name := e.name + " " + e.about
	if len(name) > room {
		name = cut(e.name, room)
	}
	return fmt.Sprintf("%-*s%*s", room, name, width-room, state)
}

// serverFront returns the name, the method and the state of a server, each in its column.
func (e *entry) serverFront(width int) string {
	about := 10 // " nat drain"
	if width >= wideFront {
		about = 16 // " nat unreachable"
	}
	name := cut(e.name, width-about-1)
	return fmt.Sprintf(" %-*s %-3s %-*s", width-about-1, name, e.about, about-5, e.shownState(width))
}

// line appends the numbers to the front. Weights are exact up to five digits.
func (e *entry) line(front string, weight bool) line {
	var b strings.Builder
	b.WriteString(front)
	for c := byWeight; c < columns; c++ {
		shown := rate(e.numbers[c]).String()
		switch {
		case c == byWeight && !weight:
			shown = ""
		case c <= byInactive:
			shown = count(uint64(e.numbers[c]))
		}
		fmt.Fprintf(&b, "%*s", fieldWidth, shown)
	}
	return line{{b.String(), e.style}}
}
