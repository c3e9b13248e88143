//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"director/control/api"
	"director/control/ipvsadm"
	"director/control/names"
	"director/internal/cli"
	"director/internal/memlab"
	"director/internal/packettest"
	"director/packet"
	"director/service"
	"director/view/figures"
)

// memoryDirector is a director in memory with a control socket.
type memoryDirector struct {
	*memlab.Director
	socket string
}

func startMemoryDirector(t *testing.T) *memoryDirector {
	t.Helper()
	d := &memoryDirector{
		Director: memlab.New(t, memlab.Options{Marks: []service.Mark{
			{Mark: 1, Proto: packet.ProtoTCP, Prefix: netip.MustParsePrefix("192.0.2.12/32")},
		}}),
		socket: filepath.Join(t.TempDir(), "control.sock"),
	}
	l, err := api.Listen(d.socket)
	must(t, err)
	server := api.NewHTTPServer(api.Director{Control: d.Control, Figures: func() figures.Figures {
		return figures.Figures{Table: figures.Table{Size: d.Size()}}
	}}, zerolog.Nop())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		must(t, server.Close())
		must(t, <-ended)
	})
	return d
}

// send gives frames to the director, which must forward all of them.
func (d *memoryDirector) send(t *testing.T, frames ...packettest.Frame) {
	t.Helper()
	for _, f := range frames {
		f.SrcMAC, f.DstMAC = memlab.OthersMAC, memlab.MAC
		d.Ports[0].Push(f.Bytes())
	}
	_, err := d.Worker.Step()
	must(t, err)
	if got := len(d.Ports[0].Take()); got != len(frames) {
		t.Fatalf("%d of %d frames were forwarded", got, len(frames))
	}
}

// restore runs ctl -R with lines as its input. It must succeed.
func (d *memoryDirector) restore(t *testing.T, lines string) {
	t.Helper()
	if out, errs, code := ctlAt(d.socket, lines, "-R"); out+errs != "" || code != cli.OK {
		t.Fatalf("exit %d, %q, %q", code, out, errs)
	}
}

// ipvsadm runs the binary under the name ipvsadm.
func (d *memoryDirector) ipvsadm(t *testing.T, in, line string) (out, errs string, code int) {
	t.Helper()
	return d.ipvsadmArgs(t, in, strings.Fields(line)...)
}

func (d *memoryDirector) ipvsadmArgs(t *testing.T, in string, args ...string) (out, errs string, code int) {
	t.Helper()
	t.Setenv(controlVariable, d.socket)
	var o, e strings.Builder
	code = ipvsadmVerb(args, cli.IO{In: strings.NewReader(in), Out: &o, Err: &e})
	return o.String(), e.String(), code
}

// local returns the output of a command that does not use the socket.
func (d *memoryDirector) local(t *testing.T, line string) string {
	t.Helper()
	c, err := ipvsadm.Parse(strings.Fields(line), names.System{})
	must(t, err)
	var out, errs strings.Builder
	if code := ipvsadm.Execute(c, ipvsadm.Local{Control: d.Control}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("%s: exit %d, %s", line, code, errs.String())
	}
	return out.String()
}

// TestCtl_ListsTheSameThroughTheSocket compares each listing through the socket with the
// one without it, byte for byte. The listings are numeric, because names depend on the
// host.
func TestCtl_ListsTheSameThroughTheSocket(t *testing.T) {
	d := startMemoryDirector(t)
	d.restore(t, savedRules+`-e -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 3 -x 5000000 -y 4000000
-A -t 192.0.2.9:80 -s rr -p 100
-a -t 192.0.2.9:80 -r 10.0.0.13 -g
--set 5000 0 77
`)
	for i := range 40 {
		from := fmt.Sprintf("198.51.100.%d:40000", i+1)
		d.send(t, packettest.Frame{Src: from, Dst: "192.0.2.10:80", Flags: "S"},
			packettest.Frame{Src: from, Dst: "192.0.2.9:80", Flags: "S"},
			packettest.Frame{Src: from, Dst: "192.0.2.12:443", Flags: "S"},
			packettest.Frame{Src: from, Dst: "192.0.2.10:53", UDP: true})
	}
	for range 3 {
		d.Clock.Advance(2 * time.Second)
		d.Estimate()
	}
	seen := map[string]string{}
	for _, line := range []string{
		"-Ln", "-Lcn", "-Lnc --persistent-conn", "-Ln --stats", "-Ln --rate", "-Ln --thresholds", "-Ln --persistent-conn",
		"-Ln --exact --stats", "-Ln --nosort", "-Ln --tun-info", "-L --timeout", "-L --daemon",
		"-Ln -t 192.0.2.10:80", "-Ln -f 1 --stats", "-Ln -u 192.0.2.10:5060 --rate", "-Sn",
	} {
		want := d.local(t, line)
		if out, errs, code := ctlAt(d.socket, "", strings.Fields(line)...); out != want || errs != "" || code != cli.OK {
			t.Errorf("ctl %s: exit %d, %s(-local +socket):\n%s", line, code, errs, cmp.Diff(want, out))
		}
		if out, errs, code := d.ipvsadm(t, "", line); out != want || errs != "" || code != cli.OK {
			t.Errorf("ipvsadm %s: exit %d, %s(-local +socket):\n%s", line, code, errs, cmp.Diff(want, out))
		}
		seen[line] = want
	}
	for line, want := range map[string]string{
		"-Ln -t 192.0.2.10:80": `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.10:80 wrr
  -> 10.0.0.11:8080               Masq    3      40         0         
  -> 10.0.0.12:8081               Masq    0      0          0         
`,
		"-L --timeout": "Timeout (tcp tcpfin udp): 5000 120 77\n",
		"-L --daemon":  "",
	} {
		if diff := cmp.Diff(want, seen[line]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
	if got := strings.Count(seen["-Lcn"], "\n"); got != 2+40*5 { // per client 3 connections and 2 templates; one-packet scheduling adds none
		t.Errorf("%d lines of connections, want %d:\n%s", got, 2+40*5, seen["-Lcn"])
	}
}

// TestCtl_FailsAsIpvsadmDoes checks that commands which the director refuses have the
// messages and exit codes of ipvsadm.
func TestCtl_FailsAsIpvsadmDoes(t *testing.T) {
	const invalid = "Invalid operation.  Possibly wrong module version, address not unicast, ..."
	d := startMemoryDirector(t)
	d.restore(t, "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 10.0.0.11 -m\n")
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"-A -t 192.0.2.10:80", 255, "Service already exists"},
		{"-E -t 192.0.2.10:81", 255, "No such service"},
		{"-D -f 2", 255, "No such service"},
		{"-Z -u 192.0.2.10:80", 255, "No such service"},
		{"-L -t 192.0.2.10:81", 1, "No such service"},
		{"-A -t 192.0.2.11:80 -s best", 255, "Scheduler or persistence engine not found"},
		{"-A -t 224.0.0.1:80", 255, invalid},
		{"-a -t 192.0.2.11:80 -r 10.0.0.1", 255, "Service not defined"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11", 255, "Destination already exists"},
		{"-e -t 192.0.2.10:80 -r 10.0.0.12", 255, "No such destination"},
		{"-d -t 192.0.2.10:80 -r 10.0.0.11:81 -m", 2, "Illegal 'forwarding-method' option with the 'delete-server' command"},
		{"-d -t 192.0.2.10:80 -r 10.0.0.11:81", 255, "No such destination"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.12 -m -x 4 -y 5", 255, "Numerical result out of range"},
		{"-a -t 192.0.2.10:80 -r 127.0.0.1 -m", 255, invalid},
		{"-A -t [2001:db8::1]:80", 255, "Operation not supported with specified address family"},
		{"--start-daemon backup", 255, "This version has no sync daemon"},
		{"--bogus", 255, "Try `ipvsadm -h' or 'ipvsadm --help' for more information."},
	} {
		out, errs, code := d.ipvsadm(t, "", c.line)
		if out != "" || errs != c.want+"\n" || code != c.code {
			t.Errorf("ipvsadm %s:\n got %d %q, %q\nwant %d %q", c.line, code, out, errs, c.code, c.want)
		}
	}
	// ctl adds the reason after ipvsadm's line.
	_, errs, _ := ctlAt(d.socket, "", "-a", "-t", "192.0.2.10:80", "-r", "127.0.0.1", "-m")
	if want := invalid + "\nthis real server is the director itself: only -g forwards to it"; !strings.HasPrefix(errs, want) {
		t.Errorf("ctl says %q, want %q", errs, want)
	}
}

// TestCtl_RestoresAsIpvsadmDoes checks that -R continues after a command that the director
// refuses, and stops at an invalid command line.
func TestCtl_RestoresAsIpvsadmDoes(t *testing.T) {
	const before, after = "-A -t 192.0.2.10:80 -s rr\n", "-A -t 192.0.2.10:81 -s rr\n"
	for _, c := range []struct {
		line, errs string
		code       int
		saved      string
	}{
		{"-A -t 192.0.2.10:80 -s wlc", "Service already exists\n", 0, before + after},
		{"-a -t 192.0.2.9:80 -r 10.0.0.11", "Service not defined\n", 0, before + after},
		{"-L -t 192.0.2.9:80", "No such service\n", 1, before},
		{"-A -t 192.0.2.10:82 -s rr -w 3", "Illegal 'weight' option with the 'add-service' command\n", 2, before},
		{"# nothing", "", 0, before + after},
	} {
		d := startMemoryDirector(t)
		out, errs, code := d.ipvsadm(t, before+c.line+"\n"+after, "-R")
		if out != "" || errs != c.errs || code != c.code {
			t.Errorf("%s: got %d %q, %q, want %d %q", c.line, code, out, errs, c.code, c.errs)
		}
		if diff := cmp.Diff(c.saved, d.local(t, "-Sn")); diff != "" {
			t.Errorf("%s: services (-want +got):\n%s", c.line, diff)
		}
	}
}

// TestCtl_SaysWhyThereIsNoAnswer checks the errors for a missing director, for one that has
// ended, and for one of another user.
func TestCtl_SaysWhyThereIsNoAnswer(t *testing.T) {
	d := startMemoryDirector(t)
	missing, left := filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "left")
	l, err := api.Listen(left)
	must(t, err)
	must(t, os.Link(left, left+"2")) // a director that is killed leaves its socket
	must(t, l.Close())
	for socket, want := range map[string]string{
		missing:    "no director runs, or its --control is not " + missing,
		left + "2": "no director answers at " + left + "2: ",
	} {
		out, errs, code := ctlAt(socket, "", "-Ln")
		if out != "" || !strings.HasPrefix(errs, "Can't initialize ipvs: "+want) || code != cli.Usage {
			t.Errorf("got %d %q, %q, want %d %q", code, out, errs, cli.Usage, want)
		}
	}
	if out, _, code := ctlAt(missing, "", "-v"); code != cli.OK || !strings.HasPrefix(out, "ipvsadm v1.31 ") {
		t.Errorf("-v without a director: exit %d, %q", code, out)
	}
	if os.Getuid() != 0 {
		return
	}
	// The other user may have no access to the directory of the binary.
	self, err := os.Open("/proc/self/exe")
	must(t, err)
	defer self.Close()
	cmd := directorCommand("ctl", "--control="+d.socket, "-Ln")
	cmd.Path, cmd.ExtraFiles = "/proc/self/fd/3", []*os.File{self}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	want := fmt.Sprintf("Can't initialize ipvs: %s belongs to another user: run as root, or as the director's user\n", d.socket)
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != cli.Usage || string(out) != want {
		t.Errorf("as another user: %v, %q, want exit %d and %q", err, out, cli.Usage, want)
	}
}

// TestCtl_ListsAsJSON compares the listings with what the API answers.
func TestCtl_ListsAsJSON(t *testing.T) {
	d := startMemoryDirector(t)
	d.restore(t, "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m\n")
	d.send(t, packettest.Frame{Src: "198.51.100.7:40000", Dst: "192.0.2.10:80", Flags: "S"})
	for line, want := range map[string]string{
		"--json -Ln":                   `"services": [`,
		"--json":                       `"services": [`,
		"--json -L -t 192.0.2.10:80":   `"server": "10.0.0.11:8080"`,
		"--json -Lcn":                  `"client": "198.51.100.7:40000"`,
		"--json -L --timeout":          `"tcp_fin": `,
		"--json -L --daemon":           `{}`,
		"--json -Ln --stats --exact":   `"in_packets": `,
		"--json --control=" + d.socket: `"services": [`,
	} {
		out, errs, code := ctlAt(d.socket, "", strings.Fields(line)...)
		if code != cli.OK || errs != "" || !strings.Contains(out, want) || !json.Valid([]byte(out)) {
			t.Errorf("ctl %s: exit %d, stderr %q, stdout\n%s\nwant JSON with %s", line, code, errs, out, want)
		}
	}
	for line, want := range map[string]refusal{
		"--json -L -t 192.0.2.99:80":    {cli.Failed, "No such service"},
		"--json -A -t 192.0.2.11:80":    {cli.Usage, "--json: only -L prints JSON"},
		"--json -L --no-such-option":    {255, "unknown option"},
		"--json --control":              {cli.Usage, "the path of the socket is missing"},
		"--json --control=/none/socket": {cli.Usage, "Can't initialize ipvs: "},
	} {
		out, errs, code := ctlAt(d.socket, "", strings.Fields(line)...)
		if code != want.code || out != "" || !strings.Contains(errs, want.err) {
			t.Errorf("ctl %s: exit %d, stdout %q, stderr %q, want %d and %q", line, code, out, errs, want.code, want.err)
		}
	}
	if _, _, code := d.ipvsadm(t, "", "--json -L"); code != 255 {
		t.Errorf("ipvsadm --json: exit %d, want 255 as from ipvsadm", code)
	}
}
