package conntrack

// CountStates returns how many connections and templates are in each state. It reads one
// word of each entry that was ever used, without locks: those that change meanwhile count
// in their old or their new state.
func (t *Table) CountStates() (counts [States]uint64) {
	for i := range t.shards {
		sh := &t.shards[i]
		for index := sh.first; index < sh.fresh.Load(); index++ {
			if word := t.entries[index].state.Load(); word&liveBit != 0 {
				counts[word&stateMask]++
			}
		}
	}
	return counts
}

// Proto returns the name of the protocol whose connections can be in the state, or
// "template".
func (s State) Proto() string {
	switch {
	case s < UDP:
		return "tcp"
	case s == UDP:
		return "udp"
	case s < TemplateNone:
		return "sctp"
	}
	return "template"
}
