package load_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// patience is the time-out of a request in tests that do not test time-outs.
const patience = 20 * time.Second

// reply returns a complete HTTP reply of a server.
func reply(name string, size int) string {
	return "HTTP/1.0 200 OK\r\nx-server: " + name + "\r\n\r\n" + strings.Repeat(".", size)
}

// answer reads the request and writes s.
func answer(c net.Conn, s string) {
	if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		_, _ = io.WriteString(c, s)
	}
}

// listen starts a server that passes each connection to handle and then closes it.
func listen(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}
