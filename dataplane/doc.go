// Package dataplane moves packets. Its workers own NIC queues and take each frame
// through the stages of the director:
//
//	receive → parse → classify → track → schedule → rewrite → transmit
//
// A worker owns queue i of every interface. It alone receives from it and
// transmits on it, so sending takes no lock. Frames come in batches, and every
// stage is a loop over the batch.
//
// Workers share an Engine: the connection table, the loads of real servers, and
// the view, which holds services, next hops and time-outs. A view is immutable; a
// worker loads it once a step. The package knows no operating system: ports, the
// clock and the way to wait come from outside. So the same code runs over AF_XDP,
// AF_PACKET and in memory.
//
// # Reading order
//
// The files of a worker, in the order in which a packet meets them. A function calls
// only functions of its own file and of files further down; a test holds this.
//
//	setup.go        makes workers
//	worker.go       the loop: one step is a batch of each interface
//	expire.go       ends connections whose time is up
//	reassembly.go   puts fragments together
//	capture.go      records frames for director capture
//	batch.go        the frames in hand and their stages
//	classify.go     stage: parse; from a client or from a real server?
//	icmp.go         errors about packets of connections
//	ipsec.go        ESP and AH
//	track.go        stage: find the connection, run its state machine
//	hit.go          the usual packet, all the way at once
//	schedule.go     stage: what to do without a connection
//	initiate.go     packets of real servers; connections that they begin
//	persist.go      persistence templates
//	refuse.go       packets without a server or a connection
//	bypass.go       cache_bypass
//	connect.go      connections to a chosen server
//	crowded.go      packets without an entry, while the table is full
//	rewrite.go      stage: masquerade, direct routing, tunnels
//	helper.go       FTP's control connections
//	ftpdata.go      FTP's data connections
//	admit.go        new connections into the table
//	tracker.go      connections: find, count, observe, replace
//	transmit.go     stage: to the port that the frame leaves by
//	output.go       sends a frame: whole, in fragments, or not
//	answer.go       ICMP errors and resets of our own
//	pending.go      frames that wait for their neighbour's address
//	iface.go        an interface as one worker sees it
//	handoff.go      frames for an interface on which the worker has no queue
//	tap.go          a capture in progress
//	job.go          what the stages find out about a frame
//	step.go         what all parts of a worker know of the step
//	tapping.go      a worker's side of a capture
//	statistics.go   counts of real servers
//	counters.go     counts of the worker
//
// What all workers share:
//
//	resume.go       connections that outlive their director
//	shadow.go       a copy that changes nothing, for director why
//	guard.go        decides, once a second, on measures against a full table
//	engine.go       the table, the view, the capture in progress
//	defence.go      the measures in force
//	dialogue.go     what is remembered of FTP's control connections
//	tapring.go      records on their way from a worker to the capture's writer
//	tapfilter.go    which frames a capture is about
//	view.go         services, next hops, time-outs
//	port.go         the seam to the NIC
package dataplane
