package dataplane

import (
	"iter"

	"director/conntrack"
	"director/dataplane/app/ftp"
	"director/service"
)

// Dialogue is what is remembered of an FTP control connection.
type Dialogue struct {
	ftp.Control
	First uint32 // sequence number of the server's SYN
}

// Dump yields the connections and templates, parents before their children, each
// with what a helper remembers of it, or nil. The workers have stopped. The caller
// must not keep what it is lent.
func (s *Engine) Dump() iter.Seq2[*conntrack.Record, *Dialogue] {
	return func(yield func(*conntrack.Record, *Dialogue) bool) {
		for r := range s.conns.Dump() {
			var d *Dialogue
			if m := s.helpers.controls[r.ID]; m != nil {
				d = &Dialogue{m.Control, m.first}
			}
			if !yield(r, d) {
				return
			}
		}
	}
}

// Resumption puts the connections of an earlier director into the table, before
// the workers run.
type Resumption struct {
	Resumed  int // connections and templates
	Stranded int // whose server is not there any more
	Refused  int // for which there was no room

	shared  *Engine
	servers map[uint32]*service.Server
	parents map[conntrack.Ref]conntrack.Ref
}

// Resume returns a resumption. servers are what has become of the earlier
// director's real servers, by the numbers that they had there.
func (s *Engine) Resume(servers map[uint32]*service.Server) *Resumption {
	return &Resumption{shared: s, servers: servers, parents: map[conntrack.Ref]conntrack.Ref{}}
}

// Add takes a connection up, counted to its server, or leaves it out. saved has a
// deadline on this director's clock; the rest is as Dump yielded it. A connection
// whose parent was left out has none.
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
	if r.shared.conns.Restore(&conn, &c) != conntrack.Inserted {
		r.Refused++
		return
	}
	r.Resumed++
	if conn.Parental {
		r.parents[saved.ID] = c.Ref()
	}
	if c.Is(conntrack.Template) {
		server.Ref()
	} else {
		server.Resume(c.State().Active(), service.Method(c.Method()))
	}
	if d != nil && c.Is(conntrack.Helper) {
		m := r.shared.helpers.of(&c, r.shared.conns)
		m.Control, m.first = d.Control, d.First
	}
}
