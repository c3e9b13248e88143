package sched

// places stores in the Load of each server its place in the list and its weight, for
// schedulers that remember servers when the list changes. A server that was removed
// keeps both values, so that it is found when it is added again.
type places struct{}

// find returns the index of the server with this Load, if it is in the list. At the
// place of a server that was removed is another server or none.
func (l *Load) find(servers Servers) (int, bool) {
	i := len(servers) - 1 - int(l.place)
	return i, i >= 0 && servers[i].Load == l
}

func (places) bind(servers Servers) {
	for i := range servers {
		servers[i].Load.place, servers[i].Load.weight = int32(len(servers)-1-i), servers[i].Weight
	}
}

// Added is fast because places are counted from the end of the list.
func (p places) Added(servers Servers, _ *Position) {
	servers[0].Load.place, servers[0].Load.weight = int32(len(servers)-1), servers[0].Weight
}

func (places) Removed(servers Servers, at int, _ *Position) {
	for i := range at {
		servers[i].Load.place--
	}
}

func (places) Edited(servers Servers, at int, _ *Position) {
	servers[at].Load.weight = servers[at].Weight
}
