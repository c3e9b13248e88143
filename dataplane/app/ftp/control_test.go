package ftp_test

import (
	"strings"
	"testing"

	"director/dataplane/app/ftp"
	"director/internal/packettest"
	"director/packet"
)

// line is one segment of a dialogue with the expected result.
type line struct {
	server bool
	text   string
	shown  string // what the other side receives; "" means the same text
	action ftp.Action
	port   uint16 // if the action is Open
}

func c(text string) line              { return line{text: text} }
func s(text string) line              { return line{server: true, text: text} }
func (l line) opens(port uint16) line { l.action, l.port = ftp.Open, port; return l }
func (l line) as(shown string) line   { l.shown = shown; return l }

// Whole control connections of clients and servers. Both ends acknowledge everything
// that they received, in every segment.
var dialogues = map[string][]line{
	"vsftpd, passive": {
		s("220 (vsFTPd 3.0.5)\r\n"), c("USER anonymous\r\n"), s("331 Please specify the password.\r\n"),
		c("PASS x@\r\n"), s("230 Login successful.\r\n"), c("TYPE I\r\n"), s("200 Switching to Binary mode.\r\n"),
		c("PASV\r\n"),
		s("227 Entering Passive Mode (10,0,0,11,78,52).\r\n").as("227 Entering Passive Mode (192,0,2,10,78,52).\r\n").opens(20020),
		c("RETR file\r\n"), s("150 Opening BINARY mode data connection for file (6 bytes).\r\n"), s("226 Transfer complete.\r\n"),
		c("PASV\r\n"),
		s("227 Entering Passive Mode (10,0,0,11,4,1).\r\n").as("227 Entering Passive Mode (192,0,2,10,4,1).\r\n").opens(1025),
		c("LIST\r\n"), s("150 Here comes the directory listing.\r\n"), s("226 Directory send OK.\r\n"),
		c("QUIT\r\n"), s("221 Goodbye.\r\n"),
	},
	"proftpd, extended passive": {
		s("220 ProFTPD Server (Debian) [10.0.0.11]\r\n"), c("EPSV\r\n"),
		s("229 Entering Extended Passive Mode (|||52056|)\r\n").opens(52056),
		c("NLST\r\n"), s("150 Opening ASCII mode data connection for file list\r\n226 Transfer complete\r\n"),
		c("epsv 1\r\n"),
		s("229 ok (|1|10.0.0.11|52057|)\r\n").as("229 ok (|||52057|)\r\n").opens(52057),
		c("PASV\r\n"),
		s("227 (10,0,0,11,4,1)\r\n").as("227 (192,0,2,10,4,1)\r\n").opens(1025),
		s("226 Transfer complete\r\n"),
	},
	"pure-ftpd, refuses first": {
		c("PASV\r\n"), s("530 You aren't logged in\r\n"), c("USER ftp\r\n"), s("230 Anonymous user logged in\r\n"),
		c("PASV\r\n"), s("227 Entering Passive Mode (10,0,0,11,200,103)\r\n").as("227 Entering Passive Mode (192,0,2,10,200,103)\r\n").opens(51303),
	},
	"Windows, active": {
		s("220 Microsoft FTP Service\r\n"), c("PORT 198,51,100,7,195,149\r\n").opens(50069), s("200 PORT command successful.\r\n"),
		c("NLST\r\n"), s("125 Data connection already open; Transfer starting.\r\n226 Transfer complete.\r\n"),
		c("EPRT |1|198.51.100.7|50070|\r\n").opens(50070), s("200 EPRT command successful.\r\n"),
	},
	"an unexpected announcement": {
		s("227 (10,0,0,11,4,1)\r\n"), c("EPSV\r\n"), s("227 (10,0,0,11,4,1)\r\n"),
		c("PASV\r\n"), s("229 (|||1025|)\r\n"), c("PORT 198,51,100,7,4,1\r\n").opens(1025), s("227 (10,0,0,11,4,1)\r\n"),
	},
	"once for each command": {
		c("PASV\r\n"), s("227 (10,0,0,11,4,1)\r\n").as("227 (192,0,2,10,4,1)\r\n").opens(1025), s("227 (10,0,0,11,4,2)\r\n"),
	},
	"other people's addresses": {
		c("PORT 203,0,113,9,0,25\r\n"), c("EPRT |2|2001:db8::1|50070|\r\n"),
		c("PASV\r\n"), s("227 (203,0,113,9,4,1)\r\n"), s("227 (10,0,0,11,4,1)\r\n"),
		c("PASV\r\n"), c("PORT 203,0,113,9,4,1\r\n"), s("227 (10,0,0,11,4,1)\r\n"),
	},
	"an error that quotes an announcement": {
		c("PASV\r\n"), s("550 xxxxxxxxxxx"), s("227 (10,0,0,11,0,22)\r\n"),
		s("227 (10,0,0,11,4,1)\r\n").as("227 (192,0,2,10,4,1)\r\n").opens(1025),
	},
	"a line in two segments": {
		c("PASV\r\n"), s("227 Entering Passive "), s("Mode (10,0,0,11,4,1)\r\n"),
	},
}

func TestControl_FollowsDialogues(t *testing.T) {
	for name, lines := range dialogues {
		for _, isn := range []uint32{0, 0xffffffe0} {
			d := dialogue{server: isn, client: 77, shown: isn}
			for i, l := range lines {
				if !d.say(t, l) {
					t.Errorf("%s: that was segment %d of the connection that begins at %d", name, i, isn)
					break
				}
			}
		}
	}
}

// dialogue is a control connection without packet loss.
type dialogue struct {
	control        ftp.Control
	server, client uint32 // next sequence numbers of the two senders
	shown          uint32 // next sequence number of the server as the client sees it
}

func (d *dialogue) say(t *testing.T, l line) bool {
	t.Helper()
	in := segment{fromServer: l.server, seq: d.client, ack: d.shown, payload: l.text}
	want := segment{seq: d.client, ack: d.server, payload: l.text}
	speaker := client
	if l.server {
		in.seq, in.ack = d.server, d.client
		want.seq, want.ack, speaker = d.shown, d.client, server
	}
	if l.shown != "" {
		want.payload = l.shown
	}
	f := in.frame(t)
	var e ftp.Endpoint
	var action ftp.Action
	if l.server {
		e, action = d.control.FromServer(f, virtual)
		d.server += uint32(len(l.text))
		d.shown += uint32(len(want.payload))
	} else {
		e, action = d.control.FromClient(f)
		d.client += uint32(len(l.text))
	}
	wantEndpoint := ftp.Endpoint{}
	if l.action == ftp.Open {
		wantEndpoint = ftp.Endpoint{Addr: speaker, Port: l.port}
	}
	if action != l.action || e != wantEndpoint {
		t.Errorf("%q: %v %+v, want %v %+v", l.text, action, e, l.action, wantEndpoint)
		return false
	}
	got := packettest.Decode(t, f.Bytes())
	if string(got.Payload) != want.payload || got.TCP.Seq != want.seq || got.TCP.Ack != want.ack {
		t.Errorf("%q: %q seq %d ack %d, want %q seq %d ack %d", l.text, got.Payload, got.TCP.Seq, got.TCP.Ack, want.payload, want.seq, want.ack)
		return false
	}
	return true
}

const announcement = "227 (10,0,0,11,4,1)\r\n" // becomes one byte longer

// awaiting returns a control connection on which the server has sent 1000 bytes and
// has to answer a PASV.
func awaiting() ftp.Control {
	return ftp.Control{Seen: true, Next: 1000, Awaited: ftp.Passive}
}

func TestControl_EditsRetransmissionsAlike(t *testing.T) {
	c := awaiting()
	end := 1000 + uint32(len(announcement))
	for _, step := range []struct {
		name, payload string
		seq           uint32
		want          string
		wantSeq       uint32
		action        ftp.Action
	}{
		{"first", announcement, 1000, "227 (192,0,2,10,4,1)\r\n", 1000, ftp.Open},
		{"again", announcement, 1000, "227 (192,0,2,10,4,1)\r\n", 1000, ftp.Open},
		{"together with what follows", announcement + "150 ok\r\n", 1000, "227 (192,0,2,10,4,1)\r\n150 ok\r\n", 1000, ftp.Open},
		{"together with what came before", "200 ok\r\n" + announcement, 992, "200 ok\r\n227 (192,0,2,10,4,1)\r\n", 992, ftp.Open},
		{"only its end", announcement[2:], 1002, "", 0, ftp.DropOrder},
		{"only its beginning", announcement[:9], 1000, "", 0, ftp.DropOrder},
		{"something else in its place", "227 (10,0,0,11,44,1)\r\n", 1000, "", 0, ftp.DropOrder},
		{"a longer text in its place", "227 (10,0,0,011,4,1)\r\n", 1000, "", 0, ftp.DropOrder},
		{"a longer text that ends where the old one did", "227 10,0,0,011,4,1)\r\n", 1000, "", 0, ftp.DropOrder},
		{"what came before", "200 ok\r\n", 992, "200 ok\r\n", 992, ftp.Forward},
		{"what follows", "150 ok\r\n", end, "150 ok\r\n", end + 1, ftp.Forward},
		{"a keepalive", "", end - 1, "", end, ftp.Forward},
		{"the end of the line alone", ")\r\n", end - 3, ")\r\n", end - 2, ftp.Forward},
	} {
		f := segment{fromServer: true, seq: step.seq, payload: step.payload}.frame(t)
		_, action := c.FromServer(f, virtual)
		if action != step.action {
			t.Errorf("%s: %v, want %v", step.name, action, step.action)
			continue
		}
		if action > ftp.Open {
			continue
		}
		if got := packettest.Decode(t, f.Bytes()); string(got.Payload) != step.want || got.TCP.Seq != step.wantSeq {
			t.Errorf("%s: %q at %d, want %q at %d", step.name, got.Payload, got.TCP.Seq, step.want, step.wantSeq)
		}
	}
}

func TestControl_LetsNothingOvertakeTheAnswer(t *testing.T) {
	c := awaiting()
	later := segment{fromServer: true, seq: 1000 + uint32(len(announcement)), payload: "150 ok\r\n"}
	if _, action := c.FromServer(later.frame(t), virtual); action != ftp.DropOrder {
		t.Errorf("a segment after a gap: %v, want %v", action, ftp.DropOrder)
	}
	fin := segment{fromServer: true, seq: 1100, fin: true}
	if _, action := c.FromServer(fin.frame(t), virtual); action != ftp.DropOrder {
		t.Errorf("a FIN after a gap: %v, want %v", action, ftp.DropOrder)
	}
	empty := segment{fromServer: true, seq: 1100}
	if _, action := c.FromServer(empty.frame(t), virtual); action != ftp.Forward {
		t.Errorf("an acknowledgement after a gap: %v, want %v", action, ftp.Forward)
	}
	if want := awaiting(); c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
	c.Awaited = ftp.Nothing
	if _, action := c.FromServer(later.frame(t), virtual); action != ftp.Forward {
		t.Errorf("a segment after a gap when nothing is awaited: %v, want %v", action, ftp.Forward)
	}
}

func TestControl_MakesAnEditWaitForTheOneBefore(t *testing.T) {
	c := awaiting()
	first := segment{fromServer: true, seq: 1000, payload: announcement}
	second := segment{fromServer: true, seq: 1000 + uint32(len(announcement)), payload: announcement}
	pasv := segment{ack: 1000, payload: "PASV\r\n"}
	for i, step := range []struct {
		segment
		want ftp.Action
	}{
		{first, ftp.Open}, {pasv, ftp.Forward}, {second, ftp.DropOrder}, {first, ftp.Open},
		{segment{ack: 1000 + uint32(len(announcement)) + 1}, ftp.Forward}, {second, ftp.Open},
	} {
		f := step.frame(t)
		var action ftp.Action
		if step.fromServer {
			_, action = c.FromServer(f, virtual)
		} else {
			_, action = c.FromClient(f)
		}
		if action != step.want {
			t.Fatalf("step %d: %v, want %v", i, action, step.want)
		}
	}
}

func TestControl_DropsDamagedSegments(t *testing.T) {
	for name, damage := range map[string]func(l4 packet.L4){
		"checksum": func(l4 packet.L4) { l4[16] ^= 1 },
		"payload":  func(l4 packet.L4) { l4[20] ^= 1 },
		"offset":   func(l4 packet.L4) { l4[12] = 0xf0 },
	} {
		for _, in := range []segment{{payload: "PORT 198,51,100,7,4,1\r\n"}, {fromServer: true, seq: 1000, payload: announcement}} {
			c := awaiting()
			f := in.frame(t)
			var action ftp.Action
			damage(f.Transport())
			if in.fromServer {
				_, action = c.FromServer(f, virtual)
			} else {
				_, action = c.FromClient(f)
			}
			if action != ftp.DropChecksum || c != awaiting() {
				t.Errorf("%s, from server %v: %v, %+v, want %v and no change", name, in.fromServer, action, c, ftp.DropChecksum)
			}
		}
	}
}

func TestControl_KeepsStateOfAnEditThatDidNotFit(t *testing.T) {
	c := awaiting()
	b := segment{fromServer: true, seq: 1000, payload: announcement + strings.Repeat("x", 40)}.bytes()
	f := &packet.Frame{Buf: b, Len: int32(len(b))}
	if packet.Parse(f) != packet.None {
		t.Fatal("the frame does not parse")
	}
	if _, action := c.FromServer(f, virtual); action != ftp.DropRoom || c != awaiting() {
		t.Errorf("%v, %+v, want %v and no change", action, c, ftp.DropRoom)
	}
}

func TestControl_DoesNotAllocate(t *testing.T) {
	answer := segment{fromServer: true, seq: 1000, payload: announcement}.bytes()
	ack := segment{ack: 1000, payload: "PORT 198,51,100,7,4,1\r\n"}.bytes()
	fs, fc := lend(t, answer), lend(t, ack)
	n := testing.AllocsPerRun(100, func() {
		c := awaiting()
		fs.Len, fc.Len = int32(copy(fs.Buf[fs.Off:], answer)), int32(copy(fc.Buf[fc.Off:], ack))
		packet.Parse(fs) // an edit changed its length
		if _, action := c.FromServer(fs, virtual); action != ftp.Open {
			t.Fatal(action)
		}
		if _, action := c.FromClient(fc); action != ftp.Open {
			t.Fatal(action)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
