package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"director/inspect/pcap"
)

// endTime is how long a director may take to end a capture after it was asked to.
const endTime = 5 * time.Second

// Remote is a running director behind its control API. Errors of its methods contain the
// director's answer.
type Remote interface {
	// Stream sends body as JSON and returns the answer as a stream.
	Stream(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error)
	// Do sends body (nil: none) as JSON and decodes the answer into into (nil: it is
	// ignored).
	Do(ctx context.Context, method, path string, body, into any) error
}

// Fetch makes a director capture with the options. It writes the capture to out as it
// arrives, until the capture or ctx ends. It returns the director's counts.
func Fetch(ctx context.Context, director Remote, o Options, out io.Writer) (pcap.Statistics, error) {
	beyond, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	body, err := json.Marshal(&o)
	if err != nil {
		return pcap.Statistics{}, err
	}
	stream, err := director.Stream(beyond, http.MethodPost, Path, bytes.NewReader(body))
	if err != nil {
		return pcap.Statistics{}, err
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, func() {
		// The answer to the first request continues with the rest and the counts.
		time.AfterFunc(endTime, cancel)
		if director.Do(beyond, http.MethodDelete, Path, nil, nil) != nil {
			cancel()
		}
	})()
	sum, complete, err := pcap.Copy(out, stream)
	switch {
	case err != nil:
		return sum, fmt.Errorf("capture: %w", err)
	case !complete:
		return sum, errors.New("capture: the director stopped before the capture was complete")
	}
	return sum, nil
}
