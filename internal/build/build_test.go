package build

import (
	"runtime/debug"
	"testing"
)

// info returns the information of a build of a module's version, with settings in pairs.
func info(module string, settings ...string) *debug.BuildInfo {
	b := &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: module}}
	for i := 0; i < len(settings); i += 2 {
		b.Settings = append(b.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
	}
	return b
}

func TestVersion_IsTheReleaseOrTheCommit(t *testing.T) {
	const commit = "0123456789abcdef"
	for _, c := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "unknown"},
		{info("(devel)"), "(devel)"},
		{info("v1.2.3"), "v1.2.3"},
		{info("v1.2.3", "vcs.revision", commit, "vcs.modified", "false"), "v1.2.3"},
		{info("v1.2.3+dirty", "vcs.revision", commit, "vcs.modified", "true"), "v1.2.3+dirty"},
		{info("v1.2.3-rc.1", "vcs.revision", commit), "v1.2.3-rc.1"},
		{info("(devel)", "vcs.revision", commit), "0123456789ab"},
		{info("v0.0.0-20261201100000-0123456789ab", "vcs.revision", commit), "0123456789ab"},
		{info("v1.2.4-0.20261201100000-0123456789ab", "vcs.revision", commit), "0123456789ab"},
		{info("v0.0.0-20261201100000-0123456789ab+dirty", "vcs.revision", commit, "vcs.modified", "true"), "0123456789ab+"},
		{info("", "vcs.revision", "0123", "vcs.modified", "false"), "0123"},
	} {
		if got := version(c.info, c.info != nil); got != c.want {
			t.Errorf("%+v: %s, want %s", c.info, got, c.want)
		}
	}
}

func TestLine_SaysTheCommitOnce(t *testing.T) {
	built := []string{"GOARCH", "amd64", "GOOS", "linux", "vcs.revision", "0123456789abcdef", "vcs.time", "2026-12-01T10:00:00Z"}
	for _, c := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "director unknown"},
		{info("v1.2.3", built...), "director v1.2.3, commit 0123456789ab of 2026-12-01T10:00:00Z, go1.26.0 linux/amd64"},
		{info("(devel)", built...), "director 0123456789ab of 2026-12-01T10:00:00Z, go1.26.0 linux/amd64"},
		{info("v1.2.3", built[:4]...), "director v1.2.3, go1.26.0 linux/amd64"},
	} {
		if got := line("director", c.info, c.info != nil); got != c.want {
			t.Errorf("%+v: %q, want %q", c.info, got, c.want)
		}
	}
}
