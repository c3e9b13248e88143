package doctor

import (
	"fmt"
	"strings"
)

// Level is how bad a finding is.
type Level string

// The levels. A finding is Fail only if run would not start.
const (
	OK   Level = "ok"
	Note Level = "note" // worth knowing, or not checked
	Warn Level = "warn" // run starts, but something will be lost or slow
	Fail Level = "fail" // run would not start
)

// Finding is the result of one check. Its names are stable, because scripts rely on them.
type Finding struct {
	Group     string `json:"group"` // the area: host, cpu, interface, network, firewall, servers, run
	Check     string `json:"check"` // the name of the check, such as mtu
	Interface string `json:"interface,omitempty"`
	Level     Level  `json:"level"`
	Detail    string `json:"detail"`
	Remedy    string `json:"remedy,omitempty"` // the command, flag or setting that solves it
}

// Report is the result of Examine.
type Report struct {
	Findings []Finding `json:"findings"`
	Run      Plan      `json:"run"`
}

// Plan is what run would do.
type Plan struct {
	Starts     bool            `json:"starts"`
	Workers    int             `json:"workers"`
	CPUs       []int           `json:"cpus"` // by worker
	Interfaces []InterfacePlan `json:"interfaces"`
}

// InterfacePlan is how run would open an interface.
type InterfacePlan struct {
	Name   string `json:"name"`
	IO     string `json:"io"`   // AF_XDP native, AF_XDP generic, AF_PACKET, or empty if nothing works
	Mode   string `json:"mode"` // of AF_XDP: zero-copy or copy
	Queues []int  `json:"queues"`

	refused []string // the better kinds of I/O, and why they do not work
	unsure  bool     // the features of the driver are not known
}

// recorder collects the findings of one area.
type recorder struct {
	group, iface string
	list         []Finding
}

func (r *recorder) add(level Level, check, remedy, format string, args ...any) {
	r.list = append(r.list, Finding{
		Group: r.group, Check: check, Interface: r.iface, Level: level,
		Detail: fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

func (r *recorder) ok(check, format string, args ...any) { r.add(OK, check, "", format, args...) }

// unchecked reports why something could not be checked.
func (r *recorder) unchecked(check, why, remedy string) {
	r.add(Note, check, remedy, "not checked: %s", why)
}

// areas are the checks in the order of the report.
var areas = []struct {
	group string
	check func(*Facts, *recorder)
}{
	{"host", checkHost},
	{"cpu", checkCPU},
	{"interface", checkInterfaces},
	{"network", checkNetwork},
	{"firewall", checkFirewall},
	{"servers", checkServers},
	{"run", checkRun},
}

// Examine judges the facts.
func Examine(f *Facts) *Report {
	report := &Report{Run: outcome(f)}
	for _, a := range areas {
		r := &recorder{group: a.group}
		a.check(f, r)
		report.Findings = append(report.Findings, r.list...)
	}
	report.Run.Starts = report.count(Fail) == 0
	return report
}

func (r *Report) count(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// Text returns the report for a reader: one line for each finding, grouped by area, with
// the remedy indented below it.
func (r *Report) Text() string {
	var b strings.Builder
	group := ""
	for _, f := range r.Findings {
		if head := strings.TrimSpace(f.Group + " " + f.Interface); head != group {
			if group != "" {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "%s\n", head)
			group = head
		}
		fmt.Fprintf(&b, "%-4s  %s: %s\n", f.Level, f.Check, f.Detail)
		if f.Remedy != "" {
			fmt.Fprintf(&b, "        %s\n", f.Remedy)
		}
	}
	verdict := "run would start"
	if !r.Run.Starts {
		verdict = "run would not start"
	}
	fmt.Fprintf(&b, "\n%s: %d fail, %d warn, %d note\n", verdict, r.count(Fail), r.count(Warn), r.count(Note))
	return b.String()
}

// remedied splits an error at its last colon. Our errors end with a remedy.
func remedied(text string) (detail, remedy string) {
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[:i], text[i+2:]
	}
	return text, ""
}

// flagged splits an error about a flag, which has the form "--flag: problem: remedy".
func flagged(text string) (detail, remedy string) {
	if _, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(text, "--") {
		text = rest
	}
	detail, remedy, _ = strings.Cut(text, ": ")
	return detail, remedy
}
