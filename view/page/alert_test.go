package page_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"director/view/page"
)

// Prometheus can tell what the page tells: each kind of alert names a metric, which is
// exported (a test of view/metrics holds the list in docs/metrics.md), and a rule of
// docs/prometheus/alerts.yml asks for it.
func TestAlerts_HaveAMetricAndARule(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	metrics, rules := read("metrics.md"), ""
	for _, expr := range regexp.MustCompile(`(?s)expr: (.*?)\n\s+(?:for|labels):`).FindAllStringSubmatch(read("prometheus/alerts.yml"), -1) {
		rules += expr[1] + "\n"
	}
	all := page.AlertMetrics()
	if len(all) < 15 {
		t.Errorf("%d kinds of alerts", len(all))
	}
	for _, name := range all {
		if !strings.Contains(metrics, "| `"+name+"` |") {
			t.Errorf("there is no metric %s", name)
		}
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(rules) {
			t.Errorf("no rule asks for %s", name)
		}
	}
}

// In generic mode the page says how to avoid packets that are too long, while they are lost.
func TestPage_AlertsOfPacketsTooLongForGenericMode(t *testing.T) {
	const cure = "in generic mode packets longer than the MTU are lost: at the other end ethtool -K PEER tso off, here ethtool -K eth0 gro off"
	for attach, want := range map[string]string{"generic": cure, "native": "lost in the kernel before the ring"} {
		s := newSource(1, 1)
		s.figures.Queues[0].Interface, s.figures.Queues[0].Attach = "eth0", attach
		p := newPage(t, s)
		p.Sample()
		s.change(func(s *source) {
			s.step(page.Period)
			s.figures.Queues[0].KernelDrops += 4000
		})
		p.Sample()
		if got := words(get(t, p, "/")); !strings.Contains(got, "lost at eth0 queue 0 "+want) {
			t.Errorf("%s: the page lacks %q:\n%s", attach, want, got)
		}
	}
}
