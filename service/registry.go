package service

import (
	"math/rand/v2"
	"slices"

	"director/packet"
	"director/sched"
)

// Options of a registry.
type Options struct {
	Workers  int             // the number of workers, each of which has its own counters
	Tunables *sched.Tunables // of the schedulers; nil: the defaults
	Marks    []Mark          // the definitions of the firewall marks
	// Draft says that the registry only checks and collects services. It makes no
	// Servers and no schedulers, so it takes less time and memory. Commit must not be
	// called.
	Draft bool
	// Seed seeds the random numbers of the schedulers. 0 selects a different seed
	// each time.
	Seed uint64
}

// Registry holds the services as configured. One goroutine uses it. The workers see
// changes only after Commit.
type Registry struct {
	options  Options
	services []*registered // in the order of adding
	byKey    map[Key]*registered
	servers  []*Server // by number; nil where free
	member   []bool    // by number: whether the server is in its service
	tunnels  []bool    // by number: whether it is, with the method TUN
	free     []uint32  // numbers
	freed    []uint32  // numbers that are free after the next Collect
	bypass   *Server   // see Table.Bypass; nil until a firewall mark has a service
	trash    map[identity]*Server
	slab     slab // for the next servers
	paths    map[packet.Addr]*usedPath
	counters map[Key]*counter    // of the services that have servers, removed ones included
	vips     map[packet.Addr]int // number of services, by address
	remote   map[packet.Addr]int // number of servers that must not be the director, by address
	under    *Registry           // of a trial: see Trial
	pending  []func()            // changes of the schedulers that Commit makes
	made     uint64              // number of schedulers made so far
	commits  uint64              // number of commits so far
	skips    bool                // Skip may have set servers that are skipped
	gone     Tally               // of deleted services
	total    Meter

	masqueraded  shared[*Masqueraded]  // the server with the method NAT that was added last, by its end
	others       map[endpoint][]uint32 // those that were added before the last one, where there are any, the oldest first
	masquerading shared[int]           // by address: the servers whose answers pass through the director
}

// registered is a service with the data that only the registry uses.
type registered struct {
	*Service
	folded  []ServerSpec        // of a draft, instead of members: see Fold
	members stack[member]       // in list order
	list    stack[sched.Server] // in the same order
	places  map[place]bool      // where the members are; nil while they are few
	copied  uint64              // both lists are copies that may be edited in place until this commit; 0: they are not
	gone    Tally               // of removed servers
	meter   Meter
	whole   whole // of Compare
}

// record is the data of a server that only the registry uses.
type record struct {
	lastWeight int32
	meter      Meter
	health     health
	past       *past // nil if the server was never removed
	idle       int64 // time at which it was first seen unused; 0: not seen unused yet
	counted    bool  // whether Registry.masquerading counts it
}

// past is what a removed server has counted. Most servers are never removed, so it is
// apart from the record.
type past struct {
	joined  Tally // the result of own when the server was added to its service again
	skipped Tally // counted while the server was in the trash
	left    Tally // the count when the server was put into the trash
}

// place identifies a real server within a service.
type place struct {
	addr packet.Addr
	port uint16
}

// identity identifies a removed server when it is added again.
type identity struct {
	of   Key
	addr packet.Addr
	port uint16
}

// NewRegistry returns a registry without services.
func NewRegistry(o Options) *Registry {
	return &Registry{
		options:  o,
		byKey:    map[Key]*registered{},
		trash:    map[identity]*Server{},
		paths:    map[packet.Addr]*usedPath{},
		counters: map[Key]*counter{},
		others:   map[endpoint][]uint32{},
		vips:     map[packet.Addr]int{},
		remote:   map[packet.Addr]int{},
	}
}

// Unused reports whether no service was ever added.
func (r *Registry) Unused() bool { return r.made == 0 }

// Commit publishes a table with all changes since the last call to the workers, then
// updates the schedulers. The order matters: no scheduler may choose a server that
// the newest table does not contain.
func (r *Registry) Commit(publish func(*Table)) {
	publish(r.table())
	for _, change := range r.pending {
		change()
	}
	r.pending = nil
	r.commits++
}

func (r *Registry) lookup(k Key) *registered { return r.byKey[k] }

func (r *Registry) scheduler(s Spec) (sched.Scheduler, error) {
	seed := rand.Uint64()
	if r.made++; r.options.Seed != 0 {
		seed = r.options.Seed<<32 + r.made - 1
	}
	return sched.New(s.Scheduler, sched.Options{Flags: s.Flags, Seed: seed, Tunables: r.options.Tunables})
}

// AddService adds a service and the servers of its specification. If one of them is
// refused, it adds nothing.
func (r *Registry) AddService(spec Spec) error {
	if r.lookup(spec.Key) != nil {
		return ErrServiceExists
	}
	if err := spec.Validate(); err != nil {
		return err
	}
	if spec.Mark == 0 && r.remotes(spec.Addr) > 0 {
		return refuse(ErrInvalid, "this address is a real server: only -g forwards to an address of the director")
	}
	servers := spec.Servers
	spec.Servers = nil
	s := &registered{Service: &Service{Spec: spec}}
	if !r.options.Draft {
		if err := r.equip(s); err != nil {
			return err
		}
	}
	r.services = append(r.services, s)
	r.byKey[spec.Key] = s
	if spec.Mark == 0 {
		r.vips[spec.Addr]++
	}
	s.members.reserve(len(servers))
	if !r.options.Draft {
		s.list.reserve(len(servers))
		r.slab = newSlab(len(servers), r.options.Workers)
		defer func() { r.slab = slab{} }()
	}
	for _, server := range servers {
		if err := r.AddServer(spec.Key, server); err != nil {
			_ = r.DeleteService(spec.Key) // it exists
			return &ServerError{server, err}
		}
	}
	return nil
}

// equip gives a new service what the workers need.
func (r *Registry) equip(s *registered) error {
	scheduler, err := r.scheduler(s.Spec)
	if err != nil {
		return err
	}
	if s.Mark != 0 && r.bypass == nil {
		r.bypass = r.newServer(identity{})
		r.bypass.weight.Store(1) // with weight 0 its connections might be rescheduled
	}
	s.pool = &pool{scheduler: scheduler}
	scheduler.Bind(nil, &s.position)
	return nil
}

// EditService changes the scheduler, the flags and the persistence of a service. Its
// servers stay.
func (r *Registry) EditService(spec Spec) error {
	s := r.unfolded(spec.Key)
	if s == nil {
		return ErrNoService
	}
	if err := spec.Validate(); err != nil {
		return err
	}
	if len(s.members.values()) > sched.MaxServers(spec.Scheduler) {
		return tooMany(spec.Scheduler)
	}
	// Only sh and mh use flags, and they have no position in the list to keep.
	hashes := spec.Scheduler == "sh" || spec.Scheduler == "mh"
	if !r.options.Draft && (spec.Scheduler != s.Scheduler || hashes && spec.Flags != s.Flags) {
		scheduler, err := r.scheduler(spec)
		if err != nil {
			return err
		}
		r.later(s, func(p *pool) {
			p.scheduler = scheduler
			scheduler.Bind(p.list, &p.position)
		})
	}
	spec.Servers = nil
	s.Service = &Service{spec, s.pool}
	return nil
}

// later lets the next Commit update the pool of s to the current lists. tell informs
// the scheduler.
func (r *Registry) later(s *registered, tell func(*pool)) {
	if r.options.Draft {
		return
	}
	pool, list, members := s.pool, sched.Servers(s.list.values()), s.members.values()
	r.pending = append(r.pending, func() { pool.change(list, members, tell) })
}

// DeleteService removes a service and its servers. Their connections stay.
func (r *Registry) DeleteService(k Key) error {
	s := r.unfolded(k)
	if s == nil {
		return ErrNoService
	}
	for _, m := range s.members.values() {
		r.moveToTrash(s, m)
	}
	r.setMembers(s, nil)
	r.later(s, func(p *pool) { p.scheduler.Bind(p.list, &p.position) })
	r.gone = r.gone.add(s.gone)
	delete(r.byKey, k)
	r.services = slices.DeleteFunc(r.services, func(o *registered) bool { return o == s })
	if k.Mark == 0 {
		decrement(r.vips, k.Addr)
	}
	return nil
}

// Clear removes all services.
func (r *Registry) Clear() {
	for len(r.services) > 0 {
		_ = r.DeleteService(r.services[0].Key) // it exists
	}
}

func decrement(counts map[packet.Addr]int, a packet.Addr) {
	if counts[a]--; counts[a] == 0 {
		delete(counts, a)
	}
}

func tooMany(scheduler string) error {
	return refuse(ErrInvalid, "the scheduler %s takes at most %d servers", scheduler, sched.MaxServers(scheduler))
}

// allowed returns an error if a server of service k cannot be configured as spec
// says.
func (r *Registry) allowed(k Key, spec *ServerSpec) error {
	if err := spec.Validate(k); err != nil {
		return err
	}
	// The kernel of the director serves a local address. The director can leave an
	// unchanged frame to the kernel, but not a rewritten or wrapped one.
	if spec.Method != DR && (r.serves(spec.Addr) > 0 || spec.Addr.Netip().IsLoopback()) {
		return refuse(ErrInvalid, "this real server is the director itself: only -g forwards to it")
	}
	return nil
}

// AddServer adds a real server at the head of a service's list. If the same server is
// still in the trash, AddServer uses it again.
func (r *Registry) AddServer(k Key, spec ServerSpec) error {
	s := r.unfolded(k)
	if s == nil {
		return ErrNoServiceForServer
	}
	if err := r.allowed(k, &spec); err != nil {
		return err
	}
	if s.holds(spec.Addr, spec.Port) {
		return ErrServerExists
	}
	if len(s.members.values()) >= sched.MaxServers(s.Scheduler) {
		return tooMany(s.Scheduler)
	}
	s.copied = 0
	if r.options.Draft {
		s.push(member{spec: spec})
		r.enlist(nil, &spec)
		return nil
	}
	server := r.obtain(s, spec)
	server.record.lastWeight = 0 // also of a server that returns, as in the kernel
	server.configure(spec)
	m := member{server, spec}
	s.push(m)
	s.list.push(m.candidate())
	r.enlist(server, &spec)
	r.later(s, func(p *pool) {
		server.Load.Skipped.Store(false) // Skip does not reset it while a server is in the trash
		server.limit(spec.Upper, spec.Lower)
		p.scheduler.Added(p.list, &p.position)
	})
	return nil
}

// EditServer changes the weight, method, tunnel and thresholds of a real server. Its
// place in the list and its connections stay. Connections that use a tunnel use the
// new tunnel at once.
func (r *Registry) EditServer(k Key, spec ServerSpec) error {
	s := r.unfolded(k)
	if s == nil {
		return ErrNoServiceForServer
	}
	if err := r.allowed(k, &spec); err != nil {
		return err
	}
	at := find(s.members.values(), spec.Addr, spec.Port)
	if at < 0 {
		return ErrNoServer
	}
	if next := r.commits + 1; s.copied != next {
		r.setMembers(s, slices.Clone(s.members.values()))
		s.copied = next
	}
	m := &s.members.values()[at]
	server := m.Server
	if m.spec.Method != spec.Method {
		r.delist(server, &m.spec)
		r.enlist(server, &spec)
	}
	if r.options.Draft {
		m.spec = spec
		return nil
	}
	server.configure(spec)
	m.spec = spec
	s.list.values()[at] = m.candidate()
	r.later(s, func(p *pool) {
		server.limit(spec.Upper, spec.Lower)
		p.scheduler.Edited(p.list, at, &p.position)
	})
	return nil
}

// DeleteServer removes a real server. Its connections stay.
func (r *Registry) DeleteServer(k Key, addr packet.Addr, port uint16) error {
	s := r.unfolded(k)
	if s == nil {
		return ErrNoServiceForServer
	}
	at := find(s.members.values(), addr, port)
	if at < 0 {
		return ErrNoServer
	}
	members := slices.Clone(s.members.values())
	r.moveToTrash(s, members[at])
	r.setMembers(s, slices.Delete(members, at, at+1))
	r.later(s, func(p *pool) { p.scheduler.Removed(p.list, at, &p.position) })
	return nil
}

// setMembers replaces the members of the service. The service takes ownership of the
// slice.
func (r *Registry) setMembers(s *registered, members []member) {
	s.members, s.copied = stackOf(members), 0
	if r.options.Draft {
		return
	}
	list := make([]sched.Server, len(members))
	for i := range members {
		list[i] = members[i].candidate()
	}
	s.list = stackOf(list)
}
