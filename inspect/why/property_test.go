package why_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"director/dataplane/answer"
	"director/inspect/why"
	"director/internal/packettest"
	"director/packet"
	"director/sched"
	"director/service"
)

// history is a director with a random history.
type history struct {
	*rig
	random *rand.Rand
	specs  []service.Spec
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{random: rand.New(rand.NewPCG(seed, 1))}
	for _, proto := range []uint8{packet.ProtoTCP, packet.ProtoUDP} {
		s := spec(proto, 80, h.scheduler(), h.method())
		s.OnePacket = proto == packet.ProtoUDP && h.random.IntN(3) == 0
		h.specs = append(h.specs, h.fill(s))
	}
	h.specs = append(h.specs, h.fill(service.Spec{Key: service.Key{Mark: 5}, Scheduler: h.scheduler()}))
	size := []int{30, 1000}[h.random.IntN(2)]
	h.rig = newRig(t, size, h.specs...)
	return h
}

func (h *history) scheduler() string { return pick(h, sched.Names()) }

func (h *history) method() service.Method {
	return pick(h, []service.Method{service.NAT, service.NAT, service.DR, service.TUN})
}

func pick[T any](h *history, of []T) T { return of[h.random.IntN(len(of))] }

// fill gives a service a persistence and servers.
func (h *history) fill(s service.Spec) service.Spec {
	if h.random.IntN(3) == 0 {
		s.Persistent = 60
		s.HostMask = pick(h, []uint32{0, 0xff})
	}
	if s.Scheduler == "sh" || s.Scheduler == "mh" {
		s.Flags = sched.Flags(h.random.IntN(4) << 3)
	}
	for i := range 1 + h.random.IntN(4) {
		s.Servers = append(s.Servers, h.server(s, i))
	}
	return s
}

func (h *history) server(s service.Spec, i int) service.ServerSpec {
	spec := service.ServerSpec{Addr: server(i), Port: s.Port, Method: h.method(), Weight: int32(h.random.IntN(4))}
	if h.random.IntN(4) == 0 {
		spec.Upper = uint32(1 + h.random.IntN(4))
	}
	return spec
}

// change does something at random to the director.
func (h *history) change() {
	s := pick(h, h.specs)
	switch h.random.IntN(12) {
	case 0:
		h.Clock.Advance(time.Duration(h.random.IntN(70)) * time.Second)
		h.Worker.ExpireAll()
	case 1:
		// It does not matter whether it exists.
		_ = h.Control.DeleteServer(s.Key, server(h.random.IntN(4)), s.Port)
	case 2:
		_ = h.Control.AddServer(s.Key, h.server(s, h.random.IntN(4)))
	case 3:
		_ = h.Control.EditServer(s.Key, h.server(s, h.random.IntN(4)))
	case 4:
		name := pick(h, []string{"expire_nodest_conn", "expire_quiescent_template", "conn_reuse_mode", "cache_bypass", "secure_tcp", "drop_packet"})
		h.must(h.Control.SetSysctl(name, fmt.Sprint(h.random.IntN(2))))
	case 5:
		h.Control.Defend(h.Clock.Now())
	default:
		iface, frame := h.packet()
		h.send(iface, frame)
	}
}

// packet returns a random packet of few clients and services, or an answer.
func (h *history) packet() (iface int, frame []byte) {
	udp := h.random.IntN(3) == 0
	f := packettest.Frame{
		SrcMAC: hostMAC, UDP: udp, Src: fmt.Sprintf("198.51.100.%d:%d", 7+h.random.IntN(3), 1+h.random.IntN(6)),
		Dst: pick(h, []string{vip + ":80", vip + ":80", "203.0.113.9:80", "203.0.113.77:443"}),
	}
	if !udp {
		f.Flags = pick(h, []string{"S", "S", "S", "A", "A", "FA", "R", "SA"})
	}
	if h.random.IntN(4) == 0 {
		iface = 1
		f.Src, f.Dst = fmt.Sprintf("%v:80", server(h.random.IntN(4))), f.Src
	}
	f.DstMAC = macs[iface]
	if h.random.IntN(8) > 0 {
		return iface, f.Bytes()
	}
	return iface, h.errorAbout(f, iface)
}

// errorAbout returns an ICMP error of the sender of f about an answer to f.
func (h *history) errorAbout(f packettest.Frame, iface int) []byte {
	f.Src, f.Dst = f.Dst, f.Src
	about := f.Bytes()
	read := packet.Frame{Buf: about, Len: int32(len(about))}
	packet.Parse(&read)
	var buf [packet.MaxFrame]byte
	code := pick(h, []uint8{packet.CodePort, packet.CodeFragNeeded})
	n := answer.Error(buf[:], &read, read.Dst, packet.ICMPUnreachable, code, 1400, 1)
	packet.Eth(buf[:]).SetAddrs(&macs[iface], &hostMAC)
	return buf[:n]
}

// question returns a random question, about a captured frame or about a flow.
func (h *history) question() why.Question {
	iface, frame := h.packet()
	f := packet.Frame{Buf: frame, Len: int32(len(frame))}
	packet.Parse(&f)
	q := why.Question{Interface: fmt.Sprintf("eth%d", iface)}
	if f.Proto == packet.ProtoICMP || h.random.IntN(2) == 0 {
		q.Capture = captureOf(h.t, frame)
		return q
	}
	q.Proto, q.Src, q.Dst = "tcp", fmt.Sprintf("%v:%d", f.Src, f.SrcPort), fmt.Sprintf("%v:%d", f.Dst, f.DstPort)
	if f.Proto == packet.ProtoUDP {
		q.Proto = "udp"
	} else if h.random.IntN(2) == 0 {
		q.Flags = pick(h, []string{"S", "A", "FA", "R"})
	}
	return q
}

// With random services, schedulers, connections and changes, a question changes nothing,
// and the packet goes where the answer says.
func TestExplain_IsWhatHappensNext(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := newHistory(t, seed)
			for range 40 {
				for range h.random.IntN(6) {
					h.change()
				}
				h.ask(h.question())
			}
		})
	}
}

// This test is for the race detector: questions are answered while workers forward and
// rules change.
func TestExplain_AsksWhileOthersForward(t *testing.T) {
	persistent := web("lblcr", 1, 1, 1)
	persistent.Persistent = 60
	r := newRig(t, 5000, persistent, spec(packet.ProtoUDP, 80, "twos", service.DR, 1, 2, 3), spec(packet.ProtoTCP, 21, "lblc", service.NAT, 1))
	done := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			src := fmt.Sprintf("198.51.100.%d:%d", 7+i%3, 1+i%2000)
			for _, dst := range []string{vip + ":80", vip + ":21"} {
				r.Ports[0].Push(packettest.Frame{SrcMAC: hostMAC, DstMAC: macs[0], Src: src, Dst: dst, Flags: "S"}.Bytes())
			}
			r.Ports[0].Push(packettestUDP(src, vip+":80"))
			if _, err := r.Worker.Step(); err != nil {
				t.Error(err)
				return
			}
			r.Ports[1].Take()
			r.Clock.Advance(time.Millisecond)
		}
	})
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			server := service.ServerSpec{Addr: server(i % 3), Port: 8080, Weight: int32(i % 2), Upper: uint32(i % 20)}
			if err := r.Control.EditServer(persistent.Key, server); err != nil {
				t.Error(err)
			}
			_ = r.Control.DeleteServer(persistent.Key, server.Addr, 8080) // it may be removed already
			_ = r.Control.AddServer(persistent.Key, server)
		}
	})
	for i := range 15 {
		all, err := r.director().Explain(&why.Question{Proto: "tcp", Src: fmt.Sprintf("198.51.100.7:%d", 1+i), Dst: vip + ":80", Flags: "S"})
		if err != nil {
			t.Fatal(err)
		}
		if action := all[0].Verdict.Action; action != why.Tx && action != why.Drop {
			t.Fatalf("verdict %+v", all[0].Verdict)
		}
	}
	close(done)
	others.Wait()
}
