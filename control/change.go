package control

import (
	"fmt"
	"slices"

	"director/packet"
	"director/service"
)

// Op is one change of the services.
type Op struct {
	Kind OpKind
	// Service is the service that is added or edited. The other kinds use only its
	// Key. AddService also adds the servers that it contains; EditService ignores
	// them.
	Service service.Spec
	// Server is the real server that is added or edited. DeleteServer uses only its
	// address and port.
	Server service.ServerSpec
}

// OpKind is the kind of an Op.
type OpKind uint8

// The changes that ipvsadm knows.
const (
	AddService OpKind = iota
	EditService
	DeleteService
	AddServer
	EditServer
	DeleteServer
)

var opNames = [...]string{
	AddService: "add-service", EditService: "edit-service", DeleteService: "delete-service",
	AddServer: "add-server", EditServer: "edit-server", DeleteServer: "delete-server",
}

func (k OpKind) String() string { return opNames[k] }

// ParseOpKind is the inverse of String.
func ParseOpKind(name string) (OpKind, bool) {
	i := slices.Index(opNames[:], name)
	return OpKind(max(i, 0)), i >= 0
}

// OpError reports which of several changes was refused. Then no change is made.
type OpError struct {
	At  int // counting from 0
	Op  Op
	Err error
}

func (e *OpError) Error() string { return fmt.Sprintf("change %d: %v", e.At+1, e.Err) }
func (e *OpError) Unwrap() error { return e.Err }

// Apply makes changes in order. The workers see all of them at once. If one change is
// refused, none is made. The error is an *OpError.
func (c *Control) Apply(ops ...Op) error {
	c.mu.Lock()
	changes, err := c.apply(ops)
	c.mu.Unlock()
	return c.applied(ops, changes, err)
}

// applied does the work that follows a change. It is called without the lock. When it
// returns nil, the change is in the journal, or the journal has reported an error.
func (c *Control) applied(ops []Op, changes []Difference, err error) error {
	if err != nil {
		return err
	}
	if slices.ContainsFunc(ops, func(o Op) bool { return o.Kind == DeleteService || o.Kind == DeleteServer }) {
		c.endStranded()
	}
	c.changed()
	c.Record()
	if len(changes) > 0 {
		c.audit(c.by, changes)
	}
	return nil
}

// apply makes the changes. It returns the differences as noteServices does. The caller
// holds the lock.
func (c *Control) apply(ops []Op) ([]Difference, error) {
	if err := c.checkNetwork(ops); err != nil {
		return nil, err
	}
	if err := c.try(ops); err != nil {
		return nil, err
	}
	before, unused := c.specsBefore(ops), c.registry.Unused()
	if err := run(c.registry, ops); err != nil {
		if unused {
			c.registry = service.NewRegistry(c.options)
		}
		return nil, err
	}
	c.follow()
	return c.noteServices(before), nil
}

// try makes the changes on a copy of the services. If one of several changes is refused,
// the earlier ones cannot be undone completely: if the second server of a service is
// refused, the first one and its address stay in the trash. A registry that was never used
// needs no trial, because apply can throw it away.
func (c *Control) try(ops []Op) error {
	if len(ops) == 0 || len(ops) == 1 && len(ops[0].Service.Servers) == 0 || c.registry.Unused() {
		return nil
	}
	keys := make([]service.Key, len(ops))
	for i := range ops {
		keys[i] = ops[i].Service.Key
	}
	trial, err := c.registry.Trial(keys)
	if err != nil {
		return fmt.Errorf("the present services: %w", err)
	}
	return run(trial, ops)
}

// checkNetwork returns an error if the network cannot reach a real server as ops ask.
func (c *Control) checkNetwork(ops []Op) error {
	if c.network == nil {
		return nil
	}
	n := networkOf(c.network())
	for i := range ops {
		o := &ops[i]
		servers := o.Service.Servers
		if o.Kind == AddServer || o.Kind == EditServer {
			servers = []service.ServerSpec{o.Server}
		} else if o.Kind != AddService {
			continue
		}
		for j := range servers {
			if err := n.check(&servers[j]); err != nil {
				return &OpError{i, *o, err}
			}
		}
	}
	return nil
}

func run(r *service.Registry, ops []Op) error {
	for i := range ops {
		if err := ops[i].run(r); err != nil {
			return &OpError{i, ops[i], err}
		}
	}
	return nil
}

func (o *Op) run(r *service.Registry) error {
	switch k := o.Service.Key; o.Kind {
	case AddService:
		return r.AddService(o.Service)
	case EditService:
		return r.EditService(o.Service)
	case DeleteService:
		return r.DeleteService(k)
	case AddServer:
		return r.AddServer(k, o.Server)
	case EditServer:
		return r.EditServer(k, o.Server)
	default:
		return r.DeleteServer(k, o.Server.Addr, o.Server.Port)
	}
}

// one applies a single change. Its error does not contain the position of the change.
func (c *Control) one(o Op) error {
	err := c.Apply(o)
	if e, ok := err.(*OpError); ok { //nolint:errorlint // it is what Apply returns
		return e.Err
	}
	return err
}

// Add adds whole services at once, all or none.
func (c *Control) Add(specs []service.Spec) error {
	ops := make([]Op, len(specs))
	for i := range specs {
		ops[i] = Op{Kind: AddService, Service: specs[i]}
	}
	return c.Apply(ops...)
}

// AddService adds a service.
func (c *Control) AddService(s service.Spec) error { return c.one(Op{Kind: AddService, Service: s}) }

// EditService changes a service's scheduler, flags and persistence.
func (c *Control) EditService(s service.Spec) error { return c.one(Op{Kind: EditService, Service: s}) }

// DeleteService removes a service with its servers.
func (c *Control) DeleteService(k service.Key) error {
	return c.one(Op{Kind: DeleteService, Service: service.Spec{Key: k}})
}

// Clear removes all services.
func (c *Control) Clear() error { return c.Replace(nil) }

// AddServer adds a real server to a service.
func (c *Control) AddServer(k service.Key, s service.ServerSpec) error {
	return c.one(Op{AddServer, service.Spec{Key: k}, s})
}

// EditServer changes a real server's weight, method and thresholds.
func (c *Control) EditServer(k service.Key, s service.ServerSpec) error {
	return c.one(Op{EditServer, service.Spec{Key: k}, s})
}

// DeleteServer removes a real server from a service.
func (c *Control) DeleteServer(k service.Key, a packet.Addr, port uint16) error {
	return c.one(Op{DeleteServer, service.Spec{Key: k}, service.ServerSpec{Addr: a, Port: port}})
}

// Replace changes the services to those of want. The workers see all changes at once.
// Services and servers that are the same in want keep their connections and counts.
func (c *Control) Replace(want []service.Spec) error {
	c.mu.Lock()
	ops := Diff(c.registry.Specs(), want)
	changes, err := c.apply(ops)
	c.mu.Unlock()
	return c.applied(ops, changes, err)
}
