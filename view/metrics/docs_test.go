package metrics_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/view/metrics"
)

// exported lists what both pages show, a line for each metric as a table of
// docs/metrics.md has it.
func exported(t *testing.T) (lines []string) {
	t.Helper()
	for _, r := range both(sample()) {
		for _, f := range parse(t, scrape(t, r)) {
			labels := map[string]bool{}
			for _, m := range f.Metric {
				for _, l := range m.Label {
					labels["`"+l.GetName()+"`"] = true
				}
			}
			var names []string
			for l := range labels {
				names = append(names, l)
			}
			slices.Sort(names)
			lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |",
				f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(names, " "), f.GetHelp()))
		}
	}
	slices.Sort(lines)
	return lines
}

// The sample shows every metric that is defined, or the other tests would miss some.
func TestSample_IsComplete(t *testing.T) {
	families := 0
	for _, r := range both(sample()) {
		families += len(parse(t, scrape(t, r)))
	}
	if want := metrics.Defined(); families != want {
		t.Errorf("the sample shows %d metrics of %d", families, want)
	}
}

// docs/metrics.md lists exactly the exported metrics, with their help texts.
func TestDocs_ListEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile("(?m)^\\| `(?:director|node|process|go)_.*$").FindAllString(string(text), -1)
	slices.Sort(got)
	if d := cmp.Diff(exported(t), got); d != "" {
		t.Errorf("docs/metrics.md (-exported +listed):\n%s", d)
	}
}

// dashboard contains the parts of docs/grafana/director.json that the tests check.
type dashboard struct {
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Panels        []struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		GridPos struct{ X, Y, W, H int }
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
	Annotations struct {
		List []struct {
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("../../docs/grafana/director.json")
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// exprs lists the dashboard's expressions, with Grafana's variables filled in.
func (d *dashboard) exprs() (all []string) {
	fill := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$service", ".*")
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			all = append(all, fill.Replace(t.Expr))
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr != "" {
			all = append(all, fill.Replace(a.Expr))
		}
	}
	return all
}

// labelsOf returns the labels of each exported metric, by its name. A histogram is exported
// under three names.
func labelsOf(t *testing.T) map[string]string {
	t.Helper()
	have := map[string]string{}
	for _, line := range exported(t) {
		cells := strings.Split(line, "|")
		name := strings.Trim(cells[1], " `")
		have[name] = cells[3]
		if strings.TrimSpace(cells[2]) == "histogram" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				have[name+suffix] = cells[3] + " `le`"
			}
			delete(have, name)
		}
	}
	return have
}

var (
	asksFor    = regexp.MustCompile(`\b((?:director|process|go)_\w+)(\{([^}]*)\})?`)
	asksLabels = regexp.MustCompile(`(\w+)=~?"`)
)

// asked checks that an expression asks for metrics and labels that exist. It returns the
// metrics.
func asked(t *testing.T, have map[string]string, expr string) (names []string) {
	t.Helper()
	for _, m := range asksFor.FindAllStringSubmatch(expr, -1) {
		labels, ok := have[m[1]]
		if names = append(names, m[1]); !ok {
			t.Errorf("%s: there is no metric %s", expr, m[1])
		}
		for _, l := range asksLabels.FindAllStringSubmatch(m[3], -1) {
			// Prometheus adds these two.
			if l[1] != "instance" && l[1] != "job" && !strings.Contains(labels, "`"+l[1]+"`") {
				t.Errorf("%s: %s has no label %s", expr, m[1], l[1])
			}
		}
	}
	return names
}

func TestDashboard_AsksForWhatIsExported(t *testing.T) {
	have, d := labelsOf(t), readDashboard(t)
	seen := map[string]bool{}
	check := func(text string) {
		for _, name := range asked(t, have, text) {
			seen[name] = true
		}
	}
	for _, e := range d.exprs() {
		check(e)
	}
	for _, v := range d.Templating.List {
		check(v.Definition)
	}
	// What a dashboard does not need: names of the software, what others say too, and
	// times for rules.
	absent := map[string]bool{
		"director_build_info": true, "director_start_time_seconds": true, "director_goroutines": true, "director_worker_info": true,
		"director_server_info": true, "director_config_last_reload_success_timestamp_seconds": true,
		"director_worker_batch_frames_sum": true, "director_worker_batch_frames_count": true, "director_queue_host_returned_frames_total": true,
		"process_start_time_seconds": true, "process_virtual_memory_bytes": true, "process_max_fds": true,
	}
	for name := range have {
		if !seen[name] && !absent[name] && !strings.HasPrefix(name, "node_") {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// Panels have different numbers and do not overlap.
func TestDashboard_IsLaidOut(t *testing.T) {
	d := readDashboard(t)
	if d.Title != "director" || d.SchemaVersion < 39 || len(d.Panels) < 20 {
		t.Fatalf("title %q, schema version %d, %d panels", d.Title, d.SchemaVersion, len(d.Panels))
	}
	ids, places := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its number is taken, or it has no title or shows nothing", p.ID, p.Title)
		}
		ids[p.ID] = true
		g := p.GridPos
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := places[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q, or beside the 24 columns", p.Title, other)
				}
				places[[2]int{x, y}] = p.Title
			}
		}
	}
}

// Prometheus's own parser takes every expression, as a rule of a file.
func TestDashboard_PassesPromtool(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	d := readDashboard(t)
	for i, e := range d.exprs() {
		fmt.Fprintf(&rules, "  - record: dashboard:expr:n%d\n    expr: %q\n", i, e)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := promtool(t, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s\n%s", err, out, rules.String())
	}
}
