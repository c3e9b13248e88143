package metrics

import (
	"fmt"
	"strconv"
	"strings"

	"director/control"
	"director/packet"
	"director/service"
)

// ipvs holds the metrics of node_exporter's ipvs collector, with the same help texts
// (collector/ipvs_linux.go of prometheus/node_exporter).
var ipvs set

var (
	ipvsConns    = ipvs.counter("node_ipvs_connections_total", "The total number of connections made.")
	ipvsInPkts   = ipvs.counter("node_ipvs_incoming_packets_total", "The total number of incoming packets.")
	ipvsOutPkts  = ipvs.counter("node_ipvs_outgoing_packets_total", "The total number of outgoing packets.")
	ipvsInBytes  = ipvs.counter("node_ipvs_incoming_bytes_total", "The total amount of incoming data.")
	ipvsOutBytes = ipvs.counter("node_ipvs_outgoing_bytes_total", "The total amount of outgoing data.")

	ipvsActive   = backendGauge("connections_active", "The current active connections by local and remote address.")
	ipvsInactive = backendGauge("connections_inactive", "The current inactive connections by local and remote address.")
	ipvsWeight   = backendGauge("weight", "The current backend weight by local and remote address.")
)

func backendGauge(name, help string) *metric {
	return ipvs.gauge("node_ipvs_backend_"+name, help,
		"local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark")
}

func collectIPVS(s Source, out sink) {
	total := s.Counted()
	out.count(ipvsConns, total.Conns)
	out.count(ipvsInPkts, total.InPkts)
	out.count(ipvsOutPkts, total.OutPkts)
	out.count(ipvsInBytes, total.InBytes)
	out.count(ipvsOutBytes, total.OutBytes)
	backends := out.table(ipvsActive, ipvsInactive, ipvsWeight)
	s.EachService(func(each *control.Service) bool {
		collectBackends(each, backends)
		return true
	})
}

func collectBackends(s *control.Service, out *table) {
	addr, port, proto, mark := local(&s.Key)
	for i := range s.Servers {
		r := &s.Servers[i]
		labels := []string{addr, port, r.Addr.String(), strconv.Itoa(int(r.Port)), proto, mark}
		out.row(ipvsActive.text(labels), float64(r.Active), float64(r.Inactive), float64(r.Weight))
	}
}

// local returns the labels of a service as node_exporter reads them (ipvs.go of
// prometheus/procfs) from /proc/net/ip_vs (ip_vs_info_seq_show in ip_vs_ctl.c). The
// protocol is in capitals. A mark's service has FWM as its protocol, the mark in eight
// hexadecimal digits, no address and port 0.
func local(k *service.Key) (addr, port, proto, mark string) {
	if k.Mark != 0 {
		return "", "0", "FWM", fmt.Sprintf("%08X", k.Mark)
	}
	return k.Addr.String(), strconv.Itoa(int(k.Port)), strings.ToUpper(packet.ProtoName(k.Proto)), ""
}
