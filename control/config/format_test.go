package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"director/control/config"
)

// An error is reported in the format that the flags ask for, even though they are wrong.
func TestFormatOf_IsWhatWasReadBeforeTheError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "director.flags")
	if err := os.WriteFile(file, []byte("--log-format=json\n--interface=eth0\n--cpus=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want config.LogFormat
	}{
		{"--interface=eth0 --cpus=x", config.LogConsole},
		{"--cpus=x --log-format=json", config.LogJSON},
		{"--log-format=json --no-such-flag", config.LogJSON},
		{"--log-format=json --cpus=x --log-format=console", config.LogConsole},
		{"--log-format=xml", config.LogConsole},
		{"--flagfile=" + file, config.LogJSON},
		{"--flagfile=" + file + " --log-format=console", config.LogConsole},
		{"--log-format=json", config.LogJSON}, // no --interface
	} {
		_, err := config.Parse(strings.Fields(c.args), nil)
		if got := config.FormatOf(err); err == nil || got != c.want {
			t.Errorf("%s: %v: %s, want an error and %s", c.args, err, got, c.want)
		}
	}
}
