// Package packaging contains the files that make a service of the binary. Its tests check
// the unit and the scripts, and with "make package-test" also the packages.
package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// settings reads a unit file: the values of each key, in order.
func settings(t *testing.T, name string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			found[key] = append(found[key], value)
		}
	}
	return found
}

// TestUnit_GivesNoMoreThanItUses checks that the bounding set contains only the ambient
// capabilities, and that the paths, the user and the exit code agree with the other files
// and the program.
func TestUnit_GivesNoMoreThanItUses(t *testing.T) {
	unit := settings(t, "director.service")
	if diff := cmp.Diff(unit["AmbientCapabilities"], unit["CapabilityBoundingSet"]); diff != "" {
		t.Errorf("bounding set and ambient capabilities differ:\n%s", diff)
	}
	for key, want := range map[string]string{
		"Type": "notify", "ExecStart": "/usr/sbin/director run --state=/var/lib/director/state --flagfile=/etc/director/director.flags",
		"ExecStop":         "+/usr/lib/director/director-stop %n",
		"RuntimeDirectory": "director", "StateDirectory": "director", "NoNewPrivileges": "yes",
		"DevicePolicy": "closed", "DeviceAllow": "/dev/net/tun rw", "RestartPreventExitStatus": "2", "RestartSec": "1", "StartLimitIntervalSec": "0",
	} {
		if diff := cmp.Diff([]string{want}, unit[key]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", key, diff)
		}
	}
	users, err := os.ReadFile("sysusers.conf")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("\nu %s - ", unit["User"][0]); !strings.Contains(string(users), want) {
		t.Errorf("sysusers.conf does not make the unit's user %q", unit["User"])
	}
}

// TestUnit_IsRightForSystemd makes systemd check the unit, alone and with the drop-in for
// interrupts. It needs an installed systemd.
func TestUnit_IsRightForSystemd(t *testing.T) {
	if _, ok := settings(t, "pin-interrupts.conf")["User"]; !ok {
		t.Error("pin-interrupts.conf does not say whose the process is")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("no systemd-analyze here")
		return
	}
	root := t.TempDir()
	units := filepath.Join(root, "usr/lib/systemd/system")
	for _, target := range []string{"sysinit", "basic", "shutdown", "multi-user", "network-online"} {
		write(t, filepath.Join(units, target+".target"), "[Unit]\nDescription="+target+"\n", 0o644)
	}
	for _, program := range []string{"usr/sbin/director", "usr/lib/director/director-stop", "bin/kill"} {
		write(t, filepath.Join(root, program), "#!/bin/sh\n", 0o755)
	}
	unit := filepath.Join(units, "director.service")
	write(t, unit, read(t, "director.service"), 0o644)
	for _, dropIn := range []string{"", "pin-interrupts.conf"} {
		if dropIn != "" {
			write(t, filepath.Join(unit+".d", dropIn), read(t, dropIn), 0o644)
		}
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--root="+root, "director.service").CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("systemd-analyze verify with %q: %v\n%s", dropIn, err, out)
		}
	}
	// It was 2.7 when the test was written. 10 means a service without restrictions.
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=30", "./director.service").CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// TestRestore_ReplacesTheRules checks that comments are skipped, and that ipvsadm -R does
// not run without rules.
func TestRestore_ReplacesTheRules(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"# saved\n-A -t 192.0.2.10:80 -s rr\n#-A -f 1\n-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g\n",
			"ipvsadm -C\nipvsadm -R\n-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g\n"},
		{"# nothing\n", "ipvsadm -C\n"},
	} {
		out, err := script(t, "ipvsadm-restore", c.in)
		if diff := cmp.Diff(c.want, out); diff != "" || err != nil {
			t.Errorf("ipvsadm-restore: %v, -want +got:\n%s", err, diff)
		}
	}
	if out, err := script(t, "ipvsadm-restore", "", "-n"); err == nil || !strings.HasPrefix(out, "Usage: ") {
		t.Errorf("ipvsadm-restore -n: got %q, %v, want its usage and a failure", out, err)
	}
}

func TestSave_PassesItsOptionsOn(t *testing.T) {
	out, err := script(t, "ipvsadm-save", "", "-n")
	if want := "ipvsadm -S -n\n"; out != want || err != nil {
		t.Errorf("ipvsadm-save -n: got %q, %v, want %q", out, err, want)
	}
}

// script runs a script with an ipvsadm that prints its arguments and its input.
func script(t *testing.T, name, in string, args ...string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	write(t, filepath.Join(bin, "ipvsadm"), "#!/bin/sh\necho ipvsadm \"$@\"\n[ \"$1\" != -R ] || cat\n", 0o755)
	cmd := exec.Command(filepath.Join("scripts", name), args...)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestScripts_AreShell(t *testing.T) {
	files := slices.Concat(glob(t, "scripts/*"), glob(t, "deb/p*"))
	if len(files) < 5 {
		t.Fatalf("found only %v", files)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, mode %v, want 0755", name, err, info.Mode())
		}
		if out, err := exec.Command("sh", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write makes a file and the directories above it.
func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
