package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The package comment lists the files of a large package in the order in which to read
// them.
func TestReadingOrder_ListsEveryFile(t *testing.T) {
	for _, pkg := range []string{"conntrack", "dataplane"} {
		order := listed(t, pkg)
		for _, path := range sources(t, pkg) {
			name := filepath.Base(path)
			if _, ok := order[name]; !ok {
				t.Errorf("%s/doc.go does not list %s", pkg, name)
			}
			delete(order, name)
		}
		for name := range order {
			t.Errorf("%s/doc.go lists %s, which does not exist", pkg, name)
		}
	}
}

// The files of the data plane are listed in the order in which a packet meets them. A
// function calls only functions of its own file and of files further down.
func TestDataplane_CallsRunDownwards(t *testing.T) {
	order := listed(t, "dataplane")
	fset := token.NewFileSet()
	var parsed []*ast.File
	for _, path := range sources(t, "dataplane") {
		f, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
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

// sources returns the paths of the files of a package, without doc.go and the tests.
func sources(t *testing.T, pkg string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		return strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "doc.go"
	})
}

// listed returns the place of each file in the list of a package's doc.go.
func listed(t *testing.T, pkg string) map[string]int {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(root, pkg, "doc.go"))
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
