package house

import (
	"compress/gzip"
	"encoding/binary"
	"go/ast"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The compiler inlines the calls that the profile has counted. It finds them by the
// names of functions: after a function is renamed or moved, its calls are no longer
// inlined, and nothing but the speed tells.
func TestProfile_NamesFunctionsThatExist(t *testing.T) {
	exist := map[string]bool{}
	for _, f := range files(t) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && !f.test {
				exist[module+"/"+f.dir()+"."+receiver(fn)+fn.Name.Name] = true
			}
		}
	}
	seen := 0
	for _, name := range profiled(t, filepath.Join(root, "cmd/director/default.pgo")) {
		seen++
		if !exist[name] {
			t.Errorf("cmd/director/default.pgo counts calls of %s, which does not exist: take the profile again by make pgo", name)
		}
	}
	if seen < 20 {
		t.Errorf("found %d functions of this module in the profile: the test does not see them", seen)
	}
}

// receiver returns how the name of a method begins in a profile.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	switch typ := fn.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		if id, ok := typ.X.(*ast.Ident); ok {
			return "(*" + id.Name + ")."
		}
	case *ast.Ident:
		return typ.Name + "."
	}
	return "a generic type."
}

// inner is what follows the function's name in that of a closure or an instance of a
// generic function.
var inner = regexp.MustCompile(`(\.func\d.*|\.\d+|-range\d+|\[\.\.\.\]|\.deferwrap\d+)+$`)

// profiled returns the functions of this module that a profile of pprof names. A
// profile is a message of Protocol Buffers, and its field 6 has the strings.
func profiled(t *testing.T, path string) (names []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		b = b[max(n, 0):]
		value, m := binary.Uvarint(b)
		if n <= 0 || m <= 0 {
			t.Fatalf("%s is no profile", path)
		}
		b = b[m:]
		if key&7 != 2 { // a number, which was read
			continue
		}
		if value > uint64(len(b)) {
			t.Fatalf("%s is no profile", path)
		}
		s := string(b[:value])
		b = b[value:]
		if key>>3 == 6 && strings.HasPrefix(s, module+"/") && !strings.HasSuffix(s, ".go") {
			names = append(names, inner.ReplaceAllString(s, ""))
		}
	}
	return names
}
