package dataplane

import (
	"sync"

	"director/conntrack"
	"director/dataplane/app/ftp"
	"director/packet"
)

// helpers holds what the director remembers of FTP's masqueraded control connections,
// whose dialogue it reads. The table marks them as conntrack.Helper; a packet of any
// other connection never comes here. A connection's memory is removed when the
// connection ends.
type helpers struct {
	mu       sync.RWMutex
	controls map[conntrack.Ref]*control
}

// control is what is remembered of one control connection. mu is held while one of
// its segments is read: they may come to several workers.
type control struct {
	mu sync.Mutex
	ftp.Control
	first uint32 // sequence number of the server's SYN
}

// begin clears the dialogue when f, a server's segment, begins another one: the same
// ports may be used again while the connection is in the table.
func (m *control) begin(f *packet.Frame) {
	if seq := f.Transport().Seq(); f.TCPFlags&packet.SYN != 0 && seq != m.first && ftp.ChecksumOK(f) {
		m.Control, m.first = ftp.Control{}, seq
	}
}

// of returns what is remembered of c, or nil when c has ended.
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
	// The connection may have ended before its memory was made. Then nobody else
	// removes the memory.
	if !conns.Live(c) {
		h.remove(c)
		return nil
	}
	return m
}

// remove removes what is remembered of a connection that has ended.
func (h *helpers) remove(c *conntrack.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.controls, c.Ref())
}

// copyTo copies what is remembered of connections, for a shadow with copies of them.
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
