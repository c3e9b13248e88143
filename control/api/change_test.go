package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	web = `{"service":"tcp:192.0.2.10:80","scheduler":"rr","servers":[{"server":"10.0.0.11:8080","method":"nat"},{"server":"10.0.0.12:8080","method":"nat","weight":3}]}`
	dns = `{"service":"udp:192.0.2.10:53","one_packet":true,"servers":[{"server":"10.0.0.11"}]}`
)

// A client can send the answer of a GET back. This changes no count and no connection.
func TestPut_OfWhatGetAnswersChangesNothing(t *testing.T) {
	r := newRig(t)
	r.does("PUT", "/v1/services", `{"services":[`+web+`,`+dns+`,{"service":"fwmark:7","persistent":60,"netmask":"255.255.255.0","scheduler":"sh","flags":["sh-port"],"servers":[{"server":"10.0.0.12:0","method":"tun","tunnel":{"type":"gue","port":6080,"checksum":"remote"}}]}]}`)
	r.syn("198.51.100.1:40000")
	r.Estimate()
	for _, path := range []string{"/v1/services", "/v1/services/tcp:192.0.2.10:80", "/v1/services/fwmark:7", "/v1/services/tcp:192.0.2.10:80/servers/10.0.0.12:8080"} {
		_, _, before := r.ask("GET", path, "")
		_, _, all := r.ask("GET", "/v1/services", "")
		r.does("PUT", path, before)
		if _, _, after := r.ask("GET", "/v1/services", ""); after != all {
			t.Errorf("PUT %s\n%sof what GET answered made of\n%s", path, after, all)
		}
	}
	if got := r.Services()[0]; got.Stats.Conns != 1 || got.Servers[0].Active+got.Servers[1].Active+got.Servers[0].Inactive+got.Servers[1].Inactive != 1 {
		t.Errorf("after all that %+v, want the connection of before", got)
	}
}

// All services are replaced in one view. Services that stay keep their counts.
func TestPutServices_IsOneView(t *testing.T) {
	r := newRig(t)
	r.does("PUT", "/v1/services", `{"services":[`+web+`,`+dns+`]}`)
	r.syn("198.51.100.1:40000")
	before := r.Shared.View()
	next := strings.Replace(web, `"weight":3`, `"weight":0`, 1)
	r.refused("PUT", "/v1/services", `{"services":[`+next+`,{"service":"udp:192.0.2.11:53","servers":[{"server":"10.0.0.11","weight":-1}]}]}`, 422, "out-of-range")
	if r.Shared.View() != before {
		t.Error("the workers were shown something of a change that was refused")
	}
	r.does("PUT", "/v1/services", `{"services":[`+next+`]}`)
	if got := r.Services(); len(got) != 1 || got[0].Counted.Conns != 1 || got[0].Servers[0].Weight != 0 {
		t.Errorf("%+v", got)
	}
}

// The error names the refused change. No other change is made.
func TestChanges_AreAllOrNothing(t *testing.T) {
	r := newRig(t)
	r.does("POST", "/v1/services", web)
	before := r.Shared.View()
	const good = `{"op":"edit-server","service":{"service":"tcp:192.0.2.10:80"},"server":{"server":"10.0.0.11:8080","method":"nat","weight":0}}`
	for _, c := range []struct {
		bad, code string
		status    int
	}{
		{`{"op":"delete-server","service":{"service":"tcp:192.0.2.10:80"},"server":{"server":"10.0.0.13:8080"}}`, "no-server", 404},
		{`{"op":"add-server","service":{"service":"tcp:192.0.2.10:80"},"server":{"server":"10.0.0.11:8080","method":"nat"}}`, "server-exists", 409},
		{`{"op":"add-server","service":{"service":"tcp:192.0.2.11:80"},"server":{"server":"10.0.0.11"}}`, "service-not-defined", 404},
		{`{"op":"add-service","service":` + web + `}`, "service-exists", 409},
		{`{"op":"delete-service","service":{"service":"fwmark:1"}}`, "no-service", 404},
		{`{"op":"edit-service","service":{"service":"tcp:192.0.2.10:80","scheduler":"x"}}`, "bad-request", 400},
		{`{"op":"paint","service":{"service":"fwmark:1"}}`, "bad-request", 400},
		{`{"op":"add-server","service":{"service":"tcp:192.0.2.10:80"}}`, "bad-request", 400},
		{`{"op":"add-service"}`, "bad-request", 400},
	} {
		e := r.refused("POST", "/v1/changes", `{"changes":[`+good+`,`+good+`,`+c.bad+`,`+good+`]}`, c.status, c.code)
		if e.Change == nil || *e.Change != 2 || !strings.HasPrefix(e.Message, "changes[2]: ") {
			t.Errorf("%s: %+v, want change 2", c.bad, e)
		}
		if r.Shared.View() != before {
			t.Fatalf("%s: the workers were shown something", c.bad)
		}
	}
	r.does("POST", "/v1/changes", `{"changes":[`+good+`]}`)
	if got := r.Services()[0].Servers[1].Weight; got != 0 {
		t.Errorf("weight %d", got)
	}
}

// The error for a list of services names the refused one and the reason, wherever the fault
// is found.
func TestPutServices_NamesWhatIsWrong(t *testing.T) {
	r := newRig(t)
	r.does("PUT", "/v1/services", `{"services":[`+dns+`,`+web+`]}`)
	for _, c := range []struct{ bad, says string }{
		{`{"service":"tcp:192.0.2.11:80","servers":[{"server":"10.0.0.11","upper":1,"lower":2}]}`, "services[2]: tcp:192.0.2.11:80: "},
		{`{"service":"tcp:192.0.2.11:80","servers":[{"server":"10.0.0.11"},{"server":"10.0.0.11:80"}]}`, "services[2]: tcp:192.0.2.11:80: "},
		{web, "services[2]: "},
	} {
		_, _, text := r.ask("PUT", "/v1/services", `{"services":[`+web+`,`+dns+`,`+c.bad+`]}`)
		if !strings.Contains(text, c.says) || !strings.Contains(text, `"change":2`) {
			t.Errorf("%s: %s, want %s and change 2", c.bad, text, c.says)
		}
	}
}

// Where a request names several servers, the answer names the one that is wrong,
// with the status of that error.
func TestServer_NamesTheServerThatIsWrong(t *testing.T) {
	const (
		path   = "/v1/services/tcp:192.0.2.10:80"
		other  = `"service":"tcp:192.0.2.11:80"`
		good   = `{"server":"10.0.0.21:80","method":"nat"}`
		weight = `{"server":"10.0.0.22:80","method":"nat","weight":-1}`
		vip    = `{"server":"192.0.2.10:80","method":"nat"}`
		gue    = `{"server":"10.0.0.22","method":"tun","tunnel":{"type":"gue"}}`
		port   = `{"server":"10.0.0.22:81","method":"dr"}`
	)
	r := newRig(t)
	r.does("POST", "/v1/services", web)
	_, _, before := r.ask("GET", "/v1/services", "")
	list := func(bad string) string { return `"servers":[` + good + `,` + bad + `]` }
	for _, c := range []struct {
		method, path, body string
		status             int
		code, says         string
	}{
		{"PUT", path, `{` + list(weight) + `}`, 422, "out-of-range", "server 10.0.0.22:80: weight -1: must be 0 or more; nothing is changed"},
		{"PUT", path, `{` + list(vip) + `}`, 422, "invalid", "server 192.0.2.10:80: this real server is the director itself"},
		{"PUT", path, `{` + list(gue) + `}`, 422, "invalid", "server 10.0.0.22:80: tunnel gue: "},
		{"PUT", path, `{` + list(port) + `}`, 400, "bad-request", "server 10.0.0.22:81: the method dr does not change the port"},
		{"PUT", path, `{"servers":[{"server":"10.0.0.11:8080","method":"nat","weight":-2}]}`, 422, "out-of-range", "server 10.0.0.11:8080: weight -2: "},
		{"POST", "/v1/services", `{` + other + `,` + list(weight) + `}`, 422, "out-of-range", "server 10.0.0.22:80: weight -1: "},
		{"POST", "/v1/services", `{` + other + `,` + list(gue) + `}`, 422, "invalid", "server 10.0.0.22:80: tunnel gue: "},
		{"POST", "/v1/services", `{` + other + `,` + list(port) + `}`, 400, "bad-request", "server 10.0.0.22:81: the method dr does not change the port"},
		{"PUT", "/v1/services", `{"services":[{` + other + `,` + list(weight) + `}]}`, 422, "out-of-range",
			"services[0]: tcp:192.0.2.11:80: server 10.0.0.22:80: weight -1: "},
		{"PUT", "/v1/services", `{"services":[` + strings.Replace(web, `"servers":[`, `"servers":[`+weight+`,`, 1) + `]}`, 422, "out-of-range",
			"services[0]: server 10.0.0.22:80 of tcp:192.0.2.10:80: weight -1: "},
		{"POST", "/v1/changes", `{"changes":[{"op":"add-service","service":{` + other + `,` + list(weight) + `}}]}`, 422, "out-of-range",
			"changes[0]: tcp:192.0.2.11:80: server 10.0.0.22:80: weight -1: "},
		{"POST", "/v1/changes", `{"changes":[{"op":"add-server","service":{"service":"tcp:192.0.2.10:80"},"server":` + weight + `}]}`, 422, "out-of-range",
			"changes[0]: server 10.0.0.22:80 of tcp:192.0.2.10:80: weight -1: "},
		{"POST", "/v1/changes", `{"changes":[{"op":"edit-server","service":{"service":"tcp:192.0.2.10:80"},"server":` + good + `}]}`, 404, "no-server",
			"changes[0]: server 10.0.0.21:80 of tcp:192.0.2.10:80: No such destination"},
		{"POST", path + "/servers", weight, 422, "out-of-range", "weight -1: "},
		{"PUT", path + "/servers/10.0.0.11:8080", `{"method":"nat","weight":-1}`, 422, "out-of-range", "weight -1: "},
		{"POST", path + "/servers", port, 400, "bad-request", "server 10.0.0.22:81: the method dr does not change the port"},
		{"DELETE", path + "/servers/10.0.0.99:80", "", 404, "no-server", "No such destination"},
		{"POST", "/v1/services/fwmark:9/servers", weight, 404, "service-not-defined", "Service not defined"},
		{"PUT", "/v1/services/fwmark:9", `{}`, 404, "no-service", "No such service"},
		{"DELETE", "/v1/services/fwmark:9", "", 404, "no-service", "No such service"},
		{"POST", "/v1/services/fwmark:9/zero", "", 404, "no-service", "No such service"},
	} {
		e := r.refused(c.method, c.path, c.body, c.status, c.code)
		if !strings.HasPrefix(e.Message, c.says) {
			t.Errorf("%s %s %s:\n got %q\nwant %q", c.method, c.path, c.body, e.Message, c.says)
		}
	}
	if _, _, after := r.ask("GET", "/v1/services", ""); after != before {
		t.Errorf("the services are now %s, were %s", after, before)
	}
}

// A path that exists answers other methods with those that it takes.
func TestServer_SaysWhichMethodsAPathTakes(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ method, path, allow string }{
		{"PATCH", "/v1/services", "GET, POST, PUT, DELETE"},
		{"POST", "/v1/services/fwmark:1", "GET, PUT, DELETE"},
		{"GET", "/v1/changes", "POST"},
		{"DELETE", "/v1/timeouts", "GET, PATCH"},
		{"OPTIONS", "/v1/reload", "POST"},
	} {
		r.refused(c.method, c.path, "", http.StatusMethodNotAllowed, "method-not-allowed")
		if _, header, _ := r.ask(c.method, c.path, ""); header.Get("Allow") != c.allow {
			t.Errorf("%s %s: allows %q, want %q", c.method, c.path, header.Get("Allow"), c.allow)
		}
	}
	for _, path := range []string{"/", "/v1", "/v2/services", "/v1/services/fwmark:1/x"} {
		r.refused("GET", path, "", http.StatusNotFound, "not-found")
	}
}

// An invalid request is refused and changes nothing.
func TestServer_RefusesWhatItCannotRead(t *testing.T) {
	r := newRig(t)
	r.does("POST", "/v1/services", web)
	before := r.Shared.View()
	for _, c := range []struct{ method, path, body, says string }{
		{"PUT", "/v1/services", `null`, "services is missing"},
		{"PUT", "/v1/services", `{}`, "services is missing"},
		{"POST", "/v1/changes", `{}`, "changes is missing"},
		{"PUT", "/v1/services", ``, "the body is empty"},
		{"PUT", "/v1/services", `{"services":[]`, "unexpected EOF"},
		{"PUT", "/v1/services", `{"services":[]} x`, "more data after the value"},
		{"PUT", "/v1/services", `{"services":[],"also":1}`, `unknown field "also"`},
		{"PUT", "/v1/services", `{"services":{}}`, "services: want a list, not a JSON object"},
		{"PATCH", "/v1/timeouts", `{"tcp":"1"}`, "tcp: want a number that fits uint32, not a JSON string"},
		{"PATCH", "/v1/timeouts", `{"tcp":2678401}`, "want at most 2678400 seconds"},
		{"PATCH", "/v1/sysctls", `{"no_such":"1"}`, "no_such=1: IPVS has no such sysctl"},
		{"PUT", "/v1/services/tcp:192.0.2.10:80", `{"service":"tcp:192.0.2.11:80"}`, "the path tcp:192.0.2.10:80"},
		{"PUT", "/v1/services/tcp:192.0.2.10:80/servers/10.0.0.11:8080", `{"server":"10.0.0.12:8080","method":"nat"}`, "the path 10.0.0.11:8080"},
		{"PUT", "/v1/services/tcp:192.0.2.10:80/servers/10.0.0.11:8080", `{"method":"dr"}`, "the method dr does not change the port"},
		{"GET", "/v1/connections?client=x", ``, "client: "},
		{"GET", "/v1/connections?limit=0", ``, "limit: want 1 to 100000"},
		{"GET", "/v1/connections?page=1", ``, "page: unknown parameter"},
	} {
		if e := r.refused(c.method, c.path, c.body, 400, "bad-request"); !strings.Contains(e.Message, c.says) {
			t.Errorf("%s %s %s: %q, want %q", c.method, c.path, c.body, e.Message, c.says)
		}
	}
	r.refused("PUT", "/v1/services", `{"services":[`+strings.Repeat(" ", 16<<20)+`]}`, http.StatusRequestEntityTooLarge, "too-large")
	if r.Shared.View() != before {
		t.Error("the workers were shown something of what was refused")
	}
	r.refused("PUT", "/v1/services/fwmark:9", `{"servers":[]}`, http.StatusNotFound, "no-service")
}

// A stream, such as a capture, lasts longer than a client may take for its body,
// and a client that does not read its answer loses its place.
func TestServer_BoundsBodiesAndAnswersNotStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newServer(t)
		wait := make(chan struct{})
		r.server.Handle("POST /v1/stream", http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			_, _ = io.Copy(io.Discard, q.Body)
			select {
			case <-wait:
				_, _ = io.WriteString(w, "whole")
			case <-q.Context().Done():
				_, _ = io.WriteString(w, "cut")
			}
		}))
		l := newPipes()
		served := make(chan error, 1)
		go func() { served <- r.server.Serve(l) }()
		for _, length := range []int{0, 2} {
			c := l.dial()
			fmt.Fprintf(c, "POST /v1/stream HTTP/1.1\r\nHost: director\r\nContent-Length: %d\r\n\r\n%s", length, "{}"[:length])
			time.Sleep(10 * time.Minute) // of the virtual clock
			wait <- struct{}{}
			w, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(w.Body); string(text) != "whole" || err != nil {
				t.Errorf("%d bytes of body: %q, %v", length, text, err)
			}
			c.Close()
		}
		deaf, slow := l.dial(), l.dial()
		fmt.Fprint(deaf, "GET /v1/services HTTP/1.1\r\nHost: director\r\n\r\n")
		fmt.Fprint(slow, "POST /v1/services HTTP/1.1\r\nHost: director\r\nContent-Length: 9\r\n\r\n{")
		time.Sleep(2 * time.Minute)
		if b, err := io.ReadAll(deaf); len(b) != 0 || err != nil {
			t.Errorf("who did not read for two minutes still gets %q, %v", b, err)
		}
		w, err := http.ReadResponse(bufio.NewReader(slow), nil)
		if err == nil && w.StatusCode != 400 {
			t.Errorf("a body that does not end in time: %v", w.Status)
		}
		slow.Close()
		deaf.Close()
		if err := r.server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
