//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/labtest"
)

// refusal is the result of a director that must not start.
type refusal struct {
	code int
	err  string // standard error
}

// runToEnd waits for a command started by start and returns how it ended.
// Standard output must stay empty.
func runToEnd(t *testing.T, cmd *exec.Cmd, flags []string, start func() error) refusal {
	t.Helper()
	var out, err strings.Builder
	cmd.Stdin = strings.NewReader(strings.Join(flags, "\n") + "\n")
	cmd.Stdout, cmd.Stderr = &out, &err
	if err := start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(t.Context(), func() { _ = cmd.Process.Kill() })
	defer stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		t.Errorf("standard output: got %q, want nothing", out.String())
	}
	return refusal{cmd.ProcessState.ExitCode(), err.String()}
}

// want fails unless the exit code is code and standard error is one line with this begin
// and end.
func (r refusal) want(t *testing.T, code int, begin, end string) {
	t.Helper()
	if r.code != code || strings.Count(r.err, "\n") != 1 ||
		!strings.HasPrefix(r.err, begin) || !strings.HasSuffix(r.err, end+"\n") {
		t.Errorf("got exit %d and\n%s\nwant exit %d and the one line\n%s ... %s", r.code, r.err, code, begin, end)
	}
}

// TestRefuse_FlagsAndRules checks errors that need no look at the host.
func TestRefuse_FlagsAndRules(t *testing.T) {
	for _, c := range []struct{ name, args, file, want string }{
		{"unknown flag", "--interface=lo --speed=9", "",
			"--speed: unknown flag: --help lists the flags of this version\n"},
		{"unknown flag in the file", "--interface=lo --flagfile=-", "# fast\n--speed=9\n",
			"stdin:2: --speed: unknown flag: --help lists the flags of this version\n"},
		{"missing service", "--interface=lo --flagfile=-", "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m\n",
			"stdin:1: -t 192.0.2.10:80 -r 10.0.0.11:8080: Service not defined\n"},
		{"port out of range", "--interface=lo --flagfile=-", "-A -t 192.0.2.10:65536 -s rr\n",
			"stdin:1: -t 192.0.2.10:65536: illegal virtual server address[:port] specified: port must be 65535 or less\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, err := direct(c.file, "run "+c.args)
			if code != cli.Usage || out != "" || err != c.want {
				t.Errorf("got exit %d, stdout %q, stderr\n%swant exit %d, nothing,\n%s", code, out, err, cli.Usage, c.want)
			}
		})
	}
}

func TestRefuse_AnInterfaceThatDoesNotExist(t *testing.T) {
	cmd := directorCommand("run", "--interface=nosuch0")
	runToEnd(t, cmd, nil, cmd.Start).want(t, cli.Usage,
		`--interface: no such interface "nosuch0" in this network namespace: it has `, "")
}

// TestRefuse_NoPrivileges runs director as nobody.
func TestRefuse_NoPrivileges(t *testing.T) {
	cmd := directorCommand("run", "--interface=lo")
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Path = "/proc/self/exe" // the user nobody has no access to the go command's directory
	}
	runToEnd(t, cmd, nil, cmd.Start).want(t, cli.Failed,
		"no privilege: CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON missing: run as root, or with ", " in the unit file")
}

// TestRefuse_AKernelThatIsTooOld makes the kernel report the version 2.6 to the director.
func TestRefuse_AKernelThatIsTooOld(t *testing.T) {
	const uname26 = 0x0020000 // UNAME26, include/uapi/linux/personality.h
	cmd := directorCommand("run", "--interface=lo")
	start := func() error {
		started := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread keeps the personality
			_, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, uname26, 0, 0)
			if errno != 0 {
				started <- fmt.Errorf("personality: %w", errno)
				return
			}
			started <- cmd.Start()
		}()
		return <-started
	}
	runToEnd(t, cmd, nil, start).want(t, cli.Failed, "kernel 2.6.", ": boot Linux 6.6 or later")
}

// TestRefuse_WhatTheHostCannotDo checks that the director refuses each case and leaves the
// host unchanged.
func TestRefuse_WhatTheHostCannotDo(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	for _, c := range []struct {
		name  string
		flags []string
		code  int
		want  string
	}{
		{"queue", []string{"--io=xdp", "--queues=0,7"}, cli.Usage, "--queues: eth0 has no queue 7, only 0 to 0"},
		{"CPU", []string{"--cpus=1023"}, cli.Usage, "--cpus: CPU 1023 is not online, only "},
		{"no interface of the list", []string{"--interface=eth0"}, cli.Usage,
			"real server 10.0.0.11 is reached through eth1: add it to --interface"},
		{"no interface for the VIP", []string{"--vip-interface=192.0.2.10=nosuch0"}, cli.Usage,
			`--vip-interface 192.0.2.10: no such interface "nosuch0" in this network namespace: it has `},
		{"no interface for a neighbour", []string{"--neighbor=10.0.0.9=02:00:00:00:00:01@nosuch0"}, cli.Usage,
			`--neighbor 10.0.0.9: no such interface "nosuch0" in this network namespace: it has `},
	} {
		t.Run(c.name, func(t *testing.T) {
			refuse(t, l, c.flags...).want(t, c.code, c.want, "")
			wantNoRemains(t, l)
		})
	}
}

// TestRefuse_APortOfABridge names the bridge to use instead, and not the real servers, which
// are behind the bridge.
func TestRefuse_APortOfABridge(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	must(t, l.Director.Link.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}))
	bridge, err := l.Director.Link.LinkByName("br0")
	must(t, err)
	port, err := l.Director.Link.LinkByName("eth1")
	must(t, err)
	must(t, l.Director.Link.LinkSetMaster(port, bridge))
	refuse(t, l).want(t, cli.Usage, "eth1 is a part of the bridge br0, which has the addresses and routes: use --interface=br0", "")
	wantNoRemains(t, l)
}

// refuse runs a director in the lab that must exit by itself. It logs only errors, so
// standard error has no other lines.
func refuse(t *testing.T, l *lab.Lab, flags ...string) refusal {
	t.Helper()
	cmd := directorCommand("run", "--flagfile=-", "--log-level=error")
	flags = append(append(l.Flags(), httpRules(l)...), flags...)
	return runToEnd(t, cmd, flags, func() error { return l.Director.Start(cmd) })
}

// TestRefuse_ASecondDirector starts a second director on an interface that a director
// already serves, with each kind of I/O. The first director must not be affected.
func TestRefuse_ASecondDirector(t *testing.T) {
	l := labtest.New(t, lab.Config{})
	startWeb(t, l)
	d := launch(t, l, nativeXDP)
	was := hostRemains(t, l)
	for _, io := range []string{"--io=xdp", "--io=packet"} {
		refuse(t, l, io, "--interface=eth1").want(t, cli.Failed, "interface eth1 is already served by process ", ": stop it first")
	}
	if is := hostRemains(t, l); len(is.programs) != len(was.programs) || len(is.vips) != len(was.vips) ||
		len(is.devices) != len(was.devices) || len(is.neighbors) != len(was.neighbors) {
		t.Errorf("the host of the first director: got %+v, want %+v as before", is, was)
	}
	browse(t, l, l.Clients[0].Addr, 50)
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
}

// TestRefuse_AnotherXDPProgram checks that the director does not replace an XDP program of
// somebody else.
func TestRefuse_AnotherXDPProgram(t *testing.T) {
	l := labtest.New(t, lab.Config{})
	other := attachOther(t, l, "eth1")
	refuse(t, l, "--io=xdp").want(t, cli.Failed, "attach XDP to eth1: another XDP program is there; stop its owner or "+
		"'ip link set dev eth1 xdp off', or use --io=packet: ", "")
	if info, err := other.Info(); err != nil || info.XDP().Ifindex == 0 {
		t.Errorf("the other XDP program: got %+v, %v, want it attached", info, err)
	}
	must(t, other.Close())
	wantNoRemains(t, l)
}

// attachOther attaches an XDP program that is not the director's.
func attachOther(t *testing.T, l *lab.Lab, dev string) link.Link {
	t.Helper()
	const xdpPass = 2
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, License: "Apache-2.0",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, xdpPass), asm.Return()},
	})
	must(t, err)
	defer p.Close() // the link keeps the program loaded
	d, err := l.Director.Link.LinkByName(dev)
	must(t, err)
	var other link.Link
	must(t, l.Director.Do(func() (err error) {
		other, err = link.AttachXDP(link.XDPOptions{Program: p, Interface: d.Attrs().Index})
		return err
	}))
	t.Cleanup(func() { other.Close() })
	return other
}
