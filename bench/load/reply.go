package load

import (
	"bytes"
	"fmt"
)

// maxHead is the longest head of a reply, in bytes; nobody sends more.
const maxHead = 8192

// AnySize is the size of a page whose replies may have any.
const AnySize = -1

// phase is what comes next in a reply.
type phase uint8

const (
	inHead    phase = iota
	inBody          // left bytes, or all until the connection ends
	inChunk         // left bytes of a chunk and its line's end
	inSize          // the line before a chunk
	inTrailer       // lines behind the last chunk
	complete        // nothing
)

// fault is what is wrong with a reply.
type fault uint8

const (
	sound    fault = iota
	notHTTP        // no status line and fields
	tooLong        // a head of more than maxHead bytes
	status         // another than 200
	size           // the body has another size than the page
	endless        // bytes behind the end
	cutShort       // the connection ended first
	chunking       // chunks that are none
)

// reply reads one reply as it comes, in pieces of any size. The zero value
// reads a reply whose body must be empty: begin says what to expect.
type reply struct {
	phase  phase
	closes bool  // the server closes the connection behind it
	code   int   // its status, once the head is there
	want   int64 // bytes that the body must have, or AnySize
	left   int64 // bytes to come of the body or the chunk; -1 up to the end of the connection
	body   int64 // bytes of the body so far
	head   int   // bytes of the head
	split  []byte
	name   [64]byte // X-Server's value, cut to this room
	named  int
}

// begin expects the next reply, with a body of want bytes.
func (r *reply) begin(want int64) {
	*r = reply{want: want, split: r.split[:0]}
}

// server is the value of X-Server, empty without; valid until begin.
func (r *reply) server() []byte { return r.name[:r.named] }

// feed takes the next bytes and reports whether the reply is complete.
func (r *reply) feed(p []byte) (done bool, f fault) {
	for {
		var more bool // the piece went on to the next phase
		switch r.phase {
		case inHead:
			p, more, f = r.readHead(p)
		case inBody:
			return r.readBody(p)
		case complete:
			if len(p) > 0 {
				return false, endless
			}
			return true, sound
		default:
			p, more, f = r.readChunks(p)
		}
		if f != sound || !more {
			return false, f
		}
	}
}

// end takes the end of the connection.
func (r *reply) end() (done bool, f fault) {
	if r.phase == inBody && r.left < 0 {
		r.left = 0
		return r.readBody(nil)
	}
	if r.phase != complete {
		return false, cutShort
	}
	return true, sound
}

func (r *reply) readBody(p []byte) (done bool, f fault) {
	n := int64(len(p))
	r.body += n
	if r.left >= 0 {
		if n > r.left {
			return false, endless
		}
		r.left -= n
	}
	if r.want >= 0 && (r.body > r.want || r.left == 0 && r.body != r.want) {
		return false, size
	}
	if r.left == 0 {
		r.phase = complete
	}
	return r.left == 0, sound
}

// until takes the text before the next end out of p, or keeps p aside if that
// does not come in it. Who got a text empties r.split when done with it.
func (r *reply) until(end string, p []byte) (text, rest []byte, ok bool) {
	before := len(r.split)
	if before == 0 {
		if i := bytes.Index(p, []byte(end)); i >= 0 {
			return p[:i], p[i+len(end):], true
		}
		r.split = append(r.split, p...)
		return nil, nil, false
	}
	from := max(0, before-len(end)+1)
	r.split = append(r.split, p...)
	i := bytes.Index(r.split[from:], []byte(end))
	if i < 0 {
		return nil, nil, false
	}
	return r.split[:from+i], p[from+i+len(end)-before:], true
}

// readHead takes the head if it is complete with p.
func (r *reply) readHead(p []byte) (rest []byte, ok bool, f fault) {
	head, rest, ok := r.until("\r\n\r\n", p)
	if !ok && len(r.split) > maxHead || len(head) > maxHead {
		return nil, false, tooLong
	}
	if !ok {
		return nil, false, sound
	}
	r.head = len(head) + len("\r\n\r\n")
	r.phase, r.left = inBody, -1
	f = r.parse(head)
	r.split = r.split[:0]
	if f == sound && r.want >= 0 && r.phase == inBody && r.left >= 0 && r.left != r.want {
		f = size
	}
	return rest, true, f
}

// parse reads a head without the empty line behind it.
func (r *reply) parse(head []byte) fault {
	first, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if len(first) < len("HTTP/1.1 200") || !bytes.HasPrefix(first, []byte("HTTP/1.")) || first[8] != ' ' {
		return notHTTP
	}
	code, ok := number(first[9:12], 10)
	if !ok || len(first) > 12 && first[12] != ' ' {
		return notHTTP
	}
	r.code = int(code)
	r.closes = first[7] == '0'
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !r.field(name, bytes.TrimSpace(value)) {
			return notHTTP
		}
	}
	if r.code != 200 {
		return status
	}
	return sound
}

// field reads one field and reports whether it makes sense.
func (r *reply) field(name, value []byte) bool {
	switch {
	case is(name, "content-length"):
		n, ok := number(value, 10)
		if r.phase == inSize { // chunks say their length themselves
			return ok
		}
		again := r.left >= 0 && r.left != n
		r.left = n
		return ok && !again
	case is(name, "transfer-encoding"):
		r.phase, r.left = inSize, 0
		return is(value, "chunked")
	case is(name, "connection"):
		if is(value, "close") {
			r.closes = true
		} else if is(value, "keep-alive") {
			r.closes = false
		}
	case is(name, "x-server"):
		r.named = copy(r.name[:], value)
	}
	return true
}

// readChunks takes some of a chunk, or the line that comes next.
func (r *reply) readChunks(p []byte) (rest []byte, ok bool, f fault) {
	if r.phase == inChunk && r.left > 0 {
		n := min(r.left, int64(len(p)))
		r.left -= n
		r.body += n
		if r.want >= 0 && r.body > r.want {
			return nil, false, size
		}
		return p[n:], r.left == 0, sound
	}
	line, rest, ok := r.until("\r\n", p)
	if !ok && len(r.split) > maxHead {
		return nil, false, chunking
	}
	if ok {
		f = r.chunkLine(line)
		r.split = r.split[:0]
	}
	return rest, ok, f
}

// chunkLine reads the line that the phase is at.
func (r *reply) chunkLine(line []byte) fault {
	switch {
	case r.phase == inChunk: // the end of the chunk's own line
		if len(line) > 0 {
			return chunking
		}
		r.phase = inSize
	case r.phase == inTrailer:
		if len(line) > 0 {
			return sound
		}
		if r.want >= 0 && r.body != r.want {
			return size
		}
		r.phase = complete
	default:
		digits, _, _ := bytes.Cut(line, []byte(";"))
		n, ok := number(bytes.TrimSpace(digits), 16)
		if !ok {
			return chunking
		}
		if r.phase, r.left = inChunk, n; n == 0 {
			r.phase = inTrailer
		}
	}
	return sound
}

// is compares with a text in lower case.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// number reads up to fifteen digits, which fit.
func number(b []byte, base int64) (n int64, ok bool) {
	for _, c := range b {
		d := int64(99)
		switch {
		case '0' <= c && c <= '9':
			d = int64(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			d = int64(c|0x20-'a') + 10
		}
		if d >= base {
			return 0, false
		}
		n = n*base + d
	}
	return n, len(b) > 0 && len(b) <= 15
}

// err says what is wrong, wrapping errReply.
func (r *reply) err(f fault) error {
	switch f {
	case notHTTP:
		return fmt.Errorf("%w: no HTTP/1 status line and fields", errReply)
	case tooLong:
		return fmt.Errorf("%w: no end of the head after %d bytes", errReply, maxHead)
	case status:
		return fmt.Errorf("%w: status %d, want 200", errReply, r.code)
	case size:
		return fmt.Errorf("%w: the body has another size than the %d bytes of the page", errReply, r.want)
	case endless:
		return fmt.Errorf("%w: more bytes than the Content-Length of %d", errReply, r.body)
	case cutShort:
		return fmt.Errorf("%w: the connection ended after %d bytes of head and %d of body", errReply, r.head+len(r.split), r.body)
	case chunking:
		return fmt.Errorf("%w: broken chunks", errReply)
	}
	return nil
}
