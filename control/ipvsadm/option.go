package ipvsadm

// kind is how an option of the grammar is treated.
type kind uint8

const (
	isCommand   kind = iota // says what to do; must come first
	isFlag                  // takes no argument
	isValue                 // takes an argument
	unsupported             // ipvsadm's, not ours
)

// verbs is a set of commands, of those that a flags file may hold.
type verbs uint8

const (
	withService verbs = 1 << AddService
	withServer  verbs = 1 << AddServer
	withBoth          = withService | withServer
)

// option is one row of ipvsadm's option table. Options that exclude each other
// share their name, the one that ipvsadm's messages use.
type option struct {
	short byte // 0: has none
	long  string
	kind  kind
	name  string
	legal verbs // the commands that may carry it
}

// options is the table of ipvsadm(8), version 1.31.
var options = []option{
	{'A', "add-service", isCommand, "", 0},
	{'E', "edit-service", isCommand, "", 0},
	{'D', "delete-service", isCommand, "", 0},
	{'C', "clear", isCommand, "", 0},
	{'R', "restore", isCommand, "", 0},
	{'S', "save", isCommand, "", 0},
	{'a', "add-server", isCommand, "", 0},
	{'e', "edit-server", isCommand, "", 0},
	{'d', "delete-server", isCommand, "", 0},
	{'L', "list", isCommand, "", 0},
	{'l', "list", isCommand, "", 0},
	{'Z', "zero", isCommand, "", 0},
	{0, "set", isCommand, "", 0},
	{0, "start-daemon", isCommand, "", 0},
	{0, "stop-daemon", isCommand, "", 0},
	{'h', "help", isCommand, "", 0},
	{'v', "version", isCommand, "", 0},

	{'t', "tcp-service", isValue, serviceAddress, withBoth},
	{'u', "udp-service", isValue, serviceAddress, withBoth},
	{0, "sctp-service", unsupported, serviceAddress, withBoth},
	{'f', "fwmark-service", unsupported, serviceAddress, withBoth},
	{'6', "ipv6", unsupported, "ipv6", withBoth},

	{'s', "scheduler", isValue, "scheduler", withService},
	{'p', "persistent", unsupported, "persistent", withService},
	{'M', "netmask", unsupported, "netmask", withService},
	{'o', "ops", unsupported, "ops", withService},
	{0, "pe", unsupported, "pe", withService},
	{'b', "sched-flags", isValue, "sched-flags", withService},

	{'r', "real-server", isValue, realServer, withServer},
	{'g', "gatewaying", isFlag, forwardingMethod, withServer},
	{'i', "ipip", isFlag, forwardingMethod, withServer},
	{'m', "masquerading", isFlag, forwardingMethod, withServer},
	{'w', "weight", isValue, "weight", withServer},
	{'x', "u-threshold", unsupported, "u-threshold", withServer},
	{'y', "l-threshold", unsupported, "l-threshold", withServer},
	{0, "tun-type", unsupported, "tun-type", withServer},
	{0, "tun-port", unsupported, "tun-port", withServer},
	{0, "tun-nocsum", unsupported, "tun-nocsum", withServer},
	{0, "tun-csum", unsupported, "tun-csum", withServer},
	{0, "tun-remcsum", unsupported, "tun-remcsum", withServer},

	{'n', "numeric", isFlag, "numeric", 0},
	{'c', "connection", isFlag, "connection", 0},
	{'X', "exact", isFlag, "exact", 0},
	{0, "timeout", isFlag, "timeout", 0},
	{0, "daemon", isFlag, "daemon", 0},
	{0, "stats", isFlag, "stats", 0},
	{0, "rate", isFlag, "rate", 0},
	{0, "thresholds", isFlag, "thresholds", 0},
	{0, "persistent-conn", isFlag, "persistent-conn", 0},
	{0, "tun-info", isFlag, "tun-info", 0},
	{0, "nosort", isFlag, "nosort", 0},
	{0, "sort", isFlag, "sort", 0},
	{0, "mcast-interface", isValue, "mcast-interface", 0},
	{0, "mcast-group", isValue, "mcast-group", 0},
	{0, "mcast-port", isValue, "mcast-port", 0},
	{0, "mcast-ttl", isValue, "mcast-ttl", 0},
	{0, "syncid", isValue, "syncid", 0},
	{0, "sync-maxlen", isValue, "sync-maxlen", 0},
}

// Names of options that the parser itself speaks of.
const (
	serviceAddress   = "service-address"
	realServer       = "real-server"
	forwardingMethod = "forwarding-method"
)

func byShort(c byte) *option {
	for i := range options {
		if c != 0 && options[i].short == c {
			return &options[i]
		}
	}
	return nil
}

func byLong(name string) *option {
	for i := range options {
		if options[i].long == name {
			return &options[i]
		}
	}
	return nil
}

// IsRule reports whether a line of a flags file that starts with word is a rule
// rather than a flag: a short option, or one of ipvsadm's long commands.
func IsRule(word string) bool {
	if len(word) > 2 && word[:2] == "--" {
		o := byLong(word[2:])
		return o != nil && o.kind == isCommand && o.long != "help" && o.long != "version"
	}
	return len(word) > 1 && word[0] == '-' && word[1] != '-'
}
