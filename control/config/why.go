package config

import (
	"io"

	"github.com/spf13/pflag"

	"director/control/names"
)

// Why contains the flags and arguments that only "director why" takes: the packet to
// explain, and the director to use.
type Why struct {
	Words     []string // PROTO SRC DST, as they were given
	In        string   // a capture to explain instead; empty: none
	Interface string   // on which the packet arrives; empty: chosen by its source
	Flags     string   // the TCP flags
	JSON      bool

	// Offline is set if rules are given. Then the running director is not used.
	Offline bool
	Socket  bool // --control was given
	// Host describes the host if Offline is set. Without links there is no
	// description.
	Host Replay
}

// ParseWhy is like Parse, but also accepts the flags of why. The configuration is complete
// only if Offline is set.
func ParseWhy(args []string, stdin io.Reader) (*Config, *Why, error) {
	w := new(Why)
	c, err := parse(args, stdin, names.System{}, nil, func(p *parser) {
		p.why = w
		addWhyFlags(p.flags, w)
	})
	if err != nil {
		return nil, nil, err
	}
	return c, w, nil
}

// WhyFlags returns the flags that only ParseWhy takes.
func WhyFlags() *pflag.FlagSet {
	fs := newFlagSet()
	addWhyFlags(fs, new(Why))
	return fs
}

// addWhyFlags defines the flags of why over the fields of w.
func addWhyFlags(fs *pflag.FlagSet, w *Why) {
	fs.Var(path(&w.In), "in", "explain each frame of a capture (pcapng or pcap) in turn")
	fs.Var(word(&w.Interface, "IF"), "interface-in", "the interface on which the packet, or each frame of a capture, arrives; if not given, the interface of the route to its source")
	fs.Var(word(&w.Flags, "FLAGS"), "flags", "the flags of the TCP segment, letters of SAFRPU; if not given, ACK if the connection exists, SYN if not")
	fs.Var(boolean(&w.JSON), "json", "print JSON")
	fs.Lookup("json").NoOptDefVal = "true"
	addHostFlags(fs, &w.Host)
}

// check checks conditions between flags.
func (w *Why) check(p *parser) error {
	_, w.Offline = p.last[flagfile]
	_, w.Socket = p.last["control"]
	if !w.Offline || len(w.Host.Links) == 0 {
		return nil
	}
	if c := p.config; len(c.Interfaces) == 0 {
		for _, l := range w.Host.Links {
			c.Interfaces = append(c.Interfaces, l.Name)
		}
	}
	return w.Host.checkHost(p.config)
}
