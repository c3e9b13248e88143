package sched

import "director/packet"

// never chooses no server: the service exists and refuses all connections.
type never struct{ stateless }

func (never) Pick(*packet.Flow, int64, Servers, *Position) (int, bool) { return 0, false }
