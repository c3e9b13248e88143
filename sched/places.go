package sched

// places keeps in the Load of each server where it stands in the list and what
// it weighs, for the schedulers that remember servers over changes of the list.
// Who left keeps both, so that it is found again when it comes back.
type places struct{}

// find returns the index of the server whose Load this is, if it is in the
// list. Somebody else, or nobody, is at the place of one that left.
func (l *Load) find(servers Servers) (int, bool) {
	i := len(servers) - 1 - int(l.place)
	return i, i >= 0 && servers[i].Load == l
}

func (places) bind(servers Servers) {
	for i := range servers {
		servers[i].Load.place, servers[i].Load.weight = int32(len(servers)-1-i), servers[i].Weight
	}
}

// Added is quick because places are counted from the end.
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
