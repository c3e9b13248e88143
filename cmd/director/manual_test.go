//go:build linux

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"director/internal/cli"
	"director/packaging/manual"
)

// writtenManual writes all pages and completions and returns the directory.
func writtenManual(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, manual.Director(commandLine(), ipvsadmLine()).Write(dir))
	return dir
}

// TestManual_HasAPageForEachVerb checks that each verb has a man page, and that the page has
// each flag of the help text.
func TestManual_HasAPageForEachVerb(t *testing.T) {
	dir := writtenManual(t)
	for _, v := range commandLine().Verbs {
		if v.Name() == "bench" {
			continue // its page comes with director-bench
		}
		page, err := os.ReadFile(filepath.Join(dir, "man8", "director-"+v.Name()+".8"))
		if err != nil {
			t.Error(err)
			continue
		}
		_, help, _ := direct("", "help "+v.Name())
		for word := range strings.FieldsSeq(help) {
			flag, ok := strings.CutPrefix(word, "--")
			flag, _, _ = strings.Cut(flag, "[")
			want := `\-\-` + strings.ReplaceAll(strings.Trim(flag, ".,;:()"), "-", `\-`)
			if ok && !strings.Contains(string(page), want) {
				t.Errorf("director-%s(8) does not mention --%s", v.Name(), flag)
			}
		}
	}
}

// TestManual_IsWellFormed formats the pages with man and groff, if both are installed, and
// fails if they report a problem.
func TestManual_IsWellFormed(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(writtenManual(t), "man8", "*.8"))
	if err != nil || len(pages) < 5 {
		t.Fatalf("got the pages %v, %v, want at least 5", pages, err)
	}
	for _, tool := range []string{"man", "groff"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Log("man and groff are not installed")
			return
		}
	}
	// man looks for the target of a link in the system's directories.
	pages = slices.DeleteFunc(pages, func(name string) bool {
		text, err := os.ReadFile(name)
		return err == nil && strings.HasPrefix(string(text), ".so ")
	})
	cmd := exec.Command("man", append([]string{"--warnings=all", "--local-file", "-Tutf8"}, pages...)...)
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	text, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Errorf("man: %v\n%s", err, complaints.String())
	}
	if !strings.Contains(string(text), "connections") {
		t.Errorf("man printed\n%s\nwant the flags of run", text)
	}
}

// TestCompletion_Offers requests completions as the shell scripts do. For "--flag=" bash
// removes the name of the flag from the offered words.
func TestCompletion_Offers(t *testing.T) {
	for _, c := range []struct {
		words []string // the arguments; the shell completes the last one
		want  []string // words that must be offered
		not   string   // a word that must not be offered
	}{
		{[]string{""}, []string{"run", "replay", "check", "help"}, "micro"},
		{[]string{"bench", ""}, []string{"micro", "load"}, "run"},
		{[]string{"bench", "micro", "--re"}, []string{"--repetitions"}, "--quick"},
		{[]string{"run", "--xdp"}, []string{"--xdp-mode"}, "--io"},
		{[]string{"run", "--io", ""}, []string{"auto", "xdp", "packet"}, "--io"},
		{[]string{"run", "--io="}, []string{"auto", "xdp", "packet"}, "--io"},
		{[]string{"run", "--flagfile=/none", "--io=p"}, []string{"packet"}, "--io"},
		{[]string{"run", "--manage-vips="}, []string{"true", "false"}, "--io"},
		{[]string{"run", "--cpus="}, []string{"auto"}, "--io"},
		{[]string{"check", "--interface="}, []string{"lo"}, "--io"},
		{[]string{"check", "--flagfile="}, []string{":0"}, "--io"}, // files
		{[]string{"check", ""}, []string{":4"}, ":0"},              // no files
		{[]string{"ctl", ""}, []string{"-A", "--list", "--json"}, "-t"},
		{[]string{"ctl", "--json", "-"}, []string{"-A", "--list"}, "-t"},
		{[]string{"ctl", "-A", "-t", "192.0.2.10:80", "-s", "w"}, []string{"wlc", "wrr"}, "rr"},
	} {
		var out strings.Builder
		code := run(append([]string{"__completeNoDesc"}, c.words...), cli.IO{In: strings.NewReader(""), Out: &out, Err: io.Discard})
		offered := strings.Split(out.String(), "\n")
		for _, want := range c.want {
			if code != cli.OK || !slices.Contains(offered, want) {
				t.Errorf("%q: exit %d, offers %q, want %q in the list", c.words, code, offered, want)
			}
		}
		if slices.Contains(offered, c.not) {
			t.Errorf("%q offers %q, want it without %q", c.words, offered, c.not)
		}
	}
}

// TestCompletion_OfIpvsadmKnowsTheRules requests completions as the scripts of the link
// ipvsadm do. They include the services and servers of the running director.
func TestCompletion_OfIpvsadmKnowsTheRules(t *testing.T) {
	d := startMemoryDirector(t)
	d.restore(t, "-A -t 192.0.2.10:80 -s rr\n-A -u 192.0.2.11:53\n-A -f 5\n-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m\n")
	for line, want := range map[string]string{
		"":                       "-A\tadd-service",
		"-L --":                  "--stats",
		"-D -t":                  "192.0.2.10:80\trr",
		"-D -u":                  "192.0.2.11:53\twlc",
		"-D -f":                  "5\twlc",
		"-e -t 192.0.2.10:80 -r": "10.0.0.11:8080\tnat",
		"-A -t 192.0.2.12:80 -b": "mh-port",
	} {
		words := strings.Fields(line)
		if !strings.HasSuffix(line, "--") {
			words = append(words, "")
		}
		out, errs, code := d.ipvsadmArgs(t, "", append([]string{"__complete"}, words...)...)
		if offered := strings.Split(out, "\n"); code != cli.OK || !slices.Contains(offered, want) || !slices.Contains(offered, ":4") {
			t.Errorf("ipvsadm %s: exit %d, stderr %q, offers %q, want %q and no files", line, code, errs, offered, want)
		}
	}
}

// TestCompletion_IsRegistered loads the completion script in each shell that is installed.
func TestCompletion_IsRegistered(t *testing.T) {
	dir := writtenManual(t)
	for shell, script := range map[string]string{
		"bash": "set -e; source DIR/bash/NAME; complete -p NAME",
		"zsh":  "zsh -n DIR/zsh/_NAME && head -1 DIR/zsh/_NAME",
		"fish": "source DIR/fish/NAME.fish; complete -c NAME",
	} {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed", shell)
			continue
		}
		for _, name := range []string{"director", "ipvsadm"} {
			script := strings.NewReplacer("DIR", dir, "NAME", name).Replace(script)
			out, err := exec.Command(shell, "-c", script).CombinedOutput()
			if err != nil || !strings.Contains(string(out), name) {
				t.Errorf("%s, %s: %v: %s", shell, name, err, out)
			}
		}
	}
}
