//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"director/control/api"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/service"
	"director/view/figures"
)

// unitFile is the unit file that the package installs.
const unitFile = "../../packaging/director.service"

// unitSetting returns the value of a key of the unit file. The file must have it once.
func unitSetting(t *testing.T, key string) string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(found) != 1 {
		t.Fatalf("%s has the key %s %d times, want once", unitFile, key, len(found))
	}
	return found[0][1]
}

// nobody is the ID of an unprivileged user and group.
const nobody = "65534"

// confine is a shell script that starts the program of file descriptor 3 as nobody. Its
// first argument is the limit of locked memory; if empty, the limit does not change. The
// second and third are the ambient and the bounding capabilities, in the syntax of
// setpriv(1).
const confine = `set -e
memlock=$1 ambient=$2 bounding=$3
shift 3
exec ${memlock:+prlimit --memlock=$memlock:$memlock} setpriv --reuid=` + nobody + ` --regid=` + nobody + ` --clear-groups \
	--inh-caps=$ambient --ambient-caps=$ambient --bounding-set=$bounding --no-new-privs -- \
	/proc/self/fd/3 "$@"
`

// ownTun is a shell script that makes a private /dev/net/tun. Only udev gives everyone
// access to the usual one.
const ownTun = `mount -t tmpfs tmpfs /dev/net
mknod -m 666 /dev/net/tun c 10 200
`

// confinedCommand is directorCommand for a director with only the rights that the unit file
// gives.
func confinedCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	memlock := strings.ReplaceAll(unitSetting(t, "LimitMEMLOCK"), "infinity", "unlimited")
	ambient := setprivWords(unitSetting(t, "AmbientCapabilities"))
	bounding := setprivWords(unitSetting(t, "CapabilityBoundingSet"))
	if !canRaiseLimits(t) {
		// This may be a container. CAP_IPC_LOCK has the same effect: the kernel then does not
		// check the limit (net/xdp/xdp_umem.c).
		t.Log("no CAP_SYS_RESOURCE: the director gets CAP_IPC_LOCK instead of the limit of locked memory")
		memlock, ambient, bounding = "", ambient+",+ipc_lock", bounding+",+ipc_lock"
	}
	return confinedTo(t, memlock, ambient, bounding, args...)
}

// confinedTo is confinedCommand with other rights than those of the unit file.
func confinedTo(t *testing.T, memlock, ambient, bounding string, args ...string) *exec.Cmd {
	t.Helper()
	needs(t, "unshare", "mount", "mknod", "prlimit", "setpriv")
	// Only root has access to the directory of the test binary, so the open file is passed.
	self, err := os.Open("/proc/self/exe")
	must(t, err)
	t.Cleanup(func() { self.Close() })
	private, script := []string{"unshare", "--mount", "--propagation=private"}, ownTun+confine
	if tun, err := os.Stat("/dev/net/tun"); err == nil && tun.Mode().Perm()&0o006 == 0o006 {
		private, script = []string{"env"}, confine
	} else if exec.Command(private[0], append(private[1:], "true")...).Run() != nil {
		// The root directory is no mount point, as in a chroot: no mount can be kept private.
		t.Log("no private /dev/net/tun here: the director gets CAP_DAC_OVERRIDE until it has opened that of root")
		private, script = []string{"env"}, confine
		ambient, bounding = ambient+",+dac_override", bounding+",+dac_override"
	}
	cmd := directorCommand(args...)
	cmd.Args = slices.Concat(private, []string{"sh", "-c", script, "confine", memlock, ambient, bounding}, args)
	cmd.Path, err = exec.LookPath(private[0])
	must(t, err)
	cmd.ExtraFiles = []*os.File{self}
	return cmd
}

// canRaiseLimits reports whether this process has CAP_SYS_RESOURCE.
func canRaiseLimits(t *testing.T) bool {
	t.Helper()
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	must(t, unix.Capget(&hdr, &data[0]))
	return data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// setprivWords converts capabilities from the syntax of a unit file to that of setpriv(1).
func setprivWords(unit string) string {
	words := "-all"
	for _, c := range strings.Fields(unit) {
		words += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	return words
}

// TestPrivilege_TheUnitGivesEnough runs a director as an unprivileged user with only the
// capabilities and the limit of the unit file. The director drops some of them. It must
// still add a virtual address, forward, accept another real server, and remove all its
// changes from the host.
func TestPrivilege_TheUnitGivesEnough(t *testing.T) {
	for _, way := range []struct {
		method service.Method
		io     string
	}{{service.NAT, "xdp"}, {service.DR, "xdp"}, {service.NAT, "packet"}, {service.DR, "packet"}} {
		t.Run(way.method.String()+" "+way.io, func(t *testing.T) {
			l := labtest.New(t, lab.Config{Method: way.method, Offloads: way.io == "packet", Queues: [2]int{2, 2}})
			names := startWeb(t, l)
			rules := httpRules(l)
			last := len(rules) - 1
			d := startCtlCommand(t, l, confinedCommand(t, "run", "--io="+way.io), rules[:last]...)
			wantThreads(t, d.Director, map[string]uint64{
				"Uid": 65534, "CapEff": runCapabilities, "CapPrm": runCapabilities, "CapInh": 0, "CapAmb": 0, "NoNewPrivs": 1, "Seccomp": 2,
			})
			if r := hostRemains(t, l); len(r.vips) == 0 {
				t.Error("the host does not have the virtual address")
			}
			d.rule(t, "%s", rules[last]) // this changes the BPF maps and the neighbour entries
			mustFetch(t, l, names, 400)
			if err := d.Stop(); err != nil {
				t.Fatal(err)
			}
			wantNoRemains(t, l)
			if log := d.Log(); regexp.MustCompile(`\b(WRN|ERR)\b`).MatchString(log) {
				t.Errorf("want no warning, got\n%s", log)
			}
		})
	}
}

// TestPrivilege_TooLittleLockedMemoryIsSaid runs a director that may lock 64 KiB. It forwards
// over AF_PACKET, and says why and what to do.
func TestPrivilege_TooLittleLockedMemoryIsSaid(t *testing.T) {
	l := labtest.New(t, lab.Config{Offloads: true})
	names := startWeb(t, l)
	ambient, bounding := setprivWords(unitSetting(t, "AmbientCapabilities")), setprivWords(unitSetting(t, "CapabilityBoundingSet"))
	d := startCtlCommand(t, l, confinedTo(t, "65536", ambient, bounding, "run", "--io=auto"), httpRules(l)...)
	mustFetch(t, l, names, 40)
	client := api.Open(d.Control())
	defer client.Close()
	var f figures.Figures
	must(t, client.Do(t.Context(), http.MethodGet, "/v1/statistics", nil, &f))
	if len(f.ShortOfMemory) != 2 {
		t.Errorf("short of memory: %v, want both interfaces", f.ShortOfMemory)
	}
	if said := regexp.MustCompile(`WRN.*AF_XDP needs more locked memory.*LimitMEMLOCK=infinity`).FindAllString(d.Log(), -1); len(said) != 2 {
		t.Errorf("%d warnings, want one for each interface; the log:\n%s", len(said), d.Log())
	}
}

// TestPrivilege_RootKeepsWhatIsNeeded checks that a director that root starts drops the
// capabilities that it does not need, so that it cannot get them back.
func TestPrivilege_RootKeepsWhatIsNeeded(t *testing.T) {
	l := labtest.New(t, lab.Config{Queues: [2]int{2, 2}})
	names := startWeb(t, l)
	d := startDirector(t, l, "xdp", httpRules(l)...)
	wantThreads(t, d, map[string]uint64{
		"Uid": 0, "CapEff": runCapabilities, "CapPrm": runCapabilities, "CapInh": 0, "CapAmb": 0, "CapBnd": runCapabilities, "NoNewPrivs": 1, "Seccomp": 2,
	})
	mustFetch(t, l, names, 300)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	wantNoRemains(t, l)
}

// TestPrivilege_SaysThatNoReloadWillWork starts a director as root with a flags file of
// another user. Root can read it only as long as it has not dropped its capabilities.
func TestPrivilege_SaysThatNoReloadWillWork(t *testing.T) {
	l := labtest.New(t, lab.Config{})
	file := filepath.Join(t.TempDir(), "flags")
	must(t, os.WriteFile(file, []byte(strings.Join(append(l.Flags(), httpRules(l)...), "\n")), 0o600))
	must(t, os.Chown(file, 65534, 65534))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := process.StartFrom(ctx, l.Director, directorCommand("run", "--io=packet"), file)
	must(t, err)
	stopAtEnd(t, d)
	if said := regexp.MustCompile(`WRN no reload will work: .* error=.*` + file).FindString(d.Log()); said == "" {
		t.Errorf("the log does not say it:\n%s", d.Log())
	}
	if code, _, errs := direct("", "reload --control="+d.Control()); code == 0 || !strings.Contains(errs, "permission denied") {
		t.Errorf("reload: exit %d, %s", code, errs)
	}
}

// runCapabilities are the capabilities of a director that forwards, as a bit set.
const runCapabilities = 1 << unix.CAP_NET_ADMIN

// wantThreads compares fields of /proc/PID/task/TID/status of every thread of a director.
func wantThreads(t *testing.T, d *process.Director, want map[string]uint64) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.PID()))
	must(t, err)
	if len(files) < 3 { // two workers and at least one other thread
		t.Fatalf("the director has %d threads, want at least 3", len(files))
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for key, want := range want {
			found := regexp.MustCompile(`(?m)^` + key + `:\s+(\w+)`).FindStringSubmatch(string(text))
			if found == nil {
				t.Fatalf("%s has no %s", name, key)
			}
			base := 10
			if strings.HasPrefix(key, "Cap") {
				base = 16
			}
			if got, err := strconv.ParseUint(found[1], base, 64); err != nil || got != want {
				t.Errorf("%s: %s is %#x, want %#x", name, key, got, want)
			}
		}
	}
}
