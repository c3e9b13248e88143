package main

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"director/control"
	"director/control/api"
	"director/control/rules"
	"director/internal/cli"
	"director/service"
)

// completionTime is how long a shell that completes a line waits for the director.
const completionTime = time.Second

// completeCtl offers words for the command line of "director ctl".
func completeCtl(args []string) []string {
	o := ctlOptions{socket: controlSocket()}
	args, err := o.cut(args)
	if err != nil {
		return nil
	}
	words := completeIpvsadm(o.socket, args)
	if len(args) == 0 {
		words = append(words, "--json\tprint listings as JSON", "--control=\tthe control socket")
	}
	return words
}

// completeIpvsadm offers words for the command line of ipvsadm. It names services and
// servers that the director at the socket has, if one answers.
func completeIpvsadm(socket string, args []string) (words []string) {
	next := rules.Complete(args)
	for _, w := range next.Words {
		words = append(words, cli.Described(w.Text, w.About))
	}
	if next.Service == "" && !next.Server {
		return words
	}
	client := api.Open(socket)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	own := words
	err := api.Remote{Client: client, Context: ctx}.EachService(false, func(s *control.Service) error {
		option, name := named(&s.Key)
		switch {
		case next.Service == option:
			words = append(words, cli.Described(name, s.Scheduler))
		case next.Server && next.Of == [2]string{option, name}:
			words = append(words, servers(s)...)
		}
		return nil
	})
	if err != nil { // without a director there are no names to offer
		return own
	}
	return words
}

// named returns a service as an option and its argument.
func named(k *service.Key) (option, name string) {
	kind, name, _ := strings.Cut(k.Name(), ":")
	if k.Mark != 0 {
		return "fwmark-service", name
	}
	return kind + "-service", name
}

func servers(s *control.Service) (names []string) {
	for i := range s.Servers {
		r := &s.Servers[i]
		names = append(names, cli.Described(netip.AddrPortFrom(r.Addr.Netip(), r.Port).String(), r.Method.String()))
	}
	return names
}

// ipvsadmLine describes the command line of the link ipvsadm to shells that complete it.
func ipvsadmLine() *cli.Program {
	return &cli.Program{
		Name: "ipvsadm", Path: "ipvsadm",
		Complete: func(args []string) []string { return completeIpvsadm(controlSocket(), args) },
	}
}
