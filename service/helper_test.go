package service_test

import (
	"net/netip"
	"testing"

	"director/service"
)

const second = int64(1_000_000_000)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// registry is a Registry together with its newest table.
type registry struct {
	*service.Registry
	t     testing.TB
	table *service.Table
}

func newRegistry(t testing.TB, o service.Options, specs ...service.Spec) *registry {
	t.Helper()
	if o.Workers == 0 {
		o.Workers = 1
	}
	r := &registry{Registry: service.NewRegistry(o), t: t}
	for _, s := range specs {
		r.must(r.AddService(s))
	}
	r.commit()
	return r
}

func (r *registry) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *registry) commit() { r.Commit(func(t *service.Table) { r.table = t }) }

// change commits a change that must succeed.
func (r *registry) change(err error) {
	r.t.Helper()
	r.must(err)
	r.commit()
}
