//go:build linux

package lab_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/web"
	"director/service"
)

// patience bounds every wait for the network.
const patience = 20 * time.Second

// each builds a lab per number of arms and forwarding method.
func each(t *testing.T, c lab.Config, test func(t *testing.T, l *lab.Lab)) {
	for arms := 1; arms <= 2; arms++ {
		for _, m := range []service.Method{service.NAT, service.DR, service.TUN} {
			t.Run(fmt.Sprintf("%d-armed %v", arms, m), func(t *testing.T) {
				c.Arms, c.Method = arms, m
				test(t, labtest.New(t, c))
			})
		}
	}
}

func TestLab_KernelCarriesEveryHostsTraffic(t *testing.T) {
	each(t, lab.Config{Clients: 2, Servers: 2, StrictRPFilter: true}, func(t *testing.T, l *lab.Lab) {
		echo(t, l.Director, l.Front.String()+":7")
		echo(t, l.Director, l.Back.String()+":7")
		for _, c := range l.Clients {
			exchange(t, c, l.Front.String()+":7")
		}
		for _, rs := range l.Servers {
			exchange(t, rs, l.Back.String()+":7")
			exchange(t, rs, l.Front.String()+":7")
			echo(t, rs, rs.Addr.String()+":7")
			exchange(t, l.Director, rs.Addr.String()+":7")
		}
		for _, c := range l.Clients {
			echo(t, c, c.Addr.String()+":7")
			exchange(t, l.Servers[1], c.Addr.String()+":7") // with NAT through the gateway
			exchange(t, c, l.Servers[1].Addr.String()+":7")
		}
	})
}

// A client that is many machines is answered at each of its addresses, with the
// servers' own routes too.
func TestLab_ClientsHaveMoreAddresses(t *testing.T) {
	each(t, lab.Config{Clients: 2, Sources: 3, Servers: 1}, func(t *testing.T, l *lab.Lab) {
		rs := l.Servers[0]
		echo(t, rs, rs.Addr.String()+":7")
		seen := map[string]bool{}
		for _, c := range l.Clients {
			if len(c.Sources) != 3 || c.Sources[0] != c.Addr {
				t.Fatalf("%s has %v, and is %v", c.Name, c.Sources, c.Addr)
			}
			for _, from := range c.Sources {
				if seen[from.String()] {
					t.Errorf("%v is two clients'", from)
				}
				seen[from.String()] = true
				exchangeFrom(t, c, from.String(), rs.Addr.String()+":7")
			}
		}
	})
}

func TestLab_OnlyTheDirectorAnswersForTheVIP(t *testing.T) {
	for _, onLink := range []bool{false, true} {
		each(t, lab.Config{Servers: 2, VIPOnLink: onLink}, func(t *testing.T, l *lab.Lab) {
			if err := l.Director.AddAddr("eth0", host32(l.VIP)); err != nil {
				t.Fatal(err)
			}
			echo(t, l.Director, l.VIP.String()+":7")
			exchange(t, l.Clients[0], l.VIP.String()+":7")
			asked := l.VIP
			if !onLink {
				asked = l.Front
			}
			want, err := l.Director.MAC("eth0")
			if err != nil {
				t.Fatal(err)
			}
			if got := neighbor(t, l.Clients[0], asked); got.String() != want.String() {
				t.Errorf("client has %v for %v, want %v", got, asked, want)
			}
		})
	}
}

// A route to the virtual address by way of a server is direct routing done by
// the director's kernel.
func TestLab_ServersAnswerDirectly(t *testing.T) {
	for arms := 1; arms <= 2; arms++ {
		t.Run(fmt.Sprintf("%d-armed", arms), func(t *testing.T) {
			l := labtest.New(t, lab.Config{Arms: arms, Method: service.DR, Servers: 2, Clients: 2})
			routeVIP(t, l, l.Servers[1])
			serveWeb(t, l.Servers[1])
			before := received(t, l.Director)
			transfer(t, l, l.Clients[1])
			// Of 10 MB in each direction the director saw one.
			if got := received(t, l.Director) - before; got > 15_000_000 || got < 10_000_000 {
				t.Errorf("director received %d bytes, want 10 to 15 million", got)
			}
		})
	}
}

func TestLab_ServersTakeOffTheTunnelHeader(t *testing.T) {
	for arms := 1; arms <= 2; arms++ {
		t.Run(fmt.Sprintf("%d-armed", arms), func(t *testing.T) {
			l := labtest.New(t, lab.Config{Arms: arms, Method: service.TUN, Servers: 2})
			tunnelVIP(t, l, l.Servers[1])
			echo(t, l.Servers[1], l.VIP.String()+":7")
			exchange(t, l.Clients[0], l.VIP.String()+":7")
			serveWeb(t, l.Servers[1])
			transfer(t, l, l.Clients[0])
		})
	}
}

// transfer moves 10 MB each way between a client and the virtual address and
// checks every byte.
func transfer(t *testing.T, l *lab.Lab, from *lab.Host) {
	t.Helper()
	const size = 10_000_000
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return from.Dial(ctx, network, "", addr)
		},
	}}
	sum := sha256.New()
	if _, err := io.Copy(sum, web.Bytes(size)); err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString(sum.Sum(nil))

	url := "http://" + l.VIP.String()
	resp, err := client.Get(fmt.Sprintf("%s/bytes/%d", url, size))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	sum.Reset()
	if _, err := io.Copy(sum, resp.Body); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("down: got sha256 %s, want %s", got, want)
	}

	resp, err = client.Post(url+"/sink", "application/octet-stream", web.Bytes(size))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != want {
		t.Errorf("up: got sha256 %s, %v; want %s", got, err, want)
	}
}

// serveWeb runs the web server on port 80 of a host until the test ends.
func serveWeb(t *testing.T, h *lab.Host) {
	t.Helper()
	l, err := h.Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	s := web.New(h.Name)
	t.Cleanup(func() { s.Close() })
	go s.Serve(l)
}

// echo answers UDP and TCP at an address of a host until the test ends.
func echo(t *testing.T, h *lab.Host, addr string) {
	t.Helper()
	p, err := h.ListenPacket("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := p.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = p.WriteTo(buf[:n], from)
		}
	}()
	l, err := h.Listen("tcp4", addr)
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
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
}

// exchange has a host talk to an echo over UDP and TCP.
func exchange(t *testing.T, h *lab.Host, addr string) {
	t.Helper()
	exchangeFrom(t, h, "", addr)
}

// exchangeFrom is exchange from one of the host's addresses, whichever if it is
// empty.
func exchangeFrom(t *testing.T, h *lab.Host, from, addr string) {
	t.Helper()
	local := ""
	if from != "" {
		local = from + ":0"
	}
	for _, network := range []string{"udp4", "tcp4"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := h.Dial(ctx, network, local, addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		want := []byte("hello from " + h.Name)
		if _, err := c.Write(want); err != nil {
			t.Fatalf("%s to %s %s: %v", h.Name, network, addr, err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s to %s %s: got %q, %v; want %q", h.Name, network, addr, got, err, want)
		}
	}
}
