//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/web"
)

// site is a web server on a host. A test can stop it and start it again.
type site struct {
	host    *lab.Host
	port    int
	running *web.Server
}

func (s *site) start(t *testing.T) {
	t.Helper()
	listener, err := s.host.Listen("tcp4", fmt.Sprintf(":%d", s.port))
	must(t, err)
	server := web.New(s.host.Name)
	s.running = server
	t.Cleanup(func() { server.Close() })
	go func() { _ = server.Serve(listener) }()
}

func (s *site) stop(t *testing.T) {
	t.Helper()
	must(t, s.running.Close())
}

// quietPort is the port of the second service. ldirectord sets the weight of failed servers
// of this service to 0. It removes failed servers of the first service.
const quietPort = 81

// ldirectordConfig returns a configuration for the lab's web servers with one service for
// each way to take a failed server out.
func ldirectordConfig(l *lab.Lab) string {
	var text strings.Builder
	text.WriteString("checktimeout=1\ncheckinterval=1\nautoreload=no\nsupervised=yes\ncleanstop=yes\n")
	for port, quiescent := range map[int]string{demoPort: "no", quietPort: "yes"} {
		fmt.Fprintf(&text, "virtual=%s:%d\n", l.VIP, port)
		for _, s := range l.Servers {
			fmt.Fprintf(&text, "\treal=%s:%d masq\n", s.Addr, demoServerPort)
		}
		fmt.Fprintf(&text, "\tquiescent=%s\n", quiescent)
		text.WriteString("\tfallback=127.0.0.1 gate\n\tservice=http\n\tchecktype=negotiate\n" +
			"\trequest=\"/\"\n\treceive=\"A page of 628 bytes\"\n\tscheduler=rr\n\tprotocol=tcp\n")
	}
	return text.String()
}

// startLdirectord starts an unmodified ldirectord on the director's host.
func startLdirectord(t *testing.T, l *lab.Lab, d ctlDirector) *exec.Cmd {
	t.Helper()
	config := filepath.Join(t.TempDir(), "web.cf")
	must(t, os.WriteFile(config, []byte(ldirectordConfig(l)), 0o600))
	cmd := asIpvsadm(t, d.Control(), `exec ldirectord -d "$1" start`, config) // with -d it takes ./ipvsadm
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, l.Director.Start(cmd))
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("ldirectord's log:\n%s", log.String())
		}
	})
	return cmd
}

// awaitServers waits until a service has exactly the servers of want. The keys of want are
// such as "10.0.0.11:8080 Masq", the values are weights.
func awaitServers(t *testing.T, l *lab.Lab, d ctlDirector, port int, want map[string]string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		got := map[string]string{}
		out, _, _ := d.try("-Ln -t %s:%d", l.VIP, port)
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); f[0] == "->" && f[1] != "RemoteAddress:Port" {
				got[f[1]+" "+f[2]] = f[3]
			}
		}
		if maps.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v port %d has the servers %v, want %v", patience, port, got, want)
		}
	}
}

// TestLdirectord_ControlsTheDirector runs Debian's ldirectord, which checks the real
// servers and controls the director as it controls IPVS. A real server whose web server
// stops must get no more connections, and must get them again when it is back. If no real
// server is left, the director's own host must answer.
func TestLdirectord_ControlsTheDirector(t *testing.T) {
	needs(t, "ldirectord")
	l := labtest.New(t, lab.Config{Servers: 2})
	d := startCtl(t, l, "xdp")
	var sites []*site
	up, fallback := map[string]string{}, map[int]string{}
	for _, h := range l.Servers {
		sites = append(sites, &site{host: h, port: demoServerPort})
		up[fmt.Sprintf("%s:%d Masq", h.Addr, demoServerPort)] = "1"
	}
	for _, port := range []int{demoPort, quietPort} {
		(&site{host: l.Director, port: port}).start(t)
		fallback[port] = fmt.Sprintf("127.0.0.1:%d Route", port)
	}
	for _, s := range sites {
		s.start(t)
	}
	check := startLdirectord(t, l, d)
	dial := map[int]dialFunc{demoPort: dialer(l, demoPort), quietPort: dialer(l, quietPort)}
	// wantState waits until ldirectord has given these servers to both services, and then
	// checks which servers answer the client.
	wantState := func(when string, removed, quiesced map[string]string, answering ...string) {
		t.Helper()
		for port, want := range map[int]map[string]string{demoPort: removed, quietPort: quiesced} {
			awaitServers(t, l, d, port, want)
			got := slices.Sorted(maps.Keys(countServers(t, dial[port], 20)))
			if diff := cmp.Diff(answering, got); diff != "" {
				t.Errorf("%s: servers that answer at port %d (-want +got):\n%s", when, port, diff)
			}
		}
	}
	masq := func(i int) string { return fmt.Sprintf("%s:%d Masq", l.Servers[i].Addr, demoServerPort) }
	first, second := masq(0), masq(1)
	wantState("at the start", up, up, "rs1", "rs2")
	sites[0].stop(t)
	wantState("without rs1", map[string]string{second: "1"}, map[string]string{first: "0", second: "1"}, "rs2")
	sites[1].stop(t)
	wantState("without servers", map[string]string{fallback[demoPort]: "1"},
		map[string]string{first: "0", second: "0", fallback[quietPort]: "1"}, "director")
	sites[0].start(t)
	wantState("with rs1 again", map[string]string{first: "1"}, map[string]string{first: "1", second: "0"}, "rs1")

	must(t, check.Process.Signal(syscall.SIGTERM))
	if err := check.Wait(); err != nil {
		t.Errorf("ldirectord ended with %v, want exit 0", err)
	}
	if out := d.rule(t, "-Sn"); out != "" {
		t.Errorf("ldirectord left these rules, want none:\n%s", out)
	}
}

// TestLdirectord_ItsDrainsSurviveARestart restarts the director while ldirectord is not
// there to tell it again which server is down.
func TestLdirectord_ItsDrainsSurviveARestart(t *testing.T) {
	needs(t, "ldirectord")
	l := labtest.New(t, lab.Config{Servers: 2})
	state := "--state=" + filepath.Join(t.TempDir(), "state")
	first := startCtl(t, l, "packet", state)
	var sites []*site
	masq := func(i int) string { return fmt.Sprintf("%s:%d Masq", l.Servers[i].Addr, demoServerPort) }
	for _, h := range l.Servers {
		sites = append(sites, &site{host: h, port: demoServerPort})
	}
	for _, s := range sites {
		s.start(t)
	}
	check := startLdirectord(t, l, first)
	up := map[string]string{masq(0): "1", masq(1): "1"}
	removed, quiesced := map[string]string{masq(1): "1"}, map[string]string{masq(0): "0", masq(1): "1"}
	awaitServers(t, l, first, demoPort, up)
	awaitServers(t, l, first, quietPort, up)
	sites[0].stop(t)
	awaitServers(t, l, first, demoPort, removed)
	awaitServers(t, l, first, quietPort, quiesced)
	must(t, check.Process.Kill())
	_ = check.Wait() // it was killed
	must(t, first.Stop())

	second := startCtl(t, l, "packet", state)
	awaitServers(t, l, second, demoPort, removed)
	awaitServers(t, l, second, quietPort, quiesced)
}
