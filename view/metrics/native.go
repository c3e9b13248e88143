package metrics

import (
	"runtime"
	"slices"
	"strconv"
	"strings"

	"director/packet"
	"director/view/figures"
)

// native holds the director's own metrics.
var native set

var (
	buildInfo = native.gauge("director_build_info",
		"What the binary was built from, as labels; always 1.", "version", "go_version")
	startTime = native.gauge("director_start_time_seconds",
		"When the director started, in seconds since the epoch.")
	tableSize = native.gauge("director_connection_table_size",
		"Most connections and persistence templates that the table holds.")
	tableUsed = native.gauge("director_connection_table_used",
		"Connections and persistence templates in the table.")
	runtimeChanges = native.gauge("director_runtime_changes",
		"Services, time-outs and sysctls that differ from the loaded configuration, because they were changed at run time.")
	servicesRemoved = native.gauge("director_services_removed",
		"Services of the loaded configuration that do not run, because they were removed at run time.")
	journalOK = native.gauge("director_journal_last_write_successful",
		"Whether the run-time changes are safe on disk: 0 if the journal could not be written the last time, else 1, also without --state.")
	dropped = native.counter("director_dropped_frames_total",
		"Frames dropped by the workers, by reason.", "reason")
	left = native.counter("director_host_frames_total",
		"Frames left to the kernel by the workers, by reason.", "reason")
	unserved = native.counter("director_interface_unserved_frames_total",
		"Frames of a service dropped because they arrived on a queue that no worker serves.", "interface")
	interfaceUp = native.gauge("director_interface_up",
		"Whether the link of the interface is up: 1 or 0.", "interface")
	vipsMissing = native.gauge("director_vips_missing",
		"VIPs that are on no interface of the host although --manage-vips asks for them.")
	shortOfMemory = native.gauge("director_interface_short_of_memory",
		"Whether the interface uses AF_PACKET because the process may not lock as much memory as AF_XDP needs: 1 or 0.", "interface")
	checksumWrong = native.counter("director_interface_checksum_wrong_total",
		"Packets that arrived with a wrong TCP, UDP or SCTP checksum, in the sample that workers verify.", "interface")
	checksumDone = native.counter("director_interface_checksum_completed_total",
		"Packets whose checksum the sender had left to its interface and a worker completed.", "interface")
)

var (
	workerInfo = native.gauge("director_worker_info",
		"The CPU of a worker, as a label; always 1.", "worker", "cpu")
	workerCPU = native.counter("director_worker_cpu_seconds_total",
		"CPU time that the worker's thread has used, in seconds.", "worker")
	workerRx = native.counter("director_worker_received_frames_total",
		"Frames that the worker has received on its queues.", "worker", "interface")
	workerTx = native.counter("director_worker_transmitted_frames_total",
		"Frames that the worker has given to its queues to send.", "worker", "interface")
	workerHandoff = native.counter("director_worker_handoff_frames_total",
		"Frames handed to another worker, which owns the queue that they leave by.", "worker")
	workerConns = native.counter("director_worker_connections_total",
		"Connections that the worker has entered into the table.", "worker")
	workerExpired = native.counter("director_worker_expired_connections_total",
		"Connections that the worker has ended because their time was up.", "worker")
	workerUntracked = native.counter("director_worker_unnoted_packets_total",
		"Packets forwarded without a connection because the table was full.", "worker")
	workerDoubted = native.counter("director_worker_doubted_resets_total",
		"Resets that were forwarded but did not end their connection, because of --tcp-strict.", "worker")
	workerBatches = native.define("director_worker_batch_frames",
		"Sizes of the batches that the worker has received, in frames; empty ones are not counted.", "histogram", "worker")
)

func collectNative(s Source, out sink) {
	f := s.Figures()
	out.put(buildInfo, 1, f.Version, runtime.Version())
	out.put(startTime, float64(f.Started.UnixMilli())/1e3)
	out.put(tableSize, float64(f.Table.Size))
	out.put(tableUsed, float64(f.Table.Used))
	out.put(runtimeChanges, float64(f.Changes))
	out.put(servicesRemoved, float64(f.Removed))
	out.put(vipsMissing, float64(len(f.VIPsMissing)))
	out.put(journalOK, flag(f.JournalError == ""))
	collectReload(&f.Reload, out)
	collectStates(s.States(), out)
	collectProcess(s.Process(), out)
	collectReasons(&f, out)
	for i := range f.Workers {
		collectWorker(&f.Workers[i], out)
	}
	for i := range f.Queues {
		collectQueue(&f.Queues[i], out)
	}
	collectInterfaces(&f, out)
	collectServices(s, out)
}

// collectReasons exports every reason, even those without a frame. A rate needs the value
// before the first frame.
func collectReasons(f *figures.Figures, out sink) {
	drops, host := f.Dropped(), f.Left()
	for r := packet.None + 1; r < packet.Reasons; r++ {
		name := r.String()
		out.count(dropped, drops[name], name)
		out.count(left, host[name], name)
	}
}

func collectWorker(w *figures.Worker, out sink) {
	name := strconv.Itoa(w.Index)
	out.put(workerInfo, 1, name, strconv.Itoa(w.CPU))
	out.put(workerCPU, w.CPUSeconds, name)
	received := uint64(0)
	for i, n := range w.Rx {
		out.count(workerRx, n, name, label(i))
		received += n
	}
	for i, n := range w.Tx {
		out.count(workerTx, n, name, label(i))
	}
	out.count(workerHandoff, w.Handoff, name)
	out.count(workerConns, w.Conns, name)
	out.count(workerExpired, w.Expired, name)
	out.count(workerUntracked, w.Untracked, name)
	out.count(workerDoubted, w.Doubted, name)

	out.histogram(workerBatches, w.Batches, float64(received), name)
}

// collectInterfaces exports the counters of every interface. With AF_PACKET every queue is
// served.
func collectInterfaces(f *figures.Figures, out sink) {
	seen := map[string]bool{}
	wrong, completed := f.Wrong(), f.Completed()
	for i := range f.Queues {
		q := &f.Queues[i]
		if seen[q.Interface] {
			continue
		}
		seen[q.Interface] = true
		out.put(interfaceUp, flag(!slices.Contains(f.LinksDown, q.Interface)), label(q.Interface))
		out.put(shortOfMemory, flag(slices.Contains(f.ShortOfMemory, q.Interface)), label(q.Interface))
		out.count(checksumWrong, wrong[q.Interface], label(q.Interface))
		out.count(checksumDone, completed[q.Interface], label(q.Interface))
		if q.IO == figures.XDP {
			out.count(unserved, f.Unserved[q.Interface], label(q.Interface))
		}
	}
}

// label makes a valid label of an interface's name, which may contain any bytes.
func label(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }
