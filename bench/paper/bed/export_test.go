package bed

// HomeOf is for tests.
var HomeOf = homeOf

// Quota is for tests.
type Quota struct{ quota }

// Threaded gives threads groups of their own.
func (q *Quota) Threaded(mount string, pid int, tids []int) (process string, threads []string, err error) {
	return q.threaded(mount, pid, tids)
}

// Share gives groups a share of a CPU.
func (q *Quota) Share(above, groups []string, share float64) error {
	each, period := shareOf(share)
	return q.share(above, groups, each, period)
}

// Close lets them go.
func (q *Quota) Close() error { return q.close() }
