package nic_test

import (
	"testing"

	"director/host/nic"
	"director/internal/nettest"
)

func open(t *testing.T) *nic.Control {
	t.Helper()
	c, err := nic.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestControl_CountsQueues(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "one", peer, "one", 1)
	n.Wire(t, "three", peer, "three", 3)
	c := open(t)
	for name, want := range map[string]int{"lo": 1, "one": 1, "three": 3} {
		if got, err := c.Queues(name); err != nil || got != want {
			t.Errorf("Queues(%s) = %d, %v; want %d", name, got, err, want)
		}
	}
	if dev, err := c.Device("three"); err != nil || dev != "" {
		t.Errorf("Device(three) = %q, %v; want none, it is a veth", dev, err)
	}
	if _, err := c.Queues("none"); err == nil {
		t.Error("an interface that is not there has queues")
	}
	peer.Do(t, func() error { // on a thread in another namespace, the calls still use ours
		if got, err := c.Queues("three"); err != nil || got != 3 {
			t.Errorf("from another namespace: Queues(three) = %d, %v; want 3", got, err)
		}
		return nil
	})
}

func TestSpread_IsEmptyWithoutRSS(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 2)
	c := open(t)
	if table, err := c.Spread("eth0"); err != nil || len(table) != 0 {
		t.Errorf("of a veth: %v, %v; want neither a table nor an error", table, err)
	}
	if _, err := c.Spread("none"); err == nil {
		t.Error("an interface that is not there has an indirection table")
	}
}

func TestFeatures_TellsWhatIsOnAndWhatCannotBeSwitched(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 2)
	c := open(t)
	f, err := c.Features("eth0")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]nic.Feature{ // some features of a new veth
		"rx-gro": {}, "tx-checksum-ip-generic": {On: true}, "rx-gro-hw": {Fixed: true}, "rx-lro": {Fixed: true},
	} {
		if got := f[name]; got != want {
			t.Errorf("%s of a veth: %+v, want %+v", name, got, want)
		}
	}
	if driver, err := c.Driver("eth0"); err != nil || driver != "veth" {
		t.Errorf("Driver = %q, %v; want veth", driver, err)
	}
	if most, err := c.MaxQueues("eth0"); err != nil || most != 2 {
		t.Errorf("MaxQueues = %d, %v; want 2", most, err)
	}
}

func TestXDPFeatures_TellsNativeFromGeneric(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	end, _ := n.Wire(t, "eth0", peer, "eth0", 1)
	lo := n.Link(t, "lo").Attrs().Index
	for index, want := range map[int]nic.XDPFeature{end.Index: nic.XDPBasic | nic.XDPRedirect, lo: 0} {
		got, err := nic.XDPFeatures(index)
		if err != nil || got&(nic.XDPBasic|nic.XDPRedirect|nic.XDPZeroCopy) != want {
			t.Errorf("XDPFeatures(%d) = %#x, %v; want %#x among them and nothing else that matters", index, got, err, want)
		}
	}
	if _, err := nic.XDPFeatures(1 << 20); err == nil {
		t.Error("an interface that is not there has XDP features")
	}
}
