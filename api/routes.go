package api

import (
	"net/http"

	"director/control"
	"director/service"
)

// Services is all services.
type Services struct {
	Services []Service `json:"services"`
}

// Change is one of several changes that are made as one. Service is what is added
// or edited; of the other changes its name only. Server likewise.
type Change struct {
	Op      string   `json:"op"` // add-service, edit-service, delete-service, add-server, edit-server, delete-server
	Service *Service `json:"service"`
	Server  *Server  `json:"server,omitempty"`
}

// Changes is several changes.
type Changes struct {
	Changes []Change `json:"changes"`
}

// Timeouts are seconds; 0 in a change keeps.
type Timeouts struct {
	TCP    uint32 `json:"tcp"`
	TCPFIN uint32 `json:"tcp_fin"`
	UDP    uint32 `json:"udp"`
}

// maxTimeout is ipvsadm's limit in seconds: 31 days.
const maxTimeout = 31 * 24 * 3600

func (s *HTTPServer) routes() {
	for pattern, do := range map[string]answer{
		"GET /v1/services":                               s.getServices,
		"PUT /v1/services":                               s.putServices,
		"POST /v1/services":                              s.postService,
		"DELETE /v1/services":                            s.deleteServices,
		"GET /v1/services/{service}":                     s.getService,
		"PUT /v1/services/{service}":                     s.putService,
		"DELETE /v1/services/{service}":                  s.deleteService,
		"POST /v1/services/{service}/servers":            s.postServer,
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
		"POST /v1/reload":                                func(r *http.Request) (any, error) { return nil, s.director.Reload(r.Context()) },
	} {
		s.handle(pattern, do)
	}
	s.mux.HandleFunc("GET /v1/configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = s.director.Configuration(w) // a client that went away is none of our business
	})
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, Errorf(http.StatusNotFound, "not-found", "%s %s: no such thing: see docs/api.md", r.Method, r.URL.Path))
	})
}

// named returns the service that the path names.
func named(r *http.Request) (service.Key, error) { return KeyOf(r.PathValue("service")) }

func (s *HTTPServer) getServices(*http.Request) (any, error) {
	all := s.director.Services()
	list := Services{make([]Service, len(all))}
	for i := range all {
		list.Services[i] = listed(&all[i])
	}
	return list, nil
}

func (s *HTTPServer) getService(r *http.Request) (any, error) {
	k, err := named(r)
	if err != nil {
		return nil, err
	}
	for _, have := range s.director.Services() {
		if have.Key == k {
			return listed(&have), nil
		}
	}
	return nil, service.ErrNoService
}

func (s *HTTPServer) putServices(r *http.Request) (any, error) {
	var list Services
	if err := ReadJSON(r, &list); err != nil {
		return nil, err
	}
	specs := make([]service.Spec, len(list.Services))
	seen := map[service.Key]bool{}
	for i := range list.Services {
		spec, err := list.Services[i].Spec()
		if err == nil && seen[spec.Key] {
			err = service.ErrServiceExists
		}
		if err != nil {
			return nil, &control.OpError{At: i, Err: err}
		}
		specs[i], seen[spec.Key] = spec, true
	}
	return nil, s.director.Replace(specs)
}

func (s *HTTPServer) deleteServices(*http.Request) (any, error) { return nil, s.director.Clear() }

func (s *HTTPServer) postService(r *http.Request) (any, error) {
	var body Service
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	spec, err := body.Spec()
	if err != nil {
		return nil, err
	}
	return nil, s.director.AddService(spec)
}

// putService edits a service's attributes. Its servers have a path of their own.
func (s *HTTPServer) putService(r *http.Request) (any, error) {
	body := Service{Service: r.PathValue("service")}
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	spec, err := body.Spec()
	if err != nil {
		return nil, err
	}
	if body.Service != r.PathValue("service") || body.Servers != nil {
		return nil, Errorf(http.StatusBadRequest, "bad-request", "a service's name cannot be edited, and its servers have a path of their own")
	}
	return nil, s.director.EditService(spec)
}

func (s *HTTPServer) deleteService(r *http.Request) (any, error) {
	k, err := named(r)
	if err != nil {
		return nil, err
	}
	return nil, s.director.DeleteService(k)
}

// server reads the real server in a request's body, which the path may name.
func server(r *http.Request, name string) (k service.Key, spec service.ServerSpec, err error) {
	if k, err = named(r); err != nil {
		return k, spec, err
	}
	body := Server{Server: name}
	if err = ReadJSON(r, &body); err != nil {
		return k, spec, err
	}
	if name != "" && body.Server != name {
		return k, spec, Errorf(http.StatusBadRequest, "bad-request", "a server's name cannot be edited")
	}
	spec, err = body.Spec(k)
	return k, spec, err
}

func (s *HTTPServer) postServer(r *http.Request) (any, error) {
	k, spec, err := server(r, "")
	if err != nil {
		return nil, err
	}
	return nil, s.director.AddServer(k, spec)
}

func (s *HTTPServer) putServer(r *http.Request) (any, error) {
	k, spec, err := server(r, r.PathValue("server"))
	if err != nil {
		return nil, err
	}
	return nil, s.director.EditServer(k, spec)
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
	return nil, s.director.DeleteServer(k, addr, port)
}

func (s *HTTPServer) postChanges(r *http.Request) (any, error) {
	var body Changes
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	ops := make([]control.Op, len(body.Changes))
	for i := range body.Changes {
		var err error
		if ops[i], err = body.Changes[i].op(); err != nil {
			return nil, &control.OpError{At: i, Err: err}
		}
	}
	return nil, s.director.Apply(ops...)
}

// op is the change that c asks for.
func (c *Change) op() (o control.Op, err error) {
	kind, ok := control.ParseOpKind(c.Op)
	switch {
	case !ok:
		return o, Errorf(http.StatusBadRequest, "bad-request", "op %q: want add-, edit- or delete- and service or server", c.Op)
	case c.Service == nil:
		return o, Errorf(http.StatusBadRequest, "bad-request", "%s: which service?", c.Op)
	}
	o.Kind = kind
	switch kind {
	case control.AddService, control.EditService:
		o.Service, err = c.Service.Spec()
		return o, err
	}
	if o.Service.Key, err = KeyOf(c.Service.Service); err != nil || kind == control.DeleteService {
		return o, err
	}
	if c.Server == nil {
		return o, Errorf(http.StatusBadRequest, "bad-request", "%s: which server?", c.Op)
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
	return Timeouts(s.director.Timeouts()), nil
}

func (s *HTTPServer) patchTimeouts(r *http.Request) (any, error) {
	var t Timeouts
	if err := ReadJSON(r, &t); err != nil {
		return nil, err
	}
	if max(t.TCP, t.TCPFIN, t.UDP) > maxTimeout {
		return nil, Errorf(http.StatusBadRequest, "bad-request", "want at most %d seconds", maxTimeout)
	}
	return nil, s.director.SetTimeouts(control.Timeouts(t))
}

func (s *HTTPServer) getSysctls(*http.Request) (any, error) { return sysctls(s.director.Sysctl()), nil }

func (s *HTTPServer) patchSysctls(r *http.Request) (any, error) {
	var values map[string]string
	if err := ReadJSON(r, &values); err != nil {
		return nil, err
	}
	return nil, s.director.SetSysctls(values)
}
