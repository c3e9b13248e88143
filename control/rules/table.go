package rules

import (
	"fmt"

	"director/service"
)

// Table collects the rules of flags files.
type Table struct{ registry *service.Registry }

// NewTable returns a table without services.
func NewTable() *Table { return &Table{service.NewRegistry(service.Options{Draft: true})} }

// Services returns the services in the order in which they were added.
func (t *Table) Services() []service.Spec { return t.registry.Specs() }

// Apply adds the service or server of c. If that is not possible it returns why
// and changes nothing.
func (t *Table) Apply(c Command) error {
	var err error
	switch {
	case c.Verb != AddService && c.Verb != AddServer:
		return fmt.Errorf("%s: only -A and -a may stand in a flags file", c.Verb)
	case c.Refused != nil:
		return c.Refused
	case c.Verb == AddService:
		err = t.registry.AddService(c.Service)
	default:
		err = t.registry.AddServer(c.Service.Key, c.Server)
	}
	if err == nil {
		return nil
	}
	rule := serviceArg(c.Service.Key, nil)
	if c.Verb == AddServer {
		rule += " " + serverArg(&c.Server)
	}
	return fmt.Errorf("%s: %w", rule, err)
}

// Adopt adds a service with its servers, in the form in which another Table has returned it
// from Fold. It returns false, and adds nothing, if it does not fit the rules so far: Apply
// then says why. The table keeps the slice of the servers, which must not change.
func (t *Table) Adopt(s service.Spec) bool { return t.registry.Adopt(s) }

// Fold returns a service as the rules say so far, for Adopt. There must be one. The table
// keeps the slice of the servers, which must not change.
func (t *Table) Fold(k service.Key) service.Spec { return t.registry.Fold(k) }

// serverArg returns the option that names a real server in a rule.
func serverArg(r *service.ServerSpec) string { return "-r " + HostPort(nil, r.Addr, r.Port, 0) }
