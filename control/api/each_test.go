package api_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/control/api"
)

// answers starts a server on a control socket that answers every request with text. It
// returns a client of this server.
func answers(t *testing.T, text *string) api.Remote {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, *text) })}
	go s.Serve(l) //nolint:errcheck // it returns when the test ends
	client := api.Open(socket)
	t.Cleanup(func() {
		client.Close()
		s.Close()
	})
	return api.Remote{Client: client, Context: t.Context()}
}

const (
	full = `{"service":"tcp:192.0.2.10:80","scheduler":"mh","flags":["mh-port"],"persistent":60,"failing":true,"stats":{"connections":1},"servers":[` +
		`{"server":"10.0.0.1:80","method":"tun","weight":7,"upper":9,"lower":3,"tunnel":{"type":"gue","port":6080},"overloaded":true,` +
		`"unreachable":"neighbor","skipped":true,"suspect":true,"signs":{"opened":1},"active":1,"inactive":2,"persistent":3,` +
		`"stats":{"connections":5},"rates":{"connections":6}},{"server":"10.0.0.2:80","method":"nat"}]}`
	empty = `{"service":"tcp:192.0.2.11:80","servers":[{"server":"10.0.0.1:80"}]}`
)

// What the client keeps of a service for the next one, memory, has nothing of the former in
// it.
func TestRemote_KeepsServicesApart(t *testing.T) {
	var text string
	r := answers(t, &text)
	list := func(services string) (all []control.Service) {
		t.Helper()
		text = `{"services":[` + services + "]}\n"
		all, err := r.Services()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := slices.Concat(list(full), list(empty), list(full))
	if diff := cmp.Diff(want, list(full+","+empty+","+full)); diff != "" {
		t.Errorf("one by one and together (-want +got):\n%s", diff)
	}
	if want[1].Servers[0].Skipped || !want[0].Servers[1].Skipped || want[0].Servers[1].Signs.Opened != 1 {
		t.Errorf("%+v", want)
	}
}

// A part of a list is an error, not a shorter list. An error of the function ends the list.
func TestRemote_ListsAllOrNothing(t *testing.T) {
	whole := `{"services":[` + full + "," + empty + "]}"
	var text string
	r := answers(t, &text)
	for n := range len(whole) {
		text = whole[:n]
		if all, err := r.Services(); err == nil {
			t.Errorf("%d services and no error for %q", len(all), text)
		}
	}
	text = whole
	stop, calls := errors.New("stop"), 0
	err := r.EachService(true, func(*control.Service) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d calls, want the error of the function after one", err, calls)
	}
}

// In HTTP/1.0 an answer ends with the connection. So it has a length, by which the client
// sees whether it is whole.
func TestServer_TellsHTTP10TheLength(t *testing.T) {
	r := newRig(t)
	r.does("PUT", "/v1/services", `{"services":[`+web+`,`+dns+`]}`)
	for _, path := range []string{"/v1/services", "/v1/configuration", "/v1/sysctls", "/v1/none"} {
		_, _, want := r.ask("GET", path, "")
		c, err := net.Dial("unix", r.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET %s HTTP/1.0\r\n\r\n", path)
		w, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(w.Body)
		if err != nil || w.ContentLength <= 0 || string(text) != want {
			t.Errorf("%s: length %d, %v\n%s\nwant\n%s", path, w.ContentLength, err, text, want)
		}
	}
}
