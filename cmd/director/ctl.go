package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"director/control/api"
	"director/control/ipvsadm"
	"director/control/names"
	"director/control/rules"
	"director/internal/cli"
)

// controlVariable is the environment variable that names the control socket. Scripts that
// call ipvsadm need it, because ipvsadm has no flag for that.
const controlVariable = "DIRECTOR_CONTROL"

// controlSocket returns the control socket that verbs use unless a flag names another.
func controlSocket() string {
	if path := os.Getenv(controlVariable); path != "" {
		return path
	}
	return api.DefaultSocket
}

func ctlVerb() cli.Verb {
	return cli.Verb{
		Use: "ctl [--control PATH] [--json] COMMAND [OPTIONS]", Summary: "ipvsadm for the running director: the same commands, output and exit codes",
		About:   ctlAbout,
		RunArgs: ctl, Complete: completeCtl,
		Text: ipvsadm.HelpText(),
	}
}

const ctlAbout = "Controls the running director as ipvsadm controls the kernel. If the binary is called\n" +
	"ipvsadm, it takes the same commands; " + controlVariable + " then names the socket. With --json,\n" +
	"-L prints what the control API answers; docs/api.md describes the fields."

// ctlOptions are the options of "director ctl" in front of the command.
type ctlOptions struct {
	socket string
	json   bool // a listing is printed as JSON
}

// cut takes the options off the front of args.
func (o *ctlOptions) cut(args []string) ([]string, error) {
	for len(args) > 0 {
		path, ok := strings.CutPrefix(args[0], "--control=")
		switch {
		case ok:
			o.socket = path
		case args[0] == "--control" && len(args) == 1:
			return nil, errors.New("--control: the path of the socket is missing")
		case args[0] == "--control":
			o.socket, args = args[1], args[1:]
		case args[0] == "--json":
			o.json = true
		default:
			return args, nil
		}
		args = args[1:]
	}
	return nil, nil
}

// ctl is ipvsadm for a running director: its grammar, output and exit codes. "director
// ctl" accepts the options --control and --json in front of them.
func ctl(args []string, std cli.IO) int {
	o := ctlOptions{socket: controlSocket()}
	args, err := o.cut(args)
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	}
	if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
		return cli.AskHelp
	}
	return commandDirector(o, args, true, std)
}

// ipvsadmVerb is ipvsadm exactly: it has no flag --control. It also answers shells that
// complete its command line.
func ipvsadmVerb(args []string, std cli.IO) int {
	if cli.Completes(args) {
		return ipvsadmLine().Run(args, std)
	}
	return commandDirector(ctlOptions{socket: controlSocket()}, args, false, std)
}

// commandDirector carries out a command line of ipvsadm. With explain, refusals have more
// detail than ipvsadm gives.
func commandDirector(o ctlOptions, args []string, explain bool, std cli.IO) int {
	client := api.Open(o.socket)
	defer client.Close()
	remote := api.Remote{Client: client, Context: context.Background()}
	shell := ipvsadm.Shell{
		Director: remote, Resolver: names.System{}, Namer: names.System{},
		In: std.In, Out: std.Out, Err: std.Err, Explain: explain,
	}
	c, err := ipvsadm.Parse(args, names.System{})
	if err == nil && o.json && c.Verb != rules.List {
		fmt.Fprintln(std.Err, "--json: only -L prints JSON: changes print nothing, and -S prints a flags file")
		return cli.Usage
	}
	if err == nil && (c.Verb == rules.Help || c.Verb == rules.Version) {
		return shell.Execute(c)
	}
	// As in ipvsadm, an unreachable director is reported before a wrong command line.
	if _, err := remote.Timeouts(); errors.Is(err, api.ErrUnreachable) {
		fmt.Fprintf(std.Err, "Can't initialize ipvs: %v\n", err)
		return cli.Usage
	}
	if e, ok := errors.AsType[*ipvsadm.Error](err); ok {
		fmt.Fprintln(std.Err, e.Line)
		return e.Code
	}
	if o.json {
		return listJSON(remote, c, std)
	}
	return shell.Execute(c)
}
