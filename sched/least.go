package sched

// least is the server that costs least for its weight, among those that were offered.
// If several cost the same, it is the first. The index is -1 at the beginning.
type least struct {
	index  int
	cost   int64
	weight int64
}

// offer replaces the server if the one at index costs less for its weight, which must
// be more than 0. It compares the quotients by cross-multiplication, in integers.
func (l *least) offer(index int, cost int64, weight int32) {
	if l.index < 0 || l.cost*int64(weight) > cost*l.weight {
		*l = least{index, cost, int64(weight)}
	}
}
