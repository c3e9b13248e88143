package rules

// kind says what may follow an option.
type kind uint8

const (
	isCommand kind = iota // the command of the line; must come first
	isRole                // likewise, with an argument
	isFlag                // takes no argument
	isValue               // takes an argument
	mayValue              // takes an argument if the next word does not begin with a dash
)

// name is what ipvsadm's messages call an option. Options that exclude each
// other share one. The order is that in which ipvsadm checks them.
type name uint8

const (
	numeric name = iota
	connection
	serviceAddress
	scheduler
	persistent
	netmask
	realServer
	forwardingMethod
	weight
	upperThreshold
	lowerThreshold
	mcastInterface
	timeout
	daemon
	stats
	rate
	thresholds
	persistentConn
	nosort
	syncID
	exact
	ops
	engine
	schedFlags
	mcastGroup
	mcastPort
	mcastTTL
	syncMaxLen
	tunInfo
	tunType
	tunPort
	tunNoCsum
	tunCsum
	tunRemCsum
	unchecked // --sort, -6: allowed anywhere, any number of times
)

// usages holds for each name how messages spell it, which commands may have it,
// and which must.
var usages = [unchecked]struct {
	text       string
	may, needs verbs
}{
	numeric:          {"numeric", lists | 1<<Save, 0},
	connection:       {"connection", lists, 0},
	serviceAddress:   {"service-address", needsService | lists | 1<<Zero, needsService},
	scheduler:        {"scheduler", shapesService, 0},
	persistent:       {"persistent", shapesService, 0},
	netmask:          {"netmask", shapesService, 0},
	realServer:       {"real-server", needsServer, needsServer},
	forwardingMethod: {"forwarding-method", shapesServer, 0},
	weight:           {"weight", shapesServer, 0},
	upperThreshold:   {"u-threshold", shapesServer, 0},
	lowerThreshold:   {"l-threshold", shapesServer, 0},
	mcastInterface:   {"mcast-interface", starts, 0},
	timeout:          {"timeout", lists, 0},
	daemon:           {"daemon", lists, 0},
	stats:            {"stats", lists, 0},
	rate:             {"rate", lists, 0},
	thresholds:       {"thresholds", lists, 0},
	persistentConn:   {"persistent-conn", lists, 0},
	nosort:           {"nosort", lists, 0},
	syncID:           {"syncid", lists | starts | 1<<StopDaemon, 0},
	exact:            {"exact", lists, 0},
	ops:              {"ops", shapesService, 0},
	engine:           {"pe", shapesService, 0},
	schedFlags:       {"sched-flags", shapesService, 0},
	mcastGroup:       {"mcast-group", starts, 0},
	mcastPort:        {"mcast-port", starts, 0},
	mcastTTL:         {"mcast-ttl", starts, 0},
	syncMaxLen:       {"sync-maxlen", starts, 0},
	tunInfo:          {"tun-info", lists, 0},
	tunType:          {"tun-type", shapesServer, 0},
	tunPort:          {"tun-port", shapesServer, 0},
	tunNoCsum:        {"tun-nocsum", shapesServer, 0},
	tunCsum:          {"tun-csum", shapesServer, 0},
	tunRemCsum:       {"tun-remcsum", shapesServer, 0},
}

// option is one row of ipvsadm's option table.
type option struct {
	short byte // 0: has none
	long  string
	kind  kind
	name  name // of all but commands
	verb  Verb // of commands
}

// options is the table of ipvsadm(8), version 1.31.
var options = []option{
	{short: 'A', long: "add-service", verb: AddService},
	{short: 'E', long: "edit-service", verb: EditService},
	{short: 'D', long: "delete-service", verb: DeleteService},
	{short: 'C', long: "clear", verb: Clear},
	{short: 'R', long: "restore", verb: Restore},
	{short: 'S', long: "save", verb: Save},
	{short: 'a', long: "add-server", verb: AddServer},
	{short: 'e', long: "edit-server", verb: EditServer},
	{short: 'd', long: "delete-server", verb: DeleteServer},
	{short: 'L', long: "list", verb: List},
	{short: 'l', long: "list", verb: List},
	{short: 'Z', long: "zero", verb: Zero},
	{long: "set", verb: SetTimeouts},
	{long: "start-daemon", kind: isRole, verb: StartDaemon},
	{long: "stop-daemon", kind: isRole, verb: StopDaemon},
	{short: 'h', long: "help", verb: Help},
	{short: 'v', long: "version", verb: Version},

	{short: 't', long: "tcp-service", kind: isValue, name: serviceAddress},
	{short: 'u', long: "udp-service", kind: isValue, name: serviceAddress},
	{long: "sctp-service", kind: isValue, name: serviceAddress},
	{short: 'f', long: "fwmark-service", kind: isValue, name: serviceAddress},
	{short: '6', long: "ipv6", kind: isFlag, name: unchecked},

	{short: 's', long: "scheduler", kind: isValue, name: scheduler},
	{short: 'p', long: "persistent", kind: mayValue, name: persistent},
	{short: 'M', long: "netmask", kind: isValue, name: netmask},
	{short: 'o', long: "ops", kind: isFlag, name: ops},
	{long: "pe", kind: isValue, name: engine},
	{short: 'b', long: "sched-flags", kind: isValue, name: schedFlags},

	{short: 'r', long: "real-server", kind: isValue, name: realServer},
	{short: 'g', long: "gatewaying", kind: isFlag, name: forwardingMethod},
	{short: 'i', long: "ipip", kind: isFlag, name: forwardingMethod},
	{short: 'm', long: "masquerading", kind: isFlag, name: forwardingMethod},
	{short: 'w', long: "weight", kind: isValue, name: weight},
	{short: 'x', long: "u-threshold", kind: isValue, name: upperThreshold},
	{short: 'y', long: "l-threshold", kind: isValue, name: lowerThreshold},
	{long: "tun-type", kind: isValue, name: tunType},
	{long: "tun-port", kind: isValue, name: tunPort},
	{long: "tun-nocsum", kind: isFlag, name: tunNoCsum},
	{long: "tun-csum", kind: isFlag, name: tunCsum},
	{long: "tun-remcsum", kind: isFlag, name: tunRemCsum},

	{short: 'n', long: "numeric", kind: isFlag, name: numeric},
	{short: 'c', long: "connection", kind: isFlag, name: connection},
	{short: 'X', long: "exact", kind: isFlag, name: exact},
	{long: "timeout", kind: isFlag, name: timeout},
	{long: "daemon", kind: isFlag, name: daemon},
	{long: "stats", kind: isFlag, name: stats},
	{long: "rate", kind: isFlag, name: rate},
	{long: "thresholds", kind: isFlag, name: thresholds},
	{long: "persistent-conn", kind: isFlag, name: persistentConn},
	{long: "tun-info", kind: isFlag, name: tunInfo},
	{long: "nosort", kind: isFlag, name: nosort},
	{long: "sort", kind: isFlag, name: unchecked},
	{long: "mcast-interface", kind: isValue, name: mcastInterface},
	{long: "mcast-group", kind: isValue, name: mcastGroup},
	{long: "mcast-port", kind: isValue, name: mcastPort},
	{long: "mcast-ttl", kind: isValue, name: mcastTTL},
	{long: "syncid", kind: isValue, name: syncID},
	{long: "sync-maxlen", kind: isValue, name: syncMaxLen},
}

func (o *option) takes() bool { return o.kind != isCommand && o.kind != isFlag }

func (o *option) command() bool { return o.kind <= isRole }

// shorts holds the short options by their letter.
var shorts = func() (by [256]*option) {
	for i := range options {
		if c := options[i].short; c != 0 {
			by[c] = &options[i]
		}
	}
	return by
}()

func byShort(c byte) *option { return shorts[c] }

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
		return o != nil && o.command() && o.verb != Help && o.verb != Version
	}
	return len(word) > 1 && word[0] == '-' && word[1] != '-'
}
