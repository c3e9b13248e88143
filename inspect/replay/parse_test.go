package replay_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseFrame reads a frame. If the line has no time, the frame's time is at.
func (n *network) parseFrame(text string, at time.Duration) (*frame, error) {
	words := fields(text)
	f := &frame{at: at}
	if len(words) > 0 {
		if seconds, err := strconv.ParseFloat(words[0], 64); err == nil {
			f.at = instant(seconds)
			words = words[1:]
		}
	}
	if len(words) < 2 {
		return nil, errors.New("want [SECONDS] INTERFACE SOURCE > DESTINATION PROTOCOL")
	}
	f.iface, words = words[0], words[1:]
	if len(words) == 1 {
		var err error
		f.raw, err = hex.DecodeString(words[0])
		return f, err
	}
	var macs []string
	words = slices.DeleteFunc(words, func(w string) bool {
		is := strings.HasPrefix(w, "from=") || strings.HasPrefix(w, "to=")
		if w == "unpadded" {
			f.unpadded = true
			return true
		}
		if is {
			macs = append(macs, w)
		}
		return is
	})
	var err error
	if f.pkt, err = parsePkt(words); err != nil {
		return nil, err
	}
	f.from, f.to = n.usual(f)
	for _, w := range macs {
		key, name, _ := strings.Cut(w, "=")
		mac, err := n.address(name)
		if err != nil {
			return nil, err
		}
		if key == "from" {
			f.from = mac
		} else {
			f.to = mac
		}
	}
	return f, nil
}

func instant(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
}

// fields splits a line at its blanks, except those in quotes.
func fields(s string) (words []string) {
	quoted, escaped := false, false
	return strings.FieldsFunc(s, func(r rune) bool {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t')
	})
}

func parsePkt(words []string) (*pkt, error) {
	p := newPkt()
	if i := slices.Index(words, "|"); i >= 0 {
		var err error
		if p.inner, err = parsePkt(words[i+1:]); err != nil {
			return nil, err
		}
		words = words[:i]
	}
	if len(words) < 4 || words[1] != ">" {
		return nil, fmt.Errorf("%q: want SOURCE > DESTINATION PROTOCOL", strings.Join(words, " "))
	}
	p.proto = words[3]
	var err error
	if p.src, err = p.address(words[0], "sport"); err == nil {
		p.dst, err = p.address(words[2], "dport")
	}
	if err != nil {
		return nil, err
	}
	words = words[4:]
	switch p.proto {
	case "tcp", "icmp", "sctp":
		if len(words) == 0 {
			return nil, errors.New("want the flags behind tcp, the type and code behind icmp, the chunks behind sctp")
		}
		p.what, words = words[0], words[1:]
	case "udp", "esp", "ah", "arp", "ipip", "gue", "gre":
	default:
		return nil, fmt.Errorf("unknown protocol %q", p.proto)
	}
	for _, w := range words {
		if err := p.set(w); err != nil {
			return nil, fmt.Errorf("%s: %w", w, err)
		}
	}
	switch p.proto {
	case "sctp":
		_, err = chunks(p.what, nil)
	case "ipip", "gue", "gre":
		if p.inner == nil && len(p.hex) == 0 {
			err = fmt.Errorf("want | and the packet in the tunnel behind %s", p.proto)
		}
	}
	return p, err
}

// address reads one end of the packet. Its port may be left open.
func (p *pkt) address(s, port string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	if a, name, _ := strings.Cut(s, ":"); isOpen(name) {
		p.leaveOpen(port, name)
		s = a + ":0"
	}
	return netip.ParseAddrPort(s)
}

// set reads one attribute.
func (p *pkt) set(word string) error {
	name, v, _ := strings.Cut(word, "=")
	for _, a := range p.attributes() {
		switch {
		case a.name != name:
		case isOpen(v):
			p.leaveOpen(name, v)
			return nil
		default:
			return a.value.Set(v)
		}
	}
	return errors.New("unknown attribute")
}
