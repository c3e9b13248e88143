package doctor

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"director/control/api"
	"director/control/config"
	"director/control/state"
	"director/host"
	"director/host/privilege"
)

// gatherEndpoints tries to open what run opens, and closes it again.
func gatherEndpoints(c *config.Config) (e Endpoints) {
	if c.HTTP != "" {
		l, err := host.ListenTCP(c.HTTP)
		if err == nil {
			err = l.Close()
		}
		e.HTTPErr = text(err)
	}
	if c.Control != "" {
		e.ControlErr = text(api.Check(c.Control))
	}
	if c.State != "" {
		e.StateErr = text(checkState(c.State))
	}
	return e
}

// checkState checks the files of --state as run does.
func checkState(path string) error {
	f, err := state.OpenFiles(path)
	if err != nil {
		return err
	}
	if err = privilege.Later(f.Check); err == nil {
		err = f.Locked()
	}
	return errors.Join(err, f.Close())
}

// confined reports whether a process filters its system calls. by names the process, as
// host.ServedBy does.
func (f tree) confined(by string) bool {
	pid := regexp.MustCompile(`\d+`).FindString(by)
	return pid != "" && regexp.MustCompile(`(?m)^Seccomp:\s+2$`).MatchString(f.read(filepath.Join("proc", pid, "status")))
}

// kernelServices reads /proc/net/ip_vs (ip_vs_info_seq_show in the kernel's ip_vs_ctl.c).
// The file does not exist while the kernel's IPVS is not loaded.
func kernelServices(text string) (services []string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		switch words[0] {
		case "TCP", "UDP", "SCTP":
			services = append(services, words[0]+" "+kernelEndpoint(words[1]))
		case "FWM":
			if mark, err := strconv.ParseUint(words[1], 16, 32); err == nil {
				services = append(services, "FWM "+strconv.FormatUint(mark, 10))
			}
		}
	}
	return services
}

// kernelEndpoint reads an address and port, such as C000020A:0050 or [2001:db8::a]:0050.
func kernelEndpoint(s string) string {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s
	}
	port, err := strconv.ParseUint(s[i+1:], 16, 16)
	address := strings.Trim(s[:i], "[]")
	if raw, failed := hex.DecodeString(address); failed == nil && len(raw) == 4 {
		address = netip.AddrFrom4([4]byte(raw)).String()
	}
	a, failed := netip.ParseAddr(address)
	if err != nil || failed != nil {
		return s
	}
	return netip.AddrPortFrom(a, uint16(port)).String()
}
