package doctor

import (
	"math"

	"director/host/plan"
)

// checkHost checks the kernel, the privileges, and the requirements of BPF programs and
// sockets.
func checkHost(f *Facts, r *recorder) {
	if text := f.Host.KernelErr; text != "" {
		detail, remedy := remedied(text)
		r.add(Fail, "kernel", remedy, "%s", detail)
	} else {
		r.ok("kernel", "Linux %s", f.Host.Release)
	}
	if text := f.Host.PrivilegeErr; text != "" {
		detail, remedy := remedied(text)
		r.add(Fail, "privileges", remedy, "%s", detail)
	} else {
		r.ok("privileges", "CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON")
	}
	checkMemlock(f, r)
	checkSandbox(f, r)
	for _, p := range f.Host.Probes {
		checkProbe(f, r, p)
	}
}

// lockedBytes returns the memory that AF_XDP would lock for all queues.
func (f *Facts) lockedBytes() uint64 {
	var n uint64
	for _, i := range f.Interfaces {
		n += uint64(len(i.Served)) * f.UMEM
	}
	return n
}

// memlockShort reports whether the kernel would refuse some of that memory.
func (f *Facts) memlockShort() bool { return !f.Host.IPCLock && f.Host.Memlock < f.lockedBytes() }

const mib = 1 << 20

func checkMemlock(f *Facts, r *recorder) {
	const remedy = "LimitMEMLOCK=infinity in the unit file, or: prlimit --pid $$ --memlock=unlimited"
	switch {
	case !f.allows(plan.NativeXDP, plan.GenericXDP):
		r.ok("memlock", "not needed: AF_PACKET locks no memory")
	case f.Host.IPCLock:
		r.ok("memlock", "not limited, because the process has CAP_IPC_LOCK")
	case f.memlockShort() && f.allows(plan.Packet):
		r.add(Warn, "memlock", remedy, "limited to %d MiB, but AF_XDP needs %d MiB: AF_PACKET will serve one or more interfaces",
			f.Host.Memlock/mib, f.lockedBytes()/mib)
	case f.memlockShort():
		r.add(Fail, "memlock", remedy, "limited to %d MiB, but AF_XDP needs %d MiB", f.Host.Memlock/mib, f.lockedBytes()/mib)
	case f.Host.Memlock == math.MaxUint64:
		r.ok("memlock", "not limited")
	default:
		r.ok("memlock", "limited to %d MiB, AF_XDP needs %d MiB", f.Host.Memlock/mib, f.lockedBytes()/mib)
	}
}

// purposes says what a successful probe has shown.
var purposes = map[string]string{
	ProbeBPF:   "the steering programs load",
	ProbeXDP:   "an XDP program attaches, in generic mode",
	ProbeAFXDP: "an AF_XDP socket opens",
	ProbeTap:   "a packet socket opens",
	ProbeTun:   "frames can be reinjected into the kernel by /dev/net/tun",
	ProbeTCX:   "tcx programs attach",
}

// probeRemedies says what is missing if a probe fails although the privileges are
// sufficient.
var probeRemedies = map[string]string{
	ProbeBPF:   "a kernel with CONFIG_BPF_SYSCALL=y, and a unit whose SystemCallFilter= allows bpf",
	ProbeXDP:   "a kernel with CONFIG_BPF_SYSCALL=y, or --io=packet",
	ProbeAFXDP: "a kernel with CONFIG_XDP_SOCKETS=y and AF_XDP in RestrictAddressFamilies=, or --io=packet",
	ProbeTap:   "modprobe af_packet; AF_PACKET in RestrictAddressFamilies=",
	ProbeTun:   "modprobe tun; chmod 0666 /dev/net/tun; DeviceAllow=/dev/net/tun rw in the unit file",
	ProbeTCX:   "a kernel with CONFIG_NET_XGRESS=y (Linux 6.6)",
}

func checkProbe(f *Facts, r *recorder, p Probe) {
	switch {
	case p.Skipped != "":
		r.unchecked(p.Name, p.Skipped, "")
	case p.Err == "":
		r.ok(p.Name, "%s", purposes[p.Name])
	default:
		level := Fail
		switch p.Name {
		case ProbeXDP, ProbeAFXDP:
			level = spare(f, plan.Packet)
		case ProbeTap:
			level = spare(f, plan.NativeXDP, plan.GenericXDP)
		}
		r.add(level, p.Name, probeRemedies[p.Name], "%s", p.Err)
	}
}

// spare returns the level of a kind of I/O that does not work: Warn if one of the other
// kinds can replace it, else Fail.
func spare(f *Facts, kinds ...plan.Kind) Level {
	if f.allows(kinds...) {
		return Warn
	}
	return Fail
}
