package ftp_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"director/dataplane/app/ftp"
	"director/internal/packettest"
	"director/packet"
)

// world is a control connection over a network that loses, duplicates and reorders
// packets. It has a server that retransmits in arbitrary segments, a director with a
// Control, and a client that reassembles. The test contains the stream and the
// positions of the edits, and compares every number that either end receives with
// them.
type world struct {
	t       *testing.T
	r       *rand.Rand
	control ftp.Control
	isn     uint32

	stream string         // the data of the server
	lines  map[int]string // announcements as the client should see them, by the offset of their line
	edits  map[int]bool   // the announcements with the result Open
	una    int            // server: acknowledged, and sent, as offsets in stream
	nxt    int

	toDirector, toClient, toServer [][]byte // frames in transit

	got   map[int]byte // client: bytes by offset in the edited stream
	ready int          // number of bytes without a gap from the beginning
}

// The virtual addresses have shorter, equally long and longer texts than the address
// of the server.
var vips = []packet.Addr{packet.MustAddr("1.2.3.4"), packet.MustAddr("10.0.0.99"), packet.MustAddr("192.168.100.200")}

func newWorld(t *testing.T, seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &world{t: t, r: r, isn: -uint32(r.IntN(1500)), lines: map[int]string{}, edits: map[int]bool{}, got: map[int]byte{}}
	var b strings.Builder
	for range 25 {
		at, hi, lo := b.Len(), 4+r.IntN(250), r.IntN(256)
		switch r.IntN(5) {
		case 0, 1:
			fmt.Fprintf(&b, "227 Entering Passive Mode (10,0,0,11,%d,%d).\r\n", hi, lo)
			vip := strings.ReplaceAll(vips[at%len(vips)].String(), ".", ",")
			w.lines[at] = fmt.Sprintf("227 Entering Passive Mode (%s,%d,%d).\r\n", vip, hi, lo)
		case 2:
			fmt.Fprintf(&b, "229 Extended Passive mode OK (|1|10.0.0.11|%d|)\r\n", hi<<8|lo)
			w.lines[at] = fmt.Sprintf("229 Extended Passive mode OK (|||%d|)\r\n", hi<<8|lo)
		default:
			fmt.Fprintf(&b, "150 %s\r\n", strings.Repeat("x", r.IntN(60)))
		}
	}
	w.stream = b.String()
	return w
}

// lineEnd returns the offset at which the line that begins at an offset of the stream
// ends.
func (w *world) lineEnd(at int) int { return at + strings.IndexByte(w.stream[at:], '\n') + 1 }

// shown converts an offset in the server's stream to the client's stream. Within an
// edited line that is not possible, and ok is false.
func (w *world) shown(offset int) (at int, ok bool) {
	at = offset
	for begin := range w.edits {
		end := w.lineEnd(begin)
		if begin < offset && offset < end-4 { // the text ends at most 4 bytes before the line does
			return 0, false
		}
		if begin < offset {
			at += len(w.lines[begin]) - (end - begin)
		}
	}
	return at, true
}

// expected returns the stream that the client must receive.
func (w *world) expected() string {
	var b strings.Builder
	for at := 0; at < len(w.stream); at = w.lineEnd(at) {
		if w.edits[at] {
			b.WriteString(w.lines[at])
		} else {
			b.WriteString(w.stream[at:w.lineEnd(at)])
		}
	}
	return b.String()
}

// send sends a segment of the server.
func (w *world) send(from, to int) {
	s := segment{fromServer: true, seq: w.isn + uint32(from), payload: w.stream[from:to]}
	w.deliver(&w.toDirector, s.bytes())
}

// deliver loses a frame, or adds it to those in transit once or twice.
func (w *world) deliver(queue *[][]byte, frame []byte) {
	for range 1 + w.r.IntN(8)/7 {
		if w.r.IntN(5) > 0 {
			*queue = append(*queue, frame)
		}
	}
}

// take removes and returns one of the frames in transit, mostly the oldest.
func (w *world) take(queue *[][]byte) []byte {
	i := 0
	if w.r.IntN(3) == 0 {
		i = w.r.IntN(len(*queue))
	}
	frame := (*queue)[i]
	*queue = append((*queue)[:i], (*queue)[i+1:]...)
	return frame
}

// speak makes the server send new data or retransmit.
func (w *world) speak() {
	const window = 400
	if w.nxt < len(w.stream) && w.nxt < w.una+window && w.r.IntN(3) > 0 {
		to := w.lineEnd(w.nxt)
		if w.r.IntN(8) == 0 {
			to = w.nxt + 1 + w.r.IntN(to-w.nxt)
		}
		w.send(w.nxt, to)
		w.nxt = to
		return
	}
	if w.una < w.nxt {
		from := w.una
		if w.r.IntN(3) == 0 {
			from += w.r.IntN(w.nxt - w.una)
		}
		w.send(from, min(w.nxt, from+1+w.r.IntN(window)))
	}
}

// throughDirector passes one segment of the server through the director.
func (w *world) throughDirector() {
	f := lend(w.t, w.take(&w.toDirector))
	l4 := f.Transport()
	payload, _ := ftp.Payload(l4)
	line := int(w.control.Next - w.isn)
	if !w.control.Seen {
		line = int(int32(l4.Seq() - w.isn))
	} else if w.control.Out.Cuts(l4.Seq(), len(payload)) {
		line = int(w.control.Out.Start - w.isn)
	}
	e, action := w.control.FromServer(f, vips[max(line, 0)%len(vips)])
	if action > ftp.Open {
		if action != ftp.DropOrder {
			w.t.Fatalf("action %v", action)
		}
		return
	}
	if action == ftp.Open {
		at := int(w.control.Out.Start - w.isn)
		if w.lines[at] == "" || e.Addr != server {
			w.t.Fatalf("action open for %+v at byte %d, where no announcement begins", e, at)
		}
		w.edits[at] = true
	}
	w.deliver(&w.toClient, f.Bytes())
}

// listen makes the client receive a segment, sometimes only a part of it, and
// acknowledge it.
func (w *world) listen() {
	d := packettest.Decode(w.t, w.take(&w.toClient))
	at, payload := int(int32(d.TCP.Seq-w.isn)), d.Payload
	if n := len(payload); n > 0 && w.r.IntN(6) == 0 {
		from := w.r.IntN(n)
		at, payload = at+from, payload[from:from+1+w.r.IntN(n-from)]
	}
	for i, c := range payload {
		if have, ok := w.got[at+i]; !ok {
			w.got[at+i] = c
		} else if have != c && at+i >= w.ready {
			w.t.Fatalf("byte %d is %q, was %q", at+i, c, have)
		}
	}
	for ; ; w.ready++ {
		if _, ok := w.got[w.ready]; !ok {
			break
		}
	}
	w.acknowledge()
}

// acknowledge sends an acknowledgement of the client, and sometimes a PASV or EPSV.
func (w *world) acknowledge() {
	s := segment{ack: w.isn + uint32(w.ready), payload: []string{"", "PASV\r\n", "PASV\r\n", "EPSV\r\n"}[w.r.IntN(4)]}
	var edges []uint32
	for at, end := w.ready, len(w.stream)+200; at < end && len(edges) < 6; at++ {
		_, before := w.got[at-1]
		if _, now := w.got[at]; now != before && at > w.ready {
			edges = append(edges, w.isn+uint32(at))
		}
	}
	if len(edges) > 0 {
		s.options = []layers.TCPOption{nop, nop, sack(edges...)}[w.r.IntN(3):]
	}
	f := s.frame(w.t)
	if w.r.IntN(5) > 0 {
		if _, action := w.control.FromClient(f); action != ftp.Forward {
			w.t.Fatalf("action %v for the client", action)
		}
		w.deliver(&w.toServer, f.Bytes())
	}
}

// learn makes the server receive an acknowledgement. It must not acknowledge data
// that the client does not have.
func (w *world) learn() {
	d := packettest.Decode(w.t, w.take(&w.toServer))
	ack := int(int32(d.TCP.Ack - w.isn))
	if ack > w.una {
		at, ok := w.shown(ack)
		if ack > w.nxt || !ok || at > w.ready {
			w.t.Fatalf("acknowledged up to %d (shown as %d, %v): sent %d, the client has %d", ack, at, ok, w.nxt, w.ready)
		}
		w.una = ack
	}
	edges := blocks(d)
	for i := 0; i+1 < len(edges); i += 2 {
		left, right := int(int32(edges[i]-w.isn)), int(int32(edges[i+1]-w.isn))
		from, ok1 := w.shown(left)
		to, ok2 := w.shown(right)
		if left == right || right <= w.una {
			continue
		}
		if left > right || right > w.nxt || !ok1 || !ok2 {
			w.t.Fatalf("SACK %d to %d: shown as %d to %d, sent %d", left, right, from, to, w.nxt)
		}
		for ; from < to; from++ {
			if _, ok := w.got[from]; !ok {
				w.t.Fatalf("SACK %d to %d, but the client does not have byte %d", left, right, from)
			}
		}
	}
}

func (w *world) step() {
	switch w.r.IntN(5) {
	case 0:
		w.speak()
	case 1:
		if len(w.toDirector) > 0 {
			w.throughDirector()
		}
	case 2:
		if len(w.toClient) > 0 {
			w.listen()
		}
	case 3:
		if len(w.toServer) > 0 {
			w.learn()
		}
	case 4:
		if w.r.IntN(10) == 0 { // a keepalive, or a command
			w.acknowledge()
		}
	}
}

// The client receives exactly the edited stream, and the server receives
// acknowledgements in its own numbers, in spite of loss and reordering.
func TestControl_EditsAStreamExactly(t *testing.T) {
	edits, several := 0, 0
	for seed := range uint64(100) {
		w := newWorld(t, seed)
		steps := 0
		for ; w.una < len(w.stream) && !t.Failed(); steps++ {
			if w.step(); steps == 200_000 {
				t.Fatalf("seed %d: stuck: %d of %d bytes acknowledged, %+v", seed, w.una, len(w.stream), w.control)
			}
		}
		var got strings.Builder
		for i := range w.ready {
			got.WriteByte(w.got[i])
		}
		if want := w.expected(); got.String() != want {
			t.Fatalf("seed %d: the client has\n%q\nwant\n%q", seed, got.String(), want)
		}
		edits += len(w.edits)
		if len(w.edits) > 2 {
			several++
		}
	}
	if edits < 200 || several < 30 {
		t.Errorf("%d edits, %d connections with several, too few for a useful test", edits, several)
	}
}
