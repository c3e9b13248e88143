package service

import (
	"math/rand/v2"
	"slices"

	"director/packet"
	"director/sched"
)

// Options of a registry.
type Options struct {
	Workers  int             // how many count
	Tunables *sched.Tunables // of the schedulers; nil: the defaults
	Marks    []Mark          // what firewall marks stand for
	// Seed is what the random numbers of schedulers follow from; 0: different
	// ones each time.
	Seed uint64
}

// Registry is the services as they are to be. One goroutine uses it. What a
// change does to the workers' view happens at Commit, one change after the
// other.
type Registry struct {
	options  Options
	services []*registered // in the order of adding
	byKey    map[Key]*registered
	members  map[identity]bool // of all services
	servers  []*Server         // by number; nil where free
	free     []uint32          // numbers
	freed    []uint32          // those that are free after the next Collect
	around   *Server           // see Table.Bypass; nil before there is a mark's service
	trash    map[identity]*Server
	paths    map[packet.Addr]*Path
	vips     map[packet.Addr]int // services by address
	remote   map[packet.Addr]int // servers that must not be the director, by address
	pending  []func()
	made     uint64 // services so far
	commits  uint64 // so far
	gone     Tally  // of services that were deleted
	total    Meter
}

// registered is a service with what only the registry needs to know of it.
type registered struct {
	*Service
	members stack[member]       // in list order
	list    stack[sched.Server] // likewise
	copied  uint64              // the commit that both lists were copied for, to be edited in place until then
	gone    Tally               // of servers that were removed
	meter   Meter
}

// record is what only the registry needs to know of a server.
type record struct {
	lastWeight int32
	meter      Meter
	joined     Tally // the server's own when it joined its service
	skipped    Tally // what it counted while in the trash
	left       Tally // what it had counted when it came there
	idle       int64 // since when it is known to be unused, 0: it is not
}

// identity is what a removed server is known by when it comes back.
type identity struct {
	of   Key
	addr packet.Addr
	port uint16
}

// NewRegistry returns a registry without services.
func NewRegistry(o Options) *Registry {
	return &Registry{
		options: o,
		byKey:   map[Key]*registered{},
		members: map[identity]bool{},
		trash:   map[identity]*Server{},
		paths:   map[packet.Addr]*Path{},
		vips:    map[packet.Addr]int{},
		remote:  map[packet.Addr]int{},
	}
}

// Commit has publish show the workers the outcome of all changes since the last
// call, then has the schedulers follow them: a worker never meets a server that
// the newest table does not know.
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

// AddService adds a service and the servers of its specification, or neither.
func (r *Registry) AddService(spec Spec) error {
	if r.lookup(spec.Key) != nil {
		return ErrServiceExists
	}
	if err := spec.Validate(); err != nil {
		return err
	}
	if spec.Mark == 0 && r.remote[spec.Addr] > 0 {
		return refuse(ErrInvalid, "this address is a real server: only -g forwards to an address of the director")
	}
	scheduler, err := r.scheduler(spec)
	if err != nil {
		return err
	}
	if spec.Mark != 0 && r.around == nil {
		r.around = r.newServer(identity{})
		r.around.weight.Store(1) // it does not ask connections to go elsewhere
	}
	servers := spec.Servers
	spec.Servers = nil
	s := &registered{Service: &Service{spec, &pool{scheduler: scheduler}}}
	scheduler.Bind(nil, &s.position)
	r.services = append(r.services, s)
	r.byKey[spec.Key] = s
	if spec.Mark == 0 {
		r.vips[spec.Addr]++
	}
	for _, server := range servers {
		if err := r.AddServer(spec.Key, server); err != nil {
			_ = r.DeleteService(spec.Key) // it exists
			return &ServerError{server, err}
		}
	}
	return nil
}

// EditService gives a service another scheduler, other flags and another
// persistence. Its servers stay.
func (r *Registry) EditService(spec Spec) error {
	s := r.lookup(spec.Key)
	if s == nil {
		return ErrNoService
	}
	if err := spec.Validate(); err != nil {
		return err
	}
	if len(s.members.values()) > sched.MaxServers(spec.Scheduler) {
		return tooMany(spec.Scheduler)
	}
	// Only sh and mh make anything of flags, and they keep no place in the list.
	hashes := spec.Scheduler == "sh" || spec.Scheduler == "mh"
	if spec.Scheduler != s.Scheduler || hashes && spec.Flags != s.Flags {
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

// later has the workers' pool of s follow what the registry knows of it now.
func (r *Registry) later(s *registered, tell func(*pool)) {
	pool, list, members := s.pool, sched.Servers(s.list.values()), s.members.values()
	r.pending = append(r.pending, func() { pool.change(list, members, tell) })
}

// DeleteService removes a service and its servers. Their connections stay.
func (r *Registry) DeleteService(k Key) error {
	s := r.lookup(k)
	if s == nil {
		return ErrNoService
	}
	for _, m := range s.members.values() {
		r.discard(s, m)
	}
	s.have(nil)
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

// allowed says why a server of service k cannot be as spec says.
func (r *Registry) allowed(k Key, spec *ServerSpec) error {
	if err := spec.Validate(k); err != nil {
		return err
	}
	// The host's own stack serves a local address. A frame can be left to it as it
	// is, but not rewritten or wrapped.
	if spec.Method != DR && (r.vips[spec.Addr] > 0 || spec.Addr.Netip().IsLoopback()) {
		return refuse(ErrInvalid, "this real server is the director itself: only -g forwards to it")
	}
	return nil
}

// AddServer adds a real server at the head of a service's list. One that was
// removed and still has connections is the same again.
func (r *Registry) AddServer(k Key, spec ServerSpec) error {
	s := r.lookup(k)
	if s == nil {
		return ErrNoServiceForServer
	}
	if err := r.allowed(k, &spec); err != nil {
		return err
	}
	if r.members[identity{k, spec.Addr, spec.Port}] {
		return ErrServerExists
	}
	if len(s.members.values()) >= sched.MaxServers(s.Scheduler) {
		return tooMany(s.Scheduler)
	}
	server := r.revive(s, spec)
	server.become(spec)
	m := member{server, spec}
	s.members.push(m)
	s.list.push(m.candidate())
	s.copied = 0
	r.members[identity{k, spec.Addr, spec.Port}] = true
	if spec.Method != DR {
		r.remote[spec.Addr]++
	}
	r.later(s, func(p *pool) {
		server.limit(spec.Upper, spec.Lower)
		p.scheduler.Added(p.list, &p.position)
	})
	return nil
}

// revive takes a server out of the trash, or makes it.
func (r *Registry) revive(s *registered, spec ServerSpec) *Server {
	id := identity{s.Key, spec.Addr, spec.Port}
	server := r.trash[id]
	if server == nil {
		server = r.newServer(id)
	} else {
		delete(r.trash, id)
		server.record.skipped = server.record.skipped.add(server.counted().sub(server.record.left))
		if server.pool.Load() != s.pool {
			server.record.meter.Zero() // its service is not the one it knew
		}
	}
	server.pool.Store(s.pool)
	server.record.joined = server.own()
	return server
}

func (r *Registry) newServer(id identity) *Server {
	n := len(r.servers)
	if last := len(r.free) - 1; last >= 0 {
		n, r.free = int(r.free[last]), r.free[:last]
	} else {
		r.servers = append(r.servers, nil)
	}
	if r.paths[id.addr] == nil {
		r.paths[id.addr] = new(Path)
	}
	server := &Server{
		Addr: id.addr, Port: id.port, ID: uint32(n), Of: id.of,
		Load: new(sched.Load), Path: r.paths[id.addr], counters: make([]Counters, r.options.Workers),
	}
	r.servers[n] = server
	return server
}

// become notes what a server is to be.
func (s *Server) become(spec ServerSpec) {
	s.weight.Store(spec.Weight)
	s.setTunnel(spec.Tunnel)
	if spec.Method == NAT {
		s.answers.Store(true)
	}
	if spec.Weight != 0 {
		s.record.lastWeight = spec.Weight
	}
}

// EditServer changes a real server's weight, method, tunnel and thresholds. Its
// place in the list and its connections stay as they are, but that connections in
// a tunnel go by the new one.
func (r *Registry) EditServer(k Key, spec ServerSpec) error {
	s := r.lookup(k)
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
		s.have(slices.Clone(s.members.values()))
		s.copied = next
	}
	m := &s.members.values()[at]
	server := m.Server
	if m.spec.Method != DR {
		decrement(r.remote, spec.Addr)
	}
	if spec.Method != DR {
		r.remote[spec.Addr]++
	}
	server.become(spec)
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
	s := r.lookup(k)
	if s == nil {
		return ErrNoServiceForServer
	}
	at := find(s.members.values(), addr, port)
	if at < 0 {
		return ErrNoServer
	}
	members := slices.Clone(s.members.values())
	r.discard(s, members[at])
	s.have(slices.Delete(members, at, at+1))
	r.later(s, func(p *pool) { p.scheduler.Removed(p.list, at, &p.position) })
	return nil
}

// have gives the service a new list of members, whose memory becomes its own.
func (s *registered) have(members []member) {
	list := make([]sched.Server, len(members))
	for i := range members {
		list[i] = members[i].candidate()
	}
	s.members, s.list, s.copied = stackOf(members), stackOf(list), 0
}

// Specs returns the services as they are to be, in the order of adding.
func (r *Registry) Specs() []Spec {
	if len(r.services) == 0 {
		return nil
	}
	specs := make([]Spec, 0, len(r.services))
	for _, s := range r.services {
		spec := s.Spec
		if n := len(s.members.values()); n > 0 {
			spec.Servers = make([]ServerSpec, 0, n)
		}
		for _, m := range slices.Backward(s.members.values()) {
			spec.Servers = append(spec.Servers, m.spec)
		}
		specs = append(specs, spec)
	}
	return specs
}
