package fetch

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// replies are complete replies of ten bytes. The value is true if the end of the
// connection ends the reply.
var replies = map[string]bool{
	"HTTP/1.0 200 OK\r\nX-Server: rs1\r\n\r\n0123456789":                                                                      true,
	"HTTP/1.1 200 OK\r\nx-server:rs1\r\ncontent-length: 10\r\nConnection: close\r\n\r\n0123456789":                            false,
	"HTTP/1.1 200 OK\r\nX-SERVER:  rs1 \r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6;x\r\n456789\r\n0\r\na: b\r\n\r\n": false,
}

// A reply is read in the same way wherever it is split, into two pieces or into
// single bytes.
func TestReply_MayComeInPieces(t *testing.T) {
	for text, ends := range replies {
		for cut := range len(text) + 1 {
			pieces := [][]byte{[]byte(text[:cut]), []byte(text[cut:])}
			if cut == len(text) {
				pieces = bytes.SplitAfter([]byte(text), nil)
			}
			if done, f, r := feedAll(pieces, ends); !done || f != Sound || string(r.Server()) != "rs1" || r.Body != 10 {
				t.Fatalf("%q cut at %d: done %v, fault %d, server %q, %d bytes", text, cut, done, f, r.Server(), r.Body)
			}
		}
		for cut := range len(text) {
			if done, f, _ := feedAll([][]byte{[]byte(text[:cut])}, true); done && f == Sound {
				t.Errorf("%q is reported as complete", text[:cut])
			}
		}
	}
}

func feedAll(pieces [][]byte, ends bool) (done bool, f Fault, r *Reply) {
	r = new(Reply)
	r.Begin(10)
	for _, p := range pieces {
		if len(p) == 0 {
			continue
		}
		if done, f = r.Feed(p); f != Sound {
			return done, f, r
		}
	}
	if ends && !done {
		done, f = r.End()
	}
	return done, f, r
}

func TestReply_RefusesWhatIsNone(t *testing.T) {
	for text, want := range map[string]Fault{
		"HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\n0123456789":       status,
		"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n012345678":                size,
		"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789x":             Endless,
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n":                                  notHTTP,
		"HTTP/2 200\r\n\r\n":                                                   notHTTP,
		"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 10\r\n\r\n":   notHTTP,
		"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n":           chunking,
		"HTTP/1.1 200 OK\r\nx: " + strings.Repeat("y", 2*maxHead) + "\r\n\r\n": tooLong,
	} {
		if done, f, r := feedAll([][]byte{[]byte(text)}, false); done || f != want {
			t.Errorf("%.60q: done %v, fault %d (%v); want %d", text, done, f, r.Err(f), want)
		}
	}
}

// FuzzReply feeds arbitrary bytes in pieces of any size. The pieces must not change
// the result, and a complete reply must have the expected number of bytes.
func FuzzReply(f *testing.F) {
	for text := range replies {
		f.Add([]byte(text), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		size = max(1, min(size, 1000))
		var pieces [][]byte
		for rest := text; len(rest) > 0; {
			n := min(size, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		done, Fault, r := feedAll(pieces, true)
		whole, wholeFault, w := feedAll([][]byte{text}, true)
		if done && Fault == Sound && r.Body != 10 {
			t.Fatalf("%q: complete with %d bytes", text, r.Body)
		}
		if got, want := fmt.Sprint(done, Fault == Sound, r.Code), fmt.Sprint(whole, wholeFault == Sound, w.Code); got != want && Fault == Sound != (wholeFault == Sound) {
			t.Fatalf("%q by %d: %s; at once: %s", text, size, got, want)
		}
	})
}
