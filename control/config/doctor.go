package config

import (
	"io"

	"github.com/spf13/pflag"

	"director/control/names"
)

// Doctor contains the flags that only "director doctor" takes.
type Doctor struct {
	JSON bool
}

// ParseDoctor is like Parse, but also accepts the flags of doctor. --interface is
// optional.
func ParseDoctor(args []string, stdin io.Reader) (*Config, *Doctor, error) {
	d := new(Doctor)
	c, err := parse(args, stdin, names.System{}, nil, func(p *parser) {
		p.anywhere = true
		addDoctorFlags(p.flags, d)
	})
	if err != nil {
		return nil, nil, err
	}
	return c, d, nil
}

// DoctorFlags returns the flags that only ParseDoctor takes.
func DoctorFlags() *pflag.FlagSet {
	fs := newFlagSet()
	addDoctorFlags(fs, new(Doctor))
	return fs
}

// addDoctorFlags defines the flags of doctor over the fields of d.
func addDoctorFlags(fs *pflag.FlagSet, d *Doctor) {
	fs.Var(boolean(&d.JSON), "json", "print the findings as JSON")
	fs.Lookup("json").NoOptDefVal = "true"
}
