package conntrack

import "sync/atomic"

// A crowd is the entries of one service that are not assured and are alike. A flood makes
// one crowd large, because its packets are alike. The connections of real clients do not
// stay in a crowd, or they are in another one.
type crowd uint8

// The crowds of a service. Few packets are less than manyPackets.
const (
	begun         crowd = iota // half-open, or of one packet
	begunAnswered              // the same, and the server has sent something
	templates                  // persistence templates of which no connection was established
	few                        // several packets
	fewAnswered                // the same, and the server has sent something
	many                       // many packets without an answer: datagrams
	claimed                    // established by the client's second packet, and templates of such
	claimedFew                 // the same with more packets
	CrowdCount                 // the number of crowds of a service

	noCrowd = CrowdCount
)

// Unassured is the sizes of the crowds of a service. They fill a cache line.
type Unassured = [CrowdCount]atomic.Int64

// packetClass is the class of a number of packets: at most one, two, several, many.
var packetClass = func() (class [maxPackets + 1]uint8) {
	for n := range class {
		switch {
		case n >= manyPackets:
			class[n] = 3
		case n > 2:
			class[n] = 2
		case n == 2:
			class[n] = 1
		}
	}
	return class
}()

// crowdsOf holds the crowd of an entry that is not assured by its state, the class of its
// packets, and whether it was answered. Connections that are over are in no crowd: it is no
// loss to evict them, whoever has how many.
var crowdsOf = func() (all [States][4][2]crowd) {
	for s := range States {
		for class := range all[s] {
			both := &all[s][class]
			switch {
			case over(s):
				*both = [2]crowd{noCrowd, noCrowd}
			case s == TemplateNone:
				*both = [2]crowd{templates, templates}
			case s == TemplateAssured:
				*both = [2]crowd{claimed, claimed}
			case class == 0 || s.HalfOpen():
				*both = [2]crowd{begun, begunAnswered}
			case claims[s] && class == 1:
				*both = [2]crowd{claimed, claimed}
			case claims[s]:
				*both = [2]crowd{claimedFew, claimedFew}
			case class == 3:
				*both = [2]crowd{many, fewAnswered}
			default:
				*both = [2]crowd{few, fewAnswered}
			}
		}
	}
	return all
}()

// crowdOf returns the crowd of an entry with that state word. It returns noCrowd if the
// entry is assured or over.
func crowdOf(word uint64) crowd {
	if word&assuredBit != 0 {
		return noCrowd
	}
	return crowdsOf[word&stateMask][packetClass[min(packetsOf(word), maxPackets)]][word&answeredBit/answeredBit]
}

// isClaimed reports whether the entries of the crowd are connections that look established.
func (c crowd) isClaimed() bool { return c == claimed || c == claimedFew }

// Crowds are changes of the sizes of the crowds of a service.
type Crowds [CrowdCount]int32

// Add counts the connection or template c n times, unless it is in no crowd.
func (s *Crowds) Add(c *Conn, n int32) {
	if at := crowdOf(c.word); at != noCrowd {
		s[at] += n
	}
}

// Move counts what Observe has changed.
func (s *Crowds) Move(c Change) {
	if c.left != noCrowd {
		s[c.left]--
	}
	if c.joined != noCrowd {
		s[c.joined]++
	}
}

// Share makes the table keep services apart. unassured returns, for the number of a real
// server, the sizes of the crowds of the server's service. The callers of Insert, Restore
// and Observe, and those that get ended connections, count there what the table tells them.
// They may do so later than the table, for many packets at once. The table itself counts
// only what happens to templates. Without Share, a full table treats all connections alike.
func (t *Table) Share(unassured func(server uint32) *Unassured) { t.unassured = unassured }

// crowds returns the sizes of the crowds of a server's service, or nil.
func (t *Table) crowds(server uint32) *Unassured {
	if t.unassured == nil {
		return nil
	}
	return t.unassured(server)
}

// sizeOf returns the size of a crowd of a server's service.
func (t *Table) sizeOf(server uint32, c crowd) int64 {
	all := t.crowds(server)
	if all == nil || c == noCrowd {
		return 0
	}
	return all[c].Load()
}

// move counts that an entry of a server leaves one crowd and joins another.
func (t *Table) move(server uint32, from, to crowd) {
	all := t.crowds(server)
	if all == nil || from == to {
		return
	}
	if from != noCrowd {
		all[from].Add(-1)
	}
	if to != noCrowd {
		all[to].Add(1)
	}
}
