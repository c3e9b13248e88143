package steer

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"director/packet"
)

// Steering is the loaded programs and their maps, shared by all interfaces.
// One goroutine uses it.
type Steering struct {
	programs programs
	services table[endpoint, present]
	prefixes table[prefix, present]
	reals    counted[Endpoint, endpoint]
	tunnels  counted[packet.Addr, address]
	locals   table[address, standing]
	macs     table[uint32, mac]
	attached []io.Closer
	blackout blackout // empty until PrepareBlackout
}

// programs holds the programs and maps that all interfaces share. The XDP and
// reinject programs are loaded once for each interface.
type programs struct {
	skbMaps
	Drop *ebpf.Program `ebpf:"drop"`
	Tap  *ebpf.Program `ebpf:"tap"`
	Turn *ebpf.Program `ebpf:"turn"`
}

// Load loads the programs with empty maps, so no frame belongs to the director yet.
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
	s.reals = newCounted("real servers", m.Reals, Endpoint.keys)
	s.tunnels = newCounted("tunnels", m.Tunnels, func(a packet.Addr) []address { return []address{addressOf(a)} })
	s.locals = newTable[address, standing]("local addresses", m.Locals)
	s.macs = newTable[uint32, mac]("interfaces", m.Macs)
	return s, nil
}

// Update makes set the description of the director's frames. It adds new entries
// first. Then it waits for the program runs that started before, and removes the old
// entries. So a frame that both the old and the new set claim is always claimed. The
// host's own addresses are added first and removed last, so that the host misses no
// frame. After an error some of the changes are made; calling Update again makes the
// others. If entries are removed, Update may take about 10 milliseconds.
func (s *Steering) Update(set Set) error {
	c := set.contents()
	s.reals.change(set.Reals)
	s.tunnels.change(set.Tunnels)
	if err := inOrder(
		func() error { return s.locals.add(c.locals) },
		func() error { return s.services.add(c.services) },
		func() error { return s.prefixes.add(c.prefixes) },
		func() error { return s.reals.add() },
		func() error { return s.tunnels.add() },
		func() error { return s.macs.add(c.macs) },
	); err != nil {
		return err
	}
	if s.services.exceeds(c.services) || s.prefixes.exceeds(c.prefixes) || s.reals.exceeds() {
		settle()
	}
	return inOrder(
		func() error { return s.macs.prune(c.macs) },
		func() error { return s.tunnels.prune() },
		func() error { return s.reals.prune() },
		func() error { return s.prefixes.prune(c.prefixes) },
		func() error { return s.services.prune(c.services) },
		func() error { return s.locals.prune(c.locals) },
	)
}

// TapFilter returns the descriptor of the program for SO_ATTACH_BPF by which a
// packet socket sees only the director's frames. Steering still owns it.
func (s *Steering) TapFilter() int { return s.programs.Tap.FD() }

// Close detaches all programs that are still attached and unloads them.
func (s *Steering) Close() error {
	var errs []error
	for _, a := range s.attached {
		errs = append(errs, a.Close())
	}
	s.attached = nil
	p := &s.programs
	errs = append(errs, p.Drop.Close(), p.Tap.Close(), p.Turn.Close(), s.blackout.Program.Close(), p.skbMaps.Close())
	return errors.Join(errs...)
}

// inOrder runs the steps until one fails, and returns its error.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until every program run that started earlier has ended. Otherwise
// a run could look for an endpoint in one map before it was added there, and in
// another map after it was removed there. The kernel returns after an RCU grace
// period (kernel/sched/membarrier.c). With nohz_full it refuses. Then only a run
// that is interrupted between these two lookups can miss the endpoint.
func settle() {
	const global = 1 // linux/membarrier.h, MEMBARRIER_CMD_GLOBAL
	_, _, _ = unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0)
}

// explain adds a remedy to an error that is caused by a missing privilege.
func explain(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%s: run as root or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
