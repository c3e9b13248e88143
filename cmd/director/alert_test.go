//go:build linux

package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/nettest"
)

// TestAlerts_ComeAndGo does to a director what an operator does by mistake. The status page
// shows each mistake while it lasts, and no longer.
func TestAlerts_ComeAndGo(t *testing.T) {
	t.Parallel()
	l := labtest.New(t, lab.Config{Servers: 1})
	front, err := l.Director.Link.LinkByName("eth0")
	must(t, err)
	vip := &netlink.Addr{IPNet: &net.IPNet{IP: l.VIP.AsSlice(), Mask: net.CIDRMask(32, 32)}}
	must(t, l.Director.Link.AddrAdd(front, vip)) // it is the operator's
	rules := httpRules(l)
	d := startWithFile(t, l, rules...)
	shows := func(text string, want bool) {
		t.Helper()
		nettest.Eventually(t, text, func() bool { return strings.Contains(fetchFromDirector(t, l, "/", 200), text) == want })
	}
	const (
		well    = "Nothing to look at"
		missing = "1 VIP is on no interface"
		refused = "The last reload was refused"
		removed = "1 service of the flags files does not run"
	)
	shows(well, true)

	must(t, l.Director.Link.AddrDel(front, vip))
	shows(missing, true)
	nettest.Eventually(t, "the log tells of the VIP", func() bool { return strings.Contains(d.Log(), "has not added was removed") })
	must(t, l.Director.Link.AddrAdd(front, vip))
	shows(missing, false)

	if d.reload(t, "--no-such-flag=1") == nil {
		t.Error("a reload with an unknown flag succeeds")
	}
	shows(refused, true)
	must(t, d.reload(t, rules...))
	shows(refused, false)

	d.rule(t, "-C")
	shows(removed, true)
	shows(well, false)
	must(t, d.client.Do(t.Context(), http.MethodPost, "/v1/reload", map[string]bool{"drop_runtime": true}, nil))
	shows(removed, false)
	shows(well, true)
}

// TestState_OfZeroBytesDoesNotPreventAStart starts a director with the files that a file system
// may leave after a power failure. Files of others are refused and stay as they are.
func TestState_OfZeroBytesDoesNotPreventAStart(t *testing.T) {
	t.Parallel()
	l := labtest.New(t, lab.Config{Servers: 1})
	for what, text := range map[string]string{"empty": "", "zero bytes": strings.Repeat("\x00", 5000)} {
		path := filepath.Join(t.TempDir(), "state")
		for _, name := range []string{path, path + ".journal"} {
			must(t, os.WriteFile(name, []byte(text), 0o600))
		}
		d := startCtl(t, l, "xdp", append(httpRules(l), "--state="+path)...)
		for _, want := range []string{"changes that were made while the previous director ran are lost", "saved state refused: starting without connections"} {
			nettest.Eventually(t, what+": "+want, func() bool { return strings.Contains(d.Log(), want) })
		}
		must(t, d.Stop())
	}
}
