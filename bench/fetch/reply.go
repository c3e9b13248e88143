package fetch

import (
	"bytes"
	"fmt"
)

// maxHead is the longest accepted head of a reply, in bytes. Real servers send less.
const maxHead = 8192

// AnySize says that the body of a reply may have any size.
const AnySize = -1

// phase says which part of a reply the next byte belongs to.
type phase uint8

const (
	inHead    phase = iota
	inBody          // left bytes, or everything up to the end of the connection
	inChunk         // left bytes of a chunk, then the end of its line
	inSize          // the line in front of a chunk
	inTrailer       // the lines after the last chunk
	complete        // the reply has ended
)

// Fault says what is wrong with a reply.
type Fault uint8

const (
	Sound    Fault = iota
	notHTTP        // there is no status line with fields
	tooLong        // the head has more than maxHead bytes
	status         // the status is not 200
	size           // the body does not have the size of the page
	Endless        // bytes follow the end of the reply
	CutShort       // the connection ended before the reply
	chunking       // the chunks are malformed
)

// Reply reads one reply, which may arrive in pieces of any size. Begin sets the
// size of the body to expect. The zero value expects an empty body.
type Reply struct {
	phase  phase
	Closes bool  // the server closes the connection after this reply
	Code   int   // the status; 0 until the head is complete
	want   int64 // the expected size of the body, or AnySize
	left   int64 // bytes to come of the body or the chunk; -1 means up to the end of the connection
	Body   int64 // bytes of the body so far
	Head   int   // bytes of the head
	split  []byte
	name   [64]byte // the value of X-Server, cut to this length
	named  int
}

// Begin prepares for the next reply, with a body of want bytes.
func (r *Reply) Begin(want int64) {
	*r = Reply{want: want, split: r.split[:0]}
}

// Server returns the value of X-Server, or nothing if there is none. It is valid
// until Begin.
func (r *Reply) Server() []byte { return r.name[:r.named] }

// Feed reads the next bytes and reports whether the reply is complete.
func (r *Reply) Feed(p []byte) (done bool, f Fault) {
	for {
		var more bool // the piece went on to the next phase
		switch r.phase {
		case inHead:
			p, more, f = r.readHead(p)
		case inBody:
			return r.readBody(p)
		case complete:
			if len(p) > 0 {
				return false, Endless
			}
			return true, Sound
		default:
			p, more, f = r.readChunks(p)
		}
		if f != Sound || !more {
			return false, f
		}
	}
}

// End handles the end of the connection and reports whether the reply is complete.
func (r *Reply) End() (done bool, f Fault) {
	if r.phase == inBody && r.left < 0 {
		r.left = 0
		return r.readBody(nil)
	}
	if r.phase != complete {
		return false, CutShort
	}
	return true, Sound
}

func (r *Reply) readBody(p []byte) (done bool, f Fault) {
	n := int64(len(p))
	r.Body += n
	if r.left >= 0 {
		if n > r.left {
			return false, Endless
		}
		r.left -= n
	}
	if r.want >= 0 && (r.Body > r.want || r.left == 0 && r.Body != r.want) {
		return false, size
	}
	if r.left == 0 {
		r.phase = complete
	}
	return r.left == 0, Sound
}

// until returns the text in front of the next end in p. If p has no end, it keeps
// p in r.split. A caller that got a text empties r.split after using it.
func (r *Reply) until(end string, p []byte) (text, rest []byte, ok bool) {
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

// readHead parses the head if p completes it.
func (r *Reply) readHead(p []byte) (rest []byte, ok bool, f Fault) {
	head, rest, ok := r.until("\r\n\r\n", p)
	if !ok && len(r.split) > maxHead || len(head) > maxHead {
		return nil, false, tooLong
	}
	if !ok {
		return nil, false, Sound
	}
	r.Head = len(head) + len("\r\n\r\n")
	r.phase, r.left = inBody, -1
	f = r.parse(head)
	r.split = r.split[:0]
	if f == Sound && r.want >= 0 && r.phase == inBody && r.left >= 0 && r.left != r.want {
		f = size
	}
	return rest, true, f
}

// parse reads a head, without the empty line that ends it.
func (r *Reply) parse(head []byte) Fault {
	first, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if len(first) < len("HTTP/1.1 200") || !bytes.HasPrefix(first, []byte("HTTP/1.")) || first[8] != ' ' {
		return notHTTP
	}
	code, ok := number(first[9:12], 10)
	if !ok || len(first) > 12 && first[12] != ' ' {
		return notHTTP
	}
	r.Code = int(code)
	r.Closes = first[7] == '0'
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !r.field(name, bytes.TrimSpace(value)) {
			return notHTTP
		}
	}
	if r.Code != 200 {
		return status
	}
	return Sound
}

// field reads one field and reports whether it is valid.
func (r *Reply) field(name, value []byte) bool {
	switch {
	case is(name, "content-length"):
		n, ok := number(value, 10)
		if r.phase == inSize { // each chunk has its own length
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
			r.Closes = true
		} else if is(value, "keep-alive") {
			r.Closes = false
		}
	case is(name, "x-server"):
		r.named = copy(r.name[:], value)
	}
	return true
}

// readChunks reads part of a chunk, or the line that comes next.
func (r *Reply) readChunks(p []byte) (rest []byte, ok bool, f Fault) {
	if r.phase == inChunk && r.left > 0 {
		n := min(r.left, int64(len(p)))
		r.left -= n
		r.Body += n
		if r.want >= 0 && r.Body > r.want {
			return nil, false, size
		}
		return p[n:], r.left == 0, Sound
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

// chunkLine reads one line between chunks; r.phase says which.
func (r *Reply) chunkLine(line []byte) Fault {
	switch {
	case r.phase == inChunk: // the end of the chunk's own line
		if len(line) > 0 {
			return chunking
		}
		r.phase = inSize
	case r.phase == inTrailer:
		if len(line) > 0 {
			return Sound
		}
		if r.want >= 0 && r.Body != r.want {
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
	return Sound
}

// is reports whether b equals lower, a text in lower case, ignoring case.
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

// number reads up to fifteen digits: so many always fit into an int64.
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

// Err describes a fault. The error wraps errReply.
func (r *Reply) Err(f Fault) error {
	switch f {
	case notHTTP:
		return fmt.Errorf("%w: no HTTP/1 status line and fields", errReply)
	case tooLong:
		return fmt.Errorf("%w: no end of the head after %d bytes", errReply, maxHead)
	case status:
		return fmt.Errorf("%w: status %d, want 200", errReply, r.Code)
	case size:
		return fmt.Errorf("%w: the body has another size than the %d bytes of the page", errReply, r.want)
	case Endless:
		return fmt.Errorf("%w: more bytes than the Content-Length of %d", errReply, r.Body)
	case CutShort:
		return fmt.Errorf("%w: the connection ended after %d bytes of head and %d of body", errReply, r.Head+len(r.split), r.Body)
	case chunking:
		return fmt.Errorf("%w: broken chunks", errReply)
	}
	return nil
}
