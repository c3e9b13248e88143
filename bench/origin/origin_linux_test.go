package origin_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"

	"director/bench/origin"
	"director/bench/server"
	"director/internal/lab"
	"director/internal/lab/labtest"
)

// Both answer the page, say who they are, and leave nothing behind.
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
			dir, err := os.MkdirTemp("", "origin-") // not below a directory that only root may enter
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
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, at string) (net.Conn, error) {
				return l.Clients[0].Dial(ctx, network, "", at)
			}}}
			for range 20 {
				r, err := client.Get("http://" + l.Servers[0].Addr.String() + "/")
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(r.Body)
				r.Body.Close()
				if err != nil || r.StatusCode != 200 || len(body) != server.PageSize || r.Header.Get(server.NameHeader) != "rs1" {
					t.Fatalf("%d %v, %d bytes, %v", r.StatusCode, r.Header, len(body), err)
				}
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

// stateOf is a process's, empty if there is none.
func stateOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	return string(text[bytes.LastIndexByte(text, ')')+2])
}

func TestFind_KnowsTwo(t *testing.T) {
	if _, err := origin.Find("lighttpd"); err == nil {
		t.Error("it knows lighttpd")
	}
}
