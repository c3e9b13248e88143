package ftp_test

import (
	"bytes"
	"strings"
	"testing"

	"director/dataplane/app/ftp"
	"director/internal/packettest"
	"director/packet"
)

// Every announcement of a client can be written again as PORT and is then parsed
// alike.
func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{
		"PORT 198,51,100,7,156,64\r\n", "EPRT |1|198.51.100.7|40000|\r\n", "EPRT |2|2001:db8::7|40000|\n",
		"TYPE I\r\nPASV\r\n", "epsv 1\r\n", "EPSV ALL\r\n", "PORT 1,2,3,4,5", "\xff\xf4ABOR\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		got := ftp.ParseCommand(payload, client)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		announced := got.Kind == ftp.Announced || got.Kind == ftp.Refused
		if announced != (got.Port != 0) || announced == got.Addr.IsZero() || got.Kind == ftp.Announced && got.Addr != client {
			t.Fatalf("%q: %+v", payload, got)
		}
		if got.Kind != ftp.Nothing && !bytes.ContainsAny(payload, "\r\n") {
			t.Fatalf("%q: %+v from a line without a line end", payload, got)
		}
		if announced && got.Addr.Is4() {
			again := ftp.ParseCommand(append(port(nil, got.Endpoint), "\r\n"...), client)
			if again != got {
				t.Fatalf("%q: %+v, as PORT %+v", payload, got, again)
			}
		}
		if alone := ftp.ParseCommand(append([]byte("NOOP\r\n"), payload...), client); alone != got {
			t.Fatalf("%q: %+v, after another line %+v", payload, got, alone)
		}
	})
}

// port returns a PORT command with an endpoint.
func port(dst []byte, e ftp.Endpoint) []byte {
	v4 := e.Addr.V4()
	return appendNumbers(append(dst, "PORT "...), byte(v4>>24), byte(v4>>16), byte(v4>>8), byte(v4), byte(e.Port>>8), byte(e.Port))
}

func appendNumbers(dst []byte, numbers ...byte) []byte {
	for i, n := range numbers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, n/100+'0', n/10%10+'0', n%10+'0')
	}
	return dst
}

// For every reply of a server, the new line is parsed like the old line with the
// other address, and the rest of the line does not change.
func FuzzParseReply(f *testing.F) {
	for _, r := range replies {
		f.Add([]byte(r.in), uint32(0xc000020a))
	}
	f.Add([]byte("227 (1,2,3"), uint32(0))
	f.Add([]byte("229 (|1|10.0.0.11|70000|)\r\n"), uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, b []byte, to uint32) {
		r := ftp.ParseReply(b, server)
		if r.Kind == ftp.Nothing {
			return
		}
		line, _, whole := strings.Cut(strings.ReplaceAll(string(b), "\r", "\n"), "\n")
		if !whole || r.From < 4 || r.From > r.To || r.To > len(line) || r.Port == 0 || (r.Kind == ftp.Announced) != (r.Addr == server) {
			t.Fatalf("%q: %+v", b, r)
		}
		if r.Kind == ftp.Refused {
			return
		}
		vip := packet.AddrFrom4(to)
		text, longer := r.Append(nil, vip)
		after := string(b[:r.From]) + string(text) + string(b[r.To:])
		again := ftp.ParseReply([]byte(after), vip)
		if len(after) != len(b)+longer || again.Kind != ftp.Announced || again.Port != r.Port || again.To != r.To+longer {
			t.Fatalf("%q became %q, longer by %d, %+v", b, after, longer, again)
		}
	})
}

// Every frame that gopacket accepts is still valid after an edit.
func FuzzReplace(f *testing.F) {
	f.Add(segment{fromServer: true, payload: announcement}.bytes(), uint16(5), uint16(13), []byte("192,0,2,10,4,1"))
	f.Add(segment{payload: "x"}.bytes(), uint16(0), uint16(1), []byte{})
	f.Add(packettest.Frame{Src: "10.0.0.11:21", Dst: "198.51.100.7:4000", Flags: "A", Options: 8, Payload: []byte("odd")}.Bytes(), uint16(1), uint16(0), []byte("abc"))
	f.Fuzz(func(t *testing.T, b []byte, from, n uint16, text []byte) {
		fr := parsed(b)
		if fr == nil {
			return
		}
		payload, ok := ftp.Payload(fr.Transport())
		if !ok {
			return
		}
		i := int(from) % (len(payload) + 1)
		j := i + int(n)%(len(payload)-i+1)
		want := string(payload[:i]) + string(text) + string(payload[j:])
		before, err := packettest.Read(fr.Bytes())
		action := ftp.Replace(fr, i, j, text)
		if err != nil || before.TCP == nil || before.Outer != nil {
			return // gopacket does not accept the input
		}
		if action == ftp.DropRoom && len(text)-(j-i) > room {
			return
		}
		if action != ftp.Forward {
			t.Fatalf("%v", action)
		}
		if after := packettest.Decode(t, fr.Bytes()); string(after.Payload) != want {
			t.Fatalf("payload %q, want %q", after.Payload, want)
		}
	})
}

// parsed returns a parsed Frame that contains b, or nil if b is not a TCP frame.
func parsed(b []byte) *packet.Frame {
	buf := make([]byte, packet.Headroom+len(b)+room)
	copy(buf[packet.Headroom:], b)
	f := &packet.Frame{Buf: buf, Off: packet.Headroom, Len: int32(len(b))}
	if packet.Parse(f) != packet.None || f.Proto != packet.ProtoTCP {
		return nil
	}
	return f
}

// For every state of a Control and every segment from either side, the segments that
// pass have valid checksums.
func FuzzControl(f *testing.F) {
	f.Add(announcement, uint32(1000), uint32(7), uint32(1000), uint32(0), false, true)
	f.Add("PORT 198,51,100,7,4,1\r\n", uint32(77), uint32(1024), uint32(1000), uint32(5), true, false)
	f.Add(announcement+"150 ok\r\n", uint32(1000), uint32(7), uint32(1100), uint32(0xfffffffe), true, true)
	f.Fuzz(func(t *testing.T, payload string, seq, ack, start, delta uint32, pending, fromServer bool) {
		if len(payload) > 1400 {
			return
		}
		c := awaiting()
		c.Out = ftp.Sequence{Start: start, End: start + 18, After: int32(delta), Pending: pending}
		if !pending {
			c.Out.Before = c.Out.After
		}
		options := sack(ack+10, ack+20, start, start+30)
		fr := parsed(segment{fromServer: fromServer, seq: seq, ack: ack, options: append(nops(int(seq%4)), options), payload: payload}.bytes())
		var action ftp.Action
		if fromServer {
			_, action = c.FromServer(fr, virtual)
		} else {
			_, action = c.FromClient(fr)
		}
		if action == ftp.DropChecksum || !fromServer && action > ftp.Open {
			t.Fatalf("%v", action)
		}
		got := packettest.Decode(t, fr.Bytes())
		if !fromServer && string(got.Payload) != payload {
			t.Fatalf("the client's payload became %q", got.Payload)
		}
	})
}
