package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"director/control/config"
	"director/control/ipvsadm"
	"director/control/names"
)

// ErrScript is matched by errors of the script. They are found before the first frame:
// exit code 2.
var ErrScript = errors.New("the script cannot be run")

type scriptError struct{ error }

func (e scriptError) Is(target error) bool { return target == ErrScript }

// command is one line of a script.
type command struct {
	at   int64 // nanoseconds since 1970
	line string
	verb string // sysctl, link, route, neighbor; ipvsadm
	args []string
}

// readScript reads lines of the form "SECONDS COMMAND", which must be sorted by time. It
// ignores empty lines and lines that begin with #.
func readScript(r io.Reader, name string) (list []command, err error) {
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		c, err := parseCommand(line, words)
		if err == nil && len(list) > 0 && c.at < list[len(list)-1].at {
			err = errors.New("it is earlier than the line before it: sort the script by time")
		}
		if err != nil {
			return nil, scriptError{fmt.Errorf("%s:%d: %w", name, n, err)}
		}
		list = append(list, c)
	}
	if err := in.Err(); err != nil {
		return nil, scriptError{fmt.Errorf("%s: %w", name, err)}
	}
	return list, nil
}

func parseCommand(line string, words []string) (c command, err error) {
	c.line = line
	if c.at, err = instant(words[0]); err != nil {
		return c, err
	}
	if len(words) == 1 {
		return c, errors.New("no command after the time")
	}
	c.verb, c.args = words[1], words[2:]
	switch c.verb {
	case "sysctl", "link", "route", "neighbor":
		if len(c.args) != 1 && c.verb != "sysctl" || len(c.args) == 0 {
			return c, fmt.Errorf("%s: want one argument", c.verb)
		}
		return c, c.check()
	case "ipvsadm":
	default:
		if !strings.HasPrefix(c.verb, "-") {
			return c, fmt.Errorf("%q: want an ipvsadm command (-A ...), sysctl, link, route or neighbor", c.verb)
		}
		c.verb, c.args = "ipvsadm", words[1:]
	}
	return c, nil
}

// check reports errors of a command that do not depend on the state of the director.
func (c *command) check() (err error) {
	switch arg := strings.Join(c.args, " "); c.verb {
	case "sysctl":
		if !strings.Contains(arg, "=") {
			return errors.New("sysctl: want NAME=VALUE")
		}
	case "link":
		_, err = config.ParseLink(arg)
	case "route":
		_, err = config.ParseRoute(arg)
	case "neighbor":
		_, err = config.ParseNeighbor(arg)
	}
	return err
}

// instant converts seconds since 1970 to nanoseconds without rounding.
func instant(s string) (int64, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds < 0 || seconds >= math.MaxInt64/1_000_000_000 || len(fraction) > 9 || strings.Trim(fraction, "0123456789") != "" {
		return 0, fmt.Errorf("%q: want a time in seconds, such as 1700000000.5", s)
	}
	nanos, _ := strconv.Atoi((fraction + "000000000")[:9]) // digits
	return seconds*1e9 + int64(nanos), nil
}

// run runs a command and writes its output.
func (p *player) run(c *command) error {
	var out, errs strings.Builder
	code := p.execute(c, &out, &errs)
	text := fmt.Sprintf("# %s\n%s%s", c.line, out.String(), errs.String())
	if code != 0 {
		text += fmt.Sprintf("exit %d\n", code)
	}
	_, err := io.WriteString(p.scriptOut, text)
	return err
}

// execute runs a command and returns its exit code.
func (p *player) execute(c *command, out, errs io.Writer) int {
	arg := strings.Join(c.args, " ")
	switch c.verb {
	case "ipvsadm":
		return p.ipvsadm(c.args, out, errs)
	case "sysctl":
		name, value, _ := strings.Cut(arg, "=")
		if err := p.control.SetSysctl(name, value); err != nil {
			fmt.Fprintf(errs, "sysctl: %s=%s: %v\n", name, value, err)
			return 2
		}
		return 0
	}
	if name, err := p.describe(c.verb, arg); err != nil {
		fmt.Fprintf(errs, "%s: %v\n", c.verb, err)
		return 2
	} else if !p.host.has(name) {
		fmt.Fprintf(errs, "%s: no such interface: %s\n", c.verb, name)
		return 2
	}
	p.control.Refresh()
	return 0
}

// ipvsadm always lists numbers, even if names are requested: the names would depend on the
// machine of the replay.
func (p *player) ipvsadm(args []string, out, errs io.Writer) int {
	c, err := ipvsadm.Parse(args, names.System{})
	if e := (*ipvsadm.Error)(nil); errors.As(err, &e) {
		fmt.Fprintln(errs, e.Line)
		return e.Code
	}
	shell := ipvsadm.Shell{Director: ipvsadm.Local{Control: p.control}, Resolver: names.System{}, In: strings.NewReader(""), Out: out, Err: errs}
	return shell.Execute(c)
}

// describe changes the host. It returns the interface that has changed.
func (p *player) describe(what, arg string) (name string, err error) {
	switch what {
	case "link":
		l, err := config.ParseLink(arg)
		if err == nil {
			p.host.setLink(l)
			p.armed(l)
		}
		return l.Name, err
	case "route":
		r, err := config.ParseRoute(arg)
		if err == nil && p.host.has(r.Interface) {
			p.host.setRoute(r)
		}
		return r.Interface, err
	}
	n, err := config.ParseNeighbor(arg)
	if err == nil && p.host.has(n.Interface) {
		p.host.setNeighbor(n)
	}
	return n.Interface, err
}
