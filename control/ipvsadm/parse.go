package ipvsadm

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"director/packet"
	"director/sched"
	"director/service"
)

// Verb is what a command does.
type Verb uint8

// The commands that a flags file may hold.
const (
	AddService Verb = iota // -A
	AddServer              // -a
)

// names are the commands' own names, as ipvsadm's messages have them.
var names = [...]string{AddService: "add-service", AddServer: "add-server"}

// Command is one command line, ipvsadm's defaults filled in. Scheduler and Flags
// belong to AddService, Server to AddServer.
type Command struct {
	Verb      Verb
	Service   service.Key
	Scheduler string
	Flags     sched.Flags
	Server    service.ServerSpec
}

// Parse reads one command line, without the program's name. Names of hosts and
// services are looked up with r.
func Parse(words []string, r Resolver) (Command, error) {
	given, verb, err := collect(words)
	if err != nil {
		return Command{}, err
	}
	c := Command{Verb: verb}
	if c.Service, err = serviceKey(given[serviceAddress], r); err != nil {
		return Command{}, err
	}
	if verb == AddServer {
		c.Server, err = server(given, c.Service, r)
		return c, err
	}
	if c.Scheduler, err = scheduler(given["scheduler"]); err != nil {
		return Command{}, err
	}
	c.Flags, err = flags(given["sched-flags"], c.Scheduler)
	return c, err
}

// collect reads all words into options by name and checks which of them may
// stand together.
func collect(words []string) (map[string]item, Verb, error) {
	s := scanner{words: words}
	first, verb, err := command(&s)
	if err != nil {
		return nil, 0, err
	}
	given := map[string]item{}
	for !s.done() {
		it, err := s.next()
		if err != nil {
			return nil, 0, err
		}
		switch _, twice := given[it.name]; {
		case it.kind == isCommand:
			return nil, 0, fmt.Errorf("%s: multiple commands specified: give each its own line", it.spelled)
		case it.legal&(1<<verb) == 0:
			return nil, 0, fmt.Errorf("%s: Illegal '%s' option with the '%s' command", it.spelled, it.name, names[verb])
		case it.kind == unsupported:
			return nil, 0, fmt.Errorf("%s: not supported by this version", it.spelled)
		case twice:
			return nil, 0, fmt.Errorf("%s: multiple '%s' options specified", it.spelled, it.name)
		}
		given[it.name] = it
	}
	needed := []string{serviceAddress}
	if verb == AddServer {
		needed = append(needed, realServer)
	}
	for _, name := range needed {
		if _, ok := given[name]; !ok {
			return nil, 0, fmt.Errorf("%s: You need to supply the '%s' option for the '%s' command", first, name, names[verb])
		}
	}
	return given, verb, nil
}

// command reads the first option, which must say what to do.
func command(s *scanner) (spelled string, verb Verb, err error) {
	if s.done() {
		return "", 0, errors.New("empty rule: want -A or -a")
	}
	it, err := s.next()
	if err != nil {
		return "", 0, err
	}
	switch {
	case it.long == names[AddService]:
		return it.spelled, AddService, nil
	case it.long == names[AddServer]:
		return it.spelled, AddServer, nil
	case it.kind == isCommand:
		return "", 0, fmt.Errorf("%s: only -A and -a may stand in a flags file", it.spelled)
	}
	return "", 0, fmt.Errorf("%s: a rule begins with -A or -a", it.spelled)
}

func serviceKey(it item, r Resolver) (service.Key, error) {
	k := service.Key{Proto: packet.ProtoTCP}
	if it.long == "udp-service" {
		k.Proto = packet.ProtoUDP
	}
	e, err := parseEndpoint(it, "virtual server", k.Proto, r)
	if err != nil {
		return k, err
	}
	if e.addr.IsLoopback() {
		return k, fmt.Errorf("%s: no frame arrives for a loopback address: use one that clients can reach", it)
	}
	if e.port == 0 {
		return k, fmt.Errorf("%s: Zero port specified for non-persistent service: give a port, as in %s:80", it, e.addr)
	}
	k.Addr, k.Port = packet.AddrFrom(e.addr), e.port
	return k, nil
}

func scheduler(it item) (string, error) {
	if it.option == nil {
		return sched.Default, nil
	}
	use := "use one of " + strings.Join(sched.Names(), ", ")
	switch {
	case slices.Contains(sched.Names(), it.arg):
		return it.arg, nil
	case it.arg == "none": // IPVS's word for a service that never schedules
		return "", fmt.Errorf("%s: not supported by this version: %s", it, use)
	}
	return "", fmt.Errorf("%s: Scheduler or persistence engine not found: %s", it, use)
}

func server(given map[string]item, k service.Key, r Resolver) (service.ServerSpec, error) {
	s := service.ServerSpec{Method: service.DR, Weight: 1} // ipvsadm's defaults
	switch it := given[forwardingMethod]; {
	case it.option == nil:
	case it.long == "masquerading":
		s.Method = service.NAT
	case it.long == "ipip":
		s.Method = service.TUN
	}
	e, err := parseEndpoint(given[realServer], "real server", k.Proto, r)
	if err != nil {
		return s, err
	}
	s.Addr, s.Port = packet.AddrFrom(e.addr), e.port
	// A packet that is not rewritten keeps its port; to IPVS the port 0 of a
	// real server means the same (ip_vs_schedule in ip_vs_core.c).
	if e.port == 0 || s.Method != service.NAT {
		s.Port = k.Port
	}
	if it := given["weight"]; it.option != nil {
		s.Weight, err = weight(it)
	}
	return s, err
}

func weight(it item) (int32, error) {
	n, err := strconv.ParseInt(it.arg, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, fmt.Errorf("%s: illegal weight specified: want a number from 0 to %d", it, math.MaxInt32)
	case n < 0:
		return 0, fmt.Errorf("%s: weight must be 0 or more", it)
	case n > math.MaxInt32:
		return 0, fmt.Errorf("%s: weight must be %d or less", it, math.MaxInt32)
	}
	return int32(n), nil
}
