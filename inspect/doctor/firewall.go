package doctor

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// checkFirewall looks for firewall rules about VIPs. The firewall does not see balanced
// traffic, so such rules have no effect.
func checkFirewall(f *Facts, r *recorder) {
	if len(f.Firewall.Legacy) > 0 {
		r.unchecked("iptables", "the legacy iptables has tables in use: "+strings.Join(f.Firewall.Legacy, ", "),
			"iptables-legacy-save")
	}
	if f.Firewall.Skipped != "" {
		r.unchecked("nftables", f.Firewall.Skipped, "")
		return
	}
	rules, err := parseRuleset(f.Firewall.Ruleset)
	if err != nil {
		r.unchecked("nftables", err.Error(), "")
		return
	}
	hits := 0
	for _, rule := range rules.list {
		if vip, ok := rules.mentions(rule, f.VIPs); ok {
			hits++
			r.add(Warn, "nftables", fmt.Sprintf("nft -a list chain %s %s %s; filter in front of the director, then: nft delete rule %s %s %s handle %d",
				rule.Family, rule.Table, rule.Chain, rule.Family, rule.Table, rule.Chain, rule.Handle),
				"a rule of %s %s %s matches %s, but balanced traffic does not pass it", rule.Family, rule.Table, rule.Chain, name(vip))
		}
	}
	if hits == 0 {
		r.ok("nftables", "none of %d rules matches a VIP", len(rules.list))
	}
}

// name returns the text of a prefix, without its length if it is one address.
func name(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// rule is one rule, and set one set, of nft's JSON (libnftables-json(5)).
type rule struct {
	Family, Table, Chain string
	Handle               int
	Expr                 []map[string]any
}

type ruleset struct {
	list []rule
	sets map[string]any // elements, by family, table and name
}

func setKey(family, table, name string) string { return family + " " + table + " " + name }

func parseRuleset(text []byte) (*ruleset, error) {
	type set struct {
		Family, Table, Name string
		Elem                any
	}
	var document struct {
		Nftables []struct {
			Rule     *rule
			Set, Map *set
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("cannot parse the output of nft: %w", err)
	}
	rs := &ruleset{sets: map[string]any{}}
	for _, o := range document.Nftables {
		if o.Rule != nil {
			rs.list = append(rs.list, *o.Rule)
		}
		for _, s := range []*set{o.Set, o.Map} {
			if s != nil {
				rs.sets[setKey(s.Family, s.Table, s.Name)] = s.Elem
			}
		}
	}
	return rs, nil
}

// mentions returns the first VIP that a rule is about. It looks at everything that the
// rule compares destination addresses with, including named sets.
func (rs *ruleset) mentions(r rule, vips []netip.Prefix) (netip.Prefix, bool) {
	for _, e := range r.Expr {
		for kind, about := range map[string][2]string{"match": {"left", "right"}, "vmap": {"key", "data"}} {
			x, _ := e[kind].(map[string]any)
			if x == nil || x["op"] == "!=" || !isDestination(x[about[0]]) {
				continue
			}
			if vip, ok := rs.find(r, x[about[1]], vips); ok {
				return vip, true
			}
		}
	}
	return netip.Prefix{}, false
}

// find looks for a VIP in what a rule compares with.
func (rs *ruleset) find(r rule, v any, vips []netip.Prefix) (netip.Prefix, bool) {
	if first, last, ok := addresses(v); ok {
		for _, vip := range vips {
			if vip.Contains(first) || first.Compare(vip.Addr()) <= 0 && vip.Addr().Compare(last) <= 0 {
				return vip, true
			}
		}
		return netip.Prefix{}, false
	}
	var inside []any
	switch v := v.(type) {
	case string:
		if name, isSet := strings.CutPrefix(v, "@"); isSet {
			inside = []any{rs.sets[setKey(r.Family, r.Table, name)]}
		}
	case []any:
		inside = v
	case map[string]any:
		for _, e := range v {
			inside = append(inside, e)
		}
	}
	for _, e := range inside {
		if vip, ok := rs.find(r, e, vips); ok {
			return vip, true
		}
	}
	return netip.Prefix{}, false
}

// isDestination reports whether an expression is the destination address, alone
// or as part of a concatenation.
func isDestination(v any) bool {
	text, err := json.Marshal(v)
	return err == nil && strings.Contains(string(text), `"field":"daddr"`)
}

// addresses reads an address, {"prefix": {"addr": A, "len": N}} or
// {"range": [A, B]}.
func addresses(v any) (first, last netip.Addr, ok bool) {
	switch v := v.(type) {
	case string:
		a, err := netip.ParseAddr(v)
		return a, a, err == nil
	case map[string]any:
		if ends, _ := v["range"].([]any); len(ends) == 2 {
			first, _, ok1 := addresses(ends[0])
			last, _, ok2 := addresses(ends[1])
			return first, last, ok1 && ok2
		}
		p, _ := v["prefix"].(map[string]any)
		bits, _ := p["len"].(float64)
		first, _, ok := addresses(p["addr"])
		if !ok || !first.Is4() { // VIPs are IPv4 addresses
			return first, first, ok
		}
		ip := first.As4()
		n := binary.BigEndian.Uint32(ip[:]) | uint32(1<<(32-int(bits))-1)
		return first, netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n))), true
	}
	return first, last, false
}
