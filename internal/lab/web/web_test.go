package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"director/internal/lab/web"
)

// start serves as rs1 over loopback until the test ends.
func start(t *testing.T) (s *web.Server, url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = web.New("rs1")
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve returned %v, want %v", err, http.ErrServerClosed)
		}
	})
	return s, "http://" + l.Addr().String()
}

func fetch(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fetch(t, req)
}

func TestServer_AnswersThePageWithItsName(t *testing.T) {
	_, url := start(t)
	resp, body := get(t, url+"/")
	if resp.StatusCode != http.StatusOK || len(body) != 628 {
		t.Errorf("got status %d and %d bytes, want 200 and 628", resp.StatusCode, len(body))
	}
	if got := resp.Header.Get(web.NameHeader); got != "rs1" {
		t.Errorf("%s: got %q, want rs1", web.NameHeader, got)
	}
}

func TestServer_SendsTheSameBytesEveryTime(t *testing.T) {
	_, url := start(t)
	const n = 100_000
	want, err := io.ReadAll(web.Bytes(n))
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != n {
		t.Fatalf("Bytes(%d) yields %d bytes", n, len(want))
	}
	for range 2 {
		if _, got := get(t, url+"/bytes/100000"); !bytes.Equal(got, want) {
			t.Errorf("got %d bytes that differ from the %d of Bytes", len(got), n)
		}
	}
}

func TestServer_HashesWhatItIsSent(t *testing.T) {
	_, url := start(t)
	sum := sha256.New()
	req, err := http.NewRequest(http.MethodPost, url+"/sink", io.TeeReader(web.Bytes(1_000_000), sum))
	if err != nil {
		t.Fatal(err)
	}
	_, got := fetch(t, req)
	if want := hex.EncodeToString(sum.Sum(nil)); string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestServer_RefusesWhatItDoesNotServe(t *testing.T) {
	_, url := start(t)
	for path, want := range map[string]int{
		"/bytes/-1":   http.StatusBadRequest,
		"/bytes/many": http.StatusBadRequest,
		"/other":      http.StatusNotFound,
		"/sink":       http.StatusMethodNotAllowed,
	} {
		if resp, _ := get(t, url+path); resp.StatusCode != want {
			t.Errorf("GET %s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestServer_CountsRequests(t *testing.T) {
	s, url := start(t)
	for range 3 {
		get(t, url+"/")
	}
	get(t, url+"/other")
	if got := s.Requests(); got != 4 {
		t.Errorf("got %d requests, want 4", got)
	}
}
