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
	serverSuspect = serverGauge("suspect",
		"Whether most new connections to the real server fail, unlike those to another server of the service: 1 or 0.")
	serverOpened = serverCounter("half_open_connections_total",
		"Connections to the real server that began half-open: with a SYN, or with an INIT of SCTP.")
	serverCompleted = serverCounter("completed_connections_total",
		"Connections to the real server that were half-open and made progress.")
	serverRefused = serverCounter("refused_connections_total",
		"Connections that the real server has reset while they were half-open, as far as its resets pass through the director.")
	serverErrors = serverCounter("icmp_errors_total",
		"ICMP errors that say that a packet cannot reach the real server, as far as they pass through the director.")
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

func (t *tally) collect(s *control.Stats, out sink, labels ...string) {
	out.count(t.conns, s.Conns, labels...)
	out.count(t.inPkts, s.InPkts, labels...)
	out.count(t.outPkts, s.OutPkts, labels...)
	out.count(t.inBytes, s.InBytes, labels...)
	out.count(t.outBytes, s.OutBytes, labels...)
}

func serverGauge(name, help string) *metric {
	return native.gauge("director_server_"+name, help, "proto", "service", "server")
}

func serverCounter(name, help string) *metric {
	return native.counter("director_server_"+name, help, "proto", "service", "server")
}

func collectService(s *control.Service, out sink) {
	proto, name := serviceLabels(&s.Key)
	out.put(serviceInfo, 1, proto, name, s.Scheduler)
	serviceTraffic.collect(&s.Counted, out, proto, name)
	for i := range s.Servers {
		r := &s.Servers[i]
		server := endpoint(r.Addr, r.Port)
		out.put(serverInfo, 1, proto, name, server, r.Method.String())
		serverTraffic.collect(&r.Counted, out, proto, name, server)
		out.put(serverActive, float64(r.Active), proto, name, server)
		out.put(serverInactive, float64(r.Inactive), proto, name, server)
		out.put(serverPersistent, float64(r.Persistent), proto, name, server)
		out.put(serverWeight, float64(r.Weight), proto, name, server)
		out.put(serverUpper, float64(r.Upper), proto, name, server)
		out.put(serverLower, float64(r.Lower), proto, name, server)
		out.put(serverWay, flag(!r.Unreachable()), proto, name, server)
		out.put(serverSkipped, flag(r.Skipped), proto, name, server)
		out.put(serverSuspect, flag(r.Health.Suspect), proto, name, server)
		out.count(serverOpened, r.Signs.Opened, proto, name, server)
		out.count(serverCompleted, r.Signs.Completed, proto, name, server)
		out.count(serverRefused, r.Signs.Refused, proto, name, server)
		out.count(serverErrors, r.Signs.Errors, proto, name, server)
	}
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
