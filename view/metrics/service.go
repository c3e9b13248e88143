package metrics

import (
	"net/netip"
	"strconv"

	"director/control"
	"director/packet"
	"director/service"
)

var (
	serviceInfo = native.gauge("director_service_info",
		"The scheduler of a service, as a label; always 1.", "proto", "service", "scheduler")
	serviceFailing = native.gauge("director_service_failing",
		"Whether at least half of the new connections to the service fail: 1 or 0.", "proto", "service")
	serviceTraffic = traffic("service", "proto", "service")

	serverInfo = native.gauge("director_server_info",
		"How packets get to a real server, as a label: nat, dr or tun; always 1.", "proto", "service", "server", "method")
	serverTraffic = traffic("server", "proto", "service", "server")
	serverActive  = serverGauge("active_connections",
		"Connections to the real server in a state that counts as active.")
	serverInactive = serverGauge("inactive_connections",
		"Connections to the real server in any other state.")
	serverPersistent = serverGauge("persistent_connections",
		"Persistence templates that point to the real server.")
	serverWeight = serverGauge("weight",
		"Weight of the real server; 0 gets no new connections.")
	serverUpper = serverGauge("upper_threshold",
		"Number of connections at which the real server gets no more; 0 for none.")
	serverLower = serverGauge("lower_threshold",
		"Number of connections below which it gets some again; 0 for three quarters of the upper threshold.")
	serverWay = serverGauge("next_hop_known",
		"Whether frames can get to the real server's next hop: 1, or 0 when there is no route, no Ethernet address or no link.")
)

var (
	serverSkipped = serverGauge("skipped",
		"Whether the real server gets no new connections because packets cannot reach it (--skip-unreachable): 1 or 0.")
	serverFull = serverGauge("full",
		"Whether the real server has reached its upper threshold and gets no new connections until it has fewer than the lower one: 1 or 0.")
	serverSuspect = serverGauge("suspect",
		"Whether most new connections to the real server fail, unlike those to another server of the service: 1 or 0.")
	serverOpened = serverCounter("half_open_connections_total",
		"Connections to the real server that began half-open: with a SYN, or with an INIT of SCTP.")
	serverCompleted = serverCounter("completed_connections_total",
		"Connections to the real server that were half-open and made progress.")
	serverRefused = serverCounter("refused_connections_total",
		"Connections that the real server has reset while they were half-open, as far as its resets pass through the director.")
	serverErrors = serverCounter("icmp_errors_total",
		"Connections with an ICMP error that says that a packet cannot reach the real server, as far as such errors pass through the director.")
)

// tally holds the metrics that services and servers have in common.
type tally struct{ conns, inPkts, outPkts, inBytes, outBytes *metric }

func traffic(of string, labels ...string) tally {
	name := "director_" + of + "_"
	return tally{
		conns: native.counter(name+"connections_total",
			"Connections that were scheduled to the "+of+".", labels...),
		inPkts: native.counter(name+"incoming_packets_total",
			"Packets from clients to the "+of+".", labels...),
		outPkts: native.counter(name+"outgoing_packets_total",
			"Packets of the "+of+" to clients, as far as they pass through the director.", labels...),
		inBytes: native.counter(name+"incoming_bytes_total",
			"Bytes of IP from clients to the "+of+".", labels...),
		outBytes: native.counter(name+"outgoing_bytes_total",
			"Bytes of IP of the "+of+" to clients, as far as they pass through the director.", labels...),
	}
}

// columns returns the metrics in the order of values.
func (t *tally) columns() []*metric {
	return []*metric{t.conns, t.inPkts, t.outPkts, t.inBytes, t.outBytes}
}

func values(s *control.Stats) [5]float64 {
	return [5]float64{float64(s.Conns), float64(s.InPkts), float64(s.OutPkts), float64(s.InBytes), float64(s.OutBytes)}
}

func serverGauge(name, help string) *metric {
	return native.gauge("director_server_"+name, help, "proto", "service", "server")
}

func serverCounter(name, help string) *metric {
	return native.counter("director_server_"+name, help, "proto", "service", "server")
}

// collectServices exports services and their servers.
func collectServices(source Source, out sink) {
	ofServices := out.table(append(serviceTraffic.columns(), serviceFailing)...)
	serviceInfos := out.table(serviceInfo)
	ofServers := out.table(append(serverTraffic.columns(),
		serverActive, serverInactive, serverPersistent, serverWeight, serverUpper, serverLower, serverWay,
		serverSkipped, serverFull, serverSuspect, serverOpened, serverCompleted, serverRefused, serverErrors)...)
	methods := out.heads(serverInfo, ofServers)
	source.EachService(func(s *control.Service) bool {
		proto, name := serviceLabels(&s.Key)
		counted := values(&s.Counted)
		ofServices.row(serviceTraffic.conns.text([]string{proto, name}), append(counted[:], flag(s.Health.Suspect))...)
		serviceInfos.row(serviceInfo.text([]string{proto, name, s.Scheduler}), 1)
		for j := range s.Servers {
			r := &s.Servers[j]
			counted := values(&r.Counted)
			methods.add(r.Method.String())
			ofServers.row(serverActive.text([]string{proto, name, endpoint(r.Addr, r.Port)}),
				counted[0], counted[1], counted[2], counted[3], counted[4],
				float64(r.Active), float64(r.Inactive), float64(r.Persistent), float64(r.Weight),
				float64(r.Upper), float64(r.Lower), flag(!r.Unreachable()), flag(r.Skipped), flag(r.Overloaded), flag(r.Health.Suspect),
				float64(r.Signs.Opened), float64(r.Signs.Completed), float64(r.Signs.Refused), float64(r.Signs.Errors))
		}
		return true
	})
}

// flag returns the value of a gauge that is 1 or 0.
func flag(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// serviceLabels returns the labels of a service: protocol and address, or "fwmark" and
// the mark.
func serviceLabels(k *service.Key) (proto, name string) {
	if k.Mark != 0 {
		return "fwmark", strconv.FormatUint(uint64(k.Mark), 10)
	}
	return packet.ProtoName(k.Proto), endpoint(k.Addr, k.Port)
}

func endpoint(a packet.Addr, port uint16) string { return netip.AddrPortFrom(a.Netip(), port).String() }
