package why_test

import (
	"errors"
	"strings"
	"testing"

	"director/control/config"
	"director/inspect/why"
	"director/packet"
	"director/service"
)

func TestOffline_InventsAHostThatReachesEverybody(t *testing.T) {
	c := &config.Config{ConnTableSize: 1000, Services: []service.Spec{
		web("wlc", 1, 2), spec(packet.ProtoTCP, 443, "rr", service.TUN, 1),
	}, Timeouts: service.Timeouts{TCP: 1, TCPFIN: 1, UDP: 1}}
	q := tcp(client+":40000", vip+":80")
	all, err := why.Offline(c, new(config.Replay), &q)
	if err != nil {
		t.Fatal(err)
	}
	got := printed(t, all[0])
	for _, want := range []string{"no --link describes the host", "server 10.0.0.12:8080 by NAT", "verdict tx by eth0"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in:\n%s", want, got)
		}
	}
	// A captured frame arrives on the interface whose Ethernet address it was sent to.
	q = why.Question{Capture: captureOf(t, clientFrame("1", "S"))}
	if all, err = why.Offline(c, new(config.Replay), &q); err != nil {
		t.Fatal(err)
	}
	if all[0].Verdict.Action != why.Tx {
		t.Errorf("a captured frame: %s", printed(t, all[0]))
	}
}

func TestOffline_TakesTheHostAsItIsDescribed(t *testing.T) {
	link, err := config.ParseLink("eth5=02:00:00:00:00:05,addr=198.51.100.1/24")
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{ConnTableSize: 1000, Interfaces: []string{"eth5"}, Services: []service.Spec{web("rr", 1)}}
	q := tcp(client+":40000", vip+":80")
	all, err := why.Offline(c, &config.Replay{Links: []config.Link{link}}, &q)
	if err != nil {
		t.Fatal(err)
	}
	if v := all[0].Verdict; v.Action != why.Drop || v.Reason != "no-route" {
		t.Errorf("there is no route to the server: %+v", v)
	}
	q.Interface = "eth0"
	if _, err = why.Offline(c, &config.Replay{Links: []config.Link{link}}, &q); !errors.Is(err, why.ErrQuestion) {
		t.Errorf("an interface that there is not: %v", err)
	}
}
