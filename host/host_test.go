package host_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"director/host"
	"director/internal/nettest"
)

func TestKernel_NamesWhatIsMissing(t *testing.T) {
	for release, want := range map[string][]string{
		"6.6.0":               nil,
		"6.18.44-fc-v595":     nil,
		"7.0":                 nil,
		"6.5.0-15-generic":    {"6.5.0-15-generic", "tcx"},
		"6.3.1":               {"AF_XDP rings", "tcx", "Linux 6.6"},
		"2.6.78":              {"AF_XDP rings", "tcx", "Linux 6.6"},
		"unknown":             {"no version number"},
		"5.15.0-1-amd64+test": {"tcx"},
	} {
		checkSays(t, "release "+release, host.CheckRelease(release), want)
	}
}

func TestKernel_IsFooledByPersonality(t *testing.T) {
	if err := host.Kernel(); err != nil {
		t.Fatalf("on the running kernel: %v", err)
	}
	runtime.LockOSThread() // the personality belongs to the thread
	const uname26 = 0x0020000
	if _, _, errno := unix.Syscall(unix.SYS_PERSONALITY, uname26, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	checkSays(t, "with UNAME26", host.Kernel(), []string{"kernel 2.6.", "too old"})
}

func TestPrivileges_NamesMissingCapabilities(t *testing.T) {
	nettest.Root(t)
	if err := host.Privileges(); err != nil {
		t.Fatalf("as root: %v", err)
	}
	runtime.LockOSThread() // capabilities belong to the thread
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{}
	data[0].Effective = 1 << unix.CAP_NET_RAW
	data[0].Permitted = data[0].Effective
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		t.Fatal(err)
	}
	err := host.Privileges()
	checkSays(t, "with CAP_NET_RAW only", err, []string{"CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON missing"})
}

func TestClaim_KeepsASecondDirectorOff(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 1)
	n.Wire(t, "eth1", peer, "eth1", 1)

	first, err := host.ClaimInterfaces([]string{"eth0"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = host.ClaimInterfaces([]string{"eth1", "eth0"})
	checkSays(t, "second claim", err, []string{"interface eth0", "this process", "stop it"})
	if errors.Is(err, host.ErrUsage) {
		t.Errorf("%v: matches ErrUsage, want it not to", err)
	}
	for name, want := range map[string]string{"eth0": "this process", "eth1": ""} {
		if got, err := host.ServedBy(name); err != nil || got != want {
			t.Errorf("ServedBy(%s) = %q, %v; want %q", name, got, err, want)
		}
	}
	rest, err := host.ClaimInterfaces([]string{"eth1"})
	if err != nil {
		t.Fatalf("eth1 stayed claimed by a claim that failed: %v", err)
	}
	defer rest.Close()
	peer.Do(t, func() error { // same index, another namespace
		c, err := host.ClaimInterfaces([]string{"eth0"})
		if err == nil {
			c.Close()
		}
		return err
	})
	first.Close()
	again, err := host.ClaimInterfaces([]string{"eth0"})
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	again.Close()
}

func TestClaim_NamesTheOtherProcess(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 1)
	cmd := exec.Command(os.Args[0]) // inherits the namespace of this thread
	cmd.Env = append(os.Environ(), "DIRECTOR_TEST_CLAIM=eth0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // the child has claimed the interface
		t.Fatal(err)
	}
	_, err = host.ClaimInterfaces([]string{"eth0"})
	checkSays(t, "claim", err, []string{"process ", "(host.test)"})
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	c, err := host.ClaimInterfaces([]string{"eth0"})
	if err != nil {
		t.Fatalf("after the other process ended: %v", err)
	}
	c.Close()
}

// TestMain is also the second director of TestClaim_NamesTheOtherProcess. As such it
// claims an interface, writes one byte, and exits when its input ends.
func TestMain(m *testing.M) {
	name := os.Getenv("DIRECTOR_TEST_CLAIM")
	if name == "" {
		os.Exit(m.Run())
	}
	if _, err := host.ClaimInterfaces([]string{name}); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.Write([]byte{'.'})
	os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

func TestClaim_RefusesAnInterfaceThatIsNot(t *testing.T) {
	nettest.Enter(t)
	_, err := host.ClaimInterfaces([]string{"eth7"})
	checkSays(t, "claim", err, []string{`no such interface "eth7"`, "lo"})
	if !errors.Is(err, host.ErrUsage) {
		t.Errorf("%v: does not match ErrUsage", err)
	}
}

// checkSays checks that err is one line that contains all of want, or nil if want is nil.
func checkSays(t *testing.T, when string, err error, want []string) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("%s: got %v, want no error", when, err)
		}
		return
	}
	if err == nil {
		t.Errorf("%s: no error, want one about %q", when, want)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %q, want one line with %q", when, err, w)
		}
	}
}
