// Command changelog writes CHANGELOG.md as the changelog of a Debian package
// (https://www.debian.org/doc/debian-policy/ch-source.html#debian-changelog-debian-changelog).
//
//	changelog PACKAGE VERSION MAINTAINER SECONDS <CHANGELOG.md >changelog
//
// VERSION is the version of the package, and SECONDS the time of its commit since 1970.
// A released version must have a section in CHANGELOG.md, and nothing may be unreleased.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// entry is a section of CHANGELOG.md: a release, or what is unreleased.
type entry struct {
	version string // as Debian writes it; empty if it is unreleased
	date    time.Time
	lines   []string // as the Debian changelog has them
}

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 4 {
		return errors.New("want four arguments: PACKAGE VERSION MAINTAINER SECONDS")
	}
	seconds, err := strconv.ParseInt(args[3], 10, 64)
	if err != nil {
		return fmt.Errorf("the time of the commit: %w", err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	all, err := read(string(text))
	if err == nil {
		all, err = build(all, args[1], time.Unix(seconds, 0).UTC())
	}
	if err != nil {
		return fmt.Errorf("CHANGELOG.md: %w", err)
	}
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s (%s) unstable; urgency=medium\n\n%s\n\n -- %s  %s\n",
			args[0], e.version, strings.Join(e.lines, "\n"), args[2], e.date.Format(time.RFC1123Z))
	}
	return nil
}

// build returns the entries of a package of the given version. The version of a release
// has its own section. An earlier build of it, 0.1.0~…, is dated by its commit. The
// section of any other build is the unreleased one.
func build(all []entry, version string, commit time.Time) ([]entry, error) {
	if len(all) < 2 || all[0].version != "" {
		return nil, errors.New(`want a section "## Unreleased" before the releases`)
	}
	unreleased, newest := all[0], all[1]
	switch {
	case version == newest.version && len(unreleased.lines) > 0:
		return nil, fmt.Errorf("%s is to be released, but there are unreleased changes", version)
	case version == newest.version:
		return all[1:], nil
	case strings.HasPrefix(version, newest.version+"~"):
		all, newest.lines = all[1:], append(unreleased.lines, newest.lines...)
		all[0] = entry{version, commit, newest.lines}
		return all, nil
	case len(unreleased.lines) == 0:
		unreleased.lines = []string{"  * Nothing that an operator notices."}
	}
	all[0] = entry{version, commit, unreleased.lines}
	return all, nil
}

var (
	comment = regexp.MustCompile(`(?s)<!--.*?-->`)
	link    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// read returns the sections of CHANGELOG.md in their order.
func read(text string) (all []entry, err error) {
	text = link.ReplaceAllString(comment.ReplaceAllString(text, ""), "$1")
	for section := range strings.SplitSeq("\n"+text, "\n## ") {
		title, body, _ := strings.Cut(section, "\n")
		if strings.HasPrefix(section, "\n") || title == "" {
			continue // what is in front of the first section
		}
		e := entry{lines: lines(body)}
		if title != "Unreleased" {
			name, date, _ := strings.Cut(title, " - ")
			if e.date, err = time.Parse(time.DateOnly, date); err != nil {
				return nil, fmt.Errorf("%q: want a version and a date, such as 0.1.0 - 2026-12-01", title)
			}
			// A pre-release is 0.2.0-rc.1 for git and Go. For Debian it would be newer than 0.2.0.
			e.version = strings.Replace(name, "-", "~", 1)
		}
		all = append(all, e)
	}
	return all, nil
}

// lines turns the body of a section to lines of at most 80 columns. A heading becomes one
// in brackets, and an item or paragraph an item.
func lines(body string) (all []string) {
	var item []string
	flush := func() {
		if item != nil {
			all = append(all, wrap(item)...)
		}
		item = nil
	}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		heading, isHeading := strings.CutPrefix(line, "### ")
		first, isItem := strings.CutPrefix(line, "* ")
		switch {
		case isHeading:
			flush()
			if len(all) > 0 {
				all = append(all, "")
			}
			all = append(all, "  [ "+heading+" ]")
		case line == "":
			flush()
		case isItem:
			flush()
			item = strings.Fields(first)
		default:
			item = append(item, strings.Fields(line)...)
		}
	}
	flush()
	return all
}

// wrap returns the lines of an item.
func wrap(words []string) (all []string) {
	line := "  *"
	for _, w := range words {
		if len(line)+1+len(w) > 80 {
			all = append(all, line)
			line = "   "
		}
		line += " " + w
	}
	return append(all, line)
}
