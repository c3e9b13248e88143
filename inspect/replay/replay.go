// Package replay sends captured frames through the director's pipeline with a virtual
// clock. There is no kernel: flags describe the host. The same capture and flags give the
// same frames, byte for byte, on any machine.
//
// The clock shows the time stamp of the current frame or line of the script, and starts
// with the first of them. At each instant, connections expire first, exactly at their
// deadline. Then comes the housekeeping, which is due at multiples of its period from the
// start, then the lines of the script, and then the frames in the order of the capture.
// Successive frames of one instant make a batch if they have the same interface and the
// same worker.
package replay

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"director/conntrack"
	"director/control"
	"director/control/config"
	"director/dataplane"
	"director/dataplane/memport"
	"director/inspect/pcap"
	"director/neigh"
	"director/packet"
	"director/service"
)

// patience is longer than the time for which a worker keeps a fragment, or a frame whose
// next hop is not known.
const patience = 31 * time.Second

// tableSeed is the seed of the connection table's hash. It is fixed, so that replays are
// reproducible. The hash multiplies by it, so it must look random: it is the first digits
// of pi.
var tableSeed = [3]uint64{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0}

// ErrInput is matched by errors of the capture: exit code 2. Other errors mean that the
// result could not be written, or that the machine has not enough memory.
var ErrInput = errors.New("the capture cannot be replayed")

type inputError struct{ error }

func (e inputError) Is(target error) bool { return target == ErrInput }
func (e inputError) Unwrap() error        { return e.error }

// Files are the captures that are read and written, the script, and the output of its
// commands. HostOut, Script and ScriptOut may be nil.
type Files struct {
	In           io.Reader
	Out, HostOut io.Writer
	Script       io.Reader
	ScriptName   string // for messages
	ScriptOut    io.Writer
}

// player is a replay in progress.
type player struct {
	shared  *dataplane.Engine
	control *control.Control
	host    *described
	clock   memport.Clock
	ifaces  []*iface // by their number
	rig     *memport.Rig

	out, hostOut *pcap.Writer
	script       []command // the commands that were not run yet
	scriptOut    io.Writer
	start, now   int64 // the first and the current instant, nanoseconds since 1970
	started      bool
	ticks        int64 // how often the housekeeping has run
	summary      *Summary

	// The current batch: frames of one instant, one interface and one worker.
	iface, worker, pushed int
}

// iface is one interface of the director.
type iface struct {
	name string
	mac  packet.MAC
}

// Run replays a capture through a director with the rules and flags of c, on
// the host that r describes.
func Run(c *config.Config, r *config.Replay, files Files) (*Summary, error) {
	p, err := newPlayer(c, r, false)
	if err != nil {
		return nil, err
	}
	defer p.shared.Conns().Close()
	return p.replay(c, files)
}

// replay sends the frames of files.In through the director.
func (p *player) replay(c *config.Config, files Files) (summary *Summary, err error) {
	if files.Script != nil {
		if p.script, err = readScript(files.Script, files.ScriptName); err != nil {
			return nil, err
		}
	}
	if p.scriptOut = files.ScriptOut; p.scriptOut == nil {
		p.scriptOut = io.Discard
	}
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

// newPlayer makes a director with the rules and flags of c on the host that r
// describes. longWay is dataplane.ShareOptions.LongWay.
func newPlayer(c *config.Config, r *config.Replay, longWay bool) (*player, error) {
	p := &player{summary: newSummary(c.Interfaces), host: hostOf(c, r)}
	conns, err := conntrack.NewSeeded(c.ConnTableSize, tableSeed)
	if err != nil {
		return nil, err
	}
	if c.TCPStrict {
		if err := conns.TrackStreams(); err != nil {
			conns.Close()
			return nil, err
		}
	}
	p.shared = dataplane.New(dataplane.Options{
		Conns: conns, Clock: p.clock.Now, Resolver: memport.NoResolver{}, Seed: [2]uint64{tableSeed[0], tableSeed[1]},
		ICMPRate: c.ICMPRateLimit, ICMPMask: c.ICMPRateMask,
		LongWay: longWay,
	})
	p.control = control.New(control.Options{
		Shared:   p.shared,
		Workers:  r.Workers,
		Hops:     func(t *service.Table) *neigh.Table { return p.host.hops(t, control.Addresses(t)) },
		Marks:    c.Marks,
		Timeouts: c.Timeouts,
		Sysctl:   c.Sysctl,
		Seed:     uint64(r.Seed),

		SkipUnreachable: c.SkipUnreachable,
	})
	if err = p.control.Add(c.Services); err == nil {
		err = p.makeWorkers(r)
	}
	if err != nil {
		conns.Close()
		return nil, err
	}
	return p, nil
}

// makeWorkers makes the workers, each with its own port on every interface.
func (p *player) makeWorkers(r *config.Replay) (err error) {
	for _, link := range p.shared.View().Hops.Interfaces() {
		p.ifaces = append(p.ifaces, &iface{link.Name, link.MAC})
	}
	p.rig, err = memport.NewRig(p.shared, len(p.ifaces), r.Workers)
	return err
}

// armed updates the address of an interface after a change of the link.
func (p *player) armed(l config.Link) {
	if at := p.ifaceOf(l.Name); at >= 0 {
		p.ifaces[at].mac = l.MAC
	}
}

// play sends every frame of the capture through the pipeline. Frames without the name of
// an interface belong to the interface first.
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
		if err := p.runUntil(f.Time); err != nil {
			return err
		}
		if err := p.take(&f); err != nil {
			return err
		}
	}
	if err := p.runUntil(math.MaxInt64); err != nil {
		return err
	}
	// Frames that still wait for a neighbour or a fragment expire.
	p.advance(p.now + int64(patience))
	p.collect()
	return nil
}

// runUntil runs the lines of the script that come before the frames of an instant.
func (p *player) runUntil(until int64) error {
	for len(p.script) > 0 && p.script[0].at <= until {
		c := &p.script[0]
		if err := p.flush(); err != nil {
			return err
		}
		p.advance(c.at)
		if err := p.run(c); err != nil {
			return fmt.Errorf("write what the script says: %w", err)
		}
		p.script = p.script[1:]
	}
	return p.flushBefore(until)
}

// flushBefore processes the current batch if it belongs to an earlier instant.
func (p *player) flushBefore(instant int64) error {
	if instant == p.now {
		return nil
	}
	return p.flush()
}

// check refuses a frame that cannot be replayed.
func (p *player) check(f *pcap.Frame, first bool) error {
	switch {
	case !first && f.Time < p.now:
		return fmt.Errorf("it is older than the frame before it by %v: sort the capture with reordercap", time.Duration(p.now-f.Time))
	case len(f.Data) < f.Length:
		return fmt.Errorf("the capture holds %d of its %d bytes: capture whole frames (tcpdump -s 0)", len(f.Data), f.Length)
	case len(f.Data) > packet.MaxFrame && p.ifaceOf(f.Interface) >= 0:
		return fmt.Errorf("%d bytes are more than a frame has (%d): capture with GRO and LRO switched off", len(f.Data), packet.MaxFrame)
	}
	return nil
}

func (p *player) ifaceOf(name string) int {
	return slices.IndexFunc(p.ifaces, func(a *iface) bool { return a.name == name })
}

// take adds a frame to the current batch. If the frame does not belong to it, the batch is
// processed first.
func (p *player) take(f *pcap.Frame) error {
	at := p.ifaceOf(f.Interface)
	worker := workerOf(f.Data, len(p.rig.Workers))
	if f.Time != p.now || at != p.iface || worker != p.worker || p.pushed == packet.BatchSize {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.advance(f.Time)
	switch {
	case at < 0:
		p.summary.receive(f.Interface)
		p.leave(f)
	case sentBy(f.Data) == p.ifaces[at].mac:
		p.summary.Skipped++
	default:
		p.summary.receive(f.Interface)
		p.rig.Ports[at][worker].Push(f.Data)
		p.iface, p.worker = at, worker
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

// advance moves the clock to an instant. Connections expire and the housekeeping runs,
// each at its time.
func (p *player) advance(to int64) {
	if !p.started {
		p.started, p.start, p.now = true, to, to
	}
	for next := p.start + (p.ticks+1)*control.DefencePeriod; next <= to; next += control.DefencePeriod {
		p.reach(next)
		p.ticks++
		p.keepHouse()
	}
	p.reach(to)
}

// reach sets the clock and expires connections that are due.
func (p *player) reach(instant int64) {
	if instant == p.now {
		return
	}
	p.clock.Advance(time.Duration(instant - p.now))
	p.now = instant
	for _, w := range p.rig.Workers {
		w.ExpireAll()
	}
}

// keepHouse does the housekeeping that is due at the current tick.
func (p *player) keepHouse() {
	since := p.ticks * control.DefencePeriod
	if since%control.EstimatePeriod == 0 {
		p.control.Estimate()
	}
	p.control.Defend(p.clock.Now())
	if since%control.CollectPeriod == 0 {
		p.control.Collect(p.clock.Now())
	}
}

// flush processes the current batch.
func (p *player) flush() error {
	if p.pushed == 0 {
		return nil
	}
	p.pushed = 0
	if _, err := p.rig.Workers[p.worker].Step(); err != nil {
		return err
	}
	p.collect()
	return nil
}

// collect takes the frames that the workers have sent.
func (p *player) collect() {
	for n, a := range p.ifaces {
		for i := range p.rig.Workers {
			for _, data := range p.rig.Ports[n][i].Take() {
				p.summary.send(a.name)
				p.out.Write(&pcap.Frame{Interface: a.name, Time: p.now, Data: data, Length: len(data)})
			}
			for _, data := range p.rig.Hosts[n][i].Take() {
				p.leave(&pcap.Frame{Interface: a.name, Time: p.now, Data: data, Length: len(data)})
			}
		}
	}
}

// leave passes a frame to the kernel.
func (p *player) leave(f *pcap.Frame) {
	p.summary.leave(f.Interface)
	p.hostOut.Write(f)
}

// count adds the workers' counters of dropped frames to the summary.
func (p *player) count() {
	for _, w := range p.rig.Workers {
		for reason, n := range w.Counts().Drops {
			p.summary.drop(packet.Reason(reason), n)
		}
	}
}
