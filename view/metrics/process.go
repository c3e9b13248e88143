package metrics

import "director/view/figures"

// Names that begin with process_ and go_ are those of Prometheus' client libraries, so that
// dashboards and rules for any program work.
var (
	processCPU = native.counter("process_cpu_seconds_total",
		"User and system CPU time of the process, in seconds.")
	processStart = native.gauge("process_start_time_seconds",
		"When the process started, in seconds since the epoch.")
	processResident = native.gauge("process_resident_memory_bytes",
		"Memory of the process that is in RAM, in bytes.")
	processVirtual = native.gauge("process_virtual_memory_bytes",
		"Address space of the process, in bytes.")
	processOpen = native.gauge("process_open_fds",
		"File descriptors that are open.")
	processMax = native.gauge("process_max_fds",
		"File descriptors that may be open.")
	processThreads = native.gauge("go_threads",
		"Threads of the process.")
	processGoroutines = native.gauge("go_goroutines",
		"Goroutines of the process.")
	processHeapLive = native.gauge("go_gc_heap_live_bytes",
		"Memory of the Go heap that the last garbage collection found in use, in bytes.")
)

func collectProcess(p figures.Process, out sink) {
	out.put(processCPU, p.CPUSeconds)
	out.put(processStart, p.Started)
	out.put(processResident, float64(p.Resident))
	out.put(processVirtual, float64(p.Virtual))
	out.put(processOpen, float64(p.OpenFiles))
	out.put(processMax, float64(p.MaxFiles))
	out.put(processThreads, float64(p.Threads))
	out.put(processGoroutines, float64(p.Goroutines))
	out.put(processHeapLive, float64(p.HeapLive))
}

var (
	reloads = native.counter("director_config_reloads_total",
		"Reloads of the configuration, by result: applied or refused.", "result")
	reloadOK = native.gauge("director_config_last_reload_successful",
		"Whether the last reload was applied: 1, or 0 when it was refused. The start counts as one.")
	reloadTime = native.gauge("director_config_last_reload_success_timestamp_seconds",
		"When the configuration that is in force was loaded, in seconds since the epoch.")
	connections = native.gauge("director_connections",
		"Connections in the table, by protocol and state. Persistence templates have the protocol template.", "proto", "state")
)

func collectReload(r *figures.Reload, out sink) {
	out.count(reloads, r.Applied, "applied")
	out.count(reloads, r.Refused, "refused")
	successful := 1.0
	if r.Failing {
		successful = 0
	}
	out.put(reloadOK, successful)
	out.put(reloadTime, float64(r.AppliedAt.UnixMilli())/1e3)
}

func collectStates(states []figures.State, out sink) {
	for _, s := range states {
		out.count(connections, s.Connections, s.Proto, s.Name)
	}
}
