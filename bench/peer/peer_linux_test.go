package peer_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"director/bench/fetch"
	"director/bench/peer"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/web"
)

// Each balancer distributes connections evenly over the servers, and reverts its
// changes to the host.
func TestBalancers_BalanceEvenly(t *testing.T) {
	path, err := filepath.Abs("example.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(peer.Names(), path) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := peer.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			if reason := b.Lacks(); reason != "" {
				t.Skipf("lacks support: %s", reason)
			}
			if b.Version() == "" {
				t.Error("no version")
			}
			l := labtest.New(t, lab.Config{Servers: 2})
			site := peer.Site{Host: l.Director, Service: netip.AddrPortFrom(l.VIP, 80), Workers: 2, Dir: t.TempDir()}
			for _, h := range l.Servers {
				serve(t, h)
				site.Servers = append(site.Servers, netip.AddrPortFrom(h.Addr, 8080))
			}
			r, err := b.Start(t.Context(), site)
			if err != nil {
				t.Fatal(err)
			}
			for _, pid := range r.PIDs() {
				if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
					t.Error(err)
				}
			}
			ask := func(n int) fetch.Result {
				return fetch.Run(t.Context(), fetch.Config{
					Requests: n, Timeout: 20 * time.Second,
					Dial: func(ctx context.Context) (net.Conn, error) {
						return l.Clients[0].Dial(ctx, "tcp4", "", site.Service.String())
					},
				})
			}
			got := ask(40)
			// Each thread or process has a round robin of its own, so the counts
			// are not exactly equal.
			if got.Failed() != 0 || got.Servers["rs1"] < 15 || got.Servers["rs2"] < 15 {
				t.Errorf("%d failed (%v), servers %v; want 20 each", got.Failed(), got.First, got.Servers)
			}
			if err := r.Stop(); err != nil {
				t.Error(err)
			}
			if got := ask(1); got.Failed() != 1 {
				t.Error("it still balances after Stop")
			}
		})
	}
}

func TestFind_NamesWhatThereIs(t *testing.T) {
	if _, err := peer.Find("f5"); err == nil || !strings.Contains(err.Error(), "haproxy, ipvs, nft, nginx") {
		t.Errorf("got %v, want an error with the names", err)
	}
	b, err := peer.Find("/no/such/script")
	if err != nil || b.Lacks() == "" {
		t.Errorf("%v: Lacks returns nothing for a missing script", err)
	}
}

func serve(t *testing.T, h *lab.Host) {
	t.Helper()
	l, err := h.Listen("tcp4", ":8080")
	if err != nil {
		t.Fatal(err)
	}
	s := web.New(h.Name)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
}
