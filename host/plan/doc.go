// Package plan decides what the director makes of a host: which queues it serves, by
// which I/O, with how many workers on which CPUs, where interrupts go, and which
// addresses it holds. It is a calculation from the flags and from facts about the
// host. It asks the host nothing, so the daemon and the doctor decide the same.
//
// What only an attempt can tell, such as whether a driver accepts zero-copy, the
// daemon finds out by going down the ladder. The doctor predicts it with Choose.
package plan
