package api

import (
	"context"
	"net"
	"net/http"

	"director/control"
)

// Diff is what differs between what runs, the configuration that was loaded last, and the
// files as they are now.
type Diff struct {
	// Runtime contains the changes that were made at run time: from the loaded
	// configuration to what runs.
	Runtime []control.Difference `json:"runtime"`
	// Files contains what a reload would load: from the loaded configuration to the files.
	Files []control.Difference `json:"files"`
	// FilesError says why the files cannot be read.
	FilesError string `json:"files_error,omitempty"`
}

// Reload is the body of a request to load the configuration again. The body may be missing.
type Reload struct {
	DropRuntime bool `json:"drop_runtime"` // do not keep the changes that were made at run time
}

func (s *HTTPServer) getDiff(*http.Request) (any, error) { return s.director.Diff(), nil }

func (s *HTTPServer) postReload(r *http.Request) (any, error) {
	var body Reload
	if r.ContentLength != 0 {
		if err := ReadJSON(r, &body); err != nil {
			return nil, err
		}
	}
	by := origin(r)
	by.Via = "reload"
	return nil, s.director.Reload(r.Context(), by, body.DropRuntime)
}

// peerKey is the key of the peer in the context of a request.
type peerKey struct{}

// withPeer adds the process at the other end of a connection to the context of its
// requests.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if p, ok := c.RemoteAddr().(*peerAddr); ok {
		return context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

// origin says who sends a request. Without a socket nobody can be told: the numbers are -1.
func origin(r *http.Request) control.Origin {
	if p, ok := r.Context().Value(peerKey{}).(*peerAddr); ok {
		return control.Origin{Via: "api", UID: p.uid, PID: p.pid}
	}
	return control.Origin{Via: "api", UID: -1, PID: -1}
}

// by returns the director for changes that the sender of r makes.
func (s *HTTPServer) by(r *http.Request) *control.Control { return s.director.By(origin(r)) }
