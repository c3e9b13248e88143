// Package dataplane moves packets: workers that own NIC queues and take each
// frame through the stages of the director.
//
//	receive → parse → classify → track → schedule → rewrite → transmit
//
// A worker owns queue i of every interface. It alone receives from it and
// transmits on it, so sending takes no lock. Frames come in batches and every
// stage is a plain loop over the batch, in a file of its own, named after it.
//
// What workers share is the connection table, the loads of real servers and
// the view: services, next hops and time-outs, immutable, loaded once a batch.
// The package knows no operating system: ports, the clock and the way to wait
// come from outside, so the same code runs over AF_XDP, AF_PACKET and in
// memory.
package dataplane
