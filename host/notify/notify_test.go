package notify_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/host/notify"
)

func TestManager_HearsEveryState(t *testing.T) {
	for kind, name := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": fmt.Sprintf("@director-test-%d", os.Getpid()),
	} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		t.Setenv("NOTIFY_SOCKET", name)
		m, err := notify.Open()
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, err := range []error{m.Status("4 workers"), m.Ready(), m.Stopping()} {
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		var got []string
		for range 3 {
			b := make([]byte, 64)
			n, err := l.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(b[:n]))
		}
		if d := cmp.Diff([]string{"STATUS=4 workers", "READY=1", "STOPPING=1"}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", kind, d)
		}
	}
}

func TestOpen_WithoutAManagerIsQuiet(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m, err := notify.Open()
	if err != nil || m.Ready() != nil {
		t.Errorf("without NOTIFY_SOCKET: %v, %v; want no error", err, m.Ready())
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if _, err := notify.Open(); err == nil {
		t.Error("a socket that is not there: no error")
	}
}
