// Package conntrack is the connection table: which real server each connection
// goes to, what state it is in and when it ends.
//
// One table is shared by all workers, because a NAT answer arrives on whatever
// queue the NIC chose. Looking a connection up takes no lock; inserting and
// removing lock one shard.
//
// # Layout
//
// Both directions of a connection are found by its client's side (address,
// port, protocol), as in IPVS: a client's packet has it as source, a real
// server's answer as destination. The hash of the client's side, keyed with a
// secret of the process, names a bucket: one cache line with the tags of eight
// connections, 16 bits each, their 32-bit indexes, and a link to an overflow
// bucket. The index names an entry: one cache line with everything that a packet
// needs. A hit touches two lines, which Seek loads for a batch of packets at once.
//
// # Truth under concurrency
//
// Every word of a bucket or an entry is read and written atomically, in acquire
// and release order (package ordered). The first
// word of an entry, the state word, holds a generation, the live bit and the
// protocol state. A reader takes the state word, the other words and the state
// word again: same generation and still live, so what lies between belongs to
// one connection. State changes by compare-and-swap only, and the winner is
// told how the number of active connections moved. The generation advances
// when an entry is removed, so a late writer cannot touch its successor.
//
// # Ending
//
// Each worker's Sweeper goes round its share of the entries. Of each chunk of
// entries the table knows a time before which none of them ends: whoever moves a
// deadline back lowers it, and only the sweeper that looks at the chunk raises
// it. Those whose time has not come are passed over.
package conntrack
