package metrics_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The rules for alerts are a file that operators take over. Its tests are Prometheus' own.
const alertsDir = "../../docs/prometheus"

func TestAlerts_AskForWhatIsExported(t *testing.T) {
	text, err := os.ReadFile(alertsDir + "/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	if names := asked(t, labelsOf(t), string(text)); len(names) < 10 {
		t.Errorf("the rules ask for %v alone", names)
	}
}

// Each alert has a test in which it fires, and one in which it does not.
func TestAlerts_AreAllTested(t *testing.T) {
	named := func(file, pattern string) (names []string) {
		text, err := os.ReadFile(alertsDir + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	alerts := named("alerts.yml", `- alert: (\w+)`)
	for what, pattern := range map[string]string{
		"fire":  `alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels`,
		"quiet": `\{eval_time: \w+, alertname: (\w+)\}`,
	} {
		if diff := cmp.Diff(alerts, named("alerts_test.yml", pattern)); diff != "" {
			t.Errorf("alerts that are tested to %s (-rules +tests):\n%s", what, diff)
		}
	}
}

func TestAlerts_PassTheirTests(t *testing.T) {
	cmd := promtool(t, "test", "rules", "alerts_test.yml")
	cmd.Dir = alertsDir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}
