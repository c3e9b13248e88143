// Package conntrack is the connection table: which real server each connection
// goes to, what state it is in and when it ends.
//
// All workers share one table, because a NAT answer arrives on whatever queue the
// NIC chose. A look-up takes no lock. Inserting and removing lock one shard.
//
// # Layout
//
// Both directions of a connection are found by the client's side (address, port,
// protocol), as in IPVS: a client's packet has it as its source, a real server's
// answer as its destination. The hash of the client's side, keyed with a secret of
// the process, selects a bucket. A bucket is one cache line: the tags of eight
// connections, 16 bits each, their 32-bit indexes, and a link to an overflow
// bucket. The index selects an entry: one cache line with everything that a packet
// of an IPv4 connection needs. A hit touches two lines, which Seek loads for a
// batch of packets at once.
//
// What only some connections need is in an extension at the same index: IPv6
// addresses, the firewall mark, the time-out of a template. Its memory is not used
// until then.
//
// A Record is a connection outside the table: it is what is inserted, listed, saved,
// restored and copied. Conn and Hit are what a worker holds of an entry while it
// handles a packet.
//
// # Truth under concurrency
//
// Every word of a bucket or an entry is read and written atomically, in acquire
// and release order (package ordered). The first word of an entry, the state word,
// holds a generation, the live bit and the protocol state. A reader takes the state
// word, the other words and the state word again. If the generation is the same and
// the entry still live, the words between belong to one connection. State changes
// by compare-and-swap only, and the winner is told how the number of active
// connections moved. The generation advances when an entry dies, so a late writer
// cannot touch its successor.
//
// A bit of the state word is set while words of a live entry that belong together
// change. A process that takes a table over from one that died skips the entries that
// have the bit.
//
// # Ending
//
// A connection expires when its deadline has passed. An operator or a rule removes
// it. A full table evicts one that is not assured for a new one.
//
// Each worker's Sweeper goes round its share of the entries. For each chunk of
// entries the table knows a time before which none of them expires. A change that moves
// a deadline back lowers that time; only the sweeper that looks at the chunk raises it.
// Chunks whose time has not come are skipped.
//
// # Reading order
//
//	record.go      a connection outside the table: its key, server and kind
//	state.go       protocol states, events and time-outs
//	transition.go  the state machines
//	table.go       the table and its shards
//	bucket.go      a bucket: tags and indexes
//	entry.go       an entry: a connection in the table
//	extension.go   the extension of an entry
//	lookup.go      finds the connection of a packet
//	hit.go         the same for the usual packet of a batch
//	observe.go     runs the state machine for a packet
//	stream.go      sequence numbers, to know which resets are expected (--tcp-strict)
//	chunk.go       deadlines, and the time at which a chunk is due
//	insert.go      inserts a connection; free entries and buckets
//	assure.go      what shows that a connection is more than a few forged packets
//	crowd.go       the connections of a service that are not assured, by kind
//	victim.go      which connections a full table may evict
//	reclaim.go     searches for one of them and evicts it
//	template.go    persistence templates; connections that control others
//	anyport.go     connections whose client port is not known yet
//	sweep.go       expires and removes connections
//	due.go         expires connections exactly at their deadlines, for a simulated clock
//	thin.go        removes connections at random (drop_entry)
//	list.go        lists connections
//	count.go       counts the connections in each state
//	dump.go        saves and restores connections
//	shadow.go      a copy that changes nothing of the original, for director why
package conntrack
