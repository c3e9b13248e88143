//go:build deb

package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// These tests check the packages that "make deb" has built. "make package-test" runs them.

// deb returns the path of the package director or director-bench.
func deb(t *testing.T, name string) string {
	t.Helper()
	names := glob(t, "../build/"+name+"_*.deb")
	if len(names) != 1 {
		t.Fatalf("packages in build/: %v, want one: make deb", names)
	}
	path, err := filepath.Abs(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestDeb_StandsInForIpvsadm(t *testing.T) {
	info := output(t, "dpkg-deb", "-I", deb(t, "director"))
	for _, want := range []string{
		`Package: director`, `Architecture: \S+`, `Version: \d\S+`, `Section: net`,
		`Provides: ipvsadm \(= 1:1\.31\)`, `Conflicts: ipvsadm`, `Replaces: ipvsadm`, `Depends: systemd \|.*`,
	} {
		if !regexp.MustCompile(`(?m)^ ` + want + `$`).MatchString(info) {
			t.Errorf("got\n%s\nwant a line %s", info, want)
		}
	}
	if got, want := output(t, "dpkg-deb", "--info", deb(t, "director"), "conffiles"), "/etc/director/director.flags\n"; got != want {
		t.Errorf("conffiles: got %q, want %q", got, want)
	}
}

// TestDebBench_HoldsItsProgram checks that the program is only in director-bench, and that
// this package depends on the same version of director.
func TestDebBench_HoldsItsProgram(t *testing.T) {
	list, other := output(t, "dpkg-deb", "-c", deb(t, "director-bench")), output(t, "dpkg-deb", "-c", deb(t, "director"))
	for _, file := range []string{"sbin/director-bench", "share/man/man8/director-bench.8.gz", "share/man/man8/director-bench-load.8.gz", "share/bash-completion/completions/director-bench", "share/doc/director-bench/third-party-licenses.gz"} {
		if file = " ./usr/" + file + "\n"; !strings.Contains(list, file) || strings.Contains(other, file) {
			t.Errorf("got\n%s\nand in the package director\n%s\nwant%s in the first alone", list, other, file)
		}
	}
	info := output(t, "dpkg-deb", "-I", deb(t, "director-bench"))
	if !regexp.MustCompile(`(?m)^ Depends: director \(= \d\S+\)$`).MatchString(info) {
		t.Errorf("got\n%s\nwant it to depend on director in its version", info)
	}
}

// TestDeb_HoldsEverything checks the files, their modes and owners, and the targets of
// links.
func TestDeb_HoldsEverything(t *testing.T) {
	list := output(t, "dpkg-deb", "-c", deb(t, "director"))
	for _, want := range []string{
		`-rwxr-xr-x root/root .* \./usr/sbin/director`,
		`l\S+ root/root .* \./usr/sbin/ipvsadm -> director`,
		`-rwxr-xr-x root/root .* \./usr/sbin/ipvsadm-save`,
		`-rwxr-xr-x root/root .* \./usr/sbin/ipvsadm-restore`,
		`-rwxr-xr-x root/root .* \./usr/lib/director/director-stop`,
		`-rw-r--r-- root/root .* \./etc/director/director\.flags`,
		`-rw-r--r-- root/root .* \./usr/lib/systemd/system/director\.service`,
		`-rw-r--r-- root/root .* \./usr/lib/sysusers\.d/director\.conf`,
		`-rw-r--r-- root/root .* \./usr/share/man/man8/director\.8\.gz`,
		`-rw-r--r-- root/root .* \./usr/share/man/man8/director-run\.8\.gz`,
		`-rw-r--r-- root/root .* \./usr/share/bash-completion/completions/director`,
		`-rw-r--r-- root/root .* \./usr/share/zsh/site-functions/_director`,
		`-rw-r--r-- root/root .* \./usr/share/fish/vendor_completions\.d/director\.fish`,
		`-rw-r--r-- root/root .* \./usr/share/doc/director/README\.md`,
		`-rw-r--r-- root/root .* \./usr/share/doc/director/copyright`,
		`-rw-r--r-- root/root .* \./usr/share/doc/director/changelog\.gz`,
		`-rw-r--r-- root/root .* \./usr/share/doc/director/third-party-licenses\.gz`,
		`-rw-r--r-- root/root .* \./usr/share/doc/director/examples/director\.flags`,
		`-rw-r--r-- root/root .* \./usr/share/doc/director/examples/pin-interrupts\.conf`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(list) {
			t.Errorf("got\n%s\nwant a line %s", list, want)
		}
	}
	if stray := regexp.MustCompile(`(?m)^[^l](.{4}w|.{7}w|.{0,8}[sSt]).*$|^.*-> /.*$`).FindString(list); stray != "" {
		t.Errorf("an absolute link, or a file that others may change or run as its owner: %s", stray)
	}
	if all, roots := strings.Count(list, "\n"), strings.Count(list, " root/root "); all != roots {
		t.Errorf("%d of %d files are root's", roots, all)
	}
}

// TestDeb_Runs installs the package below a directory, as dpkg does for images, and runs
// the program. An upgrade must keep the operator's flags file, and a removal must remove
// everything.
func TestDeb_Runs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: dpkg gives files to users")
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "var/lib/dpkg/status"), "", 0o644)
	write(t, filepath.Join(root, "var/lib/dpkg/available"), "", 0o644)
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dpkg := func(args ...string) {
		output(t, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-depends",
			"--force-confold", "--log=/dev/null"}, args...)...)
	}
	dpkg("-i", deb(t, "director"), deb(t, "director-bench"))
	if users := read(t, filepath.Join(root, "etc/passwd")); !strings.Contains(users, "director:x:") {
		t.Errorf("the package has not made its user: %s", users)
	}
	director := filepath.Join(root, "usr/sbin/director")
	if out := output(t, director, "version"); !strings.HasPrefix(out, "director ") || strings.Count(out, "\n") != 1 {
		t.Errorf("director version: %s", out)
	}
	if out := output(t, director, "bench", "load", "--help"); !strings.Contains(out, "--target") {
		t.Errorf("director bench load --help: %s", out)
	}
	if to, err := os.Readlink(filepath.Join(root, "usr/sbin/ipvsadm")); err != nil || to != "director" {
		t.Errorf("ipvsadm leads to %q, %v", to, err)
	}
	flags := filepath.Join(root, "etc/director/director.flags")
	write(t, flags, "--interface=eth0\n", 0o644)
	dpkg("-i", deb(t, "director"))
	if got := output(t, director, "check", "--flagfile="+flags); !strings.Contains(got, "--interface=eth0\n") {
		t.Errorf("the flags file after an upgrade means\n%s\nwant the operator's", got)
	}
	dpkg("--purge", "director-bench")
	if out, err := exec.Command(director, "bench", "load", "--help").CombinedOutput(); err == nil || !strings.Contains(string(out), "install the package director-bench") {
		t.Errorf("director bench load --help without director-bench: %v: %s", err, out)
	}
	output(t, "systemctl", "--root="+root, "enable", "director.service")
	link := filepath.Join(root, "etc/systemd/system/multi-user.target.wants/director.service")
	if _, err := os.Lstat(link); err != nil {
		t.Fatal(err)
	}
	dpkg("--purge", "director")
	for _, name := range []string{director, flags, link, filepath.Join(root, "usr/lib/systemd/system/director.service")} {
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestDeb_NamesFunctionsInStackTraces checks that the packaged program, which has no
// symbol table, still tells where it failed.
func TestDeb_NamesFunctionsInStackTraces(t *testing.T) {
	root := t.TempDir()
	output(t, "dpkg-deb", "-x", deb(t, "director"), root)
	cmd := exec.Command(filepath.Join(root, "usr/sbin/director"), "check", "--flagfile=-")
	var trace strings.Builder
	cmd.Stderr = &trace
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A pipe takes 64 KiB, so when the write is done the program has begun to read.
	if _, err := in.Write(bytes.Repeat([]byte("# a comment\n"), 10000)); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || !regexp.MustCompile(`(?m)^main\.main\(\)\n\t\S*cmd/director/main\.go:\d+`).MatchString(trace.String()) {
		t.Errorf("%v, and the trace does not name main.main and its line:\n%s", err, trace.String())
	}
}

// TestInstall_LeavesNothingAfterUninstall, except for the flags file.
func TestInstall_LeavesNothingAfterUninstall(t *testing.T) {
	root := t.TempDir()
	mk := func(target string) {
		output(t, "make", "-C", "..", target, "DESTDIR="+root, "PREFIX=/opt/director", "BINARY=build/director")
	}
	mk("install")
	unit := read(t, filepath.Join(root, "opt/director/lib/systemd/system/director.service"))
	if want := "\nExecStart=/opt/director/sbin/director run "; !strings.Contains(unit, want) {
		t.Errorf("the unit starts another program:\n%s", unit)
	}
	mk("uninstall")
	left := strings.Fields(output(t, "find", root, "!", "-type", "d"))
	if want := filepath.Join(root, "etc/director/director.flags"); len(left) != 1 || left[0] != want {
		t.Errorf("left behind: %v, want %s", left, want)
	}
}
