package connlimit

import (
	"net/http"
	"time"
)

// A client may take chunkTime to read a chunk. On the average it must read paceRate bytes a
// second after the first paceTime. So a client on a slow line gets a long answer, but
// one that reads nearly nothing does not keep its place.
const (
	chunk     = 64 << 10
	chunkTime = 10 * time.Second
	paceTime  = time.Minute
	paceRate  = 64 << 10
)

// Pace returns a writer for an answer that begins now. Instead of a time limit for the
// whole answer it sets one for each part of it. After an error the connection must be
// closed, because the client cannot tell a part of an answer from the whole: the handler
// panics with http.ErrAbortHandler, unless it has set Content-Length.
func Pace(w http.ResponseWriter) http.ResponseWriter {
	return &paced{ResponseWriter: w, begun: time.Now()}
}

type paced struct {
	http.ResponseWriter
	begun   time.Time
	written int64
}

// Unwrap lets an http.ResponseController find the writer of the server.
func (p *paced) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *paced) Write(b []byte) (n int, err error) {
	for {
		part := b[n:min(n+chunk, len(b))]
		next, last := time.Now().Add(chunkTime), p.begun.Add(paceTime+time.Duration(p.written)*time.Second/paceRate)
		if next.After(last) {
			next = last
		}
		_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(next) // a test's recorder has none
		wrote, err := p.ResponseWriter.Write(part)
		n, p.written = n+wrote, p.written+int64(wrote)
		if err != nil || n == len(b) {
			return n, err
		}
	}
}
