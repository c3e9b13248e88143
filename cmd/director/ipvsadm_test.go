//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/internal/lab"
	"director/internal/lab/labtest"
)

// needs skips the test if one of these programs is not installed.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(err)
		}
	}
}

// asIpvsadm returns a command that runs a shell script with args as $1, $2 and so on. In
// the script, ipvsadm is this binary, which controls the director at a control socket. $PATH
// leads to a link with the name ipvsadm. The link is also in the working directory, where
// ldirectord looks. The test does not mount anything, so it works where the root directory
// is not a mount point.
func asIpvsadm(t *testing.T, socket, script string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := filepath.Abs(os.Args[0])
	must(t, err)
	dir := t.TempDir()
	must(t, os.Symlink(self, filepath.Join(dir, "ipvsadm")))
	cmd := exec.Command("sh", append([]string{"-ec", script, "sh"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(directorCommand().Env, controlVariable+"="+socket, "PATH="+dir+":"+os.Getenv("PATH"))
	return cmd
}

// packagedScripts returns a directory with the scripts of the package ipvsadm. They use the
// $PATH of the environment in addition to their own.
func packagedScripts(t *testing.T) string {
	t.Helper()
	needs(t, "ipvsadm")
	dir := t.TempDir()
	for _, name := range []string{"ipvsadm-save", "ipvsadm-restore"} {
		text, err := os.ReadFile("/usr/sbin/" + name)
		must(t, err)
		own := regexp.MustCompile(`(?m)^PATH=`)
		if !own.Match(text) {
			t.Fatalf("%s sets no PATH any more", name)
		}
		must(t, os.WriteFile(filepath.Join(dir, name), own.ReplaceAll(text, []byte("PATH=$$PATH:")), 0o700))
	}
	return dir
}

// savedRules is the output of ipvsadm 1.31 -Sn for services of every kind, in its order.
const savedRules = `-A -t 192.0.2.10:21 -s wlc -p 300
-a -t 192.0.2.10:21 -r 10.0.0.11:21 -m -w 1
-A -t 192.0.2.10:80 -s wrr
-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 3
-a -t 192.0.2.10:80 -r 10.0.0.12:8081 -m -w 0
-A -t 192.0.2.10:443 -s sh -p 360 -M 255.255.255.0 -b sh-fallback,sh-port
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -g -w 1
-a -t 192.0.2.10:443 -r 10.0.0.12:443 -g -w 65535
-A -t 192.0.2.11:0 -s mh -p 50 -b mh-fallback
-a -t 192.0.2.11:0 -r 10.0.0.11:0 -i -w 1 --tun-type ipip
-a -t 192.0.2.11:0 -r 10.0.0.12:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 192.0.2.11:0 -r 10.0.0.13:0 -i -w 1 --tun-type gre --tun-csum
-A -u 192.0.2.10:53 -s rr -o
-a -u 192.0.2.10:53 -r 10.0.0.11:53 -g -w 1
-A -u 192.0.2.10:5060 -s rr -p 60 --pe sip -o
-a -u 192.0.2.10:5060 -r 10.0.0.12:5060 -m -w 1
-A --sctp-service 192.0.2.10:2905 -s sed
-a --sctp-service 192.0.2.10:2905 -r 10.0.0.13:2905 -g -w 1
-A -f 1 -s lblcr -p 1800
-a -f 1 -r 10.0.0.11:0 -g -w 1
-a -f 1 -r 10.0.0.13:0 -i -w 7 --tun-type ipip
`

// TestIpvsadm_SavesAndRestores restores rules of every kind into a running director and
// saves them, with the scripts of ipvsadm and with those of this repository. The saved rules
// must be the restored ones.
func TestIpvsadm_SavesAndRestores(t *testing.T) {
	l := labtest.New(t, lab.Config{})
	d := startCtl(t, l, "packet", "--fwmark=1=tcp,192.0.2.12/32")
	script := func(in, script string, args ...string) string {
		t.Helper()
		cmd := asIpvsadm(t, d.Control(), script, args...)
		cmd.Stdin = strings.NewReader(in)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || errs.String() != "" {
			t.Errorf("%s: %v, %s", script, err, errs.String())
		}
		return string(out)
	}
	ours, err := filepath.Abs("../../packaging/scripts")
	must(t, err)
	const former = "# of ipvsadm-save\n-A -t 192.0.2.99:99 -s rr\n" // the next restore replaces it
	for _, dir := range []string{packagedScripts(t), ours} {
		script(former, `"$1"/ipvsadm-restore`, dir)
		script(savedRules, `"$1"/ipvsadm-restore`, dir)
		if diff := cmp.Diff(savedRules, script("", `"$1"/ipvsadm-save -n`, dir)); diff != "" {
			t.Errorf("%s: saved rules differ (-restored +saved):\n%s", dir, diff)
		}
	}
	// If all rules exist, -R must refuse each line and continue to the end.
	out, errs, code := ctlAt(d.Control(), savedRules, "-R")
	if n := strings.Count(errs, "already exists"); out != "" || code != 255 || n != strings.Count(savedRules, "\n") {
		t.Errorf("restored again: exit %d, stdout %q, stderr %q, want 255 and each line refused", code, out, errs)
	}
	script("", "ipvsadm -C && [ -z \"$(ipvsadm -Sn)\" ]")
}
