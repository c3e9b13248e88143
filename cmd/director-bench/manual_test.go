//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"director/packaging/manual"
)

// TestManual_HasAPageForTheProgramAndEachVerb checks that there is a page for each, and
// that no page refers to one of these that does not exist.
func TestManual_HasAPageForTheProgramAndEachVerb(t *testing.T) {
	dir := t.TempDir()
	if err := manual.Bench(commandLine()).Write(dir); err != nil {
		t.Fatal(err)
	}
	names := []string{"director-bench"}
	for _, v := range commandLine().Verbs {
		names = append(names, "director-bench-"+v.Name())
	}
	for _, name := range names {
		page, err := os.ReadFile(filepath.Join(dir, "man8", name+".8"))
		if err != nil {
			t.Error(err)
		}
		_, also, _ := strings.Cut(string(page), ".SH SEE ALSO\n")
		for line := range strings.Lines(also) {
			to := strings.ReplaceAll(strings.Fields(line)[1], `\-`, "-")
			if _, err := os.Stat(filepath.Join(dir, "man8", to+".8")); err != nil && to != "director" {
				t.Errorf("%s(8) refers to %s(8): %v", name, to, err)
			}
		}
	}
}
