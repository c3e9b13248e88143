package ftp

import (
	"bytes"
	"strconv"

	"director/packet"
)

// maxText is room for the longest text that Reply.Append writes.
const maxText = len("255,255,255,255,255,255")

// Reply is a server's answer to Passive or ExtendedPassive. The text to be
// replaced is line[From:To]; with a 229 that carries no address, as it should
// (RFC 2428 §3), it is empty and lies behind the port.
type Reply struct {
	Kind     Kind // Nothing, Announced or Refused
	From, To int
	Endpoint
	extended bool
}

// ParseReply reads the reply at the start of b, which comes from the server
// with the given address. A line that does not end within b is none. Real
// servers vary in what they say around the numbers, parentheses included, so a
// 227 is read from its first digit on, a 229 from its first parenthesis on, as
// in ip_vs_ftp.c.
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

// Append appends to dst the text that takes the place of line[From:To] and
// announces the virtual address, and returns how much longer that makes the
// line. A 229 that carries an address loses it, as in ip_vs_ftp.c: the client
// uses the one it is connected to. Precondition: virtual is IPv4.
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

// longer returns how much longer Append makes the line.
func (r Reply) longer(virtual packet.Addr) int {
	var room [maxText]byte
	_, n := r.Append(room[:0], virtual)
	return n
}
