package steer

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Steering is the loaded programs and their maps, shared by all interfaces.
// One goroutine uses it.
type Steering struct {
	programs programs
	services table[endpoint, present]
	prefixes table[prefix, present]
	reals    table[endpoint, present]
	tunnels  table[address, present]
	locals   table[address, standing]
	macs     table[uint32, mac]
	attached []io.Closer
	veil     veil // nil without PrepareVeil
}

// programs is what all interfaces share; the XDP and give-back programs are
// loaded once for each.
type programs struct {
	skbMaps
	Drop *ebpf.Program `ebpf:"drop"`
	Tap  *ebpf.Program `ebpf:"tap"`
	Turn *ebpf.Program `ebpf:"turn"`
}

// Load loads the programs with empty maps: nothing is the director's yet.
func Load() (*Steering, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, explain("raise the limit of locked memory", err)
	}
	s := &Steering{}
	if err := loadSkbObjects(&s.programs, nil); err != nil {
		return nil, explain("load the steering programs", err)
	}
	m := &s.programs.skbMaps
	s.services = newTable[endpoint, present]("services", m.Services)
	s.prefixes = newTable[prefix, present]("prefixes", m.Prefixes)
	s.reals = newTable[endpoint, present]("real servers", m.Reals)
	s.tunnels = newTable[address, present]("tunnels", m.Tunnels)
	s.locals = newTable[address, standing]("local addresses", m.Locals)
	s.macs = newTable[uint32, mac]("interfaces", m.Macs)
	return s, nil
}

// Update makes set what is the director's. What is new is added before what is
// gone is removed, and no program sees the one without the other, so a changing
// set never has a gap; and the host's own addresses come first and go last, lest
// the host miss a frame. After an error some of the changes are made; calling
// Update again makes the rest. Removing may take some 10 milliseconds.
func (s *Steering) Update(set Set) error {
	c := set.contents()
	if err := inOrder(
		func() error { return s.locals.add(c.locals) },
		func() error { return s.services.add(c.services) },
		func() error { return s.prefixes.add(c.prefixes) },
		func() error { return s.reals.add(c.reals) },
		func() error { return s.tunnels.add(c.tunnels) },
		func() error { return s.macs.add(c.macs) },
	); err != nil {
		return err
	}
	if s.services.exceeds(c.services) || s.prefixes.exceeds(c.prefixes) || s.reals.exceeds(c.reals) {
		settle()
	}
	return inOrder(
		func() error { return s.macs.prune(c.macs) },
		func() error { return s.tunnels.prune(c.tunnels) },
		func() error { return s.reals.prune(c.reals) },
		func() error { return s.prefixes.prune(c.prefixes) },
		func() error { return s.services.prune(c.services) },
		func() error { return s.locals.prune(c.locals) },
	)
}

// TapFilter is the descriptor of the program for SO_ATTACH_BPF that lets a
// packet socket see only the director's frames. It stays Steering's.
func (s *Steering) TapFilter() int { return s.programs.Tap.FD() }

// Close detaches everything that is still attached and unloads the programs.
func (s *Steering) Close() error {
	var errs []error
	for _, a := range s.attached {
		errs = append(errs, a.Close())
	}
	s.attached = nil
	p := &s.programs
	errs = append(errs, p.Drop.Close(), p.Tap.Close(), p.Turn.Close(), s.veil.Program.Close(), p.skbMaps.Close())
	return errors.Join(errs...)
}

// inOrder takes steps until one fails, and returns its error.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until every run of a program that began before has ended: one
// that looked for an endpoint in one map before it was added there must not
// look for it in another after it was removed there. The kernel answers after an
// RCU grace period (kernel/sched/membarrier.c). With nohz_full it refuses; then
// there is a gap for a run that is interrupted between the two, and no other.
func settle() {
	const global = 1 // linux/membarrier.h, MEMBARRIER_CMD_GLOBAL
	_, _, _ = unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0)
}

// explain adds the remedy to an error whose cause is a missing privilege.
func explain(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%s: run as root or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
