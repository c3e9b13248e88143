package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	"director/control"
	"director/packet"
	"director/service"
)

// Remote is a director at the other end of the control socket. It has the methods that
// the commands of ipvsadm need.
type Remote struct {
	*Client
	// Context is the context of all requests.
	Context context.Context
}

func (r Remote) send(method, path string, body any) error {
	return r.Do(r.Context, method, path, body, nil)
}

func pathOf(k service.Key) string { return "/v1/services/" + k.Name() }

// AddService adds a service.
func (r Remote) AddService(s service.Spec) error {
	return r.send(http.MethodPost, "/v1/services", ServiceOf(&s))
}

// EditService changes a service's scheduler, flags and persistence.
func (r Remote) EditService(s service.Spec) error {
	return r.send(http.MethodPut, pathOf(s.Key), ServiceOf(&s))
}

// DeleteService removes a service with its servers.
func (r Remote) DeleteService(k service.Key) error {
	return r.send(http.MethodDelete, pathOf(k), nil)
}

// Clear removes all services.
func (r Remote) Clear() error { return r.send(http.MethodDelete, "/v1/services", nil) }

// AddServer adds a real server to a service.
func (r Remote) AddServer(k service.Key, s service.ServerSpec) error {
	return r.send(http.MethodPost, pathOf(k)+"/servers", ServerOf(&s))
}

// EditServer changes a real server's weight, method and thresholds.
func (r Remote) EditServer(k service.Key, s service.ServerSpec) error {
	server := ServerOf(&s)
	return r.send(http.MethodPut, pathOf(k)+"/servers/"+server.Server, server)
}

// DeleteServer removes a real server from a service.
func (r Remote) DeleteServer(k service.Key, a packet.Addr, port uint16) error {
	return r.send(http.MethodDelete, pathOf(k)+"/servers/"+netip.AddrPortFrom(a.Netip(), port).String(), nil)
}

// Apply makes all changes or none.
func (r Remote) Apply(ops ...control.Op) error {
	body := Changes{make([]Change, len(ops))}
	for i := range ops {
		body.Changes[i] = changeOf(&ops[i])
	}
	err := r.send(http.MethodPost, "/v1/changes", body)
	if e, ok := errors.AsType[*Error](err); ok && e.Change != nil && *e.Change < len(ops) {
		return &control.OpError{At: *e.Change, Op: ops[*e.Change], Err: err}
	}
	return err
}

// changeOf converts o into a change of a request. It is the inverse of Change.op.
func changeOf(o *control.Op) Change {
	c := Change{Op: o.Kind.String()}
	switch o.Kind {
	case control.AddService, control.EditService:
		c.Service = new(ServiceOf(&o.Service))
		return c
	}
	c.Service = &Service{Service: o.Service.Name()}
	switch o.Kind {
	case control.AddServer, control.EditServer:
		c.Server = new(ServerOf(&o.Server))
	case control.DeleteServer:
		c.Server = &Server{Server: serverName(&o.Server)}
	}
	return c
}

// Zero resets the counts of a service. If k is nil, it resets all counts.
func (r Remote) Zero(k *service.Key) error {
	if k == nil {
		return r.send(http.MethodPost, "/v1/zero", nil)
	}
	return r.send(http.MethodPost, pathOf(*k)+"/zero", nil)
}

// Timeouts returns the present time-outs.
func (r Remote) Timeouts() (t service.Timeouts, err error) {
	err = r.Get(r.Context, "/v1/timeouts", &t)
	return t, err
}

// SetTimeouts sets the time-outs in t that are not 0.
func (r Remote) SetTimeouts(t service.Timeouts) error {
	return r.send(http.MethodPatch, "/v1/timeouts", t)
}

// Services lists the services in the order of adding, with their servers.
func (r Remote) Services() (all []control.Service, err error) {
	err = r.EachService(true, func(s *control.Service) error {
		kept := *s
		kept.Servers = slices.Clone(s.Servers)
		all = append(all, kept)
		return nil
	})
	return all, err
}

// EachService calls f for each service in the order of adding, with its servers, as it
// arrives from the director. f must not keep what it gets. EachService ends with the first
// error of f. Without counts the services have no counts and rates, which takes less time.
func (r Remote) EachService(counts bool, f func(*control.Service) error) error {
	path := "/v1/services?counts=" + strconv.FormatBool(counts)
	body, err := r.Stream(r.Context, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(bufio.NewReaderSize(body, listBuffer))
	for range 3 { // {"services":[
		if _, err := d.Token(); err != nil {
			return fmt.Errorf("GET %s: the answer: %w", path, err)
		}
	}
	var s Service
	var c control.Service
	for d.More() {
		// Decode reuses the memory of the servers, but does not clear it.
		all := s.Servers[:cap(s.Servers)]
		clear(all)
		s = Service{Servers: all[:0]}
		if err := d.Decode(&s); err != nil {
			return fmt.Errorf("GET %s: the answer: %w", path, err)
		}
		if c, err = s.Control(c.Servers[:0]); err != nil {
			return fmt.Errorf("a service that the director listed: %w", err)
		}
		if err := f(&c); err != nil {
			return err
		}
	}
	for range 2 { // ]}
		if _, err := d.Token(); err != nil {
			return fmt.Errorf("GET %s: the answer: %w", path, err)
		}
	}
	return nil
}

// Connections lists connections and templates, the oldest first.
func (r Remote) Connections() (all []control.Connection, err error) {
	for next := -1; next != 0; {
		var page Connections
		if err := r.Get(r.Context, fmt.Sprintf("/v1/connections?limit=%d&offset=%d", maxPage, max(next, 0)), &page); err != nil {
			return nil, err
		}
		for i := range page.Connections {
			c, err := page.Connections[i].control()
			if err != nil {
				return nil, fmt.Errorf("a connection that the director listed: %w", err)
			}
			all = append(all, c)
		}
		next = page.Next
	}
	return all, nil
}

// Size returns how many connections the table can hold.
func (r Remote) Size() (int, error) {
	var f struct {
		Table struct {
			Size int `json:"size"`
		} `json:"table"`
	}
	err := r.Get(r.Context, "/v1/statistics", &f)
	return f.Table.Size, err
}
