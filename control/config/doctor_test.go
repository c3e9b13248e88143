package config_test

import (
	"slices"
	"strings"
	"testing"

	"director/control/config"
)

func TestParseDoctor_NeedsNoInterface(t *testing.T) {
	c, d, err := config.ParseDoctor(nil, strings.NewReader(""))
	if err != nil || len(c.Interfaces) != 0 || d.JSON {
		t.Errorf("without flags: %+v, %+v, %v; want neither interface nor JSON nor error", c, d, err)
	}
	c, d, err = config.ParseDoctor([]string{"--json", "--flagfile=-"}, strings.NewReader("--interface=eth0\n"))
	if err != nil || !slices.Equal(c.Interfaces, []string{"eth0"}) || !d.JSON {
		t.Errorf("with a flags file: %+v, %+v, %v; want eth0 and JSON", c, d, err)
	}
}

func TestParse_DoesNotKnowDoctorsFlags(t *testing.T) {
	_, err := config.Parse([]string{"--interface=eth0", "--json"}, strings.NewReader(""))
	if want := "--json: unknown flag: --help lists the flags of this version"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
