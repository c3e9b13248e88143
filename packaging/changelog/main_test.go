package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const source = `# Changelog

What is new.

<!-- To cut a release:
## no section -->

## Unreleased
UNRELEASED
## 0.2.0-rc.1 - 2026-12-02

A version to try.

### Forwarding

* It forwards [by NAT](docs/nat.md), direct routing and tunnelling, as the kernel does.
* It is fast.

### Control

* It obeys.

## 0.1.0 - 2026-12-01

* The first.
`

const rc = `  * A version to try.

  [ Forwarding ]
  * It forwards by NAT, direct routing and tunnelling, as the kernel does.
  * It is fast.

  [ Control ]
  * It obeys.
`

const first = `
director (0.1.0) unstable; urgency=medium

  * The first.

 -- A B <a@b.example>  Tue, 01 Dec 2026 00:00:00 +0000
`

func changelog(unreleased, version string) (string, error) {
	var out strings.Builder
	err := run([]string{"director", version, "A B <a@b.example>", "1796400000"}, strings.NewReader(strings.Replace(source, "UNRELEASED", unreleased, 1)), &out)
	return out.String(), err
}

func TestRun_BeginsWithTheVersionOfThePackage(t *testing.T) {
	const committed = "\n -- A B <a@b.example>  Fri, 04 Dec 2026 16:00:00 +0000\n"
	const released = "director (0.2.0~rc.1) unstable; urgency=medium\n\n" + rc + "\n -- A B <a@b.example>  Wed, 02 Dec 2026 00:00:00 +0000\n" + first
	for _, c := range []struct{ unreleased, version, want string }{
		{"", "0.2.0~rc.1", released},
		{"", "0.2.0~rc.1~20261204.abc", "director (0.2.0~rc.1~20261204.abc) unstable; urgency=medium\n\n" + rc + committed + first},
		{"", "0.2.0~rc.1+1.gabc", "director (0.2.0~rc.1+1.gabc) unstable; urgency=medium\n\n  * Nothing that an operator notices.\n" + committed + "\n" + released},
		{"\n* A mistake\n  less,\n  " + strings.Repeat("long ", 20) + "\n", "0.2.0~rc.1+1.gabc",
			"director (0.2.0~rc.1+1.gabc) unstable; urgency=medium\n\n  * A mistake less," +
				strings.Repeat(" long", 12) + "\n   " + strings.Repeat(" long", 8) + "\n" + committed + "\n" + released},
	} {
		got, err := changelog(c.unreleased, c.version)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", c.version, err, diff)
		}
	}
}

func TestRun_RefusesAReleaseWithoutItsSection(t *testing.T) {
	for _, c := range []struct{ unreleased, want string }{
		{"\n* More.\n", "unreleased changes"},
		{"## 0.3.0\n", "want a version and a date"},
	} {
		if _, err := changelog(c.unreleased, "0.2.0~rc.1"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %q: got %v, want %q", c.unreleased, err, c.want)
		}
	}
}

// TestRun_ReadsTheChangelog checks CHANGELOG.md itself, with Debian's own parser if it is
// installed.
func TestRun_ReadsTheChangelog(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run([]string{"director", "99.0.0", "A B <a@b.example>", "1796400000"}, strings.NewReader(string(text)), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\ndirector (0.1.0) unstable; urgency=medium\n") {
		t.Errorf("got %s\nwant an entry of the version 0.1.0", out.String())
	}
	if _, err := exec.LookPath("dpkg-parsechangelog"); err != nil {
		t.Log("no dpkg-parsechangelog here")
		return
	}
	cmd := exec.Command("dpkg-parsechangelog", "-l-", "--all", "-SVersion")
	cmd.Stdin = strings.NewReader(out.String())
	if got, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(got), "99.0.0\n") {
		t.Errorf("dpkg-parsechangelog: %v, %s", err, got)
	}
}
