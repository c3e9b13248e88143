package dataplane

import (
	"sync"

	"director/conntrack"
	"director/dataplane/app/ftp"
	"director/packet"
	"director/service"
)

// helpers holds what the director remembers of connections whose dialogue it
// reads along with: the control connections of masqueraded FTP, which the table
// marks as conntrack.Helper. A packet of any other connection never comes here.
// It is as large as there are such connections: they take theirs out when they
// end.
type helpers struct {
	mu       sync.RWMutex
	controls map[conntrack.Ref]*control // by their name
}

// control is the memory of one control connection. Its segments, which may come
// by several workers, are read one after the other.
type control struct {
	mu sync.Mutex
	ftp.Control
	first uint32 // sequence number of the server's SYN
}

// begin forgets the dialogue when f, from the server, begins another: the same
// ports may be used again while the connection is in the table.
func (m *control) begin(f *packet.Frame) {
	if seq := f.Transport().Seq(); f.TCPFlags&packet.SYN != 0 && seq != m.first && ftp.ChecksumOK(f) {
		m.Control, m.first = ftp.Control{}, seq
	}
}

// helped returns the mark of a new connection that an application helper reads
// along with: a masqueraded one to FTP's control port, whatever the port of its
// service (tcp_app_conn_bind in ip_vs_proto_tcp.c).
func helped(method service.Method, k *conntrack.Key) conntrack.Kind {
	if method == service.NAT && k.Proto == packet.ProtoTCP && k.VirtualPort == ftpControl {
		return conntrack.Helper
	}
	return 0
}

// of returns the memory of c, or nil when c has ended.
func (h *helpers) of(c *conntrack.Conn, conns *conntrack.Table) *control {
	id := c.Ref()
	h.mu.RLock()
	m := h.controls[id]
	h.mu.RUnlock()
	if m != nil {
		return m
	}
	h.mu.Lock()
	if m = h.controls[id]; m == nil {
		if h.controls == nil {
			h.controls = map[conntrack.Ref]*control{}
		}
		m = new(control)
		h.controls[id] = m
	}
	h.mu.Unlock()
	// It may have ended, and been forgotten, before there was something to
	// forget.
	if !conns.Live(c) {
		h.forget(c)
		return nil
	}
	return m
}

// forget takes out the memory of a connection that has ended.
func (h *helpers) forget(c *conntrack.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.controls, c.Ref())
}

// helpServer reads a client's segment of a control connection, before it is
// masqueraded, and mends its acknowledgement. It reports whether the segment may
// go on to the server.
func (w *Worker) helpServer(f *packet.Frame, j *job) bool {
	m := w.memory(f, j)
	if m == nil {
		return false
	}
	m.mu.Lock()
	client, action := m.FromClient(f)
	m.mu.Unlock()
	return w.goesOn(f, action) && (action != ftp.Open || w.openActive(f, &j.conn, client))
}

// helpClient reads a server's segment of a control connection, before it is
// masqueraded, and edits what it announces. It reports whether the segment may
// go on to the client.
//
// An edited segment may be too long for the way to the client, of which the
// server knows nothing: it is told an MTU that leaves room for the edit. It
// repeats the announcement, which gets the same edit. One that may be fragmented
// will be, as any.
func (w *Worker) helpClient(f *packet.Frame, j *job, mtu uint16) bool {
	m := w.memory(f, j)
	if m == nil {
		return false
	}
	virtual, _ := j.conn.Virtual()
	length := f.IPLen
	m.mu.Lock()
	m.begin(f)
	server, action := m.FromServer(f, virtual)
	m.mu.Unlock()
	if !w.goesOn(f, action) {
		return false
	}
	longer := int(f.IPLen) - int(length)
	w.tally(j.conn.Server()).OutBytes += uint64(longer) // what leaves counts, handle_response
	if f.IPLen > mtu && f.IP().DF() {
		w.tooLong(f, w.here(f), mtu-uint16(longer))
		return false
	}
	return action != ftp.Open || w.openPassive(f, &j.conn, server)
}

// memory returns what is remembered of j's connection. A packet of one that has
// ended meanwhile is dropped: its numbers cannot be mended any more.
func (w *Worker) memory(f *packet.Frame, j *job) *control {
	m := w.shared.helpers.of(&j.conn, w.shared.conns)
	if m == nil {
		w.drop(f, packet.NoConnection)
	}
	return m
}

// goesOn drops a segment that the helper holds back.
func (w *Worker) goesOn(f *packet.Frame, action ftp.Action) bool {
	switch action {
	case ftp.DropChecksum:
		w.drop(f, packet.BadChecksum)
	case ftp.DropOrder:
		w.drop(f, packet.Protocol)
	case ftp.DropRoom:
		w.drop(f, packet.MTU)
	default:
		return true
	}
	return false
}
