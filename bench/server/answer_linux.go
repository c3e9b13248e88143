package server

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxBytes is the largest body, because a body is held in memory.
const maxBytes = 64 << 20

// answer is a complete reply.
type answer struct {
	text []byte
	size int  // of the body, in bytes
	last bool // the server closes the connection after it
}

// way is the key of a reply: the path, and whether the connection stays open.
type way struct {
	path string
	stay bool // the connection stays open
}

// answers builds replies and caches them.
type answers struct {
	name string
	made map[way]answer
}

func newAnswers(name string) answers { return answers{name, make(map[way]answer)} }

// Limits of the cache: the number of replies, and the size of each.
const (
	keep     = 64
	keepSize = 1 << 20
)

// to returns the reply to a request, and how long to wait before sending it. head
// is the request without the empty line at its end.
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
	if r, ok := a.made[way{string(path), stay}]; ok { // does not copy path
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

// staying reports whether the connection stays open after the reply.
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

// sizeOf returns the size of the body of a path; ok is false if there is no such
// path.
func sizeOf(path string) (n int, ok bool) {
	if path == "/" {
		return PageSize, true
	}
	digits, ok := strings.CutPrefix(path, "/bytes/")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0 && n <= maxBytes
}

// make builds a reply with a status and a body of n bytes.
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
