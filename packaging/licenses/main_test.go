package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The list is that of the binary: each of its modules once, however many programs have it.
func TestCollect_HasTheLicenseOfEachModule(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-pgo=off", "-o", program, "director/cmd/director").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	text, err := collect([]string{program, program})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nThe Go standard library, file LICENSE\n", "github.com/asavie/xdp@v0.3.3, file LICENSE\n",
		"github.com/rs/zerolog@", "Redistribution and use in source and binary forms", "psx@v1.2.78, file License\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q", want)
		}
	}
	if n := strings.Count(string(text), "github.com/asavie/xdp@"); n != 1 {
		t.Errorf("a module of two programs is there %d times, want once", n)
	}
}

func TestWrite_FindsEachFileOfALicense(t *testing.T) {
	dir := t.TempDir()
	var text bytes.Buffer
	if err := write(&text, "m", dir); err == nil {
		t.Error("no error without a license")
	}
	for name, mode := range map[string]fs.FileMode{
		"LICENSE": 0, "COPYING.txt": 0, "License-MIT": 0, "notice": 0, "license.go.d": fs.ModeDir,
		"licenses": fs.ModeDir, "licenses/ftl.txt": 0, "licensed.go": 0, "README.md": 0,
	} {
		name := filepath.Join(dir, name)
		var err error
		if mode.IsDir() {
			err = os.MkdirAll(name, 0o700)
		} else if err = os.MkdirAll(filepath.Dir(name), 0o700); err == nil {
			err = os.WriteFile(name, []byte("text\n"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := write(&text, "m", dir); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(text.String()) {
		if _, file, ok := strings.Cut(strings.TrimSpace(line), "m, file "); ok {
			got = append(got, file)
		}
	}
	if want := "COPYING.txt LICENSE License-MIT notice licenses/ftl.txt"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
