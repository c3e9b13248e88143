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
		Use: "ctl [--control PATH] COMMAND [OPTIONS]", Summary: "ipvsadm for the running director: the same commands, output and exit codes",
		About:   ctlAbout,
		RunArgs: ctl,
		Text:    ipvsadm.HelpText(),
	}
}

const ctlAbout = "Controls the running director as ipvsadm controls the kernel. If the binary is called\n" +
	"ipvsadm, it takes the same commands; " + controlVariable + " then names the socket."

// ctl is ipvsadm for a running director: its grammar, output and exit codes. "director
// ctl" accepts the flag --control in front of them.
func ctl(args []string, std cli.IO) int {
	socket := controlSocket()
	if len(args) > 0 && args[0] == "--control" {
		if len(args) == 1 {
			fmt.Fprintln(std.Err, "--control: the path of the socket is missing")
			return cli.Usage
		}
		args = append([]string{"--control=" + args[1]}, args[2:]...)
	}
	if len(args) > 0 {
		if path, ok := strings.CutPrefix(args[0], "--control="); ok {
			socket, args = path, args[1:]
		}
	}
	if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
		return cli.AskHelp
	}
	return commandDirector(socket, args, true, std)
}

// ipvsadmVerb is ipvsadm exactly: it has no flag --control.
func ipvsadmVerb(args []string, std cli.IO) int {
	return commandDirector(controlSocket(), args, false, std)
}

// commandDirector carries out a command line of ipvsadm. With explain, refusals have more
// detail than ipvsadm gives.
func commandDirector(socket string, args []string, explain bool, std cli.IO) int {
	client := api.Open(socket)
	defer client.Close()
	remote := api.Remote{Client: client, Context: context.Background()}
	shell := ipvsadm.Shell{
		Director: remote, Resolver: names.System{}, Namer: names.System{},
		In: std.In, Out: std.Out, Err: std.Err, Explain: explain,
	}
	c, err := ipvsadm.Parse(args, names.System{})
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
	return shell.Execute(c)
}
