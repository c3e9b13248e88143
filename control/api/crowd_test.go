package api_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"director/control"
	"director/control/api"
	"director/packet"
	"director/service"
)

// Many clients edit the same services at once. At the
// end the changes of all clients are there, and each change made one view.
func TestServer_ServesACrowd(t *testing.T) {
	const clients, each = 200, 5
	r := newRig(t)
	r.does("PUT", "/v1/services", `{"services":[{"service":"fwmark:1"},{"service":"fwmark:2"}]}`)
	var crowd sync.WaitGroup
	for i := range clients {
		crowd.Go(func() {
			c := api.Open(r.socket)
			defer c.Close()
			d := api.Remote{Client: c, Context: t.Context()}
			k := service.Key{Mark: uint32(1 + i%2)}
			for j := range each {
				s := service.ServerSpec{Addr: packet.AddrFrom4(0x0a000000 + uint32(i<<8+j)), Method: service.DR, Weight: 1}
				err := d.AddServer(k, s)
				s.Weight = 7
				switch j % 3 {
				case 0:
					err = errors.Join(err, d.EditServer(k, s))
				case 1:
					err = errors.Join(err, d.Apply(control.Op{Kind: control.EditServer, Service: service.Spec{Key: k}, Server: s}))
				default:
					err = errors.Join(err, d.DeleteServer(k, s.Addr, 0))
				}
				if err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
		})
	}
	crowd.Wait()
	seen := 0
	for _, s := range r.Services() {
		for _, server := range s.Servers {
			if seen++; server.Weight != 7 {
				t.Errorf("%v has weight %d, want 7", server.Addr, server.Weight)
			}
		}
	}
	if want := clients * (each - 1); seen != want {
		t.Errorf("%d servers are left, want %d", seen, want)
	}
}

// If a header does not end, the server closes the connection.
func TestServer_BoundsHeaders(t *testing.T) {
	r := newRig(t)
	c, err := net.Dial("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := 0
	_, err = io.WriteString(c, "GET /v1/services HTTP/1.1\r\nHost: director\r\n")
	for err == nil && sent < 1<<20 {
		var n int
		n, err = fmt.Fprintf(c, "X-%d: %s\r\n", sent, strings.Repeat("x", 1000))
		sent += n
	}
	if sent >= 1<<20 {
		t.Errorf("%d bytes of header were taken", sent)
	}
}

// Close waits for a request that is being answered, and tells it to end.
func TestClose_WaitsForRequests(t *testing.T) {
	r := newRig(t)
	begun, ended := make(chan struct{}), make(chan struct{})
	r.server.Handle("POST /v1/slow", http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		close(begun)
		<-q.Context().Done()
		close(ended)
	}))
	go func() {
		if w, err := r.http.Post("http://director/v1/slow", "", nil); err == nil {
			w.Body.Close()
		}
	}()
	<-begun
	if err := r.server.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	default:
		t.Error("Close returned before the request had ended")
	}
}

// A path that is not clean is not an alias of another path.
func TestServer_KnowsCleanPathsOnly(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"//v1/services", "/v1//services", "/v1/./services", "/v1/x/../services", "/v1/services/"} {
		r.refused("GET", path, "", http.StatusNotFound, "not-found")
	}
}

func TestConnections_ArePagedAndFiltered(t *testing.T) {
	r := newRig(t)
	r.does("PUT", "/v1/services", `{"services":[`+web+`]}`)
	for i := range 25 {
		r.syn(fmt.Sprintf("198.51.%d.1:4000%d", 100+i%2, i%10))
		r.Clock.Advance(1e9)
	}
	c := api.Open(r.socket)
	defer c.Close()
	get := func(query string) (p api.Connections) {
		t.Helper()
		if err := c.Get(t.Context(), "/v1/connections?"+query, &p); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return p
	}
	whole := get("")
	total := whole.Total
	if total != 10 || len(whole.Connections) != total || whole.Next != 0 { // ports repeat
		t.Fatalf("%d of %d connections, next %d; want all 10", len(whole.Connections), total, whole.Next)
	}
	var paged []api.Connection
	for next, pages := 0, 0; pages == 0 || next != 0; pages++ {
		p := get(fmt.Sprintf("limit=4&offset=%d", next))
		if next = p.Next; p.Total != total || len(p.Connections) > 4 {
			t.Errorf("a page of %d, of %d", len(p.Connections), p.Total)
		}
		paged = append(paged, p.Connections...)
	}
	if fmt.Sprint(paged) != fmt.Sprint(whole.Connections) {
		t.Errorf("by pages\n%v\nwhole\n%v", paged, whole.Connections)
	}
	for query, fits := range map[string]func(*api.Connection) bool{
		"client=198.51.100.0/24":        func(c *api.Connection) bool { return strings.HasPrefix(c.Client, "198.51.100.") },
		"client=198.51.101.1":           func(c *api.Connection) bool { return strings.HasPrefix(c.Client, "198.51.101.1:") },
		"server=10.0.0.11":              func(c *api.Connection) bool { return c.Server == "10.0.0.11:8080" },
		"server=10.0.0.12:8080":         func(c *api.Connection) bool { return c.Server == "10.0.0.12:8080" },
		"virtual=192.0.2.10:80":         func(*api.Connection) bool { return true },
		"virtual=192.0.2.11":            func(*api.Connection) bool { return false },
		"state=SYN_RECV&proto=tcp":      func(*api.Connection) bool { return true },
		"state=ESTABLISHED":             func(*api.Connection) bool { return false },
		"proto=udp&client=198.51.100.1": func(*api.Connection) bool { return false },
	} {
		var want []api.Connection
		for i := range whole.Connections {
			if fits(&whole.Connections[i]) {
				want = append(want, whole.Connections[i])
			}
		}
		if p := get(query); p.Total != len(want) || fmt.Sprint(p.Connections) != fmt.Sprint(append([]api.Connection{}, want...)) {
			t.Errorf("%s: %v, want %v", query, p.Connections, want)
		}
	}
}

func TestZero_TimeoutsAndSysctls(t *testing.T) {
	r := newRig(t)
	r.does("PUT", "/v1/services", `{"services":[`+web+`,`+dns+`]}`)
	r.syn("198.51.100.1:40000")
	r.Estimate()
	r.does("POST", "/v1/services/udp:192.0.2.10:53/zero", "")
	if got := r.Services()[0].Stats.Conns; got != 1 {
		t.Errorf("another service was zeroed: %d connections, want 1", got)
	}
	r.does("POST", "/v1/zero", "")
	r.Estimate()
	if got := r.Services()[0].Stats.Conns; got != 0 {
		t.Errorf("%d connections after zero", got)
	}
	r.refused("POST", "/v1/services/fwmark:9/zero", "", http.StatusNotFound, "no-service")
	r.does("PATCH", "/v1/timeouts", `{"udp":30}`)
	if got, want := r.Timeouts(), (service.Timeouts{TCP: 900, TCPFIN: 120, UDP: 30}); got != want {
		t.Errorf("time-outs %v, want %v", got, want)
	}
	r.does("PATCH", "/v1/sysctls", `{"conn_reuse_mode":"0","expire_nodest_conn":"1"}`)
	_, _, text := r.ask("GET", "/v1/sysctls", "")
	if s := r.Sysctl(); s.ConnReuseMode != 0 || !s.ExpireNodestConn || !strings.Contains(text, `"conn_reuse_mode":"0"`) {
		t.Errorf("sysctls %+v, shown as %s", s, text)
	}
}
