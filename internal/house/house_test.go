// Package house tests rules of this repository that the compiler does not check: which
// package may import which, where unsafe may appear, how long a file may be. It consists of
// tests alone, which read the source of all packages.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// module is the path of this module in go.mod, and root is its directory.
const (
	module = "director"
	root   = "../.."
)

// file is one parsed source file.
type file struct {
	path      string // relative to the root
	source    []byte
	syntax    *ast.File
	imports   []string
	test      bool
	generated bool
}

// dir returns the file's package as an import path inside the module.
func (f file) dir() string { return filepath.ToSlash(filepath.Dir(f.path)) }

// files parses all Go files of the repository, regardless of build constraints.
func files(t *testing.T) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || path == filepath.Join(root, "build") || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parse(path)
		all = append(all, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files under %s: is this the root of the repository?", len(all), root)
	}
	return all
}

func parse(path string) (file, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return file{}, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments)
	if err != nil {
		return file{}, err
	}
	rel, err := filepath.Rel(root, path)
	f := file{
		path:      rel,
		source:    source,
		syntax:    syntax,
		test:      strings.HasSuffix(path, "_test.go"),
		generated: ast.IsGenerated(syntax),
	}
	for _, i := range syntax.Imports {
		name, _ := strconv.Unquote(i.Path.Value) // a string literal, or it would not have parsed
		f.imports = append(f.imports, name)
	}
	return f, err
}
