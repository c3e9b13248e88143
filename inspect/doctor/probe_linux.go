package doctor

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/dataplane/afpacket"
	"director/dataplane/afxdp"
	"director/dataplane/reinject"
	"director/dataplane/steer"
	"director/host"
)

// probes tries everything that run needs, on the loopback interface of a new network
// namespace. The namespace ends with the thread that created it, so the host is not
// changed.
func probes() []Probe {
	done := make(chan []Probe)
	go func() {
		runtime.LockOSThread() // without unlock, so that the thread ends
		done <- onOwnNetwork()
	}()
	return <-done
}

func onOwnNetwork() []Probe {
	if host.Privileges() != nil {
		return skip("the privileges for it are missing",
			ProbeBPF, ProbeXDP, ProbeAFXDP, ProbeTap, ProbeTun, ProbeTCX)
	}
	steering, err := steer.Load()
	list := []Probe{{Name: ProbeBPF, Err: text(err)}}
	if err != nil {
		return append(list, skip("the steering programs do not load", ProbeXDP, ProbeAFXDP, ProbeTap, ProbeTun, ProbeTCX)...)
	}
	defer steering.Close()
	index, err := loopback()
	if err != nil {
		return append(list, probeSockets(fmt.Sprintf("cannot create a network namespace for it: %v", err))...)
	}
	xdp, socket := probeXDP(steering, index)
	way, tcx := probeReinject(steering, index)
	return append(list,
		Probe{Name: ProbeXDP, Err: text(xdp)},
		Probe{Name: ProbeAFXDP, Err: text(socket)},
		Probe{Name: ProbeTap, Err: text(probeTap(steering, index))},
		Probe{Name: ProbeTun, Err: text(way)},
		Probe{Name: ProbeTCX, Err: text(tcx)},
	)
}

func skip(why string, names ...string) (list []Probe) {
	for _, name := range names {
		list = append(list, Probe{Name: name, Skipped: why})
	}
	return list
}

// loopback moves the thread into a new network namespace and returns the index of the
// loopback interface there.
func loopback() (int, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return 0, err // it needs CAP_SYS_ADMIN, which run does not need
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return 0, err
	}
	return lo.Attrs().Index, netlink.LinkSetUp(lo)
}

// probeSockets tries only what needs no interface. Why says why the rest is not tried.
func probeSockets(why string) []Probe {
	open := func(family int) string {
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		return text(err)
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err == nil {
		tun.Close()
	}
	return append(skip(why, ProbeXDP, ProbeTCX),
		Probe{Name: ProbeAFXDP, Err: open(unix.AF_XDP)},
		Probe{Name: ProbeTap, Err: open(unix.AF_PACKET)},
		Probe{Name: ProbeTun, Err: text(err)})
}

// probeXDP attaches the steering program and registers a socket with it.
func probeXDP(s *steer.Steering, index int) (attach, socket error) {
	x, err := s.AttachXDP(index, 1, true)
	if err != nil {
		return err, errors.New("no XDP program can be attached that steers frames to the socket")
	}
	defer x.Close()
	const chunks = 256 // as few as possible: locked memory has its own check
	p, err := afxdp.Open(afxdp.Config{Interface: "lo", Ifindex: index, Mode: afxdp.Copy, Chunks: chunks})
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(x.Register(0, p.Fd()), p.Close())
}

func probeTap(s *steer.Steering, index int) error {
	p, err := afpacket.Open(afpacket.Config{Ifindex: index, Interface: "lo", Filter: s.TapFilter()})
	if err != nil {
		return err
	}
	return p.Close()
}

// probeReinject tries whether frames can be reinjected into the kernel.
func probeReinject(s *steer.Steering, index int) (device, tcx error) {
	d, err := reinject.Open(index, 1)
	if err != nil {
		return err, s.AttachDrop(index)
	}
	defer d.Close()
	return nil, s.AttachReinject(d.Index(), index, steer.GenericXDP)
}
