// Package sip reads the Call-ID from a SIP message (RFC 3261). The SIP persistence
// engine uses it as the key of a call.
package sip

import (
	"bytes"
	"strings"
)

// MaxCallID is the maximum length in bytes of a Call-ID that is used as a key
// (IP_VS_PEDATA_MAXLEN in the kernel). The sync protocol has one byte for the length.
const MaxCallID = 255

// CallID returns the value of the Call-ID header (RFC 3261 §20.8) of a message
// in a UDP datagram, as a part of the datagram. It reads what the kernel's
// persistence engine reads (ip_vs_pe_sip.c with nf_conntrack_sip.c):
//
//   - The name may be in upper or lower case, or have the compact form "i"
//     (§7.3.3). Blanks before and after the colon are skipped. In both places
//     one continuation line is allowed.
//   - A header begins a line, but not the first line. Lines end with CR, LF or
//     both. The search does not stop at the end of the headers.
//   - A value is one word, or two words with an @ between them (§25.1). CR or
//     LF must follow it immediately. With a blank, a comment or the end of the
//     datagram after it, the value is invalid. So is a value longer than
//     MaxCallID.
//   - A line that begins with the name but has no colon after it, or nothing
//     after the colon, ends the search. If the value does not begin with a
//     word, the search continues.
func CallID(datagram []byte) (id []byte, ok bool) {
	for rest := nextLine(datagram); len(rest) > 0; rest = nextLine(rest) {
		n := name(rest)
		if n == 0 {
			continue
		}
		rest = skipBlanks(rest[n:])
		if len(rest) == 0 || rest[0] != ':' {
			return nil, false
		}
		rest = skipBlanks(rest[1:])
		if n = value(rest); n > 0 {
			if n > MaxCallID || n == len(rest) || !lineEnd(rest[n]) {
				return nil, false
			}
			return rest[:n:n], true
		}
	}
	return nil, false
}

// nextLine returns the rest of b after the first line end.
func nextLine(b []byte) []byte {
	end := bytes.IndexAny(b, "\r\n")
	if end < 0 {
		return nil
	}
	return afterEnd(b[end:])
}

// afterEnd returns the rest of b after the line end at its start.
func afterEnd(b []byte) []byte {
	if b[0] == '\r' && len(b) > 1 && b[1] == '\n' {
		return b[2:]
	}
	return b[1:]
}

// name returns the length of the header name at the start of b, or 0. The compact
// name must not be the first letter of a longer name.
func name(b []byte) int {
	const long = "call-id"
	switch {
	case len(b) >= len(long) && bytes.EqualFold(b[:len(long)], []byte(long)):
		return len(long)
	case len(b) > 1 && b[0]|0x20 == 'i' && !letter(b[1]):
		return 1
	}
	return 0
}

// skipBlanks skips spaces and tabs, and a line end if a continuation line follows it
// (RFC 3261 §7.3.1). It returns nil at another line end.
func skipBlanks(b []byte) []byte {
	b = bytes.TrimLeft(b, " \t")
	if len(b) == 0 || !lineEnd(b[0]) {
		return b
	}
	b = afterEnd(b)
	if len(b) == 0 || !blank(b[0]) {
		return nil
	}
	return bytes.TrimLeft(b, " \t")
}

// value returns the length of the Call-ID at the start of b, or 0.
func value(b []byte) int {
	n := word(b)
	if n == 0 || n == len(b) || b[n] != '@' {
		return n
	}
	host := word(b[n+1:])
	if host == 0 {
		return 0
	}
	return n + 1 + host
}

// word returns the length of the word at the start of b (RFC 3261 §25.1).
func word(b []byte) int {
	for i, c := range b {
		if !letter(c) && !('0' <= c && c <= '9') && strings.IndexByte("-.!%*_+`'~()<>:\\\"/[]?{}", c) < 0 {
			return i
		}
	}
	return len(b)
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func blank(c byte) bool { return c == ' ' || c == '\t' }

func lineEnd(c byte) bool { return c == '\r' || c == '\n' }
