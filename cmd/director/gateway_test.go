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
	gatewayPort = 9000 // of the client host, where the real server connects to
)

// gaveBack matches the log of a director that left frames of a real server
// without a connection to the kernel.
var gaveBack = regexp.MustCompile(`host=.*"no-connection":[1-9]`)

// TestGateway_ForwardsAServersOwnConnections has a real server connect to the
// client through the director, which is its default gateway, under strict
// rp_filter. From an ephemeral port its frames never leave the kernel. From the
// service's port they look like answers to balanced traffic, and go back to the
// kernel, which forwards them.
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
				t.Error("the kernel forwarded nothing, want every frame")
			}
			if err := d.Stop(); err != nil {
				t.Fatal(err)
			}
			if !gaveBack.MatchString(d.Log()) {
				t.Error("the director gave nothing back, want the frames from the service's port")
			}
		})
}

// receiveHashes has a host answer each connection to gatewayPort with the hash
// of what came over it, until the test ends.
func receiveHashes(t *testing.T, h *lab.Host) {
	t.Helper()
	serve(t, h, gatewayPort, func(c net.Conn) {
		sum := sha256.New()
		if _, err := io.Copy(sum, c); err == nil { // else the sender misses the answer
			_, _ = io.WriteString(c, hex.EncodeToString(sum.Sum(nil)))
		}
	})
}

// upload sends the first real server's bytes to the client host, from a port of
// the server's own or from any, 0.
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
		t.Errorf("from port %d: %d bytes arrived with the hash %q, %v, want %s", port, n, got, err, want)
	}
}
