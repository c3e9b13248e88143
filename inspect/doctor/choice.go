package doctor

import (
	"fmt"
	"strings"

	"director/internal/ranges"
)

// choice is what run would make of an interface.
type choice struct {
	rung    *Rung // nil if nothing works
	kind    Kind  // of the rung; that of the ladder's end if there is none
	mode    string
	refused []string // the better ones, and why
}

// choose goes down the ladder as run does, by what is known beforehand.
func choose(f *Facts, i *Interface) choice {
	c := choice{kind: Packet}
	for n := range f.Ladder {
		r := &f.Ladder[n]
		why := refusal(f, i, r)
		if why == "" {
			c.rung, c.kind = r, r.Kind
			switch {
			case r.Kind == Packet:
			case r.Kind == NativeXDP && i.ZeroCopy && r.Mode != "copy":
				c.mode = "zero-copy"
			default:
				c.mode = "copy"
			}
			return c
		}
		c.kind = r.Kind
		c.refused = append(c.refused, r.Name+": "+why)
	}
	return c
}

// refusal says why a way of opening an interface would not work, nothing if it
// should.
func refusal(f *Facts, i *Interface, r *Rung) string {
	known := i.XDPErr == ""
	switch {
	case r.Kind == Packet && f.Host.failed(ProbeTap):
		return "packet sockets do not work here"
	case r.Kind == Packet:
		return ""
	case f.Host.failed(ProbeXDP) || f.Host.failed(ProbeAFXDP):
		return "AF_XDP does not work here"
	case f.memlockRefuses(i.Name):
		return "too little locked memory"
	case i.OtherXDP && i.ServedBy == "":
		return "another XDP program is attached"
	case r.Kind == NativeXDP && known && !i.Native:
		return "the driver has no native XDP"
	case r.Kind == NativeXDP && known && r.Mode == "zero-copy" && !i.ZeroCopy:
		return "the driver has no zero-copy"
	case r.Kind == NativeXDP && i.Offloads["rx-gro-hw"] == Offload{On: true, Fixed: true}:
		return "the driver cannot switch rx-gro-hw off" // virtnet_xdp_set in drivers/net/virtio_net.c
	}
	return ""
}

// plan is what run would do with the interfaces that are there.
func plan(f *Facts) Plan {
	p := Plan{Workers: len(f.CPU.Assigned), CPUs: f.CPU.Assigned, Interfaces: []InterfacePlan{}}
	if p.CPUs == nil {
		p.CPUs = []int{}
	}
	for n := range f.Interfaces {
		i := &f.Interfaces[n]
		if i.Missing != "" {
			continue
		}
		c := choose(f, i)
		ip := InterfacePlan{Name: i.Name, Mode: c.mode, Queues: i.Served, refused: c.refused,
			unsure: i.XDPErr != "" && c.mode != ""}
		if c.rung != nil {
			ip.IO = c.rung.Name
		}
		p.Interfaces = append(p.Interfaces, ip)
	}
	return p
}

// checkRun says what run would choose.
func checkRun(f *Facts, r *recorder) {
	for _, text := range f.FlagErrors {
		r.add(Fail, "flags", "ip link show", "%s", text)
	}
	for _, p := range plan(f).Interfaces {
		r.iface = p.Name
		what := fmt.Sprintf("queues %s by %s", ranges.Format(p.Queues), p.IO)
		if p.Mode != "" {
			what += ", " + p.Mode
		}
		switch {
		case p.IO == "":
			r.add(Fail, "io", "--io=auto", "no way of opening it works: %s", strings.Join(p.refused, "; "))
		case p.unsure:
			r.add(Note, "io", "", "%s, if the driver can", what)
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
