package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"sync"
	"time"
)

// secure is a server with TLS. It uses one goroutine for each connection: a
// handshake is so expensive that an event loop would save nothing.
type secure struct {
	listeners []net.Listener
	config    *tls.Config
	counts    counters
	running   sync.WaitGroup
	done      chan struct{} // closed when the server is closed

	mu      sync.Mutex
	answers answers
	bucket  bucket
	start   time.Time
	open    map[net.Conn]struct{}
}

func newSecure(o Options) (*secure, error) {
	certificate, err := selfSigned(o.Name)
	if err != nil {
		return nil, err
	}
	s := &secure{
		answers: newAnswers(o.Name), start: time.Now(), open: make(map[net.Conn]struct{}), done: make(chan struct{}),
		config: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true},
	}
	if o.Cap > 0 {
		s.bucket.every = time.Second / time.Duration(o.Cap)
	}
	for _, at := range o.Listen {
		fd, err := listen(at)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		f := os.NewFile(uintptr(fd), at.String())
		l, err := net.FileListener(f) // duplicates the descriptor
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.listeners = append(s.listeners, l)
		s.running.Go(func() { s.accept(l) })
	}
	return s, nil
}

// selfSigned makes a self-signed certificate.
func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// acceptPause is the wait after a failed accept.
const acceptPause = time.Millisecond

// accept accepts connections until the listener is closed.
func (s *secure) accept(l net.Listener) {
	for {
		s.await()
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // the client reset it before the accept, or no descriptor is free
			if s.closedAfter(acceptPause) {
				return
			}
			continue
		}
		s.mu.Lock()
		if s.closedAfter(0) {
			s.mu.Unlock()
			_ = conn.Close() // no request has been read yet
			return
		}
		s.open[conn] = struct{}{}
		s.mu.Unlock()
		s.counts.connections.Add(1)
		s.running.Go(func() { s.serve(conn) })
	}
}

// await waits until the bucket lets the next connection in.
func (s *secure) await() {
	for {
		s.mu.Lock()
		now := time.Since(s.start)
		wait := s.bucket.next - now
		in := s.bucket.take(now)
		s.mu.Unlock()
		if in || s.closedAfter(wait) {
			return
		}
	}
}

// closedAfter waits for a time, or until the server is closed. It reports whether it is
// closed.
func (s *secure) closedAfter(wait time.Duration) bool {
	if wait > 0 {
		select {
		case <-s.done:
		case <-time.After(wait):
		}
	}
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// serve answers the requests of one connection until either end closes it.
func (s *secure) serve(conn net.Conn) {
	c := tls.Server(conn, s.config)
	defer func() {
		_ = c.Close() // closes conn too, even if the client no longer reads
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, conn)
	}()
	r := bufio.NewReaderSize(c, maxRequest)
	for {
		head, err := readHead(r)
		if err != nil {
			return
		}
		s.mu.Lock()
		a, wait := s.answers.to(head)
		s.mu.Unlock()
		if s.closedAfter(wait) {
			return
		}
		if _, err := c.Write(a.text); err != nil {
			return
		}
		s.counts.requests.Add(1)
		s.counts.bytes.Add(uint64(a.size))
		if a.last {
			return
		}
	}
}

// readHead reads the head of a request and returns it without the empty line at its
// end.
func readHead(r *bufio.Reader) (head []byte, err error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= len("\r\n") {
			return head, nil
		}
		if head = append(head, line...); len(head) > maxRequest {
			return nil, bufio.ErrBufferFull
		}
	}
}

// close closes the server and its connections.
func (s *secure) close() error {
	s.mu.Lock()
	close(s.done)
	var errs []error
	for _, l := range s.listeners {
		errs = append(errs, l.Close())
	}
	s.listeners = nil
	for conn := range s.open {
		_ = conn.Close() // even in the middle of a reply
	}
	s.mu.Unlock()
	s.running.Wait()
	return errors.Join(errs...)
}
