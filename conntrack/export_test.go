package conntrack

// Looked returns how many buckets were ever looked through for half-open
// connections to forget, those that are chained to others apart: of the shard of
// a hash, and of all shards.
func (t *Table) Looked(hash uint64) (own, all int) {
	for i := range t.shards {
		all += t.shards[i].halfOpen.at
	}
	return t.shardOf(hash).halfOpen.at, all
}
