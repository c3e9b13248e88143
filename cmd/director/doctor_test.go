//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"director/inspect/doctor"
	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
)

// doctorFlags describe one interface, and a NAT service with a real server in its subnet.
var doctorFlags = []string{
	"--interface=eth0",
	"-A -t 192.0.2.10:80 -s rr",
	"-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m",
}

// TestDoctor_RemediesSolveTheProblems lets doctor find three faults in a network
// namespace, applies its remedies, and checks that doctor no longer finds the faults. run
// must do what doctor predicts. doctor must also report that a second run would not start.
func TestDoctor_RemediesSolveTheProblems(t *testing.T) {
	h := misconfiguredHost(t)
	problems := map[string]struct {
		level  doctor.Level
		remedy string
	}{
		"ip_forward": {doctor.Warn, "sysctl -w net.ipv4.ip_forward=1"},
		"rp_filter":  {doctor.Note, "sysctl -w net.ipv4.conf.eth0.rp_filter=2"},
		"gro":        {doctor.Note, "ethtool -K eth0 gro off"},
	}
	report := runDoctor(t, h, cli.OK)
	for check, want := range problems {
		got := report[check]
		if got.Level != want.level || got.Remedy != want.remedy {
			t.Errorf("%s: %+v, want %s, and the remedy %s", check, got, want.level, want.remedy)
		}
		applyRemedy(t, h, got.Remedy)
	}
	report = runDoctor(t, h, cli.OK)
	for check := range problems {
		if got := report[check]; got.Level != doctor.OK {
			t.Errorf("%s after its remedy: %+v, want level ok", check, got)
		}
	}
	if got, want := report["io"].Detail, "queues 0 by AF_XDP native, copy"; got != want {
		t.Errorf("run would serve %q, want %q", got, want)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := process.Start(ctx, h, directorCommand("run", "--log-format=json"), doctorFlags)
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, d)
	if want := `"io":"AF_XDP","attach":"native","mode":"copy"`; !strings.Contains(d.Log(), want) {
		t.Errorf("the log of run has no %s:\n%s", want, d.Log())
	}
	owner := runDoctor(t, h, cli.Failed)["owner"]
	if owner.Level != doctor.Fail || !strings.HasPrefix(owner.Detail, "already served by process ") {
		t.Errorf("while a director runs: %+v, want a failure that names the process that serves eth0", owner)
	}
}

// misconfiguredHost returns a host with a strict reverse path filter, without IP
// forwarding, and with GRO on its interface.
func misconfiguredHost(t *testing.T) *lab.Host {
	t.Helper()
	labtest.RequireRoot(t)
	l, hosts, err := lab.Bare(context.Background(), "director", "server") // t.Context ends before the cleanup
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	h := hosts[0]
	for _, step := range []func() error{
		func() error { return h.Cable("eth0", hosts[1], "eth0", 1) },
		func() error { return h.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")) },
		func() error { return hosts[1].AddAddr("eth0", netip.MustParsePrefix("10.0.0.11/24")) },
		func() error { return h.SetGRO("eth0", true) },
		func() error { return h.Sysctl("net.ipv4.conf.all.rp_filter", "0") },
		func() error { return h.Sysctl("net.ipv4.conf.eth0.rp_filter", "1") },
		func() error { return h.Sysctl("net.ipv4.ip_forward", "0") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// runDoctor runs doctor on a host and returns the finding of each check. exit is the
// expected exit code.
func runDoctor(t *testing.T, h *lab.Host, exit int) map[string]doctor.Finding {
	t.Helper()
	cmd := directorCommand("doctor", "--json", "--flagfile=-")
	cmd.Stdin = strings.NewReader(strings.Join(doctorFlags, "\n"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is checked below
	if got := cmd.ProcessState.ExitCode(); got != exit {
		t.Fatalf("exit %d, want %d:\n%s%s", got, exit, &out, &errs)
	}
	var report doctor.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v:\n%s", err, &out)
	}
	if report.Run.Starts != (exit == cli.OK) {
		t.Errorf("exit %d, but run starts: %v", exit, report.Run.Starts)
	}
	checks := map[string]doctor.Finding{}
	for _, f := range report.Findings {
		checks[f.Check] = f
	}
	return checks
}

// applyRemedy runs the command of a remedy on a host. If ethtool is not installed, the
// lab changes the setting.
func applyRemedy(t *testing.T, h *lab.Host, remedy string) {
	t.Helper()
	words := strings.Fields(remedy)
	if _, err := exec.LookPath(words[0]); err != nil && remedy == "ethtool -K eth0 gro off" {
		if err := h.SetGRO("eth0", false); err != nil {
			t.Error(err)
		}
		return
	}
	cmd := exec.Command(words[0], words[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", remedy, err, &out)
	}
}

func TestDoctor_ExplainsItsFlags(t *testing.T) {
	code, out, err := direct("", "doctor --help")
	if code != cli.OK || err != "" || !strings.HasPrefix(out, "Usage: director doctor [flags]\n\n") ||
		!strings.Contains(out, "--json") || !strings.Contains(out, "--conn-table-size N") {
		t.Errorf("got exit %d, stdout\n%s\nstderr %q, want 0, its own flags and those of run", code, out, err)
	}
}

func TestDoctor_RefusesAWrongFlag(t *testing.T) {
	code, out, err := direct("", "doctor --io=fast")
	if code != cli.Usage || out != "" || !strings.HasPrefix(err, "--io=fast: ") {
		t.Errorf("got exit %d, stdout %q, stderr %q, want exit 2 and an error about --io", code, out, err)
	}
}
