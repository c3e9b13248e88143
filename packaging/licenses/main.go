// Command licenses writes the licenses of the Go modules that Go programs are built from,
// and of Go itself. Nearly all of these licenses demand that a copy of a program brings
// their text along. The go command stamps the modules into a binary, so the list is that of
// the binaries themselves.
//
//	licenses BINARY... >THIRD-PARTY-LICENSES
package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// legal matches the names of the files in a module's root that belong to its license.
var legal = regexp.MustCompile(`(?i)^(un)?(license|licence|copying|copyright|notice|patents)([-.].*)?$`)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "want programs that the go command has built")
		os.Exit(2)
	}
	text, err := collect(os.Args[1:])
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// collect returns the licenses of what the programs are built from, each once, in the order
// of the modules' names.
func collect(programs []string) ([]byte, error) {
	modules := map[string]bool{} // path@version
	for _, p := range programs {
		info, err := buildinfo.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			modules[m.Path+"@"+m.Version] = true
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	var text bytes.Buffer
	if err := write(&text, "The Go standard library", strings.TrimSpace(string(root))); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(modules))
	dirs, err := directories(names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := write(&text, name, dirs[name]); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

// directories returns the directories in the module cache of the modules, each of which is
// named PATH@VERSION. The go command downloads what is missing.
func directories(modules []string) (map[string]string, error) {
	out, err := exec.Command("go", append([]string{"mod", "download", "-json"}, modules...)...).Output()
	dirs := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct{ Path, Version, Dir, Error string }
		switch e := d.Decode(&m); {
		case errors.Is(e, io.EOF):
			if err != nil {
				return nil, fmt.Errorf("go mod download: %w", err)
			}
			return dirs, nil
		case e != nil:
			return nil, fmt.Errorf("go mod download: %w", e)
		case m.Error != "":
			return nil, fmt.Errorf("%s@%s: %s", m.Path, m.Version, m.Error)
		}
		dirs[m.Path+"@"+m.Version] = m.Dir
	}
}

// write writes the files of a license, which lie in the root or below its directory
// "licenses". It is an error if there is none.
func write(to *bytes.Buffer, name, dir string) error {
	files, err := legalFiles(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: no file of a license in %s", name, dir)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(to, "%s\n%s, file %s\n\n%s\n\n", strings.Repeat("=", 80), name, f, bytes.TrimSpace(text))
	}
	return nil
}

func legalFiles(dir string) (names []string, err error) {
	const more = "licenses"
	for _, sub := range []string{".", more} {
		files, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil && (sub == "." || !errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
		for _, f := range files {
			if f.Type().IsRegular() && (sub == more || legal.MatchString(f.Name())) {
				names = append(names, filepath.Join(sub, f.Name()))
			}
		}
	}
	return names, nil
}
