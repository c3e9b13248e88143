package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The files of the data plane are listed in the package's comment, in the order in
// which a packet meets them. A reader leaves each file downwards only.
func TestDataplane_CallsRunDownwards(t *testing.T) {
	dir := filepath.Join(root, "dataplane")
	order := listed(t, filepath.Join(dir, "doc.go"))
	fset := token.NewFileSet()
	var parsed []*ast.File
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || filepath.Base(name) == "doc.go" {
			continue
		}
		if _, ok := order[filepath.Base(name)]; !ok {
			t.Errorf("dataplane/doc.go does not list %s", filepath.Base(name))
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	if len(parsed) != len(order) {
		t.Errorf("dataplane/doc.go lists %d files, want the %d that there are", len(order), len(parsed))
	}
	// Imports are left out: only the package's own functions count.
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := conf.Check("dataplane", fset, parsed, info)
	at := func(p token.Pos) string { return filepath.Base(fset.Position(p).Filename) }
	seen := 0
	for use, object := range info.Uses {
		if _, ok := object.(*types.Func); !ok || object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		seen++
		if from, to := at(use.Pos()), at(object.Pos()); order[to] < order[from] {
			t.Errorf("%s calls %s, which is in %s: that is further up", fset.Position(use.Pos()), use.Name, to)
		}
	}
	if seen < 100 {
		t.Errorf("found %d calls in the data plane: the test does not see them", seen)
	}
}

// listed returns the place of each file that a package comment lists.
func listed(t *testing.T, path string) map[string]int {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	order := map[string]int{}
	for i, m := range regexp.MustCompile(`(?m)^//\t([a-z]+\.go) `).FindAllStringSubmatch(string(doc), -1) {
		order[m[1]] = i
	}
	return order
}

// noImports gives each import an empty package.
type noImports struct{}

func (noImports) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}
