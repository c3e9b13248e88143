package plan_test

import (
	"testing"

	"director/host/plan"
)

func TestPartialChecksums_ArriveFromStacksOfTheSameMachine(t *testing.T) {
	for _, c := range []struct {
		kind   plan.Kind
		driver string
		want   bool
	}{
		{plan.NativeXDP, "veth", true},
		{plan.NativeXDP, "bonding", true},
		{plan.NativeXDP, "tun", true},
		{plan.NativeXDP, "", true},
		{plan.NativeXDP, "ixgbe", false},
		{plan.NativeXDP, "virtio_net", false},
		{plan.GenericXDP, "ixgbe", true},
		{plan.Packet, "veth", false},
	} {
		if got := plan.PartialChecksums(c.kind, c.driver); got != c.want {
			t.Errorf("kind %d of driver %q: %v, want %v", c.kind, c.driver, got, c.want)
		}
	}
}
