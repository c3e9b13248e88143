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

// parseFrame reads a frame. Without a time it is at the instant at.
func (n *network) parseFrame(text string, at time.Duration) (*frame, error) {
	words := strings.Fields(text)
	f := &frame{at: at}
	if len(words) > 0 {
		if seconds, err := strconv.ParseFloat(words[0], 64); err == nil {
			f.at = time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
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
	if p.src, err = p.address(words[0]); err == nil {
		p.dst, err = p.address(words[2])
	}
	if err != nil {
		return nil, err
	}
	words = words[4:]
	switch p.proto {
	case "tcp", "icmp":
		if len(words) == 0 {
			return nil, errors.New("want the flags behind tcp, the type and code behind icmp")
		}
		p.what, words = words[0], words[1:]
	case "ipip":
		if p.inner == nil {
			return nil, errors.New("want | and the packet in the tunnel behind ipip")
		}
	case "udp", "arp":
	default:
		return nil, fmt.Errorf("unknown protocol %q", p.proto)
	}
	for _, w := range words {
		if err := p.set(w); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// address reads one end of the packet.
func (p *pkt) address(s string) (netip.AddrPort, error) {
	if p.ports() {
		return netip.ParseAddrPort(s)
	}
	a, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(a, 0), err
}

// set reads one attribute.
func (p *pkt) set(word string) error {
	name, v, isNumber := strings.Cut(word, "=")
	for _, s := range p.switches() {
		if s.name == name && !isNumber {
			*s.value = true
			return nil
		}
	}
	for _, n := range p.numbers() {
		if n.name == name && isNumber {
			var err error
			*n.value, err = strconv.ParseUint(v, 0, 32)
			return err
		}
	}
	return fmt.Errorf("unknown attribute %q", word)
}
