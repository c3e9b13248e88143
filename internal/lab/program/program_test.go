//go:build linux

package program_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/program"
	"director/internal/nettest"
)

// addressVariable makes the test binary a program that accepts connections at an address.
const addressVariable = "PROGRAM_TEST_ADDRESS"

// The program must start its child on the main thread: Program.PIDs does not see others.
func init() {
	if os.Getenv(addressVariable) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if at := os.Getenv(addressVariable); at != "" {
		serve(at)
	}
	os.Exit(m.Run())
}

// serve starts a child that has the program's output, and accepts connections until a
// signal ends the program. The child stays.
func serve(at string) {
	child := exec.Command("sleep", "1000")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	l, err := net.Listen("tcp4", at)
	if err == nil {
		err = child.Start()
	}
	for err == nil {
		var c net.Conn
		if c, err = l.Accept(); err == nil {
			c.Close()
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestProgram_StopEndsWhatTheProgramLeavesBehind runs a program that ends at once, but leaves
// a child behind, which has the program's output open.
func TestProgram_StopEndsWhatTheProgramLeavesBehind(t *testing.T) {
	labtest.RequireRoot(t)
	l := labtest.New(t, lab.Config{Servers: 1})
	at := netip.AddrPortFrom(l.Servers[0].Addr, 80)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), addressVariable+"="+at.String())
	p, err := program.Start(t.Context(), l.Servers[0], at, cmd)
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	nettest.Eventually(t, "the program has a child", func() bool {
		pids = p.PIDs()
		return len(pids) > 1
	})
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	for _, pid := range pids {
		nettest.Eventually(t, fmt.Sprintf("process %d has ended", pid), func() bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return err != nil || strings.Contains(string(stat), ") Z ")
		})
	}
}
