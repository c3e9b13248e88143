package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"director/control"
	"director/internal/connlimit"
	"director/view/figures"
)

// Limits for the requests of a client, and their time limits.
const (
	// maxBody is enough for about ten thousand services.
	maxBody      = 16 << 20
	maxHeader    = 16 << 10
	headerTime   = 5 * time.Second
	bodyTime     = time.Minute
	idleTime     = 5 * time.Minute
	shutdownTime = time.Second
	maxClients   = 256
	listBuffer   = 64 << 10 // bytes of a list that are written at a time
	// graceTime is how long a connection may be idle before it gives way to a new one.
	graceTime = time.Second
	// unreadTime is the same for one whose client does not read its answer.
	unreadTime = time.Second
)

// Director contains the parts of a director that the server uses.
type Director struct {
	*control.Control
	Figures func() figures.Figures
	// Reload loads the configuration again. drop says that the changes that were made at
	// run time do not stay.
	Reload func(ctx context.Context, by control.Origin, drop bool) error
	// Diff returns what differs from the configuration.
	Diff func() Diff
	// Configuration writes the present settings as a flags file.
	Configuration func(io.Writer) error
}

// HTTPServer answers the requests to a director. Handle adds handlers; it is called
// before Serve.
type HTTPServer struct {
	director Director
	mux      *http.ServeMux
	http     http.Server
	limit    *connlimit.Limit
	log      zerolog.Logger

	end     context.CancelFunc // of all requests
	mu      sync.Mutex
	closed  bool           // no new request is accepted
	running sync.WaitGroup // requests
	listing sync.Mutex     // held while all connections are listed, to limit the memory
}

// NewHTTPServer returns a server for d.
func NewHTTPServer(d Director, log zerolog.Logger) *HTTPServer {
	s := &HTTPServer{director: d, mux: http.NewServeMux(), limit: connlimit.New(maxClients, graceTime, unreadTime), log: log}
	// If a client does not read its stream, the stream still ends with the server.
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	s.http = http.Server{
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: withPeer,
		Handler:     s.counted(s.mux), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, IdleTimeout: idleTime,
	}
	s.limit.Apply(&s.http)
	s.routes()
	return s
}

// Handle registers h for a pattern, such as "POST /v1/why".
func (s *HTTPServer) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Serve answers until Close.
func (s *HTTPServer) Serve(l net.Listener) error {
	err := s.http.Serve(s.limit.Listener(l))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close stops the server. It waits up to a second for running requests, then ends them.
// When it returns, no request is running.
func (s *HTTPServer) Close() error {
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return err
}

// begin counts a new request as running. If the server is closed, it returns false.
func (s *HTTPServer) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Add(1)
	}
	return !s.closed
}

// counted returns a handler that counts the running requests.
func (s *HTTPServer) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.begin() {
			WriteError(w, Errorf(http.StatusServiceUnavailable, "stopping", "the director is stopping"))
			return
		}
		defer s.running.Done()
		// The previous request may have set a deadline, and this answer may be a stream.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		if clean := path.Clean(r.URL.Path); clean != r.URL.Path { // the mux would redirect to another page
			WriteError(w, Errorf(http.StatusNotFound, "not-found", "%s %s: no such path: %s?", r.Method, r.URL.Path, clean))
			return
		}
		h.ServeHTTP(w, r)
	})
}

// answer is a handler that returns its answer as a value. The value is sent as JSON. For
// nil the answer has no body.
type answer func(r *http.Request) (any, error)

func (s *HTTPServer) handle(pattern string, do answer) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		body, err := do(r)
		w = connlimit.Pace(w) // a client that does not read must not block other clients
		if r.Method != http.MethodGet {
			s.log.Debug().Err(err).Str("request", r.Method+" "+r.URL.Path).Msg("request on the control socket")
		}
		if err != nil {
			WriteError(w, err)
			return
		}
		if body == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		WriteJSON(w, http.StatusOK, body)
	})
}

// WriteJSON answers with v. The client learns the length first, so it does not take a part
// of the answer for the whole.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // there is no one to tell if the client is gone
}

// long sends an answer that may be long, part by part as write writes it. HTTP/1.0 has no
// parts, and the end of the connection is the end of the answer. There the answer is sent
// as a whole, with its length.
func long(w http.ResponseWriter, r *http.Request, contentType string, write func(io.Writer) error) {
	w.Header().Set("Content-Type", contentType)
	to := connlimit.Pace(w)
	var err error
	if r.ProtoAtLeast(1, 1) {
		b := bufio.NewWriterSize(to, listBuffer)
		err = errors.Join(write(b), b.Flush())
	} else {
		var whole bytes.Buffer
		if err = write(&whole); err == nil {
			w.Header().Set("Content-Length", strconv.Itoa(whole.Len()))
			_, err = whole.WriteTo(to)
		}
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client must not take a part for the whole
	}
}

// WriteError answers with an error.
func WriteError(w http.ResponseWriter, err error) {
	e := errorOf(err)
	WriteJSON(w, e.Status, e)
}

// ReadJSON reads the body of a request: one value, without fields that v does not
// have.
func ReadJSON(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more data after the value")
		}
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return Errorf(http.StatusRequestEntityTooLarge, "too-large", "the body is larger than %d bytes", maxBody)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the body is empty")
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return fmt.Errorf("body: %s: want %s, not a JSON %s", wrong.Field, kindOf(wrong.Type), wrong.Value)
	}
	if err != nil {
		return fmt.Errorf("body: want one JSON value: %w", err)
	}
	return nil
}

// kindOf returns the kind of JSON value for a type, in words.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	// All other types are numbers of a fixed size.
	return "a number that fits " + t.String()
}
