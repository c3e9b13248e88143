//go:build linux

package lab_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"director/internal/lab"
	"director/internal/lab/labtest"
)

func TestBare_HostsTalkOverACable(t *testing.T) {
	labtest.RequireRoot(t)
	l, hosts, err := lab.Bare(t.Context(), "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, b := hosts[0], hosts[1]
	if err := a.Cable("x0", b, "y0", 2); err != nil {
		t.Fatal(err)
	}
	for _, end := range []struct {
		h         *lab.Host
		dev, addr string
	}{{a, "x0", "10.0.0.1/24"}, {b, "y0", "10.0.0.2/24"}} {
		if err := end.h.AddAddr(end.dev, netip.MustParsePrefix(end.addr)); err != nil {
			t.Fatal(err)
		}
		link, err := end.h.Link.LinkByName(end.dev)
		if err != nil {
			t.Fatal(err)
		}
		if at := link.Attrs(); at.NumRxQueues != 2 || at.NumTxQueues != 2 {
			t.Errorf("%s has %d and %d queues, want 2 each", end.dev, at.NumRxQueues, at.NumTxQueues)
		}
		if err := end.h.SetGRO(end.dev, true); err != nil {
			t.Error(err)
		}
		if err := end.h.SetTxChecksum(end.dev, false); err != nil {
			t.Error(err)
		}
	}
	listener, err := b.Listen("tcp4", "10.0.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := a.Dial(ctx, "tcp4", "", "10.0.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := names(t, l.Name); len(got) != 0 {
		t.Errorf("namespaces left: %v", got)
	}
}
