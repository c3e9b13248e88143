package bed

// HomeOf exports homeOf to the tests.
var HomeOf = homeOf

// Quota exports quota to the tests.
type Quota struct{ quota }

// Threaded moves threads into groups of their own.
func (q *Quota) Threaded(mount string, pid int, tids []int) (process string, threads []string, err error) {
	return q.threaded(mount, pid, tids)
}

// Share limits groups to a share of a CPU.
func (q *Quota) Share(above, groups []string, share float64) error {
	each, period := shareOf(share)
	return q.share(above, groups, each, period)
}

// Close removes the groups.
func (q *Quota) Close() error { return q.close() }
