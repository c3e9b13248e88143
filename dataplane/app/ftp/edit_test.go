package ftp_test

import (
	"bytes"
	"testing"

	"director/dataplane/app/ftp"
	"director/internal/packettest"
	"director/packet"
)

func TestReplace_PutsTextIntoTheSegment(t *testing.T) {
	const payload = "227 Entering Passive Mode (10,0,0,11,4,1).\r\n"
	for name, c := range map[string]struct {
		from, to int
		text     string
	}{
		"longer":          {27, 40, "192,0,2,10,4,1"},
		"much longer":     {27, 40, "255,255,255,255,255,255"},
		"shorter":         {27, 40, "1,1,1,1,1,1"},
		"as long":         {27, 40, "20,0,0,12,4,1"},
		"nothing":         {27, 27, ""},
		"at the front":    {0, 3, "x"},
		"at the end":      {len(payload), len(payload), "more"},
		"all":             {0, len(payload), ""},
		"all, one longer": {0, len(payload), payload + "!"},
	} {
		for options := range 3 {
			in := packettest.Frame{Src: "10.0.0.11:21", Dst: "198.51.100.7:40000", Flags: "PA", Seq: 7, ID: 9, Options: 4 * options, Payload: []byte(payload)}
			f := lend(t, in.Bytes())
			if got := ftp.Replace(f, c.from, c.to, []byte(c.text)); got != ftp.Forward {
				t.Fatalf("%s: %v", name, got)
			}
			got := packettest.Decode(t, f.Bytes())
			if want := payload[:c.from] + c.text + payload[c.to:]; string(got.Payload) != want {
				t.Errorf("%s: %q, want %q", name, got.Payload, want)
			}
			if int(got.IP.Length) != int(f.IPLen) || f.Len != int32(f.L3)+int32(f.IPLen) || got.TCP.Seq != 7 || got.IP.Id != 9 {
				t.Errorf("%s: frame of %d, packet of %d, header says %d, seq %d, id %d", name, f.Len, f.IPLen, got.IP.Length, got.TCP.Seq, got.IP.Id)
			}
		}
	}
}

func TestReplace_LeavesWhatItCannotEdit(t *testing.T) {
	b := segment{fromServer: true, payload: "227 (10,0,0,11,4,1)\r\n"}.bytes()
	text := []byte("192,0,2,10,4,1")
	for name, c := range map[string]struct {
		make func() *packet.Frame
		want ftp.Action
	}{
		"wrong checksum": {func() *packet.Frame {
			f := lend(t, b)
			f.Transport().SetTCPChecksum(f.Transport().TCPChecksum() ^ 0x0100)
			return f
		}, ftp.DropChecksum},
		"no room": {func() *packet.Frame {
			f := &packet.Frame{Buf: bytes.Clone(b), Len: int32(len(b))}
			packet.Parse(f)
			return f
		}, ftp.DropRoom},
		"too long for IP": {func() *packet.Frame {
			big := packettest.Frame{Src: "10.0.0.11:21", Dst: "198.51.100.7:40000", Flags: "A", Payload: make([]byte, 0xffff-40)}
			return lend(t, big.Bytes())
		}, ftp.DropRoom},
	} {
		f := c.make()
		before := *f
		contents := bytes.Clone(f.Buf)
		if got := ftp.Replace(f, 5, 18, text); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if !bytes.Equal(f.Buf, contents) || f.Len != before.Len || f.Header != before.Header {
			t.Errorf("%s: the frame was changed", name)
		}
	}
}

func TestReplace_LosesThePadding(t *testing.T) {
	f := segment{fromServer: true, payload: "x"}.frame(t)
	if f.Len != 60 {
		t.Fatalf("the frame has %d bytes, want it padded to 60", f.Len)
	}
	if got := ftp.Replace(f, 0, 1, []byte("227")); got != ftp.Forward || f.Len != 14+20+20+3 {
		t.Errorf("%v, %d bytes, want %v, 57", got, f.Len, ftp.Forward)
	}
	if got := packettest.Decode(t, f.Bytes()); string(got.Payload) != "227" {
		t.Errorf("payload %q, want 227", got.Payload)
	}
}

func TestReplace_FillsTheChunkToItsLastByte(t *testing.T) {
	b := segment{fromServer: true, payload: "227 (10,0,0,11,4,1)\r\nabcdefghijklmnop"}.bytes()
	buf := make([]byte, len(b)+1, len(b)+100) // the memory after len must not be used
	copy(buf, b)
	f := &packet.Frame{Buf: buf, Len: int32(len(b))}
	if packet.Parse(f) != packet.None {
		t.Fatal("the frame does not parse")
	}
	if got := ftp.Replace(f, 0, 0, []byte("ab")); got != ftp.DropRoom {
		t.Errorf("two bytes too many: %v, want %v", got, ftp.DropRoom)
	}
	if got := ftp.Replace(f, 0, 0, []byte("a")); got != ftp.Forward || int(f.Len) != len(buf) {
		t.Errorf("one byte that fits: %v with a frame of %d, want %v of %d", got, f.Len, ftp.Forward, len(buf))
	}
	packettest.Decode(t, f.Bytes())
}

func TestReplace_GrowsIntoTheHeadroom(t *testing.T) {
	b := segment{fromServer: true, payload: "227 (10,0,0,11,4,1)\r\nabcdefghijklmnop"}.bytes()
	buf := append(make([]byte, 3), b...)
	f := &packet.Frame{Buf: buf, Off: 3, Len: int32(len(b))}
	if packet.Parse(f) != packet.None {
		t.Fatal("the frame does not parse")
	}
	if got := ftp.Replace(f, 5, 14, []byte("192,168,0,10")); got != ftp.Forward || f.Off != 0 {
		t.Errorf("three bytes more: %v with a frame from %d on, want %v from 0", got, f.Off, ftp.Forward)
	}
	got := packettest.Decode(t, f.Bytes())
	if want := "227 (192,168,0,10,4,1)\r\nabcdefghijklmnop"; string(got.Payload) != want {
		t.Errorf("payload %q, want %q", got.Payload, want)
	}
	if got := ftp.Replace(f, 0, 0, []byte("a")); got != ftp.DropRoom {
		t.Errorf("one byte too many: %v, want %v", got, ftp.DropRoom)
	}
}

func TestPayload_RefusesContradictoryHeaders(t *testing.T) {
	f := segment{payload: "data"}.frame(t)
	for offset, want := range map[byte]bool{0: false, 4: false, 5: true, 6: true, 7: false, 15: false} {
		f.Transport()[12] = offset << 4
		if got, ok := ftp.Payload(f.Transport()); ok != want || ok && string(got) != "data"[4*(offset-5):] {
			t.Errorf("header of %d words: %q, %v, want %v", offset, got, ok, want)
		}
	}
}
