package doctor

import (
	"fmt"
	"strings"
)

// checkEndpoints checks what run opens for its clients: the HTTP listener, the control
// socket and the state file.
func checkEndpoints(f *Facts, r *recorder) {
	for _, e := range []struct{ check, value, err, remedy string }{
		{"http", f.Config.HTTP, f.Endpoints.HTTPErr, "--http=ADDRESS:PORT, or --http= for none"},
		{"control", f.Config.Control, f.Endpoints.ControlErr, "--control=PATH"},
		{"state", f.Config.State, f.Endpoints.StateErr, "--state=FILE in a directory that this user may write to"},
	} {
		switch {
		case e.value == "":
		case e.err != "":
			detail, remedy := e.err, e.remedy
			if e.check != "control" {
				if d, said := remedied(e.err); said != "" {
					detail, remedy = d, said
				}
			}
			r.add(Fail, e.check, remedy, "%s: %s", e.value, detail)
		default:
			r.ok(e.check, "%s can be opened", e.value)
		}
	}
}

// checkKernelIPVS looks for services of the kernel's own IPVS. They work as long as no
// director has the same service. Somebody who looks for them with the director's ipvsadm
// does not see them.
func checkKernelIPVS(f *Facts, r *recorder) {
	if len(f.KernelIPVS) == 0 {
		r.ok("kernel-ipvs", "the kernel's IPVS has no service")
		return
	}
	some := strings.Join(f.KernelIPVS[:min(3, len(f.KernelIPVS))], ", ")
	if more := len(f.KernelIPVS) - 3; more > 0 {
		some += fmt.Sprintf(" and %d more", more)
	}
	r.add(Warn, "kernel-ipvs", "docs/migration.md; ipvsadm -C with the kernel's ipvsadm, or: rmmod ip_vs",
		"the kernel's IPVS has services: %s; the director gets the packets of those that it has too", some)
}

// checkInitScript looks for the init script of the package ipvsadm. At each boot and
// shutdown it clears the rules of whatever is ipvsadm then.
func checkInitScript(f *Facts, r *recorder) {
	if f.InitScript == "" {
		return
	}
	r.add(Warn, "ipvsadm-script", "update-rc.d ipvsadm disable, or: apt-get purge ipvsadm",
		"%s: with AUTO=true in /etc/default/ipvsadm the init script of the package ipvsadm replaces the director's rules at each boot and clears them at each shutdown", f.InitScript)
}

// checkSandbox says what confines the director when it forwards.
func checkSandbox(f *Facts, r *recorder) {
	var has, lacks []string
	for _, c := range []struct {
		name string
		ok   bool
	}{{"seccomp", f.Host.Sandbox.Seccomp}, {"Landlock", f.Host.Sandbox.Landlock > 0}} {
		if c.ok {
			has = append(has, c.name)
		} else {
			lacks = append(lacks, c.name)
		}
	}
	switch {
	case !f.Config.Sandbox:
		r.add(Note, "sandbox", "--sandbox", "switched off by --sandbox=false")
	case lacks != nil:
		r.add(Note, "sandbox", "a kernel with CONFIG_SECCOMP_FILTER=y, CONFIG_SECURITY_LANDLOCK=y and landlock in lsm=",
			"run cannot confine itself by %s here", strings.Join(lacks, " and "))
	default:
		r.ok("sandbox", "run confines itself by %s when it forwards", strings.Join(has, " and "))
	}
	for _, i := range f.Interfaces {
		switch {
		case i.ServedBy == "":
		case i.Confined:
			r.ok("sandbox", "%s, which serves %s, is confined", i.ServedBy, i.Name)
		default:
			r.add(Note, "sandbox", "--sandbox", "%s, which serves %s, is not confined by seccomp", i.ServedBy, i.Name)
		}
	}
}
