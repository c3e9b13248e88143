package sysctl_test

import (
	"slices"
	"testing"

	"director/dataplane/sysctl"
)

// documented is the list of IPVS: for each tunable the default, the least and the
// greatest allowed value, and one value below and one above them.
var documented = map[string]struct{ value, least, greatest, below, above string }{
	"am_droprate":               {"10", "0", "2147483647", "-1", "2147483648"},
	"amemthresh":                {"1024", "0", "2147483647", "-1", "2147483648"},
	"cache_bypass":              {"0", "0", "1", "-1", "2"},
	"conn_reuse_mode":           {"1", "0", "3", "-1", "4"},
	"drop_entry":                {"0", "0", "3", "-1", "4"},
	"drop_packet":               {"0", "0", "3", "-1", "4"},
	"expire_nodest_conn":        {"0", "0", "1", "-1", "2"},
	"expire_quiescent_template": {"0", "0", "1", "-1", "2"},
	"lblc_expiration":           {"86400", "0", "2147483647", "-1", "2147483648"},
	"lblcr_expiration":          {"86400", "0", "2147483647", "-1", "2147483648"},
	"nat_icmp_send":             {"0", "0", "1", "-1", "2"},
	"pmtu_disc":                 {"1", "0", "1", "-1", "2"},
	"run_estimation":            {"1", "0", "1", "-1", "2"},
	"schedule_icmp":             {"0", "0", "1", "-1", "2"},
	"secure_tcp":                {"0", "0", "3", "-1", "4"},
	"sloppy_sctp":               {"0", "0", "1", "-1", "2"},
	"sloppy_tcp":                {"0", "0", "1", "-1", "2"},
}

func TestNames_AreThoseOfIPVSInOrder(t *testing.T) {
	names := sysctl.Names()
	if !slices.IsSorted(names) {
		t.Errorf("names are out of order: %v", names)
	}
	if len(names) != len(documented) {
		t.Errorf("%d names, want %d: %v", len(names), len(documented), names)
	}
	for _, name := range names {
		if _, ok := documented[name]; !ok {
			t.Errorf("%s is not a tunable that IPVS documents", name)
		}
		if kind, about := sysctl.Describe(name); kind == "" || about == "" {
			t.Errorf("%s: described as %q, %q, want texts", name, kind, about)
		}
	}
}

func TestDefaults_AreTheKernels(t *testing.T) {
	v := sysctl.Defaults()
	for name, want := range documented {
		if got, ok := v.Get(name); !ok || got != want.value {
			t.Errorf("%s is %q, %v, want %q", name, got, ok, want.value)
		}
	}
}

func TestSet_KeepsToTheRange(t *testing.T) {
	for name, want := range documented {
		v := sysctl.Defaults()
		for _, good := range []string{want.least, want.greatest} {
			if err := v.Set(name, good); err != nil {
				t.Errorf("%s=%s: %v", name, good, err)
			}
			if got, _ := v.Get(name); got != good {
				t.Errorf("%s=%s reads %s", name, good, got)
			}
		}
		before := v
		for _, bad := range []string{want.below, want.above, "", "x", "1 ", "0x1"} {
			reason := "want a number from 0 to " + want.greatest
			if want.greatest == "1" {
				reason = "want 0 or 1"
			}
			if err := v.Set(name, bad); err == nil || err.Error() != reason {
				t.Errorf("%s=%s: got %v, want %s", name, bad, err, reason)
			}
		}
		if v != before {
			t.Errorf("%s: a refused value changed %+v to %+v", name, before, v)
		}
	}
}

// This finds a row of the table that writes the field of another row.
func TestSet_ChangesNothingElse(t *testing.T) {
	for name := range documented {
		v := sysctl.Defaults()
		value := "1"
		if documented[name].value == "1" {
			value = "0"
		}
		if err := v.Set(name, value); err != nil {
			t.Fatal(err)
		}
		for other, want := range documented {
			if got, _ := v.Get(other); other != name && got != want.value {
				t.Errorf("%s=%s changed %s to %s, want %s", name, value, other, got, want.value)
			}
		}
	}
}

func TestSet_FillsTheFieldOfItsName(t *testing.T) {
	var got sysctl.Values
	for i, name := range []string{"am_droprate", "amemthresh", "lblc_expiration", "lblcr_expiration"} {
		if err := got.Set(name, []string{"11", "12", "13", "14"}[i]); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{
		"conn_reuse_mode": "3", "drop_entry": "1", "drop_packet": "2", "secure_tcp": "3",
		"cache_bypass": "1", "expire_nodest_conn": "1", "sloppy_tcp": "1", "pmtu_disc": "1",
	} {
		if err := got.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	want := sysctl.Values{
		AMDropRate: 11, AMemThresh: 12, LBLCExpiration: 13, LBLCRExpiration: 14,
		ConnReuseMode: 3, DropEntry: 1, DropPacket: 2, SecureTCP: 3,
		CacheBypass: true, ExpireNodestConn: true, SloppyTCP: true, PMTUDisc: true,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got = sysctl.Values{}
	for _, name := range []string{"expire_quiescent_template", "nat_icmp_send", "run_estimation", "schedule_icmp", "sloppy_sctp"} {
		if err := got.Set(name, "1"); err != nil {
			t.Fatal(err)
		}
	}
	want = sysctl.Values{ExpireQuiescentTemplate: true, NATICMPSend: true, RunEstimation: true, ScheduleICMP: true, SloppySCTP: true}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSet_SaysWhyATunableIsRefused(t *testing.T) {
	for name, want := range map[string]string{
		"conn_max":               "has no meaning here: use --conn-table-size",
		"sync_threshold":         "has no meaning here: this version has no sync daemon",
		"conntrack":              "has no meaning here: the host's connection tracking does not see balanced traffic",
		"debug_level":            "has no meaning here: use --log-level",
		"tcp_syncookies":         "IPVS has no such sysctl",
		"net.ipv4.vs.drop_entry": "IPVS has no such sysctl",
	} {
		v := sysctl.Defaults()
		if err := v.Set(name, "1"); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		if value, ok := v.Get(name); ok {
			t.Errorf("%s reads %q, want nothing", name, value)
		}
		if v != sysctl.Defaults() {
			t.Errorf("%s changed %+v", name, v)
		}
	}
}

func TestRefused_KnowsTheRestOfIPVS(t *testing.T) {
	for _, name := range []string{
		"backup_only", "conn_lfactor", "conn_max", "conntrack", "debug_level", "est_cpulist", "est_nice",
		"ignore_tunneled", "snat_reroute", "svc_lfactor", "sync_persist_mode", "sync_ports", "sync_qlen_max",
		"sync_refresh_period", "sync_retries", "sync_sock_size", "sync_threshold", "sync_version",
	} {
		if reason, ok := sysctl.Refused(name); !ok || reason == "" {
			t.Errorf("%s: refused %v, %q: want a reason", name, ok, reason)
		}
	}
	for _, name := range append(sysctl.Names(), "", "tcp_syncookies") {
		if reason, ok := sysctl.Refused(name); ok {
			t.Errorf("%s is refused: %s", name, reason)
		}
	}
}
