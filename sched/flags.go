package sched

// Flags change how the schedulers sh and mh choose; the others have none. The
// bits are the kernel's IP_VS_SVC_F_SCHED1 to 3 (linux/ip_vs.h), of which the
// third means nothing to any scheduler so far.
type Flags uint8

// The flags.
const (
	Fallback Flags = 1 << (3 + iota) // when the server is not usable, try others in an order of the client's own
	Port                             // the client's port counts, not its address alone
	Third                            // kept for whoever saves and restores rules
)
