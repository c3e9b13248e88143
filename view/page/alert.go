package page

import (
	"fmt"
	"strings"
)

// alert is something that the reader should look at.
type alert struct {
	Class, Sign, Text string
	Names             string // what it is about
	Link              string // to where it is, or ""
}

// kind is what an alert is about.
type kind struct {
	*mark
	metric string // by which Prometheus can tell the same
}

// kinds are all kinds of alerts.
var kinds []*kind

func newKind(m *mark, metric string) *kind {
	k := &kind{m, metric}
	kinds = append(kinds, k)
	return k
}

var (
	noServer       = newKind(unusable, "director_server_weight")
	noneReachable  = newKind(unusable, "director_server_next_hop_known")
	serviceFails   = newKind(failed, "director_service_failing")
	linkDown       = newKind(unusable, "director_interface_up")
	vipMissing     = newKind(unusable, "director_vips_missing")
	unreachable    = newKind(lost, "director_server_next_hop_known")
	failing        = newKind(suspect, "director_server_suspect")
	reloadRefused  = newKind(full, "director_config_last_reload_successful")
	servicesGone   = newKind(full, "director_services_removed")
	journalFailing = newKind(unusable, "director_journal_last_write_successful")
	tableFull      = newKind(unusable, "director_connection_table_used")
	framesDropped  = newKind(full, "director_dropped_frames_total")
	queueLoses     = newKind(full, "director_queue_kernel_dropped_frames_total")
	queueUnserved  = newKind(full, "director_interface_unserved_frames_total")
	checksumsWrong = newKind(full, "director_interface_checksum_wrong_total")
	workerBusy     = newKind(full, "director_worker_cpu_seconds_total")
	shortOfMemory  = newKind(full, "director_interface_short_of_memory")
	serverFull     = newKind(full, "director_server_full")
	serverDrained  = newKind(drained, "director_server_weight")
)

// named is how many names an alert lists.
const named = 4

// names returns the first names of all, and the number of the others.
func names(all []string) string {
	text := strings.Join(all[:min(named, len(all))], ", ")
	if n := len(all) - named; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// ours are the reasons that point to a problem of the director or its network. Frames that
// are dropped for other reasons were invalid when they arrived.
var ours = map[string]bool{
	"no-server": true, "table-full": true, "no-route": true, "neighbor": true, "link-down": true, "tx-full": true, "handoff-full": true,
}

// alerts returns the alerts, the worst first.
func alerts(s *snapshot, v *view, c choice) (all []alert) {
	var down, cut, bad, gone, odd, busy, idle []string
	for i := range s.services {
		each := &s.services[i]
		if !each.Usable() {
			_, proto, name := nameOf(each.Key)
			down = append(down, proto+" "+name)
		} else if each.Unreachable() {
			_, proto, name := nameOf(each.Key)
			cut = append(cut, proto+" "+name)
		} else if h := &each.Health; h.Suspect {
			_, proto, name := nameOf(each.Key)
			bad = append(bad, fmt.Sprintf("%s %s (%.0f of %.0f connections, %.0f of them refused)", proto, name, h.Failed(), h.Conns, h.Refused))
		}
		for j := range each.Servers {
			server := &each.Servers[j]
			switch name := endpoint(server.Addr, server.Port); stateOf(server) {
			case lost:
				gone = append(gone, name+" ("+server.Way.String()+")")
			case suspect:
				odd = append(odd, fmt.Sprintf("%s (%.0f of %.0f connections)", name, server.Health.Failed(), server.Health.Conns))
			case full:
				busy = append(busy, name)
			case drained:
				idle = append(idle, name)
			}
		}
	}
	search := func(query string) string {
		return c.link(func(c *choice) { c.query, c.open, c.flipped, c.from = query, "all", nil, 0 }) + "#services"
	}
	say := func(k *kind, text, names, link string) { all = append(all, alert{k.Class, k.Sign, text, names, link}) }
	if len(down) > 0 {
		say(noServer, plural(len(down), "service has", "services have")+" no usable server", names(down), search(unusable.Text))
	}
	if len(cut) > 0 {
		say(noneReachable, "Packets can reach no server of "+plural(len(cut), "service", "services"), names(cut), search(lost.Text))
	}
	if len(bad) > 0 {
		say(serviceFails, "At least half of the new connections to "+plural(len(bad), "service", "services")+" fail", names(bad), search(failed.Text))
	}
	if links := s.figures.LinksDown; len(links) > 0 {
		say(linkDown, plural(len(links), "link is", "links are")+" down", names(links), "#queues")
	}
	if missing := s.figures.VIPsMissing; len(missing) > 0 {
		say(vipMissing, plural(len(missing), "VIP is", "VIPs are")+" on no interface",
			names(missing)+": removed or not added; clients of the local network do not find it", "")
	}
	if len(gone) > 0 {
		say(unreachable, plural(len(gone), "server is", "servers are")+" unreachable", names(gone), search(lost.Text))
	}
	if len(odd) > 0 {
		say(failing, "New connections to "+plural(len(odd), "server", "servers")+" fail, unlike those to the peers", names(odd), search(suspect.Text))
	}
	if s.figures.Reload.Failing {
		say(reloadRefused, "The last reload was refused", "the configuration before it is in force; the log has the reason, and director check --flagfile=FILE shows mistakes", "")
	}
	if n := s.figures.Removed; n > 0 {
		say(servicesGone, plural(n, "service of the flags files does", "services of the flags files do")+" not run",
			"removed at run time: director diff shows it, director reload --drop-runtime brings back what the files say", "")
	}
	if e := s.figures.JournalError; e != "" {
		say(journalFailing, "Run-time changes are not safe", "the journal cannot be written: "+e, "")
	}
	if fill := percent(float64(s.figures.Table.Used), float64(s.figures.Table.Size)); fill >= hot {
		say(tableFull, fmt.Sprintf("The connection table is %.0f %% full", fill), "", "")
	}
	for _, r := range v.Dropped {
		if ours[r.Name] && r.rate > 0 {
			say(framesDropped, amount(r.rate)+"/s dropped: "+r.Name, r.Text, "#drops")
		}
	}
	for _, q := range v.Queues {
		if q.lost > 0 {
			say(queueLoses, fmt.Sprintf("%s/s lost at %s queue %d", amount(q.lost), q.Interface, q.Queue), q.cause, "#queues")
		}
	}
	for _, u := range v.Unserved {
		if u.rate > 0 {
			say(queueUnserved, fmt.Sprintf("%s/s lost at %s", amount(u.rate), u.Name), "frames arrive on queues that no worker serves", "#queues")
		}
	}
	for _, w := range v.wrong {
		if w.rate > 0 {
			say(checksumsWrong, "Packets with wrong checksums arrive at "+w.Name,
				"servers drop them; if the sender is a virtual machine or a container: ethtool -K INTERFACE tx off there", "")
		}
	}
	for _, w := range v.Workers {
		if w.Hot {
			say(workerBusy, fmt.Sprintf("Worker %d is at its limit", w.Index), "CPU "+w.Busy+" %", "#workers")
		}
	}
	if short := s.figures.ShortOfMemory; len(short) > 0 {
		say(shortOfMemory, "AF_PACKET is used instead of AF_XDP", names(short)+": too little memory may be locked (LimitMEMLOCK, ulimit -l, CAP_IPC_LOCK)", "#queues")
	}
	if len(busy) > 0 {
		say(serverFull, plural(len(busy), "server is", "servers are")+" full", names(busy), search(full.Text))
	}
	if len(idle) > 0 {
		say(serverDrained, plural(len(idle), "server is", "servers are")+" drained", names(idle), search(drained.Text))
	}
	return all
}
