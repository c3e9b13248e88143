package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"director/internal/cli"
	"director/packaging/manual"
)

// hiddenVerbs are not for operators, and not in the list of help.
func hiddenVerbs() []cli.Verb {
	return []cli.Verb{{Name: "manual", Summary: "write the man pages and shell completions of all verbs", Run: writeManual}}
}

// sections are what the pages say beside the help texts.
var sections = []manual.Section{
	{Words: "director", Title: "DESCRIPTION", Items: [][2]string{
		{"", "It reads frames from NIC queues over AF_XDP or AF_PACKET, decides per connection which real server gets them, and rewrites and sends them, by the rules of ipvsadm."},
		{"", "It is configured by flags and by files of them. Such a file holds flags, one a line, and rules in ipvsadm's grammar: what ipvsadm -S -n prints is one."},
	}},
	{Words: "director run", Title: "SIGNALS", Items: [][2]string{
		{"SIGTERM, SIGINT", "end: interfaces, addresses and interrupts are left as they were found, but for what --state leaves to the next director."},
		{"SIGHUP", "read the flags files again and apply the difference, or say what is wrong and change nothing."},
	}},
	{Words: "director run", Title: "PRIVILEGES", Items: [][2]string{
		{"", "Needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON, /dev/net/tun, and as another user than root a limit of locked memory (RLIMIT_MEMLOCK) above 8 MiB for each queue. Once it forwards it keeps CAP_NET_ADMIN alone, started by root or not."},
	}},
	{Words: "director run", Title: "FILES", Items: [][2]string{
		{"/etc/director/director.flags", "what director.service gives to --flagfile"},
		{"/run/director/control.sock", "the control socket"},
	}},
	{Words: "director ctl", Title: "ENVIRONMENT", Items: [][2]string{
		{controlVariable, "the control socket of the director that is meant, /run/director/control.sock if not set"},
	}},
	{Words: "director ctl", Title: "EXIT STATUS", Items: [][2]string{
		{"0", "done; of -R: the last line was"},
		{"1", "nothing to list"},
		{"2", "the command line is wrong, or no director answers"},
		{"255", "the director refused, or there is no such command"},
	}},
	{Title: "EXIT STATUS", Items: [][2]string{
		{"0", "done"},
		{"1", "failed while working, or cannot start here"},
		{"2", "the command line or the configuration is wrong"},
	}},
}

// ipvsadmPages lead to the page of the verb that ipvsadm is a link to.
var ipvsadmPages = []string{"ipvsadm", "ipvsadm-save", "ipvsadm-restore"}

// writeManual makes the files that a package holds beside the binary.
func writeManual(args []string, std cli.IO) int {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		fmt.Fprintln(std.Err, "Usage: director manual DIR")
		return cli.Usage
	}
	if err := manualFiles(args[0]); err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	return cli.OK
}

func manualFiles(dir string) error {
	page := manual.Read(helpText)
	files := map[string]string{
		"bash/director":      page.Bash(),
		"zsh/_director":      page.Zsh(),
		"fish/director.fish": page.Fish(),
	}
	page.Walk(func(p *manual.Page) {
		files["man8/"+p.Name()+".8"] = p.Roff(sections)
		if p.Name() == "director-ctl" {
			for _, name := range ipvsadmPages {
				files["man8/"+name+".8"] = ".so man8/" + p.Name() + ".8\n"
			}
		}
	})
	var errs []error
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		errs = append(errs, os.WriteFile(name, []byte(text), 0o644))
	}
	return errors.Join(errs...)
}

// helpText returns what a verb prints for --help, or nothing if that is an error for
// it or if another program has the verb.
func helpText(words ...string) string {
	if len(words) > 1 && slices.ContainsFunc(cli.BenchVerbs(), func(v cli.BenchVerb) bool { return v.Name == words[1] }) {
		return ""
	}
	var out bytes.Buffer
	if run(append(words, "--help"), cli.IO{In: strings.NewReader(""), Out: &out, Err: io.Discard}) != cli.OK {
		return ""
	}
	return out.String()
}
