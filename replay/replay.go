// Package replay sends captured frames through the director's pipeline under a
// virtual clock. There is no kernel: the host is described by flags. The same
// capture and flags give the same frames, byte for byte, on any machine.
//
// The clock shows the time stamp of the frame in hand. At each instant the
// connections whose time is up end first, exactly at their deadline; then come
// the frames, in the order of the capture. Frames of one instant make a batch
// as long as they follow one another on one interface and belong to one worker.
package replay

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"director/config"
	"director/conntrack"
	"director/dataplane"
	"director/dataplane/memport"
	"director/packet"
	"director/replay/pcap"
)

// holdTime is longer than a worker keeps a frame whose next hop is not known.
const holdTime = 2 * time.Second

// tableSeed is the secret of the connection table, which here is none. The hash
// multiplies by it, so it must look random: the first digits of pi.
var tableSeed = [3]uint64{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0}

// ErrInput is matched by errors of the capture: exit code 2. Other errors mean
// that the outcome could not be written, or that this machine is too small.
var ErrInput = errors.New("the capture cannot be replayed")

type inputError struct{ error }

func (e inputError) Is(target error) bool { return target == ErrInput }
func (e inputError) Unwrap() error        { return e.error }

// Files are where frames come from and go to, as pcapng. HostOut may be nil.
type Files struct {
	In           io.Reader
	Out, HostOut io.Writer
}

// player is a replay in progress.
type player struct {
	shared  dataplane.Shared
	clock   memport.Clock
	arms    []*arm // by their number
	workers []*dataplane.Worker

	out, hostOut *pcap.Writer
	now          int64 // the instant in hand, nanoseconds since 1970
	summary      *Summary

	// The batch in the making: frames of the instant for one worker, that
	// arrived by one interface.
	arm, worker, pushed int
}

// arm is one interface of the director, with a port for each worker.
type arm struct {
	name        string
	mac         packet.MAC
	ports, host []*memport.Port
}

// Run replays a capture through a director with the rules and flags of c, on
// the host that r describes.
func Run(c *config.Config, r *config.Replay, files Files) (*Summary, error) {
	p, err := newPlayer(c, r)
	if err != nil {
		return nil, err
	}
	defer p.shared.Conns.Close()
	if files.HostOut == nil {
		files.HostOut = io.Discard
	}
	const application = "director replay"
	p.out = pcap.NewWriter(files.Out, application, c.Interfaces...)
	p.hostOut = pcap.NewWriter(files.HostOut, application, c.Interfaces...)
	if err := p.play(files.In, c.Interfaces[0]); err != nil {
		return nil, err
	}
	if err := errors.Join(p.out.Flush(), p.hostOut.Flush()); err != nil {
		return nil, fmt.Errorf("write frames: %w", err)
	}
	p.count()
	return p.summary, nil
}

func newPlayer(c *config.Config, r *config.Replay) (*player, error) {
	view, err := newView(c, r)
	if err != nil {
		return nil, err
	}
	p := &player{summary: newSummary(c.Interfaces)}
	if p.shared.Conns, err = conntrack.NewSeeded(c.ConnTableSize, tableSeed); err != nil {
		return nil, err
	}
	p.shared.View.Store(view)
	p.shared.Clock = p.clock.Now
	p.shared.Resolver = nobody{}
	arms := make([]dataplane.Arm, len(c.Interfaces))
	for i, link := range view.Hops.Arms() {
		a := &arm{name: link.Name, mac: link.MAC}
		for range r.Workers {
			port, host := memport.New(), memport.New()
			a.ports, a.host = append(a.ports, port), append(a.host, host)
			arms[i].Queues, arms[i].Hosts = append(arms[i].Queues, port), append(arms[i].Hosts, host)
		}
		p.arms = append(p.arms, a)
	}
	waiters := make([]dataplane.Waiter, r.Workers)
	for i := range waiters {
		waiters[i] = memport.NewWaiter()
	}
	if p.workers, err = dataplane.NewWorkers(&p.shared, arms, waiters); err != nil {
		p.shared.Conns.Close()
		return nil, err
	}
	return p, nil
}

// nobody answers for no neighbour: those that exist are described.
type nobody struct{}

func (nobody) Want(packet.Addr, uint8) {}

// play takes every frame of the capture through the pipeline. Frames whose
// interface is not named are those of the interface first.
func (p *player) play(in io.Reader, first string) error {
	capture, err := pcap.NewReader(in)
	if err != nil {
		return inputError{err}
	}
	for number := 1; ; number++ {
		f, err := capture.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if f.Interface == "" {
			f.Interface = first
		}
		if err == nil {
			err = p.check(&f, number == 1)
		}
		if err != nil {
			return inputError{fmt.Errorf("frame %d: %w", number, err)}
		}
		if number == 1 {
			p.now = f.Time
		}
		if err := p.take(&f); err != nil {
			return err
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	// What still waits for a neighbour waits in vain.
	p.advance(p.now + int64(holdTime))
	return nil
}

// check refuses a frame that cannot be replayed.
func (p *player) check(f *pcap.Frame, first bool) error {
	switch {
	case !first && f.Time < p.now:
		return fmt.Errorf("it is older than the frame before it by %v: sort the capture with reordercap", time.Duration(p.now-f.Time))
	case len(f.Data) < f.Length:
		return fmt.Errorf("the capture holds %d of its %d bytes: capture whole frames (tcpdump -s 0)", len(f.Data), f.Length)
	case len(f.Data) > packet.MaxFrame && p.armOf(f.Interface) >= 0:
		return fmt.Errorf("%d bytes are more than a frame has (%d): capture with GRO and LRO switched off", len(f.Data), packet.MaxFrame)
	}
	return nil
}

func (p *player) armOf(name string) int {
	return slices.IndexFunc(p.arms, func(a *arm) bool { return a.name == name })
}

// take adds a frame to the batch in hand, which ends where the frame does not
// belong to it.
func (p *player) take(f *pcap.Frame) error {
	at := p.armOf(f.Interface)
	worker := workerOf(f.Data, len(p.workers))
	if f.Time != p.now || at != p.arm || worker != p.worker || p.pushed == packet.BatchSize {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if f.Time != p.now {
		p.advance(f.Time)
	}
	switch {
	case at < 0:
		p.summary.receive(f.Interface)
		p.leave(f)
	case sentBy(f.Data) == p.arms[at].mac:
		p.summary.Skipped++
	default:
		p.summary.receive(f.Interface)
		p.arms[at].ports[worker].Push(f.Data)
		p.arm, p.worker = at, worker
		p.pushed++
	}
	return nil
}

// sentBy returns the source address of an Ethernet frame.
func sentBy(frame []byte) (mac packet.MAC) {
	if len(frame) >= packet.EthLen {
		mac = packet.MAC(frame[6:12])
	}
	return mac
}

// advance moves the clock to an instant and ends what is due until then.
func (p *player) advance(to int64) {
	p.clock.Advance(time.Duration(to - p.now))
	p.now = to
	for _, w := range p.workers {
		w.ExpireAll()
	}
}

// flush takes the batch in hand through the pipeline.
func (p *player) flush() error {
	if p.pushed == 0 {
		return nil
	}
	p.pushed = 0
	if _, err := p.workers[p.worker].Step(); err != nil {
		return err
	}
	for _, a := range p.arms {
		for _, data := range a.ports[p.worker].Take() {
			p.summary.send(a.name)
			p.out.Write(&pcap.Frame{Interface: a.name, Time: p.now, Data: data, Length: len(data)})
		}
		for _, data := range a.host[p.worker].Take() {
			p.leave(&pcap.Frame{Interface: a.name, Time: p.now, Data: data, Length: len(data)})
		}
	}
	return nil
}

// leave hands a frame to the kernel.
func (p *player) leave(f *pcap.Frame) {
	p.summary.leave(f.Interface)
	p.hostOut.Write(f)
}

// count adds what the workers dropped to the summary.
func (p *player) count() {
	for _, w := range p.workers {
		for reason, n := range w.Counts().Drops {
			p.summary.drop(packet.Reason(reason), n)
		}
	}
}
