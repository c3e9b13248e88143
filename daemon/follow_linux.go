package daemon

import (
	"net/netip"
	"sync"

	"github.com/rs/zerolog"

	"director/dataplane/steer"
	"director/host/plan"
)

// follower makes the steering programs and the VIPs follow the rules and the network.
type follower struct {
	programs interface{ Update(steer.Set) error }
	rules    func() rules // as they are now
	log      zerolog.Logger

	mu   sync.Mutex // held while following
	vips holder     // nil: none are held
}

// holder is a *vip.Holder.
type holder interface {
	Set(vips []netip.Addr, prefixes []netip.Prefix) error
	Leave() error
	Close() error
}

// begin has the steering programs take the services' frames from the host.
func (f *follower) begin() error {
	r := f.rules()
	return f.programs.Update(r.set())
}

// catchUp updates both to the rules as they are now. It is called after every change. It
// reads the rules under the lock, so the last of several calls sees all changes.
func (f *follower) catchUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rules()
	if err := f.programs.Update(r.set()); err != nil {
		f.log.Error().Err(err).Msg("cannot update the steering")
	}
	if f.vips == nil {
		return
	}
	if err := f.vips.Set(plan.VIPs(r.services.Keys(), r.marks)); err != nil {
		f.log.Error().Err(err).Msg("cannot update the VIPs")
	}
}

// hold has the VIPs follow from now on.
func (f *follower) hold(vips holder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.vips = vips
}

// release ends that: the network may still change. The VIPs are removed, or left to
// the next director.
func (f *follower) release(leave bool) error {
	f.mu.Lock()
	vips := f.vips
	f.vips = nil
	f.mu.Unlock()
	if leave {
		return vips.Leave()
	}
	return vips.Close()
}
