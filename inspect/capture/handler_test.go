package capture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"director/inspect/capture"
	"director/inspect/pcap"
)

// remote is a capture.Remote over HTTP.
type remote string

func (r remote) Stream(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, string(r)+path, body)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("%d: %s", answer.StatusCode, text)
	}
	return answer.Body, nil
}

func (r remote) Do(ctx context.Context, method, path string, _, _ any) error {
	answer, err := r.Stream(ctx, method, path, nil)
	if err == nil {
		err = answer.Close()
	}
	return err
}

// serve answers requests for captures of the rig.
func (r *rig) serve() remote {
	h := capture.NewHandler(func(o capture.Options) (*capture.Session, error) {
		return capture.Start(r.Shared, 1, ifaces, o)
	})
	s := httptest.NewServer(h)
	r.t.Cleanup(s.Close)
	return remote(s.URL)
}

// signal is a writer that signals the first write.
type signal struct {
	bytes.Buffer
	first chan struct{}
}

func (s *signal) Write(b []byte) (int, error) {
	if s.Len() == 0 {
		defer close(s.first)
	}
	return s.Buffer.Write(b)
}

func TestHandler_StreamsACaptureUntilItIsEnded(t *testing.T) {
	r := newRig(t)
	director := r.serve()
	ctx, cancel := context.WithCancel(t.Context())
	out := signal{first: make(chan struct{})}
	type result struct {
		pcap.Statistics
		error
	}
	done := make(chan result)
	go func() {
		sum, err := capture.Fetch(ctx, director, capture.DefaultOptions(), &out)
		done <- result{sum, err}
	}()
	<-out.first
	if _, err := director.Stream(t.Context(), "POST", capture.Path, nil); err == nil || !strings.Contains(err.Error(), "409") || !strings.Contains(err.Error(), "in progress") {
		t.Errorf("a second capture: %v, want 409", err)
	}
	r.story()
	cancel()
	got := <-done
	if got.error != nil {
		t.Fatal(got.error)
	}
	want := uint64(len(comments))
	if got.Written != want || got.Received != 5 || got.Lost != 0 || got.Skipped != 0 {
		t.Errorf("counts %+v, want %d frames of 5 received", got.Statistics, want)
	}
	in, err := pcap.NewReader(&out.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	for range comments {
		if _, err := in.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := in.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last frame: %v", err)
	}
	if err := director.Do(t.Context(), "DELETE", capture.Path, nil, nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("ending no capture: %v, want 404", err)
	}
}

func TestHandler_EndsWithItsReader(t *testing.T) {
	r := newRig(t)
	director := r.serve()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := director.Stream(ctx, "POST", capture.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	stream.Close()
	// The handler detects this itself, and the next capture starts.
	for {
		stream, err = director.Stream(t.Context(), "POST", capture.Path, strings.NewReader(`{"max_frames": 1}`))
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "409") {
			t.Fatal(err)
		}
	}
	r.story()
	if _, complete, err := pcap.Copy(io.Discard, stream); err != nil || !complete {
		t.Errorf("complete %v, %v", complete, err)
	}
}

func TestHandler_RefusesWhatIsWrong(t *testing.T) {
	director := newRig(t).serve()
	for body, want := range map[string]string{
		`{"snap": 0}`:               "snap 0",
		`{"rate": 1000000}`:         "rate 1000000",
		`{"client": "everybody"}`:   "want an IPv4 address",
		`{"verdicts": ["perhaps"]}`: "perhaps",
		`{"colour": "red"}`:         "unknown field",
		`[]`:                        "options",
	} {
		_, err := director.Stream(t.Context(), "POST", capture.Path, strings.NewReader(body))
		if err == nil || !strings.HasPrefix(err.Error(), "400") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want 400 and %q", body, err, want)
		}
	}
	if _, err := director.Stream(t.Context(), "PUT", capture.Path, nil); err == nil || !strings.HasPrefix(err.Error(), "405") {
		t.Errorf("PUT: %v, want 405", err)
	}
}
