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

// Path is the path of a Handler in the control API.
const Path = "/v1/capture"

// maxOptions is the largest size of a request's options, in bytes.
const maxOptions = 1 << 16

// Handler answers requests for captures. POST with Options as its body starts a capture and
// answers with it until it ends. The statistics are in the last blocks and in the
// trailers. DELETE ends the capture in progress, whose answer still gets the statistics.
type Handler struct {
	start func(Options) (*Session, error)

	mu      sync.Mutex
	current *Session
}

// NewHandler returns a handler that starts sessions with start.
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

// refuse answers with an error in the form of the control API. code is a stable word for
// the error.
func refuse(w http.ResponseWriter, status int, code string, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client may be gone.
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

// swap replaces the session in progress by next, if it still is was. A session that has
// just started always becomes the session in progress.
func (h *Handler) swap(was, next *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == was || next != nil {
		h.current = next
	}
}

// stream sends the capture as the answer.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, s *Session) {
	out := flusher{w, http.NewResponseController(w)}
	header := w.Header()
	header.Set("Content-Type", "application/x-pcapng")
	header.Set("Trailer", "Capture-Written, Capture-Skipped, Capture-Sampled, Capture-Lost")
	// When a request ends, a write that its client does not read must end too. A
	// writer without deadlines is no connection, so its writes do not block.
	defer context.AfterFunc(r.Context(), func() { _ = out.SetWriteDeadline(time.Now()) })()
	// An error means that the client is gone, so it cannot be told.
	_ = s.Run(r.Context(), out)
	c := s.Counts()
	for name, n := range map[string]uint64{
		"Capture-Written": c.Written, "Capture-Skipped": c.Skipped, "Capture-Sampled": c.Sampled, "Capture-Lost": c.Lost,
	} {
		header.Set(name, strconv.FormatUint(n, 10))
	}
}

// flusher sends everything immediately.
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
