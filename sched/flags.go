package sched

// Flags change how the schedulers sh and mh choose. The other schedulers have no flags.
// The bits are the kernel's IP_VS_SVC_F_SCHED1 to 3 (linux/ip_vs.h). No scheduler uses
// the third one so far.
type Flags uint8

// The flags.
const (
	Fallback Flags = 1 << (3 + iota) // if the server is not usable, try others, in an order that depends on the client
	Port                             // hash the client's port, too
	Third                            // kept so that rules can be saved and restored
)
