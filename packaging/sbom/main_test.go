package main

import (
	"encoding/json"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestList_NamesWhatAProgramIsBuiltFrom(t *testing.T) {
	d, err := list(&debug.BuildInfo{
		GoVersion: "go1.26.0", Path: "director/cmd/director", Main: debug.Module{Path: "director", Version: "v0.1.0+dirty"},
		Deps: []*debug.Module{
			{Path: "example.org/a", Version: "v1.2.3", Sum: "h1:AAEC"},
			{Path: "example.org/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/c", Version: "v2.0.0+incompatible"}},
		},
		Settings: []debug.BuildSetting{{Key: "vcs.time", Value: "2026-12-01T10:00:00Z"}, {Key: "GOARCH", Value: "arm64"}, {Key: "-ldflags", Value: "secret"}},
	}, [32]byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
 "bomFormat": "CycloneDX",
 "specVersion": "1.5",
 "serialNumber": "urn:uuid:01020300-0000-8000-8000-000000000000",
 "version": 1,
 "metadata": {
  "timestamp": "2026-12-01T10:00:00Z",
  "component": {
   "type": "application",
   "bom-ref": "pkg:golang/director@v0.1.0%2Bdirty#cmd/director",
   "name": "director",
   "version": "v0.1.0+dirty",
   "purl": "pkg:golang/director@v0.1.0%2Bdirty#cmd/director",
   "hashes": [
    {
     "alg": "SHA-256",
     "content": "0102030000000000000000000000000000000000000000000000000000000000"
    }
   ],
   "licenses": [
    {
     "license": {
      "id": "Apache-2.0"
     }
    }
   ],
   "properties": [
    {
     "name": "go:build:GOARCH",
     "value": "arm64"
    }
   ]
  }
 },
 "components": [
  {
   "type": "library",
   "bom-ref": "pkg:golang/std@1.26.0",
   "name": "std",
   "version": "1.26.0",
   "purl": "pkg:golang/std@1.26.0"
  },
  {
   "type": "library",
   "bom-ref": "pkg:golang/example.org/a@v1.2.3",
   "name": "example.org/a",
   "version": "v1.2.3",
   "purl": "pkg:golang/example.org/a@v1.2.3",
   "hashes": [
    {
     "alg": "SHA-256",
     "content": "000102"
    }
   ]
  },
  {
   "type": "library",
   "bom-ref": "pkg:golang/example.org/c@v2.0.0%2Bincompatible",
   "name": "example.org/c",
   "version": "v2.0.0+incompatible",
   "purl": "pkg:golang/example.org/c@v2.0.0%2Bincompatible"
  }
 ],
 "dependencies": [
  {
   "ref": "pkg:golang/director@v0.1.0%2Bdirty#cmd/director",
   "dependsOn": [
    "pkg:golang/std@1.26.0",
    "pkg:golang/example.org/a@v1.2.3",
    "pkg:golang/example.org/c@v2.0.0%2Bincompatible"
   ]
  }
 ]
}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The document of the go command's own program has its name and its version of Go.
func TestDescribe_ReadsTheBinary(t *testing.T) {
	name, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := describe(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name": "go"`, `"purl": "pkg:golang/std@1.`, `"alg": "SHA-256"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if _, err := describe("/dev/null"); err == nil {
		t.Error("a file that is no program has a document")
	}
}
