// Command sbom writes the software bill of materials of Go programs: which modules, in
// which versions, each was built from. The go command stamps that into a binary, so the
// list is that of the binary itself. The format is CycloneDX 1.5 in JSON
// (https://cyclonedx.org/docs/1.5/json/).
//
//	sbom BINARY >BINARY.cdx.json
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"runtime/debug"
	"strings"
)

// document is the part of the format that is used here.
type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"` // of the commit, so that the document is reproducible
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licenses   []license  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type license struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// settings are the build's settings that the document has.
var settings = []string{"vcs.revision", "vcs.modified", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "CGO_ENABLED", "-tags"}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "want one argument: a program that the go command has built")
		os.Exit(2)
	}
	text, err := describe(os.Args[1])
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// describe returns the document of a program.
func describe(name string) ([]byte, error) {
	program, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d, err := list(info, sha256.Sum256(program))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

// list makes the document of a build. sum is the hash of the binary, which also makes its
// serial number.
func list(info *debug.BuildInfo, sum [sha256.Size]byte) (*document, error) {
	main := component{
		Type: "application", Name: path.Base(info.Path), Version: info.Main.Version,
		PURL:   packageURL(info.Main.Path, info.Main.Version) + "#" + strings.TrimPrefix(info.Path, info.Main.Path+"/"),
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}, Licenses: make([]license, 1),
	}
	main.Licenses[0].License.ID = "Apache-2.0"
	main.Ref = main.PURL
	d := &document{Format: "CycloneDX", Spec: "1.5", Serial: serial(sum), Version: 1}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			d.Metadata.Timestamp = s.Value
		}
		for _, known := range settings {
			if s.Key == known {
				main.Properties = append(main.Properties, property{"go:build:" + s.Key, s.Value})
			}
		}
	}
	d.Components = append(d.Components, library("std", strings.TrimPrefix(info.GoVersion, "go"), nil))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		hashes, err := hashesOf(m)
		if err != nil {
			return nil, err
		}
		d.Components = append(d.Components, library(m.Path, m.Version, hashes))
	}
	needs := dependency{Ref: main.Ref}
	for _, c := range d.Components {
		needs.On = append(needs.On, c.Ref)
	}
	d.Metadata.Component, d.Dependencies = main, []dependency{needs}
	return d, nil
}

func library(name, version string, hashes []hash) component {
	url := packageURL(name, version)
	return component{Type: "library", Ref: url, Name: name, Version: version, PURL: url, Hashes: hashes}
}

// packageURL names a Go module (https://github.com/package-url/purl-spec).
func packageURL(module, version string) string {
	return "pkg:golang/" + module + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// hashesOf returns the hash that go.sum has of a module: SHA-256 over the hashes of its
// files (golang.org/x/mod/sumdb/dirhash).
func hashesOf(m *debug.Module) ([]hash, error) {
	if m.Sum == "" {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err != nil {
		return nil, fmt.Errorf("the hash of %s: %w", m.Path, err)
	}
	return []hash{{"SHA-256", hex.EncodeToString(sum)}}, nil
}

// serial returns a UUID of the version for values of one's own (RFC 9562 §5.8).
func serial(sum [sha256.Size]byte) string {
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
