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

// explain runs "director why" and returns its answer, which must name a server.
func (d ctlDirector) explain(t *testing.T, question ...string) why.Explanation {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(append([]string{"why", "--json", "--control=" + d.Control()}, question...), cli.IO{In: strings.NewReader(""), Out: &out, Err: &errs})
	var answer why.Answer
	if err := json.Unmarshal(out.Bytes(), &answer); code != cli.OK || err != nil || len(answer.Explanations) != 1 {
		t.Fatalf("why %v: exit %d, %v:\n%s%s", question, code, err, &out, &errs)
	}
	e := answer.Explanations[0]
	if e.Server == nil || e.NextHop == nil {
		t.Fatalf("why %v names no server or no next hop: %+v", question, e)
	}
	return e
}

// TestSurface_EachToolShowsTheSameDirector uses all tools that show the work of a director
// on one director that forwards HTTP: why, capture, top, the metrics and the page.
func TestSurface_EachToolShowsTheSameDirector(t *testing.T) {
	l := labtest.New(t, lab.Config{})
	names := startWeb(t, l)
	d := startCtl(t, l, "xdp", httpRules(l)...)
	t.Run("why", func(t *testing.T) { wantWhy(t, l, d) })
	t.Run("capture", func(t *testing.T) { wantCapture(t, l, d) })
	t.Run("captures that fail", func(t *testing.T) { wantHarmlessCaptures(t, l, d, names) })

	var out, errs bytes.Buffer
	code := run([]string{"top", "--once", "--interval=100ms", "--control=" + d.Control()}, cli.IO{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != cli.OK || !strings.Contains(out.String(), "192.0.2.10:80") || !strings.Contains(out.String(), "10.0.0.14:8080") {
		t.Errorf("top: exit %d:\n%s%s", code, &out, &errs)
	}
	for path, want := range map[string]string{"/": "<!DOCTYPE html>", "/metrics": `service="192.0.2.10:80"`, "/readyz": ""} {
		if got := fetchFromDirector(t, l, path, http.StatusOK); !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("the page %s does not contain %q:\n%s", path, want, got)
		}
	}
}

// wantWhy fails unless why names the server that then gets the connection. This is the next
// server of round robin, and afterwards the server of the existing connection.
func wantWhy(t *testing.T, l *lab.Lab, d ctlDirector) {
	client, vip := netip.AddrPortFrom(l.Clients[0].Addr, 0), netip.AddrPortFrom(l.VIP, demoPort).String()
	names := map[string]bool{}
	for i := range uint16(len(l.Servers) + 2) {
		from := netip.AddrPortFrom(client.Addr(), 5000+i).String()
		e := d.explain(t, "tcp", from, vip)
		name := serverAt(l, e.Server.Address.Addr())
		dial := func(ctx context.Context) (net.Conn, error) { return l.Clients[0].Dial(ctx, "tcp4", from, vip) }
		r := fetch.Run(t.Context(), fetch.Config{Dial: dial, Requests: 1, Timeout: patience})
		if r.Failed() != 0 || r.Servers[name] != 1 {
			t.Errorf("why named %s for the connection from %s, but the connection went to %v: %v", name, from, r.Servers, r.First)
		}
		names[name] = true
		again := d.explain(t, "--flags=A", "tcp", from, vip)
		if !again.Connection.Found || again.Server.Address != e.Server.Address {
			t.Errorf("why for the existing connection from %s: got %+v to %v, want a connection to %v", from, again.Connection, again.Server, e.Server.Address)
		}
	}
	if len(names) != len(l.Servers) {
		t.Errorf("why named the servers %v, want every server", names)
	}
}

// wantCapture captures two frames of a connection and reads the file with tshark.
func wantCapture(t *testing.T, l *lab.Lab, d ctlDirector) {
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
		t.Fatalf("capture printed %q, want the prefix %q", got, want)
	}
	text, err := exec.Command(tshark, "-r", name, "-T", "fields", "-e", "frame.interface_name", "-e", "ip.dst",
		"-e", "tcp.dstport", "-e", "tcp.flags.syn", "-e", "frame.comment").CombinedOutput()
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i, want := range []string{"eth0\t192.0.2.10\t80\t", "eth1\t10.0.0.1"} {
		line := lines[len(lines)-2+i]
		if !strings.HasPrefix(line, want) || !strings.Contains(line, "tx: to 10.0.0.1") || !strings.Contains(line, "by NAT") {
			t.Errorf("tshark reads\n%s\nwant a line %d that begins with %q and has the comment", text, len(lines)-1+i, want)
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

// wantHarmlessCaptures captures to a full disk, and then to a client that reads nothing.
// Neither may disturb forwarding, and another capture must be possible afterwards.
func wantHarmlessCaptures(t *testing.T, l *lab.Lab, d ctlDirector, names []string) {
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
	mustFetch(t, l, names, 2000) // their frames do not fit in the buffer of the socket
	must(t, stuck.Close())
	out.Reset()
	nettest.Eventually(t, "another capture can begin", func() bool {
		return run([]string{"capture", "--out=-", "--duration=1ms", "--control=" + d.Control()}, cli.IO{In: strings.NewReader(""), Out: io.Discard, Err: &out}) == cli.OK
	})
}

// serverAt returns the name of the server with an address.
func serverAt(l *lab.Lab, a netip.Addr) string {
	i := slices.IndexFunc(l.Servers, func(h *lab.Host) bool { return h.Addr == a })
	return l.Servers[max(i, 0)].Name
}
