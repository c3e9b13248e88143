package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFaults_FitTheSources keeps the list from growing old: each text must stand
// exactly once in its file.
func TestFaults_FitTheSources(t *testing.T) {
	names := map[string]bool{}
	for _, f := range faults {
		if names[f.name] {
			t.Errorf("two faults are named %q", f.name)
		}
		names[f.name] = true
		text, err := os.ReadFile(filepath.Join("../../..", f.file))
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		if _, err := f.plant(text); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if f.old == f.new {
			t.Errorf("%s: nothing is replaced", f.name)
		}
	}
	if len(faults) < 40 {
		t.Errorf("%d faults, want at least 40", len(faults))
	}
}
