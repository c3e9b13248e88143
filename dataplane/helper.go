package dataplane

import (
	"director/dataplane/app/ftp"
	"director/packet"
)

// helpServer reads a client's segment of a control connection before it is
// masqueraded, and corrects its acknowledgement. It reports whether the segment may
// go on to the server.
func (fwd *forwarder) helpServer(f *packet.Frame, j *job) bool {
	m := fwd.memory(f, j)
	if m == nil {
		return false
	}
	m.mu.Lock()
	client, action := m.FromClient(f)
	m.mu.Unlock()
	return fwd.goesOn(f, action) && (action != ftp.Open || fwd.tracker.openActive(f, &j.conn, client))
}

// helpClient reads a server's segment of a control connection before it is
// masqueraded, and edits the address that it announces. It reports whether the
// segment may go on to the client.
//
// An edit may make the segment too long for the route to the client. If the segment
// must not be fragmented, the server gets an ICMP error with an MTU that leaves room
// for the edit. It then retransmits the announcement, which gets the same edit.
func (fwd *forwarder) helpClient(f *packet.Frame, j *job, mtu uint16) bool {
	m := fwd.memory(f, j)
	if m == nil {
		return false
	}
	virtual, _ := j.conn.Virtual()
	length := f.IPLen
	m.mu.Lock()
	m.begin(f)
	server, action := m.FromServer(f, virtual)
	m.mu.Unlock()
	if !fwd.goesOn(f, action) {
		return false
	}
	longer := int(f.IPLen) - int(length)
	fwd.tally(j.conn.Server()).OutBytes += uint64(longer) // the sent length is counted, as in handle_response
	if f.IPLen > mtu && f.IP().DF() {
		fwd.out.tooLong(f, fwd.out.here(f), mtu-uint16(longer))
		return false
	}
	return action != ftp.Open || fwd.tracker.openPassive(f, &j.conn, server)
}

// memory returns the helper's state of j's connection. If the connection has ended
// meanwhile, memory drops the packet, because its sequence numbers cannot be
// corrected any more.
func (fwd *forwarder) memory(f *packet.Frame, j *job) *control {
	m := fwd.engine.helpers.of(&j.conn, fwd.engine.conns)
	if m == nil {
		fwd.drop(f, packet.NoConnection)
	}
	return m
}

// goesOn drops a segment that the helper refuses. It reports whether the segment may
// continue.
func (fwd *forwarder) goesOn(f *packet.Frame, action ftp.Action) bool {
	switch action {
	case ftp.DropChecksum:
		fwd.drop(f, packet.BadChecksum)
	case ftp.DropOrder:
		fwd.drop(f, packet.Protocol)
	case ftp.DropRoom:
		fwd.drop(f, packet.MTU)
	default:
		return true
	}
	return false
}
