// Package sip reads from a SIP message (RFC 3261) what the director keeps
// clients together by: the Call-ID.
package sip

import (
	"bytes"
	"strings"
)

// MaxCallID is the longest Call-ID in bytes that serves as a key
// (IP_VS_PEDATA_MAXLEN of the kernel): the sync protocol gives its length one
// byte.
const MaxCallID = 255

// CallID returns the value of the Call-ID header (RFC 3261 §20.8) of a message
// in a UDP datagram, as a part of the datagram. It reads what the kernel's
// persistence engine reads (ip_vs_pe_sip.c with nf_conntrack_sip.c):
//
//   - The name may be in either case or compact, "i" (§7.3.3). Blanks around
//     the colon are skipped, also at the start of one continuation line each.
//   - A header begins a line, and not the first one. Lines end with CR, LF or
//     both. Where the headers end and the body begins is not looked at.
//   - A value is a word, or two with an @ between them (§25.1), and must be
//     followed by CR or LF at once: a blank or a comment behind it, or the end
//     of the datagram, make it useless. So does a length above MaxCallID.
//   - A line that begins like the header but has no colon behind the name, or
//     nothing behind the colon, ends the search. A value that does not begin as
//     one should leads on to the next header.
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

// nextLine returns what follows the first end of a line in b.
func nextLine(b []byte) []byte {
	end := bytes.IndexAny(b, "\r\n")
	if end < 0 {
		return nil
	}
	return afterEnd(b[end:])
}

// afterEnd returns what follows the end of a line at the start of b.
func afterEnd(b []byte) []byte {
	if b[0] == '\r' && len(b) > 1 && b[1] == '\n' {
		return b[2:]
	}
	return b[1:]
}

// name returns the length of the header's name at the start of b, or 0. The
// compact name must not be the first letter of a longer one.
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

// skipBlanks skips spaces and tabs and, after the end of a line, those that
// begin a continuation line (RFC 3261 §7.3.1).
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
