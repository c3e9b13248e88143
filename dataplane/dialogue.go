package dataplane

import (
	"sync"

	"director/conntrack"
	"director/dataplane/app/ftp"
	"director/packet"
)

// helpers holds the state of masqueraded FTP control connections, whose dialogue the
// director reads. The table marks these connections as conntrack.Helper. Packets of
// other connections are never passed to helpers. The state of a connection is removed
// when the connection ends.
type helpers struct {
	mu       sync.RWMutex
	controls map[conntrack.Ref]*control
}

// control is the state of one control connection. mu is held while a segment is read,
// because several workers may receive segments of the connection.
type control struct {
	mu sync.Mutex
	ftp.Control
	first uint32 // sequence number of the server's SYN
}

// begin clears the dialogue if f, a server's segment, begins a new one. The same
// ports may be used again while the connection is in the table.
func (m *control) begin(f *packet.Frame) {
	if seq := f.Transport().Seq(); f.TCPFlags&packet.SYN != 0 && seq != m.first && ftp.ChecksumOK(f) {
		m.Control, m.first = ftp.Control{}, seq
	}
}

// of returns the state of c, or nil if c has ended.
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
	// The connection may have ended before the state was made. Then no other call
	// removes the state.
	if !conns.Live(c) {
		h.remove(c)
		return nil
	}
	return m
}

// remove removes the state of a connection that has ended.
func (h *helpers) remove(c *conntrack.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.controls, c.Ref())
}

// copyTo copies the state of connections to a shadow that has copies of these
// connections.
func (h *helpers) copyTo(to *helpers, copies map[conntrack.Ref]conntrack.Ref) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	to.controls = map[conntrack.Ref]*control{}
	for ref, m := range h.controls {
		if twin, ok := copies[ref]; ok {
			m.mu.Lock()
			to.controls[twin] = &control{Control: m.Control, first: m.first}
			m.mu.Unlock()
		}
	}
}
