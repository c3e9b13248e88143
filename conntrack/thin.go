package conntrack

import "math/rand/v2"

// idleTime is how long a connection must have been idle before Thin ends it,
// in nanoseconds, and thinPackets the most packets that its client may have
// sent (todrop_entry in ip_vs_conn.c).
const (
	idleTime    = 60 * second
	thinPackets = 8
)

// Thinner ends connections of a table that is filling up (drop_entry): half-open
// ones, those that look abandoned, and templates that served to no purpose. One
// goroutine uses it.
type Thinner struct {
	table  *Table
	random *rand.Rand
	// passed counts the idle connections by their number of packets: of those
	// with n packets every n-th ends.
	passed [thinPackets + 1]uint32
}

// Thinner returns a thinner whose choice of buckets follows from seed.
func (t *Table) Thinner(seed uint64) *Thinner {
	return &Thinner{table: t, random: rand.New(rand.NewPCG(seed, 1))}
}

// Share is how many buckets the kernel looks through each second: one in 32.
func (t *Thinner) Share() int { return max(1, len(t.table.buckets)/32) }

// Thin looks through one random bucket and hands what it ended to settle.
func (t *Thinner) Thin(now int64, timeouts *Timeouts, settle func(*Conn)) {
	b := &t.table.buckets[t.random.IntN(len(t.table.buckets))]
	for range maxChain {
		for set := b.used(); set != 0; set &= set - 1 {
			index := b.index[set.first()].Load()
			var c Conn
			if t.table.take(index, &c) && t.drops(&c, now, timeouts) {
				var dead [2]Conn
				for i := range t.table.Remove(c.Ref(), &dead) {
					settle(&dead[i])
				}
			}
		}
		if b = t.table.after(b); b == nil {
			return
		}
	}
}

// drops decides on a connection as ip_vs_random_dropentry does.
func (t *Thinner) drops(c *Conn, now int64, timeouts *Timeouts) bool {
	if t.table.Controls(c) {
		return false
	}
	switch s := c.State(); s {
	case TCPSynRecv, TCPSynAck, SCTPInit1, SCTPInit, TemplateNone:
		return true
	case TCPEstablished, SCTPEstablished, UDP:
		return t.idle(c, now, timeouts[s])
	}
	return false
}

// idle reports whether a connection looks abandoned and it is its turn.
func (t *Thinner) idle(c *Conn, now, timeout int64) bool {
	packets := c.packets()
	left := t.table.entries[c.index].deadline.Load() - now
	if left > timeout-idleTime || packets == 0 || packets > thinPackets {
		return false
	}
	// The first of a kind goes, then every n-th.
	turn := t.passed[packets]%packets == 0
	t.passed[packets]++
	return turn
}
