package connlimit_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"director/internal/connlimit"
)

// reader is a client that takes some time for each chunk. It has a virtual clock.
type reader struct {
	http.ResponseWriter
	takes time.Duration
	until time.Time
	read  int
}

func (r *reader) SetWriteDeadline(t time.Time) error {
	r.until = t
	return nil
}

func (r *reader) Write(b []byte) (int, error) {
	end := time.Now().Add(r.takes)
	if end.After(r.until) {
		time.Sleep(time.Until(r.until))
		return 0, io.ErrClosedPipe
	}
	time.Sleep(r.takes)
	r.read += len(b)
	return len(b), nil
}

// A client that reads slowly gets all of a long answer, however long that takes. One
// that does not read, or nearly nothing, is cut off.
func TestPace_WaitsForWhoReads(t *testing.T) {
	const size = 20 << 20
	for name, c := range map[string]struct {
		takes time.Duration // for 64 KiB
		whole bool
		after time.Duration // it ends
	}{
		"live, slow":       {900 * time.Millisecond, true, 288 * time.Second},
		"just fast enough": {time.Second, true, 320 * time.Second},
		"nearly dead":      {9 * time.Second, false, 67 * time.Second},
		"dead":             {time.Hour, false, 10 * time.Second},
	} {
		for _, writes := range []int{1, 320} {
			synctest.Test(t, func(t *testing.T) {
				r := &reader{ResponseWriter: httptest.NewRecorder(), takes: c.takes}
				w, begun := connlimit.Pace(r), time.Now()
				var err error
				for range writes {
					if _, err = w.Write(make([]byte, size/writes)); err != nil {
						break
					}
				}
				if whole := err == nil && r.read == size; whole != c.whole {
					t.Errorf("%s, %d writes: %d of %d bytes, %v", name, writes, r.read, size, err)
				}
				if took := time.Since(begun).Round(time.Second); took != c.after {
					t.Errorf("%s, %d writes: it took %v, want %v", name, writes, took, c.after)
				}
			})
		}
	}
}
