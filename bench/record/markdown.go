package record

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"director/bench/figure"
)

// String returns the record as Markdown.
func (r *Record) String() string {
	var b strings.Builder
	m := &r.Machine
	fmt.Fprintf(&b, "# Benchmarks, %s, %s, %d CPUs\n\n", r.Begin.UTC().Format(time.DateOnly), cmp.Or(m.Model, m.Arch), m.NumCPU)
	r.writeQuiet(&b)
	r.writeFigures(&b)
	r.writeMachine(&b)
	r.writeSteady(&b)
	r.writeCommands(&b)
	for i := range r.Parts {
		if p := &r.Parts[i]; p.Missing == "" {
			fmt.Fprintf(&b, "\n## All of %s\n\n", p.Name)
			fence(&b, "", p.Tables)
		}
	}
	if r.Build != nil {
		fmt.Fprint(&b, "\n## The build\n\nAs `director version` prints it.\n\n")
		fence(&b, "", r.Build.String())
	}
	return b.String()
}

// fence writes a code block.
func fence(b *strings.Builder, language, text string) {
	fmt.Fprintf(b, "```%s\n%s\n```\n", language, strings.TrimRight(text, "\n"))
}

// writeQuiet writes whether the machine was quiet, and so whether the figures are
// reliable.
func (r *Record) writeQuiet(b *strings.Builder) {
	if r.Quick {
		fmt.Fprint(b, "**A quick run**: it only shows that all rows run. Its figures are not reliable, and none is judged.\n\n")
	}
	disturbed := r.Disturbances()
	if len(disturbed) == 0 {
		fmt.Fprintf(b, "The machine was quiet: a load average of at most %g at the beginning; steady rows at most %g times "+
			"away from its median; other processes, where they can be measured, and the hypervisor with at most %g %% of the CPUs.\n\n",
			quietLoad, quietSpread, quietShare*100)
		return
	}
	fmt.Fprint(b, "**The machine was not quiet**: do not compare these figures with others.\n\n")
	for _, d := range disturbed {
		fmt.Fprintf(b, "* WARNING: %s\n", d)
	}
	fmt.Fprintln(b)
}

func (r *Record) writeFigures(b *strings.Builder) {
	fmt.Fprint(b, "## Figures\n")
	for i := range r.Parts {
		p := &r.Parts[i]
		fmt.Fprintf(b, "\n### %s\n\n", p.Name)
		switch {
		case p.Missing != "":
			fmt.Fprintf(b, "Not taken: %s.\n", p.Missing)
			continue
		case len(p.Figures) == 0:
			fmt.Fprint(b, "None: no row with a target was measured.\n")
			continue
		}
		if met, judged := tally(p.Figures); judged > 0 {
			fmt.Fprintf(b, "%d of %d reached.\n\n", met, judged)
		}
		fmt.Fprint(b, "| figure | value | to reach | met |\n|---|---|---|---|\n")
		for i := range p.Figures {
			f := &p.Figures[i]
			fmt.Fprintf(b, "| %s | %.3g | %s | %s |\n", cell(f.Name), f.Value, f.ToReach(), cell(f.Verdict()))
		}
	}
}

// tally counts the figures that are met and the figures that are judged.
func tally(all []figure.Figure) (met, judged int) {
	for i := range all {
		if m := all[i].Met; m != nil {
			judged++
			if *m {
				met++
			}
		}
	}
	return met, judged
}

// cell escapes text for a table cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func (r *Record) writeMachine(b *strings.Builder) {
	m := &r.Machine
	fmt.Fprint(b, "\n## Machine and build\n\n| | |\n|---|---|\n")
	row := func(name, value string) { fmt.Fprintf(b, "| %s | %s |\n", name, cell(cmp.Or(value, "unknown"))) }
	row("CPU", fmt.Sprintf("%s, %d CPUs, %s", cmp.Or(m.Model, "unknown"), m.NumCPU, m.Arch))
	row("caches", strings.Join(m.Caches, ", "))
	memory := ""
	if m.Memory > 0 {
		memory = fmt.Sprintf("%.1f GiB", float64(m.Memory)/(1<<30))
	}
	row("memory", memory)
	row("transparent huge pages", m.HugePages)
	row("virtual machine", cmp.Or(m.Virtual, "no sign of it"))
	row("product", m.Product)
	row("frequency governor", m.Governor)
	row("system", strings.TrimSpace(m.OS+" "+m.Kernel))
	row("load averages at the beginning", m.Load)
	row("begun", r.Begin.UTC().Format("2006-01-02 15:04:05 MST"))
	if r.Build == nil {
		row("build", "")
		return
	}
	setting := map[string]string{}
	for _, s := range r.Build.Settings {
		setting[s.Key] = s.Value
	}
	row("Go", r.Build.GoVersion)
	switch stamp := setting["vcs.revision"]; {
	case stamp != "":
		row("commit", stamp)
		row("working tree", map[string]string{"true": "CHANGED since that commit", "false": "clean"}[setting["vcs.modified"]])
	case r.Commit != "":
		row("commit", r.Commit+", as given by the caller: the binary has no VCS stamp")
	default:
		row("commit", "")
	}
	if level := setting["GOAMD64"]; level != "" {
		row("GOAMD64", level)
	}
	row("profile (PGO)", cmp.Or(setting["-pgo"], "none"))
	if setting["-race"] == "true" {
		row("race detector", "ON: the figures of such a build are meaningless")
	}
}

// writeSteady writes the values by which the machine is judged.
func (r *Record) writeSteady(b *strings.Builder) {
	for i := range r.Parts {
		p := &r.Parts[i]
		if p.Missing != "" {
			continue
		}
		fmt.Fprintf(b, "\n%s took %s.", p.Name, p.Took.Round(time.Second))
		if u := p.Used; u != nil {
			fmt.Fprintf(b, " Meanwhile the hypervisor took %.1f %% of the CPUs", u.Share(u.Stolen)*100)
			if p.Alone {
				fmt.Fprintf(b, ", and other processes used %.1f %%", u.Share(u.Others)*100)
			}
			fmt.Fprint(b, ".")
		}
		fmt.Fprintln(b)
		if len(p.Steady) == 0 {
			continue
		}
		fmt.Fprint(b, "\n| steady row | min/median | max/median |\n|---|---|---|\n")
		for _, row := range p.Steady {
			s := row.Spread
			fmt.Fprintf(b, "| %s | %.2f | %.2f |\n", cell(row.Name), s.Min/s.Median, s.Max/s.Median)
		}
	}
}

func (r *Record) writeCommands(b *strings.Builder) {
	fmt.Fprint(b, "\n## Commands\n\nAll of it:\n\n")
	fence(b, "sh", strings.Join(r.Commands, "\n"))
	fmt.Fprint(b, "\nEach part by itself:\n\n")
	var parts []string
	for i := range r.Parts {
		parts = append(parts, r.Parts[i].Command)
	}
	fence(b, "sh", strings.Join(parts, "\n"))
}
