package conntrack

import "math/rand/v2"

// Thin removes an open connection only if it was idle for idleTime nanoseconds and its
// client sent at most thinPackets packets (todrop_entry in ip_vs_conn.c).
const (
	idleTime    = 60 * second
	thinPackets = 8
)

// Thinner removes connections from a table that is nearly full (drop_entry). It removes
// half-open connections, idle ones with few packets, and templates that were never
// assured. One goroutine uses it.
type Thinner struct {
	table  *Table
	random *rand.Rand
	// passed counts the idle connections by their number of packets. Of those
	// with n packets, every n-th is removed.
	passed [thinPackets + 1]uint32
}

// Thinner returns a thinner that chooses buckets at random, starting from seed.
func (t *Table) Thinner(seed uint64) *Thinner {
	return &Thinner{table: t, random: rand.New(rand.NewPCG(seed, 1))}
}

// Share returns how many buckets the kernel searches each second: one in 32.
func (t *Thinner) Share() int { return max(1, len(t.table.buckets)/32) }

// Thin searches the chain of one random bucket. It calls settle for each connection
// that it removed.
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

// drops reports whether Thin removes a connection. It follows ip_vs_random_dropentry.
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

// idle reports whether a connection was idle long enough and is the n-th of its kind.
func (t *Thinner) idle(c *Conn, now, timeout int64) bool {
	packets := c.packets()
	left := t.table.entries[c.index].deadline.Load() - now
	if left > timeout-idleTime || packets == 0 || packets > thinPackets {
		return false
	}
	// The first of a kind is removed, then every n-th.
	turn := t.passed[packets]%packets == 0
	t.passed[packets]++
	return turn
}
