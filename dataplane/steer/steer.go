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
	reals    table[endpoint, present]
	locals   table[address, present]
	macs     table[uint32, mac]
	attached []io.Closer
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
	s.reals = newTable[endpoint, present]("real servers", m.Reals)
	s.locals = newTable[address, present]("local addresses", m.Locals)
	s.macs = newTable[uint32, mac]("interfaces", m.Macs)
	return s, nil
}

// Update makes set what is the director's. What is new is added before what is
// gone is removed, so a changing set never has a gap; and a real server is
// known to the kernel only after the host's own addresses are, lest the host
// miss an answer. After an error some of the changes are made; calling Update
// again makes the rest.
func (s *Steering) Update(set Set) error {
	services, reals := endpointsOf(set.Services), endpointsOf(set.Reals)
	locals, macs := addressesOf(set.Locals), macsOf(set.MACs)
	for _, step := range []func() error{
		func() error { return s.locals.add(locals) },
		func() error { return s.services.add(services) },
		func() error { return s.reals.add(reals) },
		func() error { return s.macs.add(macs) },
		func() error { return s.macs.prune(macs) },
		func() error { return s.reals.prune(reals) },
		func() error { return s.services.prune(services) },
		func() error { return s.locals.prune(locals) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
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
	errs = append(errs, p.Drop.Close(), p.Tap.Close(), p.Turn.Close(), p.skbMaps.Close())
	return errors.Join(errs...)
}

// explain adds the remedy to an error whose cause is a missing privilege.
func explain(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%s: run as root or with CAP_BPF and CAP_NET_ADMIN: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
