package ftp

import (
	"bytes"
	"strconv"

	"director/packet"
)

// maxText is the length of the longest text that Reply.Append writes.
const maxText = len("255,255,255,255,255,255")

// Reply is a server's answer to Passive or ExtendedPassive. The text to replace is
// line[From:To]. For a 229 without an address, which is the correct form (RFC 2428
// §3), it is empty and after the port.
type Reply struct {
	Kind     Kind // Nothing, Announced or Refused
	From, To int
	Endpoint
	extended bool
}

// ParseReply parses the reply at the start of b. server is the address of the server.
// A line that does not end within b is ignored. Servers differ in the text around the
// numbers and in the use of parentheses. So, as in ip_vs_ftp.c, a 227 is parsed from
// its first digit and a 229 from its first parenthesis.
func ParseReply(b []byte, server packet.Addr) Reply {
	const codeLen = len("227 ")
	line, _, ok := cutLine(b)
	if !ok || len(line) < codeLen {
		return Reply{}
	}
	switch string(line[:codeLen]) {
	case "227 ":
		return passive(line, codeLen, server)
	case "229 ":
		return extendedPassive(line, codeLen, server)
	}
	return Reply{}
}

func passive(line []byte, from int, server packet.Addr) Reply {
	for from < len(line) && !digit(line[from]) {
		from++
	}
	e, rest, ok := hostPort(line[from:])
	if !ok || len(rest) > 0 && rest[0] == ',' {
		return Reply{}
	}
	return Reply{Kind: announced(e, server), Endpoint: e, From: from, To: len(line) - len(rest)}
}

func extendedPassive(line []byte, from int, server packet.Addr) Reply {
	open := bytes.IndexByte(line[from:], '(')
	if open < 0 {
		return Reply{}
	}
	from += open + 1
	e, rest, ok := extended(line[from:])
	if !ok {
		return Reply{}
	}
	r := Reply{Endpoint: e, From: from, To: len(line) - len(rest), extended: true}
	if e.Addr.IsZero() {
		r.Addr, r.From = server, r.To
	}
	r.Kind = announced(r.Endpoint, server)
	return r
}

// Append appends the text that replaces line[From:To] and announces the virtual
// address to dst. longer is the number of bytes by which the line becomes longer. As
// in ip_vs_ftp.c, the address in a 229 is removed, and the client uses the address to
// which it is connected. Precondition: virtual is IPv4.
func (r Reply) Append(dst []byte, virtual packet.Addr) (text []byte, longer int) {
	text = dst
	switch v4 := virtual.V4(); {
	case r.From == r.To:
	case r.extended:
		text = append(text, "|||"...)
		text = strconv.AppendUint(text, uint64(r.Port), 10)
		text = append(text, '|')
	default:
		all := uint64(v4)<<16 | uint64(r.Port)
		for shift := 40; shift >= 0; shift -= 8 {
			text = strconv.AppendUint(text, all>>shift&0xff, 10)
			if shift > 0 {
				text = append(text, ',')
			}
		}
	}
	return text, len(text) - len(dst) - (r.To - r.From)
}

// longer returns the number of bytes by which Append makes the line longer.
func (r Reply) longer(virtual packet.Addr) int {
	var room [maxText]byte
	_, n := r.Append(room[:0], virtual)
	return n
}
