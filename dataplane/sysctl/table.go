package sysctl

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// tunable is one row of the table behind Set, Get, Names and Describe.
type tunable struct {
	name, about string
	kind        string // the allowed values, for the help text
	set         func(*Values, string) error
	get         func(*Values) string
}

// tunables are in alphabetical order. The ranges are those that the kernel enforces
// (vs_vars in ip_vs_ctl.c). If the kernel accepts any integer, they are the
// meaningful values.
var tunables = []tunable{
	number("am_droprate", 0, math.MaxInt32, func(v *Values) *int { return &v.AMDropRate },
		"drop one new connection in N while drop_packet is 3"),
	number("amemthresh", 0, math.MaxInt32, func(v *Values) *int { return &v.AMemThresh },
		"modes 1 and 2 of the defences are active while fewer connection entries than N are free"),
	boolean("cache_bypass", func(v *Values) *bool { return &v.CacheBypass },
		"if the service of a firewall mark has no server, send packets to their original destination address"),
	number("conn_reuse_mode", 0, 3, func(v *Values) *int { return &v.ConnReuseMode },
		"schedule a SYN as a new connection if the old one has ended (1), or is in FIN_WAIT and its replies bypass the director (2); 0 never"),
	number("drop_entry", 0, 3, func(v *Values) *int { return &v.DropEntry },
		"drop half-open and idle connections: 0 never, 1 and 2 while few connection entries are free, 3 always"),
	number("drop_packet", 0, 3, func(v *Values) *int { return &v.DropPacket },
		"drop a share of new connections: 0 never, 1 and 2 while few connection entries are free, 3 always"),
	boolean("expire_nodest_conn", func(v *Values) *bool { return &v.ExpireNodestConn },
		"end the connections of a removed real server instead of dropping their packets"),
	boolean("expire_quiescent_template", func(v *Values) *bool { return &v.ExpireQuiescentTemplate },
		"if the real server of a persistent client has weight 0, schedule new connections of the client to another one"),
	number("lblc_expiration", 0, math.MaxInt32, func(v *Values) *int { return &v.LBLCExpiration },
		"seconds until lblc removes an unused destination"),
	number("lblcr_expiration", 0, math.MaxInt32, func(v *Values) *int { return &v.LBLCRExpiration },
		"seconds until lblcr removes an unused destination"),
	boolean("nat_icmp_send", func(v *Values) *bool { return &v.NATICMPSend },
		"send port unreachable for a packet of a real server (NAT) that belongs to no connection"),
	boolean("pmtu_disc", func(v *Values) *bool { return &v.PMTUDisc },
		"reject a packet with DF that is too long for a tunnel; 0 fragments the outer packet"),
	boolean("run_estimation", func(v *Values) *bool { return &v.RunEstimation },
		"update the listed statistics; 0 stops the updates"),
	boolean("schedule_icmp", func(v *Values) *bool { return &v.ScheduleICMP },
		"if an ICMP error belongs to no connection, schedule it by the packet that it quotes"),
	number("secure_tcp", 0, 3, func(v *Values) *int { return &v.SecureTCP },
		"a packet of the real server, not of the client, makes a connection established; the modes are those of drop_entry"),
	boolean("sloppy_sctp", func(v *Values) *bool { return &v.SloppySCTP },
		"let any packet except ABORT create an association"),
	boolean("sloppy_tcp", func(v *Values) *bool { return &v.SloppyTCP },
		"let any segment except RST create a connection"),
}

const noSync = "this version has no sync daemon"

// refused contains the tunables that have no meaning in this director, with the
// reasons.
var refused = map[string]string{
	"backup_only":         noSync,
	"conn_lfactor":        "the connection table has a fixed size: use --conn-table-size",
	"conn_max":            "use --conn-table-size",
	"conntrack":           "the host's connection tracking does not see balanced traffic",
	"debug_level":         "use --log-level",
	"est_cpulist":         "no threads run for the estimation of rates",
	"est_nice":            "no threads run for the estimation of rates",
	"ignore_tunneled":     "each packet is processed once, whether it is tunnelled or not",
	"snat_reroute":        "answers are always routed by the main routing table",
	"svc_lfactor":         "the table of services needs no tuning",
	"sync_persist_mode":   noSync,
	"sync_ports":          noSync,
	"sync_qlen_max":       noSync,
	"sync_refresh_period": noSync,
	"sync_retries":        noSync,
	"sync_sock_size":      noSync,
	"sync_threshold":      noSync,
	"sync_version":        noSync,
}

func lookup(name string) *tunable {
	for i := range tunables {
		if tunables[i].name == name {
			return &tunables[i]
		}
	}
	return nil
}

func number(name string, low, high int, field func(*Values) *int, about string) tunable {
	kind := "N"
	if high < 10 {
		kind = fmt.Sprintf("%d-%d", low, high)
	}
	return tunable{name, about, kind,
		func(v *Values, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < low || n > high {
				return fmt.Errorf("want a number from %d to %d", low, high)
			}
			*field(v) = n
			return nil
		},
		func(v *Values) string { return strconv.Itoa(*field(v)) },
	}
}

func boolean(name string, field func(*Values) *bool, about string) tunable {
	return tunable{name, about, "0|1",
		func(v *Values, s string) error {
			if s != "0" && s != "1" {
				return errors.New("want 0 or 1")
			}
			*field(v) = s == "1"
			return nil
		},
		func(v *Values) string {
			if *field(v) {
				return "1"
			}
			return "0"
		},
	}
}
