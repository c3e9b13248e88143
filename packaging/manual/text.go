package manual

import (
	"slices"

	"director/internal/cli"
)

// Director returns the manual of director. Scripts know it as ipvsadm, too: that is the
// command line of the other name.
func Director(p, ipvsadm *cli.Program) *Manual {
	return &Manual{
		Program: p, Summary: "Linux Virtual Server in userspace", Sections: slices.Concat(directorSections, examples, []Section{exitStatus}),
		Overview: &overview, Without: []string{cli.BenchProgram},
		Links:   map[string]string{"ipvsadm": "director-ctl", "ipvsadm-save": "director-ctl", "ipvsadm-restore": "director-ctl"},
		Aliases: []*cli.Program{ipvsadm},
	}
}

// Bench returns the manual of director-bench. Its verbs are verbs of "director bench", so
// its page describes this command, too.
func Bench(p *cli.Program) *Manual {
	return &Manual{Program: p, Summary: "benchmarks of director", Sections: []Section{benchDescription, exitStatus}}
}

var benchDescription = Section{Words: "director bench", Title: "DESCRIPTION", Items: [][2]string{
	{"", "director bench measures how fast the director is, and repeats the evaluation of the LVS paper. Its heavy verbs are in the program director-bench, which director starts, so that the program that forwards does not contain load generators and plots. The following verbs are those of director-bench."},
	{"", "The verbs micro, lab and record are in director itself. Their pages are director-bench-micro(8), director-bench-lab(8) and director-bench-record(8)."},
}}

var exitStatus = Section{Title: "EXIT STATUS", Items: [][2]string{
	{"0", "done"},
	{"1", "failed while working, or cannot start here"},
	{"2", "the command line or the configuration is wrong"},
}}

var directorSections = []Section{
	{Words: "director", Title: "DESCRIPTION", Items: [][2]string{
		{"", "It reads frames from NIC queues over AF_XDP or AF_PACKET, decides per connection which real server gets them, and rewrites and sends them, by the rules of ipvsadm."},
		{"", "Flags and files of flags configure it. Such a file has flags, one in a line, and rules in ipvsadm's grammar. The output of ipvsadm -S -n is such a file."},
	}},
	{Words: "director run", Title: "SIGNALS", Items: [][2]string{
		{"SIGTERM, SIGINT", "stop. The director restores interfaces, addresses and interrupts. It ends within five seconds, and within one if the signal comes twice. Connections that a slow disk has not written by then are not saved, and the log says so."},
		{"SIGUSR2", "stop for a successor on the same host. With --state the virtual addresses stay, and for 60 seconds the host does not see balanced packets."},
		{"SIGHUP", "read the flags files again and apply the difference. If they are wrong, report that and change nothing."},
	}},
	{Words: "director run", Title: "PRIVILEGES", Items: [][2]string{
		{"", "Needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON, and /dev/net/tun. A user other than root also needs a limit of locked memory (RLIMIT_MEMLOCK) above 8 MiB for each queue. Once it forwards, the director keeps CAP_NET_ADMIN alone, whether root started it or not."},
	}},
	{Words: "director run", Title: "FILES", Items: [][2]string{
		{"/etc/director/director.flags", "the flags file that director.service uses"},
		{"/run/director/control.sock", "the control socket"},
		{"/var/lib/director/state", "the connections of a director that was stopped, with --state as in director.service"},
		{"/var/lib/director/state.journal", "the changes that were made at run time"},
		{"/var/lib/director/state.lock", "locked by the director that uses these files"},
	}},
	{Words: "director ctl", Title: "ENVIRONMENT", Items: [][2]string{
		{"DIRECTOR_CONTROL", "the control socket of the director to command, /run/director/control.sock if not set"},
	}},
	{Words: "director diff", Title: "EXIT STATUS", Items: [][2]string{
		{"0", "nothing differs"},
		{"1", "something differs"},
		{"2", "the command line is wrong, no director answers, or the flags files cannot be compared"},
	}},
	{Words: "director ctl", Title: "EXIT STATUS", Items: [][2]string{
		{"0", "done; of -R: the last line was"},
		{"1", "nothing to list"},
		{"2", "the command line is wrong, or no director answers"},
		{"255", "the director refused, or there is no such command"},
	}},
}
