// Package build says what a program was built from. The go command stamps it into the
// binary: the commit, and the version if a tag of git names that commit.
package build

import (
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
)

// unknown is the version of a binary without build information.
const unknown = "unknown"

// pseudo matches the versions that the go command makes up for a commit without a tag
// (https://go.dev/ref/mod#pseudo-versions).
var pseudo = regexp.MustCompile(`[-.]\d{14}-[0-9a-f]{12}(\+dirty)?$`)

// Version returns the name of the release, such as v0.1.0. Between releases it returns the
// commit, followed by + if there were uncommitted changes. It is the module's version if
// the binary has no commit.
func Version() string { return version(debug.ReadBuildInfo()) }

func version(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return unknown
	}
	if released := info.Main.Version; released != "" && released != "(devel)" && !pseudo.MatchString(released) {
		return released
	}
	revision := setting(info, "vcs.revision")
	if revision == "" {
		return info.Main.Version
	}
	revision = revision[:min(12, len(revision))]
	if setting(info, "vcs.modified") == "true" {
		revision += "+"
	}
	return revision
}

// Line describes the binary of a program in one line: its version, its commit and the
// time of that, the version of Go, and the system that it was built for.
func Line(program string) string {
	info, ok := debug.ReadBuildInfo()
	return line(program, info, ok)
}

func line(program string, info *debug.BuildInfo, ok bool) string {
	name := version(info, ok)
	text := program + " " + name
	if !ok {
		return text
	}
	if commit := setting(info, "vcs.revision"); commit != "" {
		if commit = commit[:min(12, len(commit))]; !strings.HasPrefix(name, commit) {
			text += ", commit " + commit
		}
		text += " of " + setting(info, "vcs.time")
	}
	return fmt.Sprintf("%s, %s %s/%s", text, info.GoVersion, setting(info, "GOOS"), setting(info, "GOARCH"))
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
