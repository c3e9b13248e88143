//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"director/bench/fetch"
	"director/control/api"
	"director/inspect/capture"
	"director/inspect/why"
	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/nettest"
)

// explain asks the director what becomes of a packet.
func (d ruled) explain(t *testing.T, question ...string) why.Explanation {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(append([]string{"why", "--json", "--control=" + d.Control()}, question...), cli.IO{In: strings.NewReader(""), Out: &out, Err: &errs})
	var answer why.Answer
	if err := json.Unmarshal(out.Bytes(), &answer); code != cli.OK || err != nil || len(answer.Explanations) != 1 {
		t.Fatalf("why %v: exit %d, %v:\n%s%s", question, code, err, &out, &errs)
	}
	e := answer.Explanations[0]
	if e.Server == nil || e.NextHop == nil {
		t.Fatalf("why %v names no server: %+v", question, e)
	}
	return e
}

// TestSurface_OneDirectorShowsItself looks at one director, which forwards HTTP
// meanwhile, by everything that shows what it does.
func TestSurface_OneDirectorShowsItself(t *testing.T) {
	l := labtest.New(t, lab.Config{})
	names := startWeb(t, l)
	d := startRuled(t, l, "xdp", httpRules(l)...)
	t.Run("why", func(t *testing.T) { wantWhy(t, l, d) })
	t.Run("capture", func(t *testing.T) { wantCapture(t, l, d) })
	t.Run("captures that fail", func(t *testing.T) { wantHarmlessCaptures(t, l, d, names) })

	var out, errs bytes.Buffer
	code := run([]string{"top", "--once", "--interval=100ms", "--control=" + d.Control()}, cli.IO{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != cli.OK || !strings.Contains(out.String(), "192.0.2.10:80") || !strings.Contains(out.String(), "10.0.0.14:8080") {
		t.Errorf("top: exit %d:\n%s%s", code, &out, &errs)
	}
	for path, want := range map[string]string{"/": "<!DOCTYPE html>", "/metrics": `service="192.0.2.10:80"`, "/readyz": ""} {
		if got := ask(t, l, path, http.StatusOK); !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("%s has no %q:\n%s", path, want, got)
		}
	}
}

// wantWhy wants each prediction to come true: round robin's next server, and an
// existing connection's.
func wantWhy(t *testing.T, l *lab.Lab, d ruled) {
	client, vip := netip.AddrPortFrom(l.Clients[0].Addr, 0), netip.AddrPortFrom(l.VIP, demoPort).String()
	names := map[string]bool{}
	for i := range uint16(len(l.Servers) + 2) {
		from := netip.AddrPortFrom(client.Addr(), 5000+i).String()
		e := d.explain(t, "tcp", from, vip)
		name := serverAt(l, e.Server.Address.Addr())
		dial := func(ctx context.Context) (net.Conn, error) { return l.Clients[0].Dial(ctx, "tcp4", from, vip) }
		r := fetch.Run(t.Context(), fetch.Config{Dial: dial, Requests: 1, Timeout: patience})
		if r.Failed() != 0 || r.Servers[name] != 1 {
			t.Errorf("why said %s for %s, and it was %v: %v", name, from, r.Servers, r.First)
		}
		names[name] = true
		again := d.explain(t, "--flags=A", "tcp", from, vip)
		if !again.Connection.Found || again.Server.Address != e.Server.Address {
			t.Errorf("the connection from %s: %+v to %v, want one to %v", from, again.Connection, again.Server, e.Server.Address)
		}
	}
	if len(names) != len(l.Servers) {
		t.Errorf("why named %v, want every server", names)
	}
}

// wantCapture captures one connection, and reads it by a tool of others.
func wantCapture(t *testing.T, l *lab.Lab, d ruled) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("needs tshark")
	}
	name := filepath.Join(t.TempDir(), "frames.pcapng")
	ended := make(chan string, 1)
	go func() {
		var out bytes.Buffer
		run([]string{"capture", "--out=" + name, "--control=" + d.Control(), "--max-frames=2", "--client=" + l.Clients[0].Addr.String()}, cli.IO{In: strings.NewReader(""), Out: &out, Err: &out})
		ended <- out.String()
	}()
	awaitCapture(t, name)
	browse(t, l, l.Clients[0].Addr, 1)
	if got, want := <-ended, "2 frames written, "; !strings.HasPrefix(got, want) {
		t.Fatalf("capture said %q, want %q", got, want)
	}
	text, err := exec.Command(tshark, "-r", name, "-T", "fields", "-e", "frame.interface_name", "-e", "ip.dst",
		"-e", "tcp.dstport", "-e", "tcp.flags.syn", "-e", "frame.comment").CombinedOutput()
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i, want := range []string{"eth0\t192.0.2.10\t80\t", "eth1\t10.0.0.1"} {
		line := lines[len(lines)-2+i]
		if !strings.HasPrefix(line, want) || !strings.Contains(line, "tx: to 10.0.0.1") || !strings.Contains(line, "by NAT") {
			t.Errorf("tshark reads\n%s\nwant %q and so on in line %d", text, want, i+1)
		}
	}
}

// awaitCapture waits until a capture has begun.
func awaitCapture(t *testing.T, name string) {
	t.Helper()
	nettest.Eventually(t, "the capture begins", func() bool {
		info, err := os.Stat(name)
		return err == nil && info.Size() > 0
	})
}

// wantHarmlessCaptures writes to a full disk, and has a client that takes nothing.
func wantHarmlessCaptures(t *testing.T, l *lab.Lab, d ruled, names []string) {
	var out bytes.Buffer
	code := run([]string{"capture", "--out=/dev/full", "--control=" + d.Control()}, cli.IO{In: strings.NewReader(""), Out: &out, Err: &out})
	if code != cli.Failed || !strings.Contains(out.String(), "/dev/full: no space left on device") {
		t.Errorf("capture to a full disk: exit %d: %s", code, &out)
	}
	client := api.Open(d.Control())
	defer client.Close()
	var stuck io.ReadCloser
	nettest.Eventually(t, "the capture to the full disk has ended", func() (ok bool) {
		var err error
		stuck, err = client.Stream(t.Context(), http.MethodPost, capture.Path, strings.NewReader("{}"))
		return err == nil
	})
	mustFetch(t, l, names, 2000) // of which a socket's buffer does not hold the frames
	must(t, stuck.Close())
	out.Reset()
	nettest.Eventually(t, "another capture may begin", func() bool {
		return run([]string{"capture", "--out=-", "--duration=1ms", "--control=" + d.Control()}, cli.IO{In: strings.NewReader(""), Out: io.Discard, Err: &out}) == cli.OK
	})
}

// serverAt is the name of the server with an address.
func serverAt(l *lab.Lab, a netip.Addr) string {
	i := slices.IndexFunc(l.Servers, func(h *lab.Host) bool { return h.Addr == a })
	return l.Servers[max(i, 0)].Name
}
