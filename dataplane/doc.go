// Package dataplane moves packets. Its workers own NIC queues and take each frame
// through the stages of the director:
//
//	receive → parse → classify → track → schedule → rewrite → transmit
//
// A worker owns queue i of every interface. No other worker receives from the queue
// or transmits on it, so sending needs no lock. Frames arrive in batches, and every
// stage is a loop over the batch.
//
// Workers share an Engine: the connection table, the loads of real servers, and the
// view, which holds services, next hops and time-outs. A view is immutable; a worker
// loads it once a step. The package does not depend on an operating system: the
// caller provides ports, the clock and the way to wait. So the same code runs over
// AF_XDP, over AF_PACKET and in memory.
//
// # Reading order
//
// The files of a worker, in the order in which a packet meets them. A function calls
// only functions of its own file and of files further down; a test holds this.
//
//	setup.go        makes workers
//	worker.go       the loop: one step is a batch of each interface
//	expire.go       expires connections
//	reassembly.go   reassembles fragments
//	capture.go      records frames for director capture
//	batch.go        the frames of a batch and their stages
//	classify.go     stage: parse; from a client or from a real server?
//	checksum.go     stage: completes partial checksums, counts wrong ones
//	icmp.go         errors about packets of connections
//	ipsec.go        ESP and AH
//	track.go        stage: find the connection, run its state machine
//	hit.go          the usual packet: all stages at once
//	schedule.go     stage: what to do without a connection
//	scheduleerror.go  connections that ICMP errors begin
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
//	output.go       checks TTL and MTU, and sends a frame: whole, in fragments, or not
//	answer.go       ICMP errors and resets that the director sends
//	pending.go      frames that wait for their neighbour's address
//	iface.go        an interface as one worker sees it
//	handoff.go      frames for an interface on which the worker has no queue
//	tap.go          a capture in progress
//	job.go          the results of the stages for a frame
//	step.go         the state of the step, for all parts of a worker
//	tapping.go      a worker's side of a capture
//	statistics.go   counts of real servers
//	counters.go     counts of the worker
//
// What all workers share:
//
//	resume.go       connections of an earlier director process
//	shadow.go       a copy that changes nothing of the original, for director why
//	guard.go        decides, once a second, on measures against a full table
//	engine.go       the table, the view, the capture in progress
//	defence.go      the measures in force
//	dialogue.go     the state of FTP's control connections
//	tapring.go      records on their way from a worker to the capture's writer
//	tapfilter.go    selects the frames of a capture
//	sent.go         tunnel packets that were sent lately
//	view.go         services, next hops, time-outs
//	port.go         the seam to the NIC
package dataplane
