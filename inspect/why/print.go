package why

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// stepWidth is the width of the names of the steps.
const stepWidth = 12

// Print writes explanations as text, one step per line.
func Print(w io.Writer, all []Explanation) error {
	var b strings.Builder
	for i := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		all[i].print(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (e *Explanation) print(b *strings.Builder) {
	line := func(step, format string, args ...any) {
		fmt.Fprintf(b, "%-*s%s\n", stepWidth, step, fmt.Sprintf(format, args...))
	}
	if e.Frame > 0 {
		line("frame", "%d at %s", e.Frame, time.Unix(0, e.Time).UTC().Format("15:04:05.000000000"))
	}
	line("packet", "%s", e.Packet.arrives())
	for _, n := range e.Notes {
		line("note", "%s", n)
	}
	if e.Service != nil {
		line("service", "%s", e.Service)
	}
	if e.Connection != nil {
		line("connection", "%s", e.Connection)
	}
	if e.Template != nil {
		line("template", "%s", e.Template)
	}
	if e.Scheduler != nil {
		line("scheduler", "%s: %s", e.Scheduler.Name, e.Scheduler.Rule)
		if e.Scheduler.Standing != "" {
			line("", "%s", e.Scheduler.Standing)
		}
		e.Scheduler.table(b)
	}
	if e.Server != nil {
		line("server", "%s", e.Server)
	}
	if e.NextHop != nil {
		line("next hop", "%s", e.NextHop)
	}
	for i := range e.Sends {
		line("sends", "%s", e.Sends[i].leaves())
	}
	line("verdict", "%s", e.Verdict)
}

// headers describes the packet without its Ethernet header.
func (p *Packet) headers() string {
	words := []string{p.Proto}
	if p.Src.IsValid() {
		words = append(words, address(p.Src)+" → "+address(p.Dst))
	}
	if p.Info != "" {
		words = append(words, p.Info)
	}
	if p.TTL != 0 {
		words = append(words, fmt.Sprintf("ttl %d", p.TTL))
	}
	if p.Inside != nil {
		words = append(words, fmt.Sprintf("of %s %s → %s", p.Inside.Proto, address(p.Inside.Src), address(p.Inside.Dst)))
	}
	return strings.Join(words, " ")
}

func (p *Packet) arrives() string { return p.headers() + ", arrives on " + p.Interface }

func (p *Packet) leaves() string {
	return fmt.Sprintf("%s by %s, %s → %s", p.headers(), p.Interface, p.EthSrc, p.EthDst)
}

func (s *Service) String() string {
	name := fmt.Sprintf("fwmark %d", s.Mark)
	if s.Mark == 0 {
		name = s.Proto + " " + s.Address.String()
	}
	if s.Missing {
		return name + ": there is no such service"
	}
	name += ", scheduler " + s.Scheduler
	if s.Persistent != 0 {
		name += fmt.Sprintf(", persistent %d s", s.Persistent)
	}
	if s.OnePacket {
		name += ", one packet"
	}
	return name
}

func (c *Connection) String() string {
	name := fmt.Sprintf("%s %v → %v", c.Proto, c.Client, c.Virtual)
	if c.Answer {
		name += " (this packet is an answer)"
	}
	switch {
	case c.Unanswered:
		return fmt.Sprintf("%s was not answered, in %s, and its server gets no new connections: this packet begins another, in %s for %s",
			name, c.State, c.After, seconds(c.Expires))
	case c.Found && c.Begun:
		return fmt.Sprintf("%s had ended, in %s: this packet begins another, in %s for %s", name, c.State, c.After, seconds(c.Expires))
	case c.Found && c.Removed && !c.Answer:
		return fmt.Sprintf("%s, in %s: its server was removed from the service", name, c.State)
	case c.Found && c.After == "":
		return fmt.Sprintf("%s had ended, in %s, and is removed", name, c.State)
	case c.Found && c.UnknownPort:
		return fmt.Sprintf("%s, whose client port was not known until now, in %s for %s", name, c.After, seconds(c.Expires))
	case c.Found && c.State == c.After:
		return fmt.Sprintf("%s, stays in %s for %s", name, c.State, seconds(c.Expires))
	case c.Found:
		return fmt.Sprintf("%s, from %s to %s for %s", name, c.State, c.After, seconds(c.Expires))
	case c.Begun:
		return fmt.Sprintf("none: this packet begins one, in %s for %s", c.After, seconds(c.Expires))
	case c.Untracked:
		return "none, and the table is full: forwarded without an entry, by a hash of the client's address (mh)"
	}
	return "none"
}

func (t *Template) String() string {
	s := "none"
	if t.Server.IsValid() {
		s = fmt.Sprintf("of client %v to %s, for %s", t.Client, address(t.Server), seconds(t.Expires))
		if !t.Found {
			s = "none: this packet makes one, " + s
		}
	}
	if t.Discarded {
		s = "the earlier one cannot be used: its server gets no new connections, cannot be reached, or was removed; " + s
	}
	return s
}

// seconds formats a time. A long one is rounded to a second.
func seconds(s float64) string {
	if s == float64(int64(s)) || s >= 10 {
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.1f s", s)
}

// table lists the candidates.
func (s *Scheduler) table(b *strings.Builder) {
	if len(s.Servers) == 0 {
		fmt.Fprintf(b, "%*sthe service has no server\n", stepWidth, "")
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for i, c := range s.Servers {
		cells := []string{
			c.Address.String(),
			fmt.Sprintf("weight %d", c.Weight),
			fmt.Sprintf("active %d", c.Active),
			fmt.Sprintf("inactive %d", c.Inactive),
		}
		if slices.ContainsFunc(s.Servers, func(c Candidate) bool { return c.Score != nil }) {
			score := ""
			if c.Score != nil {
				score = fmt.Sprintf("→ %.6g", *c.Score)
			}
			cells = append(cells, score)
		}
		last := []string{}
		switch {
		case c.Weight == 0:
			last = append(last, "gets no new connections: weight 0")
		case c.Skipped:
			last = append(last, "gets no new connections: packets cannot reach it")
		case c.Overloaded:
			last = append(last, fmt.Sprintf("gets no new connections: overloaded, thresholds %d and %d", c.Upper, c.Lower))
		}
		if i == s.Chosen {
			last = append(last, "chosen")
		}
		if len(last) > 0 {
			cells = append(cells, strings.Join(last, ", "))
		}
		fmt.Fprintf(t, "%*s%s\n", stepWidth+2, "", strings.Join(cells, "\t"))
	}
	_ = t.Flush() // of a string
	if s.Chosen < 0 {
		fmt.Fprintf(b, "%*sno server is chosen\n", stepWidth, "")
	}
}

func (s *Server) String() string {
	if !s.Address.IsValid() {
		return "none: the packet goes to its original destination (cache_bypass)"
	}
	name := address(s.Address) + " by " + methodName(s.Method)
	switch {
	case s.Removed:
		name += ", removed from its service"
	case s.Weight == 0:
		name += ", weight 0: it keeps only its existing connections"
	}
	return name
}

func methodName(method string) string {
	switch method {
	case "nat":
		return "NAT"
	case "dr":
		return "direct routing"
	case "tun":
		return "a tunnel"
	}
	return method
}

func (h *NextHop) String() string {
	name := h.Address.String()
	if h.Gateway {
		name = "gateway " + name
	}
	switch {
	case h.Reason == "no-route":
		return "no route to " + name
	case h.Reason == "local-server":
		return name + " is this host itself"
	case h.Reason == "neighbor":
		return name + " on " + h.Interface + ", whose Ethernet address is not known"
	case h.Reason != "":
		return name + " on " + h.Interface + ": " + h.Reason
	}
	return fmt.Sprintf("%s is at %s on %s, mtu %d", name, h.MAC, h.Interface, h.MTU)
}

func (v Verdict) String() string {
	name := v.Action
	if v.Action == Tx {
		return name + " " + v.Text
	}
	if v.Reason != "" {
		name += " " + v.Reason
	}
	return name + ": " + v.Text
}
