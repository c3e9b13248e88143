package server

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxBytes is the largest body, for memory holds it whole.
const maxBytes = 64 << 20

// answer is a whole reply.
type answer struct {
	text []byte
	size int  // of the body, in bytes
	last bool // the connection ends behind it
}

// way is what a path and a version of HTTP lead to.
type way struct {
	path string
	stay bool // the connection goes on
}

// answers makes replies, and keeps those that were made.
type answers struct {
	name string
	made map[way]answer
}

func newAnswers(name string) answers { return answers{name, make(map[way]answer)} }

// keep bounds how many replies are kept, and their sizes.
const (
	keep     = 64
	keepSize = 1 << 20
)

// to returns the reply to a request, given without its last empty line, and how
// long it is to wait.
func (a *answers) to(head []byte) (r answer, wait time.Duration) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	path, query, _ := bytes.Cut(target, []byte("?"))
	stay := staying(version, fields)
	if string(method) != "GET" || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return a.make(400, 0, false), 0
	}
	if text, ok := bytes.CutPrefix(query, []byte("wait=")); ok {
		var err error
		if wait, err = time.ParseDuration(string(text)); err != nil || wait < 0 {
			return a.make(400, 0, false), 0
		}
	}
	if r, ok := a.made[way{string(path), stay}]; ok { // without a copy of path
		return r, wait
	}
	size, ok := sizeOf(string(path))
	if !ok {
		return a.make(404, 0, stay), wait
	}
	r = a.make(200, size, stay)
	if len(a.made) < keep && size <= keepSize {
		a.made[way{string(path), stay}] = r
	}
	return r, wait
}

// staying reports whether the connection goes on behind the reply.
func staying(version, fields []byte) bool {
	stay := bytes.Equal(version, []byte("HTTP/1.1"))
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Connection")) {
			value = bytes.TrimSpace(value)
			stay = bytes.EqualFold(value, []byte("keep-alive")) || stay && !bytes.EqualFold(value, []byte("close"))
		}
	}
	return stay
}

// sizeOf is how many bytes a path has, and ok whether there is one.
func sizeOf(path string) (n int, ok bool) {
	if path == "/" {
		return PageSize, true
	}
	digits, ok := strings.CutPrefix(path, "/bytes/")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0 && n <= maxBytes
}

// make makes a reply of a status with a body of n bytes.
func (a *answers) make(status, n int, stay bool) answer {
	reason := map[int]string{200: "OK", 400: "Bad Request", 404: "Not Found"}[status]
	connection := "close"
	if stay {
		connection = "keep-alive"
	}
	text := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n%s: %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n",
		status, reason, NameHeader, a.name, n, connection)
	return answer{append(text, bytes.Repeat([]byte("."), n)...), n, !stay}
}
