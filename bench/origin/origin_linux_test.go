package origin_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"director/bench/origin"
	"director/bench/server"
	"director/internal/lab"
	"director/internal/lab/labtest"
)

// Both servers answer with the page, send their names, and leave no process or file
// behind.
func TestServer_AnswersThePage(t *testing.T) {
	labtest.RequireRoot(t)
	for _, name := range []string{"apache2", "nginx"} {
		t.Run(name, func(t *testing.T) {
			s, err := origin.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			if l := s.Lacks(); l != "" {
				t.Skip(l)
			}
			if s.Version() == "" {
				t.Error("no version")
			}
			l := labtest.New(t, lab.Config{Servers: 1})
			dir, err := os.MkdirTemp("", "origin-") // t.TempDir is below a directory that only root may enter
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			p, err := s.Start(t.Context(), origin.Site{
				Host: l.Servers[0], Listen: netip.MustParseAddrPort("0.0.0.0:80"), Name: "rs1", Workers: 2, Dir: dir,
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				ask(t, l.Clients[0], l.Servers[0].Addr)
			}
			pids := p.PIDs()
			if len(pids) < 2 {
				t.Errorf("processes %v: want one and its children", pids)
			}
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
			for _, pid := range pids {
				if state := stateOf(pid); state != "" && state != "Z" {
					t.Errorf("process %d is still there: %s", pid, state)
				}
			}
		})
	}
}

// ask requests the page as the load generator does, and reads until the server
// closes.
func ask(t *testing.T, client *lab.Host, at netip.Addr) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, "tcp4", "", netip.AddrPortFrom(at, 80).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("it does not close: %v, after %q", err, text)
	}
	in := bufio.NewReader(bytes.NewReader(text))
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || len(body) != server.PageSize || r.Header.Get(server.NameHeader) != "rs1" {
		t.Fatalf("%d %v, %d bytes, %v", r.StatusCode, r.Header, len(body), err)
	}
	if n := in.Buffered(); n != 0 {
		t.Errorf("%d bytes after the page", n)
	}
}

// stateOf returns the state of a process, empty if there is none.
func stateOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	return string(text[bytes.LastIndexByte(text, ')')+2])
}

func TestFind_KnowsTwo(t *testing.T) {
	if _, err := origin.Find("lighttpd"); err == nil {
		t.Error("Find accepts lighttpd")
	}
}
