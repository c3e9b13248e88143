//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"

	"director/internal/cli"
)

// A verb that fails before it has something to write leaves its output as it was.
func TestOutput_IsNotTouchedByAVerbThatFails(t *testing.T) {
	const before = "an earlier capture"
	dir := t.TempDir()
	there, fresh, noCapture := filepath.Join(dir, "there"), filepath.Join(dir, "fresh"), filepath.Join(dir, "text")
	must(t, os.WriteFile(there, []byte(before), 0o600))
	must(t, os.WriteFile(noCapture, []byte("this is no capture at all"), 0o600))
	for _, c := range []struct {
		line string
		code int
	}{
		{"capture --control=" + dir + "/none --out=", cli.Failed},
		{"replay --flagfile=- --in=" + noCapture + " --out=", cli.Usage},
	} {
		for _, name := range []string{there, fresh} {
			if code, _, err := direct(replayFlags, c.line+name); code != c.code || err == "" {
				t.Errorf("director %s%s: exit %d, stderr %q, want %d and an error", c.line, name, code, err, c.code)
			}
		}
		if text, err := os.ReadFile(there); err != nil || string(text) != before {
			t.Errorf("after director %s: %v, the file holds %q, want %q", c.line, err, text, before)
		}
		if _, err := os.Stat(fresh); !os.IsNotExist(err) {
			t.Errorf("after director %s: a new file: %v", c.line, err)
		}
	}
}

// The output of a verb that works replaces what was there, however long it was.
func TestOutput_ReplacesTheFile(t *testing.T) {
	in := syns(t, 1, nil)
	out := filepath.Join(t.TempDir(), "out")
	must(t, os.WriteFile(out, make([]byte, 1<<20), 0o600))
	if code, _, err := direct(replayFlags, "replay --flagfile=- --in="+in+" --out="+out); code != cli.OK {
		t.Fatalf("exit %d, stderr %q", code, err)
	}
	onlyFrame(t, out)
	if info, err := os.Stat(out); err != nil || info.Size() >= 1<<20 {
		t.Errorf("%v, %v, want the output alone", info, err)
	}
}
