package config

import (
	"io"

	"github.com/spf13/pflag"

	"director/control/names"
)

// Why is what only "director why" takes: what is asked, and whom.
type Why struct {
	Words     []string // PROTO SRC DST, as they were given
	In        string   // a capture to explain instead; empty: none
	Interface string   // that the packet arrives on; empty: by its source
	Flags     string   // of TCP
	JSON      bool

	// Offline: rules were given, so the running director is not asked.
	Offline bool
	Socket  bool // the flag control was given
	// Host describes the host for that. Without a link, nobody has described it.
	Host Replay
}

// ParseWhy is Parse with the flags of why beside the common ones. Only where the
// running director is not asked, the configuration is one to run.
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
	fs.Var(path(&w.In), "in", "explain each frame of a capture, pcapng or pcap, one after the other")
	fs.Var(word(&w.Interface, "IF"), "interface-in", "the interface that the packet arrives on, or all frames of a capture; else the one by which its source is reached")
	fs.Var(word(&w.Flags, "FLAGS"), "flags", "those of the TCP segment, letters of SAFRPU; else an ACK where there is a connection, and a SYN where there is none")
	fs.Var(boolean(&w.JSON), "json", "print JSON")
	fs.Lookup("json").NoOptDefVal = "true"
	addHostFlags(fs, &w.Host)
}

// check is for what only all flags together can tell.
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
