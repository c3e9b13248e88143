package doctor_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/inspect/doctor"
	"director/service"
)

var update = flag.Bool("update", false, "write the golden files anew")

// ailing is a host that has findings of every level.
func ailing() *doctor.Facts {
	f := fit()
	f.Host.Probes[2].Skipped = "cannot create a network namespace for it"
	f.Interfaces[0].MTU = 9000
	f.Interfaces[1].OtherXDP = true
	f.Sysctls["ip_forward"] = 0
	f.Config.Services[0].Servers[0].Method = service.NAT
	return f
}

func TestReport_WritesTextAndJSON(t *testing.T) {
	report := doctor.Examine(ailing())
	asJSON, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", report.Text())
	golden(t, "report.json", string(asJSON)+"\n")
}

// golden compares with a file, or writes it if -update is given.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestExamine_FindsNothingWrongWithAFitHost(t *testing.T) {
	report := doctor.Examine(fit())
	for _, f := range report.Findings {
		if f.Level != doctor.OK || f.Remedy != "" {
			t.Errorf("%+v, want it to be ok", f)
		}
	}
	want := doctor.Plan{Starts: true, Workers: 2, CPUs: []int{2, 3}, Interfaces: []doctor.InterfacePlan{
		{Name: "eth0", IO: "AF_XDP native", Mode: "zero-copy", Queues: []int{0, 1}},
		{Name: "eth1", IO: "AF_XDP native", Mode: "copy", Queues: []int{0, 1}},
	}}
	ignore := cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".refused" || p.Last().String() == ".unsure"
	}, cmp.Ignore())
	if diff := cmp.Diff(want, report.Run, ignore); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}
