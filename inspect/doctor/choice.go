package doctor

import (
	"fmt"
	"math"
	"strings"

	"director/host/plan"
	"director/internal/ranges"
)

// choose predicts how run would open each interface.
func (f *Facts) choose() []plan.Choice {
	facts := plan.Facts{
		NoXDP:    f.Host.failed(ProbeXDP) || f.Host.failed(ProbeAFXDP),
		NoPacket: f.Host.failed(ProbeTap),
		Memlock:  f.Host.Memlock, UMEM: f.UMEM,
	}
	if f.Host.IPCLock {
		facts.Memlock = math.MaxUint64
	}
	for n := range f.Interfaces {
		i := &f.Interfaces[n]
		facts.Interfaces = append(facts.Interfaces, plan.Interface{
			Name: i.Name, Served: i.Served,
			Asked: i.XDPErr == "", Native: i.Native, ZeroCopy: i.ZeroCopy,
			OtherXDP: i.OtherXDP && i.ServedBy == "",
			FixedGRO: i.Offloads["rx-gro-hw"] == Offload{On: true, Fixed: true},
		})
	}
	return plan.Choose(f.Ladder, &facts)
}

// outcome is what run would do with the interfaces that are there.
func outcome(f *Facts) Plan {
	p := Plan{Workers: len(f.CPU.Assigned), CPUs: f.CPU.Assigned, Interfaces: []InterfacePlan{}}
	if p.CPUs == nil {
		p.CPUs = []int{}
	}
	choices := f.choose()
	for n := range f.Interfaces {
		i, c := &f.Interfaces[n], &choices[n]
		if i.Missing != "" {
			continue
		}
		ip := InterfacePlan{Name: i.Name, Mode: string(c.Mode), Queues: i.Served, refused: c.Refused, unsure: c.Unsure}
		if c.Rung != nil {
			ip.IO = c.Rung.Name
		}
		p.Interfaces = append(p.Interfaces, ip)
	}
	return p
}

// checkRun reports what run would choose.
func checkRun(f *Facts, r *recorder) {
	for _, text := range f.FlagErrors {
		r.add(Fail, "flags", "ip link show", "%s", text)
	}
	checkEndpoints(f, r)
	for _, p := range outcome(f).Interfaces {
		r.iface = p.Name
		what := fmt.Sprintf("queues %s by %s", ranges.Format(p.Queues), p.IO)
		if p.Mode != "" {
			what += ", " + p.Mode
		}
		switch {
		case p.IO == "":
			r.add(Fail, "io", "--io=auto", "no kind of I/O works: %s", strings.Join(p.refused, "; "))
		case p.unsure:
			r.add(Note, "io", "", "%s, if the driver supports it", what)
		case len(p.refused) > 0:
			r.add(Note, "io", "", "%s (not %s)", what, strings.Join(p.refused, "; not "))
		default:
			r.ok("io", "%s", what)
		}
	}
	r.iface = ""
	if n := len(f.CPU.Assigned); n > 0 {
		cpus := strings.Trim(fmt.Sprint(f.CPU.Assigned), "[]")
		r.ok("workers", "%d, on CPUs %s in this order", n, strings.ReplaceAll(cpus, " ", ","))
	}
}
