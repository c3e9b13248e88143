package names_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"director/control/names"
	"director/packet"
)

func TestSystem_ResolvesWithoutNetwork(t *testing.T) {
	// A minimal system has no /etc/hosts, and then no names of its own.
	if hosts, _ := os.ReadFile("/etc/hosts"); strings.Contains(string(hosts), "localhost") {
		if a, err := (names.System{}).Host("localhost"); err != nil || a != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("localhost: got %v, %v, want 127.0.0.1", a, err)
		}
	}
	if p, err := (names.System{}).Port("domain", packet.ProtoUDP); err != nil || p != 53 {
		t.Errorf("domain over UDP: got %v, %v, want 53", p, err)
	}
	if _, err := os.Stat("/etc/services"); err != nil {
		return
	}
	if name := (names.System{}).PortName(53, packet.ProtoUDP); name != "domain" {
		t.Errorf("UDP port 53: got %q, want domain", name)
	}
	if name := (names.System{}).PortName(53, packet.ProtoICMP); name != "" {
		t.Errorf("port 53 of no protocol: got %q, want none", name)
	}
	if _, err := (names.System{}).Port("no-such-service", packet.ProtoSCTP); err == nil {
		t.Error("no-such-service over SCTP: got no error")
	}
}
