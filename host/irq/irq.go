// Package irq moves the interrupts of NIC queues to the CPUs of the workers that serve
// them, and restores them. A daemon such as irqbalance may move them in between, so they
// should be banned there.
package irq

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNone is matched by the error about an interface without interrupts, such as a
// virtual one (veth). There is nothing to pin then, which is no failure.
var ErrNone = errors.New("no interrupts of its own")

// Pins remembers the interrupts that were moved, and their CPUs before. It is used by one
// goroutine.
type Pins struct {
	root  string
	moved map[int]string // previous smp_affinity_list by interrupt
}

// New returns Pins that use /proc and /sys below root. Root is "/" except in tests.
func New(root string) *Pins {
	return &Pins{root: root, moved: make(map[int]string)}
}

// Pin moves the receive interrupts of a queue to a CPU and returns their numbers. Device
// is the interface's device from nic.Control.Device. The name of the interface is not
// enough: /sys may show another network namespace with an interface of the same name.
//
// No file says directly which interrupts belong to a queue. Candidates are the device's
// message-signalled interrupts, or else those whose names contain the interface's name.
// Drivers put the queue's number at the end of an interrupt's name.
func (p *Pins) Pin(ifname, device string, queue, cpu int) ([]int, error) {
	names, err := p.candidates(ifname, device)
	if err != nil {
		return nil, err
	}
	var irqs []int
	for n, name := range names {
		if q, ok := rxQueue(name, ifname); ok && q == queue {
			if err := p.move(n, cpu); err != nil {
				return nil, err
			}
			irqs = append(irqs, n)
		}
	}
	if irqs == nil {
		return nil, fmt.Errorf("pin the interrupt of %s queue %d: none in /proc/interrupts is named after it: use --irq=leave",
			ifname, queue)
	}
	return irqs, nil
}

// Restore moves every interrupt to the CPUs that it had before. It continues after an
// error and returns all errors.
func (p *Pins) Restore() error {
	var errs []error
	for n, was := range p.moved {
		errs = append(errs, os.WriteFile(p.affinity(n), []byte(was), 0))
	}
	clear(p.moved)
	return errors.Join(errs...)
}

func (p *Pins) move(irq, cpu int) error {
	was, err := os.ReadFile(p.affinity(irq))
	if err != nil {
		return fmt.Errorf("pin interrupt %d: %w", irq, err)
	}
	err = os.WriteFile(p.affinity(irq), []byte(strconv.Itoa(cpu)), 0)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("pin interrupt %d to CPU %d: its file is root's: run as root (User=root and "+
			"ProtectKernelTunables=no in the unit file) or use --irq=leave: %w", irq, cpu, err)
	}
	if err != nil {
		return fmt.Errorf("pin interrupt %d to CPU %d (one that the kernel manages cannot be moved: use --irq=leave): %w",
			irq, cpu, err)
	}
	if _, again := p.moved[irq]; !again {
		p.moved[irq] = string(was)
	}
	return nil
}

func (p *Pins) affinity(irq int) string {
	return filepath.Join(p.root, "proc/irq", strconv.Itoa(irq), "smp_affinity_list")
}

// candidates returns the names of the interrupts that may belong to the interface, by
// number.
func (p *Pins) candidates(ifname, device string) (map[int]string, error) {
	if device == "" {
		return nil, fmt.Errorf("interface %s: %w", ifname, ErrNone)
	}
	names, err := p.names()
	if err != nil {
		return nil, err
	}
	own := p.messageSignalled(device)
	for n, name := range names {
		if own != nil && !own[n] || own == nil && !bears(name, ifname) {
			delete(names, n)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("interface %s: %w", ifname, ErrNone)
	}
	return names, nil
}

// names reads /proc/interrupts. The number is the first field of a line, the driver's
// name for the interrupt the last one.
func (p *Pins) names() (map[int]string, error) {
	text, err := os.ReadFile(filepath.Join(p.root, "proc/interrupts"))
	if err != nil {
		return nil, fmt.Errorf("find interrupts: %w", err)
	}
	names := make(map[int]string)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSuffix(fields[0], ":")); err == nil {
			names[n] = fields[len(fields)-1]
		}
	}
	return names, nil
}

// messageSignalled returns the MSI interrupts of a device, nil if it has none. Those of a
// virtio device belong to its parent, the PCI function.
func (p *Pins) messageSignalled(device string) map[int]bool {
	bus, name, _ := strings.Cut(device, "/")
	device, err := filepath.EvalSymlinks(filepath.Join(p.root, "sys/bus", bus, "devices", name))
	if err != nil {
		return nil
	}
	for _, dir := range []string{device, filepath.Dir(device)} {
		entries, err := os.ReadDir(filepath.Join(dir, "msi_irqs"))
		if err != nil {
			continue
		}
		own := make(map[int]bool, len(entries))
		for _, e := range entries {
			if n, err := strconv.Atoi(e.Name()); err == nil {
				own[n] = true
			}
		}
		return own
	}
	return nil
}
