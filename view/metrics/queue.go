package metrics

import (
	"strconv"

	"director/view/figures"
)

var (
	queueInfo = native.gauge("director_queue_info",
		"How a queue is served: by which worker and I/O, how AF_XDP is attached, and whether it copies; always 1.",
		"interface", "queue", "worker", "io", "attach", "mode")
	queueRx       = queueCounter("received_frames", "Frames taken from the queue.")
	queueTx       = queueCounter("transmitted_frames", "Frames given to the kernel to send.")
	queueRingFull = queueCounter("receive_ring_full",
		"AF_XDP: frames lost because the worker was too slow to take them. AF_PACKET: times that the ring was full.")
	queueFillEmpty = queueCounter("fill_ring_empty",
		"AF_XDP: times that the kernel found no free frame to receive into.")
	queueKernelDrops = queueCounter("kernel_dropped_frames",
		"Frames that the kernel dropped before they reached the receive ring.")
	queueRxInvalid = queueCounter("receive_invalid_frames",
		"Received frames lost because they were not what the queue can carry.")
	queueTxFull = queueCounter("transmit_full_frames",
		"Frames lost because the queue did not become free to send them.")
	queueTxDown = queueCounter("transmit_link_down_frames",
		"Frames lost because the link went down before they were sent.")
	queueTxInvalid = queueCounter("transmit_invalid_frames",
		"Frames lost because the kernel refused to send them.")
	queueReturned = queueCounter("host_returned_frames",
		"Frames of the queue that were reinjected into the kernel.")
	queueFailed = queueCounter("host_failed_frames",
		"Frames of the queue that were lost while being reinjected into the kernel.")
	queueSyscalls = queueCounter("syscalls",
		"AF_XDP: system calls made to have the kernel send or fill.")
	queueSuper = queueCounter("super_packets",
		"AF_PACKET: packets longer than the MTU, from receive offloads, that were taken apart.")
)

func queueCounter(name, help string) *metric {
	return native.counter("director_queue_"+name+"_total", help, "interface", "queue")
}

func collectQueue(q *figures.Queue, out sink) {
	on, name := label(q.Interface), strconv.Itoa(q.Queue)
	out.put(queueInfo, 1, on, name, strconv.Itoa(q.Worker), q.IO, q.Attach, q.Mode)
	for _, c := range [...]struct {
		*metric
		n  uint64
		io string // the only kind of I/O that has this counter, "" if both have
	}{
		{queueRx, q.Rx, ""},
		{queueTx, q.Tx, ""},
		{queueRingFull, q.RxRingFull, ""},
		{queueFillEmpty, q.RxFillEmpty, figures.XDP},
		{queueKernelDrops, q.KernelDrops, ""},
		{queueRxInvalid, q.RxInvalid, ""},
		{queueTxFull, q.TxFull, ""},
		{queueTxDown, q.TxDown, ""},
		{queueTxInvalid, q.TxInvalid, ""},
		{queueReturned, q.HostReturned, ""},
		{queueFailed, q.HostFailed, ""},
		{queueSyscalls, q.Syscalls, figures.XDP},
		{queueSuper, q.SuperPackets, figures.Packet},
	} {
		if c.io == "" || c.io == q.IO {
			out.count(c.metric, c.n, on, name)
		}
	}
}
