package ftp

import (
	"bytes"
	"net/netip"

	"director/packet"
)

// maxAddrText is the length of the longest text of an IPv6 address (RFC 4291 §2.2,
// with an IPv4 tail). A longer field is not an address.
const maxAddrText = 45

// Endpoint is the address and port at which one side listens for a data connection.
type Endpoint struct {
	Addr packet.Addr
	Port uint16
}

// cutLine returns the first line of b without its line end, and the rest of b. ok is
// false if the line does not end within b.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexAny(b, "\r\n")
	if end < 0 {
		return nil, nil, false
	}
	return b[:end], b[end+1:], true
}

// blank reports whether c separates a command from its argument.
func blank(c byte) bool { return c == ' ' || c == '\t' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

// trim returns b without blanks at either end.
func trim(b []byte) []byte { return bytes.Trim(b, " \t") }

// number reads a decimal number at the start of b. ok is false if the number has more
// than digits digits or is greater than limit.
func number(b []byte, digits, limit int) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(b) && digit(b[i]) {
		if i == digits {
			return 0, nil, false
		}
		n = n*10 + int(b[i]-'0')
		i++
	}
	return n, b[i:], i > 0 && n <= limit
}

// hostPort reads h1,h2,h3,h4,p1,p2 at the start of b (RFC 959 §4.1.2, PORT).
func hostPort(b []byte) (e Endpoint, rest []byte, ok bool) {
	var all uint64
	for i := range 6 {
		if i > 0 {
			if len(b) == 0 || b[0] != ',' {
				return Endpoint{}, nil, false
			}
			b = b[1:]
		}
		n, rest, ok := number(b, 3, 255)
		if !ok {
			return Endpoint{}, nil, false
		}
		all, b = all<<8|uint64(n), rest
	}
	e = Endpoint{packet.AddrFrom4(uint32(all >> 16)), uint16(all)}
	return e, b, e.Port != 0
}

// extended reads <d>family<d>address<d>port<d> at the start of b. d is any printable
// character that cannot be part of a field (RFC 2428 §2). If family and address are
// both empty, the result has the zero Addr.
func extended(b []byte) (e Endpoint, rest []byte, ok bool) {
	if len(b) == 0 || !delimiter(b[0]) {
		return Endpoint{}, nil, false
	}
	d := b[0]
	family, b, ok1 := bytes.Cut(b[1:], []byte{d})
	addr, b, ok2 := bytes.Cut(b, []byte{d})
	if !ok1 || !ok2 {
		return Endpoint{}, nil, false
	}
	if e.Addr, ok = address(family, addr); !ok {
		return Endpoint{}, nil, false
	}
	port, b, ok := number(b, 5, 65535)
	if !ok || port == 0 || len(b) == 0 || b[0] != d {
		return Endpoint{}, nil, false
	}
	e.Port = uint16(port)
	return e, b[1:], true
}

// delimiter reports whether c may delimit the fields of the extended form. It must be
// in ASCII 33 to 126 and must not occur in an address or a number.
func delimiter(c byte) bool {
	letter := 'a' <= c|0x20 && c|0x20 <= 'z'
	return 33 <= c && c <= 126 && !digit(c) && !letter && c != '.' && c != ':'
}

// address parses an address of a family (1 is IPv4, 2 is IPv6; RFC 2428 §2). It
// refuses IPv4-mapped IPv6 addresses and the unspecified address.
func address(family, text []byte) (packet.Addr, bool) {
	if len(family) == 0 && len(text) == 0 {
		return packet.Addr{}, true
	}
	if len(family) != 1 || len(text) > maxAddrText {
		return packet.Addr{}, false
	}
	a, err := netip.ParseAddr(string(text))
	switch {
	case err != nil, a.Zone() != "", a.Is4In6(), a.IsUnspecified():
		return packet.Addr{}, false
	case family[0] == '1' && a.Is4(), family[0] == '2' && a.Is6():
		return packet.AddrFrom(a), true
	}
	return packet.Addr{}, false
}
