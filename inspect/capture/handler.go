package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Path is where a Handler belongs.
const Path = "/v1/capture"

// maxOptions bounds the options that a request may carry, in bytes.
const maxOptions = 1 << 16

// Handler answers requests for captures. POST, with Options as its body, begins
// one and answers with it until its end: the statistics are in its last blocks,
// and in the trailers. DELETE ends the one in progress, which still gets them.
type Handler struct {
	start func(Options) (*Session, error)

	mu      sync.Mutex
	current *Session
}

// NewHandler makes a handler of sessions that start begins.
func NewHandler(start func(Options) (*Session, error)) *Handler { return &Handler{start: start} }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		h.capture(w, r)
	case http.MethodDelete:
		h.end(w)
	default:
		w.Header().Set("Allow", "POST, DELETE")
		refuse(w, http.StatusMethodNotAllowed, "method-not-allowed", errors.New("want POST or DELETE"))
	}
}

// refuse answers with an error, in the shape of all the control API's. code is a
// stable word for it.
func refuse(w http.ResponseWriter, status int, code string, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Who asked may be gone.
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "error": err.Error()})
}

func (h *Handler) end(w http.ResponseWriter) {
	h.mu.Lock()
	s := h.current
	h.mu.Unlock()
	if s == nil {
		refuse(w, http.StatusNotFound, "no-capture", errors.New("no capture is in progress"))
		return
	}
	s.Stop()
	w.WriteHeader(http.StatusNoContent)
}

func (h *Handler) capture(w http.ResponseWriter, r *http.Request) {
	o := DefaultOptions()
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOptions))
	in.DisallowUnknownFields()
	err := in.Decode(&o)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		refuse(w, http.StatusRequestEntityTooLarge, "too-large", fmt.Errorf("the options are larger than %d bytes", maxOptions))
		return
	}
	if err != nil && !errors.Is(err, io.EOF) {
		refuse(w, http.StatusBadRequest, "bad-request", fmt.Errorf("the options of a capture: %w", err))
		return
	}
	s, err := h.start(o)
	switch {
	case errors.Is(err, ErrUsage):
		refuse(w, http.StatusBadRequest, "bad-request", err)
		return
	case errors.Is(err, ErrBusy):
		refuse(w, http.StatusConflict, "busy", err)
		return
	case err != nil:
		refuse(w, http.StatusInternalServerError, "failed", err)
		return
	}
	h.swap(nil, s)
	defer h.swap(s, nil)
	h.stream(w, r, s)
}

// swap makes next the session in progress, unless that is not was any more. A
// session that has just begun always is.
func (h *Handler) swap(was, next *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == was || next != nil {
		h.current = next
	}
}

// stream answers with the capture.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, s *Session) {
	out := flusher{w, http.NewResponseController(w)}
	header := w.Header()
	header.Set("Content-Type", "application/x-pcapng")
	header.Set("Trailer", "Capture-Written, Capture-Skipped, Capture-Sampled, Capture-Lost")
	// A request that ends must end the write that its reader does not take. Where
	// there are no deadlines, nothing writes to a connection either.
	defer context.AfterFunc(r.Context(), func() { _ = out.SetWriteDeadline(time.Now()) })()
	// An error is that of the reader, whom nobody can tell.
	_ = s.Run(r.Context(), out)
	c := s.Counts()
	for name, n := range map[string]uint64{
		"Capture-Written": c.Written, "Capture-Skipped": c.Skipped, "Capture-Sampled": c.Sampled, "Capture-Lost": c.Lost,
	} {
		header.Set(name, strconv.FormatUint(n, 10))
	}
}

// flusher sends what is written at once.
type flusher struct {
	io.Writer
	*http.ResponseController
}

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.Writer.Write(b)
	if err == nil {
		err = f.Flush()
	}
	return n, err
}
