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

// endTime is how long a director has for the end of a capture that nobody wants
// to go on.
const endTime = 5 * time.Second

// Remote is a running director, as its control API shows it. Errors of its
// methods say what the director answered.
type Remote interface {
	// Stream sends body, which is JSON, and returns the answer while it comes in.
	Stream(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error)
	// Do sends body, nil for none, and reads the answer into into, nil to ignore it.
	Do(ctx context.Context, method, path string, body, into any) error
}

// Fetch has a director capture by the options and writes the capture to out, as
// soon as something of it arrives, until it ends or ctx does. It returns the sums
// of what the director counted.
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
		// It answers with the rest, and the counts.
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
		return sum, errors.New("capture: the director ended before the capture did")
	}
	return sum, nil
}
