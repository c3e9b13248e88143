package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"director/control"
	"director/control/api"
	"director/internal/memlab"
	"director/internal/packettest"
	"director/view/figures"
)

// rig is a director in memory and its server.
type rig struct {
	*memlab.Director
	t      testing.TB
	server *api.HTTPServer
	socket string
	http   http.Client
}

// newRig has the server answer at a unix socket.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := newServer(t)
	r.serve(filepath.Join(t.TempDir(), "control.sock"))
	return r
}

// serve has the server answer at a unix socket until the test ends.
func (r *rig) serve(path string) {
	t := r.t
	t.Helper()
	r.socket = path
	l, err := api.Listen(r.socket)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(r.server.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	r.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.socket)
	}}
	t.Cleanup(r.http.CloseIdleConnections)
}

// newServer creates a director whose server does not listen yet.
func newServer(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, Director: memlab.New(t, memlab.Options{Network: memlab.OneLink("10.0.0.11", "10.0.0.12")})}
	r.server = api.NewHTTPServer(api.Director{
		Control: r.Control,
		Figures: func() figures.Figures {
			return figures.Figures{Table: figures.Table{Size: r.Size()}, Workers: []figures.Worker{{Index: 0}}}
		},
		Reload:        func(context.Context, control.Origin, bool) error { return nil },
		Diff:          func() api.Diff { return api.Diff{Runtime: r.Differences(-1), Files: []control.Difference{}} },
		Configuration: func(w io.Writer) error { _, err := io.WriteString(w, "interface: [eth0]\n"); return err },
	}, zerolog.Nop())
	return r
}

// syn has the director forward a SYN of a client to 192.0.2.10:80.
func (r *rig) syn(client string) {
	r.t.Helper()
	r.Step(0, packettest.Frame{SrcMAC: memlab.OthersMAC, DstMAC: memlab.MAC, Src: client, Dst: "192.0.2.10:80", Flags: "S"}.Bytes())
	r.Ports[0].Take()
}

// ask sends a request and returns its answer.
func (r *rig) ask(method, path, body string) (status int, header http.Header, text string) {
	r.t.Helper()
	q, err := http.NewRequest(method, "http://director"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	w, err := r.http.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return w.StatusCode, w.Header, string(b)
}

// does makes a change that must be accepted.
func (r *rig) does(method, path, body string) {
	r.t.Helper()
	if status, _, text := r.ask(method, path, body); status != http.StatusNoContent {
		r.t.Fatalf("%s %s %s: %d %s", method, path, body, status, text)
	}
}

// refused makes a request that must be refused, and returns the refusal.
func (r *rig) refused(method, path, body string, status int, code string) api.Error {
	r.t.Helper()
	got, _, text := r.ask(method, path, body)
	var e api.Error
	if err := json.Unmarshal([]byte(text), &e); err != nil || got != status || e.Code != code || e.Message == "" {
		r.t.Errorf("%s %s %.100s: %d %s; want %d %s", method, path, body, got, text, status, code)
	}
	return e
}

// pipes is a listener whose connections are made in memory, for tests under a
// virtual clock.
type pipes struct {
	come   chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.come <- there
	return here
}
