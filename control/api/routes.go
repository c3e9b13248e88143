package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"director/control"
	"director/service"
)

// Services contains all services.
type Services struct {
	Services []Service `json:"services"`
}

// Change is one of several changes of a request. Service is the service that is added or
// edited; other changes use only its name. Server is the server that is added or edited;
// its deletion uses only its name.
type Change struct {
	Op      string   `json:"op"` // add-service, edit-service, delete-service, add-server, edit-server, delete-server
	Service *Service `json:"service"`
	Server  *Server  `json:"server,omitempty"`
}

// Changes is a list of changes. The director makes all of them or none.
type Changes struct {
	Changes []Change `json:"changes"`
}

func (s *HTTPServer) routes() {
	for pattern, do := range map[string]answer{
		"PUT /v1/services":                               s.putServices,
		"POST /v1/services":                              s.postService,
		"DELETE /v1/services":                            s.deleteServices,
		"GET /v1/services/{service}":                     s.getService,
		"PUT /v1/services/{service}":                     s.putService,
		"DELETE /v1/services/{service}":                  s.deleteService,
		"POST /v1/services/{service}/servers":            s.postServer,
		"GET /v1/services/{service}/servers/{server}":    s.getServer,
		"PUT /v1/services/{service}/servers/{server}":    s.putServer,
		"DELETE /v1/services/{service}/servers/{server}": s.deleteServer,
		"POST /v1/changes":                               s.postChanges,
		"POST /v1/zero":                                  s.postZero,
		"POST /v1/services/{service}/zero":               s.postZero,
		"GET /v1/connections":                            s.getConnections,
		"GET /v1/timeouts":                               s.getTimeouts,
		"PATCH /v1/timeouts":                             s.patchTimeouts,
		"GET /v1/sysctls":                                s.getSysctls,
		"PATCH /v1/sysctls":                              s.patchSysctls,
		"GET /v1/statistics":                             func(*http.Request) (any, error) { return s.director.Figures(), nil },
		"GET /v1/workers":                                func(*http.Request) (any, error) { return s.director.Figures().Workers, nil },
		"GET /v1/diff":                                   s.getDiff,
		"POST /v1/reload":                                s.postReload,
	} {
		s.handle(pattern, do)
	}
	s.mux.HandleFunc("GET /v1/services", s.getServices)
	s.mux.HandleFunc("GET /v1/configuration", func(w http.ResponseWriter, r *http.Request) {
		long(w, r, "text/plain; charset=utf-8", s.director.Configuration)
	})
	s.mux.HandleFunc("/", s.nothing)
}

// nothing answers requests that match no other pattern: the path does not exist, or does
// not take this method.
func (s *HTTPServer) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		WriteError(w, Errorf(http.StatusNotFound, "not-found", "%s %s: no such path: see docs/api.md", r.Method, r.URL.Path))
		return
	}
	allow := strings.Join(allowed, ", ")
	w.Header().Set("Allow", allow)
	WriteError(w, Errorf(http.StatusMethodNotAllowed, "method-not-allowed", "%s %s: this path takes only %s", r.Method, r.URL.Path, allow))
}

// named returns the key of the service in the path.
func named(r *http.Request) (service.Key, error) { return service.ParseKey(r.PathValue("service")) }

// getServices writes one service after the other, so that a long list is not in memory
// as a whole. If the query has counts=false, it leaves out Stats and Rates.
func (s *HTTPServer) getServices(w http.ResponseWriter, r *http.Request) {
	counts := true
	if text := r.URL.Query().Get("counts"); text != "" {
		var err error
		if counts, err = strconv.ParseBool(text); err != nil {
			WriteError(w, fmt.Errorf("counts=%s: want true or false", text))
			return
		}
	}
	long(w, r, "application/json", func(w io.Writer) error { return s.writeServices(w, counts) })
}

func (s *HTTPServer) writeServices(w io.Writer, counts bool) error {
	_, err := io.WriteString(w, `{"services":[`)
	comma := ""
	s.director.EachService(func(each *control.Service) bool {
		text, failed := json.Marshal(listed(each, counts))
		_, lost := io.WriteString(w, comma)
		_, gone := w.Write(text)
		comma = ","
		err = errors.Join(err, failed, lost, gone)
		return err == nil
	})
	_, lost := io.WriteString(w, "]}\n")
	return errors.Join(err, lost)
}

func (s *HTTPServer) getService(r *http.Request) (any, error) {
	k, err := named(r)
	if err != nil {
		return nil, err
	}
	have := s.find(k)
	if have == nil {
		return nil, service.ErrNoService
	}
	return listed(have, true), nil
}

// find returns the service k as it is now, nil if there is none.
func (s *HTTPServer) find(k service.Key) *control.Service {
	if have, ok := s.director.Service(k); ok {
		return &have
	}
	return nil
}

func (s *HTTPServer) putServices(r *http.Request) (any, error) {
	var list Services
	if err := ReadJSON(r, &list); err != nil {
		return nil, err
	}
	if list.Services == nil {
		return nil, Errorf(http.StatusBadRequest, "bad-request", "services is missing: to remove all, give an empty list")
	}
	specs := make([]service.Spec, len(list.Services))
	seen := map[service.Key]int{}
	for i := range list.Services {
		spec, err := list.Services[i].Spec()
		if _, twice := seen[spec.Key]; err == nil && twice {
			err = service.ErrServiceExists
		}
		if err != nil {
			return nil, refusedAt("services", i, err)
		}
		specs[i], seen[spec.Key] = spec, i
	}
	at := func(e *control.OpError) int { return seen[e.Op.Service.Key] }
	return nil, opError("services", at, s.by(r).Replace(specs))
}

func (s *HTTPServer) deleteServices(r *http.Request) (any, error) { return nil, s.by(r).Clear() }

func (s *HTTPServer) postService(r *http.Request) (any, error) {
	var body Service
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	spec, err := body.Spec()
	if err != nil {
		return nil, err
	}
	return nil, s.by(r).AddService(spec)
}

// putService edits the attributes of a service. If the body contains servers, they replace
// the servers of the service.
func (s *HTTPServer) putService(r *http.Request) (any, error) {
	body := Service{Service: r.PathValue("service")}
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	spec, err := body.Spec()
	if err != nil {
		return nil, err
	}
	k, err := named(r)
	if err != nil {
		return nil, err
	}
	if spec.Key != k {
		return nil, Errorf(http.StatusBadRequest, "bad-request",
			"the body names %s, the path %s: a service's name cannot be edited", spec.Name(), k.Name())
	}
	if body.Servers == nil {
		return nil, s.by(r).EditService(spec)
	}
	return nil, replace(s.by(r), spec)
}

// replace changes an existing service and its servers to those of spec.
func replace(c *control.Control, spec service.Spec) error {
	found := false
	err := c.Update(func(now control.Settings) control.Settings {
		for i := range now.Services {
			if now.Services[i].Key == spec.Key {
				now.Services[i], found = spec, true
			}
		}
		return now
	})
	if !found {
		return service.ErrNoService
	}
	if refused, ok := errors.AsType[*control.ServiceError](err); ok && isOfServer(refused.Op.Kind) {
		e := *errorOf(refused.Err)
		e.Message = fmt.Sprintf("server %s: %s; nothing is changed", serverName(&refused.Op.Server), e.Message)
		return &e
	}
	return err
}

func (s *HTTPServer) deleteService(r *http.Request) (any, error) {
	k, err := named(r)
	if err != nil {
		return nil, err
	}
	return nil, s.by(r).DeleteService(k)
}

// server reads the real server in the body of a request. If the path contains its name,
// name is this name, otherwise name is empty.
func server(r *http.Request, name string) (k service.Key, spec service.ServerSpec, err error) {
	if k, err = named(r); err != nil {
		return k, spec, err
	}
	body := Server{Server: name}
	if err = ReadJSON(r, &body); err != nil {
		return k, spec, err
	}
	if spec, err = body.Spec(k); err != nil || name == "" {
		return k, spec, err
	}
	addr, port, err := PlaceOf(name, k)
	if err == nil && (addr != spec.Addr || port != spec.Port) {
		err = Errorf(http.StatusBadRequest, "bad-request",
			"the body names %s, the path %s: a server's name cannot be edited", serverName(&spec), name)
	}
	return k, spec, err
}

func (s *HTTPServer) getServer(r *http.Request) (any, error) {
	k, err := named(r)
	if err != nil {
		return nil, err
	}
	addr, port, err := PlaceOf(r.PathValue("server"), k)
	if err != nil {
		return nil, err
	}
	have := s.find(k)
	if have == nil {
		return nil, service.ErrNoServiceForServer
	}
	for i := range have.Servers {
		if at := &have.Servers[i]; at.Addr == addr && at.Port == port {
			return listedServer(at, true), nil
		}
	}
	return nil, service.ErrNoServer
}

func (s *HTTPServer) postServer(r *http.Request) (any, error) {
	k, spec, err := server(r, "")
	if err != nil {
		return nil, err
	}
	return nil, s.by(r).AddServer(k, spec)
}

func (s *HTTPServer) putServer(r *http.Request) (any, error) {
	k, spec, err := server(r, r.PathValue("server"))
	if err != nil {
		return nil, err
	}
	return nil, s.by(r).EditServer(k, spec)
}

func (s *HTTPServer) deleteServer(r *http.Request) (any, error) {
	k, err := named(r)
	if err != nil {
		return nil, err
	}
	addr, port, err := PlaceOf(r.PathValue("server"), k)
	if err != nil {
		return nil, err
	}
	return nil, s.by(r).DeleteServer(k, addr, port)
}

func (s *HTTPServer) postChanges(r *http.Request) (any, error) {
	var body Changes
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	if body.Changes == nil {
		return nil, Errorf(http.StatusBadRequest, "bad-request", "changes is missing: want a list")
	}
	ops := make([]control.Op, len(body.Changes))
	for i := range body.Changes {
		var err error
		if ops[i], err = body.Changes[i].op(); err != nil {
			return nil, refusedAt("changes", i, err)
		}
	}
	at := func(e *control.OpError) int { return e.At }
	return nil, opError("changes", at, s.by(r).Apply(ops...))
}

// op converts c into a change of package control.
func (c *Change) op() (o control.Op, err error) {
	kind, ok := control.ParseOpKind(c.Op)
	switch {
	case !ok:
		return o, Errorf(http.StatusBadRequest, "bad-request", "op %q: want add-, edit- or delete-, followed by service or server", c.Op)
	case c.Service == nil:
		return o, Errorf(http.StatusBadRequest, "bad-request", "%s: service is missing", c.Op)
	}
	o.Kind = kind
	switch kind {
	case control.AddService, control.EditService:
		o.Service, err = c.Service.Spec()
		return o, err
	}
	if o.Service.Key, err = service.ParseKey(c.Service.Service); err != nil || kind == control.DeleteService {
		return o, err
	}
	if c.Server == nil {
		return o, Errorf(http.StatusBadRequest, "bad-request", "%s: server is missing", c.Op)
	}
	if kind == control.DeleteServer {
		o.Server.Addr, o.Server.Port, err = PlaceOf(c.Server.Server, o.Service.Key)
		return o, err
	}
	o.Server, err = c.Server.Spec(o.Service.Key)
	return o, err
}

func (s *HTTPServer) postZero(r *http.Request) (any, error) {
	if r.PathValue("service") == "" {
		return nil, s.director.Zero(nil)
	}
	k, err := named(r)
	if err != nil {
		return nil, err
	}
	return nil, s.director.Zero(&k)
}

func (s *HTTPServer) getConnections(r *http.Request) (any, error) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	s.listing.Lock()
	defer s.listing.Unlock()
	return f.page(s.director.Connections()), nil
}

func (s *HTTPServer) getTimeouts(*http.Request) (any, error) {
	return s.director.Timeouts(), nil
}

func (s *HTTPServer) patchTimeouts(r *http.Request) (any, error) {
	var t service.Timeouts
	if err := ReadJSON(r, &t); err != nil {
		return nil, err
	}
	return nil, s.by(r).SetTimeouts(t)
}

func (s *HTTPServer) getSysctls(*http.Request) (any, error) { return sysctls(s.director.Sysctl()), nil }

func (s *HTTPServer) patchSysctls(r *http.Request) (any, error) {
	var values map[string]string
	if err := ReadJSON(r, &values); err != nil {
		return nil, err
	}
	return nil, s.by(r).SetSysctls(values)
}
