package sched

import "director/packet"

// never has no server for anybody: the service exists, and refuses.
type never struct{ stateless }

func (never) Pick(*packet.Flow, int64, Servers, *Position) (int, bool) { return 0, false }
