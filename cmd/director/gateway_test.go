//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"regexp"
	"testing"
	"time"

	"director/internal/lab"
	"director/internal/lab/web"
)

const (
	gatewaySize = 1 << 20
	gatewayPort = 9000 // of the client host; the real server connects to it
)

// leftToKernel matches the log of a director that left frames of real servers to the
// kernel because they belonged to no connection.
var leftToKernel = regexp.MustCompile(`host=.*"no-connection":[1-9]`)

// TestGateway_ForwardsAServersOwnConnections opens connections from a real server to the
// client through the director, which is the server's default gateway, with strict
// rp_filter. From an ephemeral port, the kernel alone handles the frames. From the service's
// port, the frames look like replies of the service. The director gets them, finds no
// connection, and reinjects them into the kernel, which forwards them.
func TestGateway_ForwardsAServersOwnConnections(t *testing.T) {
	eachWay(t, lab.Config{StrictRPFilter: true}, []way{nativeXDP, genericXDP, packetIO},
		func(t *testing.T, l *lab.Lab, w way) {
			receiveHashes(t, l.Clients[0])
			d := launch(t, l, w)
			before := kernelCounters(t, l.Director)
			upload(t, l, 0)
			upload(t, l, demoServerPort)
			forwarded := kernelCounters(t, l.Director)["Ip.ForwDatagrams"] - before["Ip.ForwDatagrams"]
			if forwarded == 0 {
				t.Error("the kernel forwarded no frames, want all of them")
			}
			if err := d.Stop(); err != nil {
				t.Fatal(err)
			}
			if !leftToKernel.MatchString(d.Log()) {
				t.Error("the director left no frames to the kernel, want those from the service's port")
			}
		})
}

// receiveHashes starts a server at gatewayPort of a host, until the test ends. It answers
// each connection with the hash of the bytes that it received.
func receiveHashes(t *testing.T, h *lab.Host) {
	t.Helper()
	serve(t, h, gatewayPort, func(c net.Conn) {
		sum := sha256.New()
		if _, err := io.Copy(sum, c); err == nil { // on an error the sender gets no answer
			_, _ = io.WriteString(c, hex.EncodeToString(sum.Sum(nil)))
		}
	})
}

// upload sends bytes from the first real server to the client host and checks the hash
// that comes back. port is the source port, 0 for an ephemeral one.
func upload(t *testing.T, l *lab.Lab, port int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, client := l.Servers[0], l.Clients[0]
	from := fmt.Sprintf("%s:%d", server.Addr, port)
	c, err := server.Dial(ctx, "tcp4", from, fmt.Sprintf("%s:%d", client.Addr, gatewayPort))
	if err != nil {
		t.Fatalf("from port %d: %v", port, err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	n, err := io.Copy(c, io.TeeReader(web.Bytes(gatewaySize), sum))
	if err == nil {
		err = c.(*net.TCPConn).CloseWrite()
	}
	if err != nil {
		t.Fatalf("from port %d: sent %d of %d bytes: %v", port, n, gatewaySize, err)
	}
	got, err := io.ReadAll(c)
	if want := hex.EncodeToString(sum.Sum(nil)); err != nil || string(got) != want {
		t.Errorf("from port %d: sent %d bytes, got the hash %q, %v, want %s", port, n, got, err, want)
	}
}
