package irq_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/host/irq"
)

// interrupts is the file of a machine with these interfaces: eth0 is an ixgbe with two
// queues, eth1 a virtio-net (device virtio2), eth2 an mlx5, eth10 a NIC with a single
// interrupt, and veth0 a veth.
const interrupts = `           CPU0       CPU1
  8:          0          0   IO-APIC   8-edge      rtc0
 24:          1          0   PCI-MSIX-0000:01:00.0   0-edge      eth0-TxRx-0
 25:          0          1   PCI-MSIX-0000:01:00.0   1-edge      eth0-TxRx-1
 26:          0          1   PCI-MSIX-0000:01:00.0   2-edge      eth0
 37:          0          0   PCI-MSIX-0000:00:03.0   0-edge      virtio2-config
 38:          0       8821   PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0
 39:       8605          0   PCI-MSIX-0000:00:03.0   2-edge      virtio2-output.0
 50:          0          0   PCI-MSIX-0000:02:00.0   0-edge      mlx5_async0@pci:0000:02:00.0
 51:          0          0   PCI-MSIX-0000:02:00.0   1-edge      mlx5_comp0@pci:0000:02:00.0
 52:          0          0   PCI-MSIX-0000:02:00.0   2-edge      mlx5_comp1@pci:0000:02:00.0
 60:          0          0   GICv3 77 Level     eth10-Tx-Rx-0
NMI:          0          0   Non-maskable interrupts
`

// The devices that the interfaces belong to.
const (
	eth0  = "pci/0000:01:00.0"
	eth1  = "virtio/virtio2"
	eth2  = "pci/0000:02:00.0"
	eth10 = "platform/soc"
)

// machine lays out the files of that machine and returns their root.
func machine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("proc/interrupts", interrupts)
	for _, n := range []int{24, 25, 26, 37, 38, 39, 50, 51, 52, 60} {
		write("proc/irq/"+strconv.Itoa(n)+"/smp_affinity_list", "0-1\n")
	}
	for link, dev := range map[string]string{
		eth0: "01:00.0", eth1: "03:00.0/virtio2", eth2: "02:00.0", eth10: "soc",
	} {
		write(filepath.Join("sys/devices", dev, "vendor"), "")
		link = strings.Replace(link, "/", "/devices/", 1)
		if err := os.MkdirAll(filepath.Join(root, "sys/bus", filepath.Dir(link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("../../../devices", dev), filepath.Join(root, "sys/bus", link)); err != nil {
			t.Fatal(err)
		}
	}
	for dev, irqs := range map[string][]string{
		"01:00.0": {"24", "25", "26"}, "03:00.0": {"37", "38", "39"}, "02:00.0": {"50", "51", "52"},
	} {
		for _, n := range irqs {
			write(filepath.Join("sys/devices", dev, "msi_irqs", n), "msix\n")
		}
	}
	return root
}

func affinity(t *testing.T, root string, n int) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "proc/irq", strconv.Itoa(n), "smp_affinity_list"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPins_MovesReceiveInterruptsAndBack(t *testing.T) {
	root := machine(t)
	p := irq.New(root)
	for _, c := range []struct {
		ifname, device string
		queue, cpu     int
		want           int
	}{
		{"eth0", eth0, 0, 1, 24}, {"eth0", eth0, 1, 0, 25}, {"eth1", eth1, 0, 1, 38},
		{"eth2", eth2, 0, 1, 51}, {"eth2", eth2, 1, 0, 52}, {"eth10", eth10, 0, 1, 60},
		{"eth0", eth0, 0, 3, 24}, // a second move must keep the original CPUs
	} {
		got, err := p.Pin(c.ifname, c.device, c.queue, c.cpu)
		if d := cmp.Diff([]int{c.want}, got); err != nil || d != "" {
			t.Errorf("Pin(%s, %d): %v (-want +got):\n%s", c.ifname, c.queue, err, d)
		}
		if got := affinity(t, root, c.want); got[:1] != strconv.Itoa(c.cpu) {
			t.Errorf("interrupt %d is on %q, want CPU %d", c.want, got, c.cpu)
		}
	}
	for _, n := range []int{26, 37, 39, 50} {
		if got := affinity(t, root, n); got != "0-1\n" {
			t.Errorf("interrupt %d was moved to %q", n, got)
		}
	}
	if err := p.Restore(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{24, 25, 38, 51, 52, 60} {
		if got := affinity(t, root, n); got != "0-1\n" {
			t.Errorf("interrupt %d is on %q after Restore, want 0-1", n, got)
		}
	}
}

func TestPins_SaysWhenThereIsNothingToPin(t *testing.T) {
	p := irq.New(machine(t))
	if _, err := p.Pin("veth0", "", 0, 1); !errors.Is(err, irq.ErrNone) {
		t.Errorf("veth0: %v, want ErrNone", err)
	}
	if _, err := p.Pin("eth11", eth10, 0, 1); !errors.Is(err, irq.ErrNone) {
		t.Errorf("eth11, whose name is in no interrupt's: %v, want ErrNone", err)
	}
	if _, err := p.Pin("eth0", eth0, 7, 1); err == nil || errors.Is(err, irq.ErrNone) {
		t.Errorf("eth0 queue 7: %v, want an error that is not ErrNone", err)
	}
}
