package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"director/internal/cli"
)

// writtenManual writes all pages and completions and returns where.
func writtenManual(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if code := run([]string{"manual", dir}, cli.IO{In: strings.NewReader(""), Out: os.Stdout, Err: os.Stderr}); code != cli.OK {
		t.Fatalf("director manual: exit %d", code)
	}
	return dir
}

// TestManual_HasAPageForEachVerb, with each of its flags.
func TestManual_HasAPageForEachVerb(t *testing.T) {
	dir := writtenManual(t)
	for _, v := range verbs() {
		page, err := os.ReadFile(filepath.Join(dir, "man8", "director-"+v.Name+".8"))
		if err != nil {
			t.Error(err)
			continue
		}
		for word := range strings.FieldsSeq(helpText(v.Name)) {
			flag, ok := strings.CutPrefix(word, "--")
			flag, _, _ = strings.Cut(flag, "[")
			want := `\-\-` + strings.ReplaceAll(strings.Trim(flag, ".,;:()"), "-", `\-`)
			if ok && !strings.Contains(string(page), want) {
				t.Errorf("director-%s(8) does not have --%s", v.Name, flag)
			}
		}
	}
}

// TestManual_IsWellFormed in the eyes of groff, by way of man, where they are.
func TestManual_IsWellFormed(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(writtenManual(t), "man8", "*.8"))
	if err != nil || len(pages) < 5 {
		t.Fatalf("pages: %v, %v", pages, err)
	}
	for _, tool := range []string{"man", "groff"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Log("man and groff are not here to judge")
			return
		}
	}
	// Pages that lead to another are looked for where man pages are kept.
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

// completions are what a shell offers for a line of which the last word is to be
// completed.
var completions = []struct {
	line string
	want []string // among what is offered
	not  string
}{
	{"director ", []string{"run", "replay", "check"}, "micro"},
	{"director bench ", []string{"micro"}, "run"},
	{"director bench micro --re", []string{"--repetitions"}, "--quick"},
	{"director run --xdp", []string{"--xdp-mode"}, "--io"},
	{"director run --io=", []string{"auto", "xdp", "packet"}, "--io"},
	{"director run --io=p", []string{"packet"}, "xdp"},
	{"director run --manage-vips=", []string{"true", "false"}, "--io"},
	{"director run --cpus=", []string{"auto"}, "--io"},
	{"director check --interface=", []string{"lo"}, "--io"},
	{"director check --flagfile=/etc/host", []string{"/etc/hosts"}, "--io"},
}

func TestCompletion_Bash(t *testing.T) {
	file := filepath.Join(writtenManual(t), "bash/director")
	wantCompletions(t, "bash", func(line string) string {
		// Words as bash splits them, at = as at blanks; an empty one to complete.
		words := strings.Fields(strings.ReplaceAll(line, "=", " = "))
		if strings.HasSuffix(line, " ") {
			words = append(words, "''")
		}
		return fmt.Sprintf(`set -u; source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _director; printf '%%s\n' "${COMPREPLY[@]}"`,
			file, strings.Join(words, " "), len(words)-1)
	}, "")
	// As it is registered, by bash itself.
	out, err := exec.Command("bash", "-c", "source "+file+"; complete -p director").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "-F _director director") {
		t.Errorf("complete -p: %v: %s", err, out)
	}
}

func TestCompletion_Fish(t *testing.T) {
	file := filepath.Join(writtenManual(t), "fish/director.fish")
	wantCompletions(t, "fish", func(line string) string {
		return fmt.Sprintf("source %s; complete -C '%s'", file, line)
	}, "=")
}

// TestCompletion_Zsh has zsh, where it is, print what its functions are asked to
// offer.
func TestCompletion_Zsh(t *testing.T) {
	file := filepath.Join(writtenManual(t), "zsh/_director")
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), "#compdef director\n") {
		t.Fatalf("zsh would not take %q: %v", text, err)
	}
	if _, err := exec.LookPath("zsh"); err != nil {
		t.Log("zsh is not here to judge")
		return
	}
	out, err := exec.Command("zsh", "-f", "-c", `_arguments() { print -rl -- "$@"; state=rest; line=(run) }
_describe() { print -rl -- ${(P)@[-1]} }
source `+file).CombinedOutput()
	if err != nil {
		t.Errorf("zsh: %v", err)
	}
	for _, want := range []string{
		"*--io=[AF_XDP, AF_PACKET, or the best that works (default auto)]:auto|xdp|packet:(auto xdp packet)",
		"*--flagfile=[read flags and ipvsadm rules (-A, -a) from FILE, one per line; - is standard input (repeatable)]:FILE:_files",
		"*--manage-vips[hold each virtual address on an interface while running (default true)]",
	} {
		if !strings.Contains(string(out), "\n"+want+"\n") {
			t.Errorf("got\n%s\nwant %s", out, want)
		}
	}
}

// wantCompletions compares what a shell offers, a line each, for all completions. What
// stands in front of joint belongs to the word that is there already. Without the
// shell there is nothing to compare.
func wantCompletions(t *testing.T, name string, script func(line string) string, joint string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Logf("%s is not here to judge", name)
		return
	}
	for _, c := range completions {
		cmd := exec.Command(name, "-c", script(c.line))
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", c.line, err, out)
		}
		offered := map[string]bool{}
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t") // fish's description
			if _, value, ok := strings.Cut(word, joint); ok && joint != "" {
				word = value
			}
			offered[strings.TrimSuffix(word, "=")] = true
		}
		for _, want := range c.want {
			if !offered[want] {
				t.Errorf("%q offers %q, want %q among it", c.line, out, want)
			}
		}
		if offered[c.not] {
			t.Errorf("%q offers %q, want it without %q", c.line, out, c.not)
		}
	}
}
