package dataplane

import (
	"iter"

	"director/conntrack"
	"director/dataplane/app/ftp"
	"director/service"
)

// Dialogue is the helper's state of an FTP control connection.
type Dialogue struct {
	ftp.Control
	First uint32 // sequence number of the server's SYN
}

// Dump yields the connections and templates, parents before their children, each with
// the helper's state of it, or nil. The workers must have stopped. The yielded values
// are valid only during the iteration step.
func (e *Engine) Dump() iter.Seq2[*conntrack.Record, *Dialogue] {
	return func(yield func(*conntrack.Record, *Dialogue) bool) {
		for r := range e.conns.Dump() {
			var d *Dialogue
			if m := e.helpers.controls[r.ID]; m != nil {
				d = &Dialogue{m.Control, m.first}
			}
			if !yield(r, d) {
				return
			}
		}
	}
}

// Resumption inserts the connections of an earlier director process into the table,
// before the workers run.
type Resumption struct {
	Resumed  int // connections and templates that were inserted
	Stranded int // those whose server does not exist any more
	Refused  int // those for which there was no room

	engine  *Engine
	servers map[uint32]*service.Server
	parents map[conntrack.Ref]conntrack.Ref
}

// Resume returns a Resumption. servers contains the current real servers by the
// numbers that they had in the earlier director.
func (e *Engine) Resume(servers map[uint32]*service.Server) *Resumption {
	return &Resumption{engine: e, servers: servers, parents: map[conntrack.Ref]conntrack.Ref{}}
}

// Add inserts a connection and counts it to its server, or leaves it out. The
// deadline of saved is on this director's clock. The other fields are as Dump yielded
// them. If the parent of a connection was left out, the connection has no parent.
func (r *Resumption) Add(saved *conntrack.Record, d *Dialogue) {
	server := r.servers[saved.Server]
	if server == nil {
		r.Stranded++
		return
	}
	conn := *saved
	conn.Server = server.ID
	conn.Parent = r.parents[saved.Parent]
	var c conntrack.Conn
	if r.engine.conns.Restore(&conn, &c) != conntrack.Inserted {
		r.Refused++
		return
	}
	r.Resumed++
	if conn.Parental {
		r.parents[saved.ID] = c.Ref()
	}
	var crowds conntrack.Crowds
	crowds.Add(&c, 1)
	server.AddUnassured(crowds)
	if c.Is(conntrack.Template) {
		server.Ref()
	} else {
		server.Resume(c.State().Active(), service.Method(c.Method()))
	}
	if d != nil && c.Is(conntrack.Helper) {
		m := r.engine.helpers.of(&c, r.engine.conns)
		m.Control, m.first = d.Control, d.First
	}
}
