package ipvsadm_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"director/control"
	"director/control/ipvsadm"
	"director/control/rules"
	"director/control/rules/rulestest"
	"director/packet"
	"director/service"
)

func TestRestore_ReadsLinesAsIpvsadmDoes(t *testing.T) {
	const (
		add  = "-A -t 192.0.2.10:80\n"
		last = "-A -f 9\n" // shows whether the lines after a bad one count
		try  = "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"
	)
	for _, c := range []struct {
		in, out, errs string
		code          int
		goesOn        bool
	}{
		{in: "", goesOn: true},
		{in: "\n  \nipvsadm\nipvsadm -A -t 192.0.2.10:80\r\n\t-a  -t\t192.0.2.10:80 -r 10.0.0.1\n", goesOn: true},
		{in: "# a comment\n  # another\n-A -f 3 -s rr # -b nothing\n#-A\n", goesOn: true},
		{in: add + "-A -t 192.0.2.10:80\n", errs: "Service already exists\n", goesOn: true},
		{in: "-A -k\n", errs: "-k: unknown option\n", goesOn: true},
		{in: "-A -t\n", errs: "-t: missing argument\n", goesOn: true},
		{in: "-A -t [::1]:80\n", errs: "Operation not supported with specified address family\n", goesOn: true},
		{in: "-A\n", errs: "You need to supply the 'service-address' option for the 'add-service' command\n", code: 2},
		{in: "-A -t 192.0.2.10:80#x\n", errs: "illegal virtual server address[:port] specified\n", code: 2},
		{in: "-n\n", errs: try, code: 255},
		{in: "ipvsadm -R\n", errs: try, code: 255},
		{in: "/sbin/ipvsadm -C\n", errs: "unexpected argument /sbin/ipvsadm\n", code: 2},
		{in: "-L -f 8\n", errs: "No such service\n", code: 1},
		{in: "-v\n", out: "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n"},
		{in: add + "-Sn\n", out: "-A -t 192.0.2.10:80 -s wlc\n", goesOn: true},
	} {
		d := &memory{}
		out, errs, code := run(d, "-R", c.in+last)
		if out != c.out || errs != c.errs || code != c.code {
			t.Errorf("%q:\n got %d %q, %q\nwant %d %q, %q", c.in, code, out, errs, c.code, c.out, c.errs)
		}
		if got := d.find(mark(9)) != nil; got != c.goesOn {
			t.Errorf("%q: goes on: got %v, want %v", c.in, got, c.goesOn)
		}
	}
}

func TestRestore_ReturnsTheCodeOfTheLastLine(t *testing.T) {
	for in, want := range map[string]int{
		"-D -f 1\n-C\n": 0, "-C\n-D -f 1\n": 255, "-C\n-D -f 1": 255, "-D -f 1\n\n#\n": 255,
	} {
		if _, _, code := run(&memory{}, "-R", in); code != want {
			t.Errorf("%q: got %d, want %d", in, code, want)
		}
	}
}

// Changes that are made together have the same result as changes made one by one: the same
// output, exit code and services.
func TestRestore_MakesChangesTogetherAsOneByOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		var lines strings.Builder
		for range r.IntN(60) {
			s, d := r.IntN(4), r.IntN(4)
			line := [...]string{"-A -f %d", "-A -f %d -s rr", "-E -f %d -s sh", "-D -f %d", "-C", "-Z -f %d", "-A", "-A -k"}
			if n := r.IntN(40); n < len(line) {
				lines.WriteString(strings.ReplaceAll(line[n], "%d", strconv.Itoa(s+1)) + "\n")
				continue
			}
			fmt.Fprintf(&lines, "-%s -f %d -r 10.0.0.%d\n", []string{"a", "a", "a", "d", "e"}[r.IntN(5)], s+1, d+1)
		}
		together, alone := &memory{}, &memory{alone: true}
		for _, d := range []*memory{together, alone} {
			must(t, d, "-A -f 1\n-A -f 2\n")
		}
		out, errs, code := run(together, "-R", lines.String())
		wantOut, wantErrs, wantCode := run(alone, "-R", lines.String())
		if out != wantOut || errs != wantErrs || code != wantCode {
			t.Errorf("round %d:\n%s got %d %q\nwant %d %q", round, lines.String(), code, errs, wantCode, wantErrs)
		}
		if diff := cmp.Diff(alone.services, together.services, cmpopts.EquateEmpty(), cmpopts.EquateComparable(service.Key{}, packet.Addr{})); diff != "" {
			t.Errorf("round %d:\n%s services (-one by one +together):\n%s", round, lines.String(), diff)
		}
	}
}

func TestRestore_AsksSeldom(t *testing.T) {
	d := &memory{}
	lines := "-A -f 1\n"
	for i := range 1000 {
		lines += fmt.Sprintf("-a -f 1 -r 10.0.%d.%d\n", i/250, i%250)
	}
	must(t, d, lines)
	if d.asked != 1 || len(d.services[0].Servers) != 1000 {
		t.Errorf("%d servers, changes asked for %d times; want 1000 and once", len(d.services[0].Servers), d.asked)
	}
	if _, _, code := run(d, "-R", lines); code != 255 || d.asked > 2+1 {
		t.Errorf("all once more: code %d, changes asked for %d times more; want 255 and hardly ever together", code, d.asked-1)
	}
}

// Who writes line by line sees each line done before the next one.
func TestRestore_DoesNotWaitForMore(t *testing.T) {
	d := &memory{}
	in, out := io.Pipe()
	ended := make(chan int)
	go func() {
		ended <- ipvsadm.Execute(rules.Command{Verb: rules.Restore}, d, in, io.Discard, io.Discard)
	}()
	for i := range 3 {
		if _, err := fmt.Fprintf(out, "-A -f %d\n", i+1); err != nil {
			t.Fatal(err)
		}
		// The next read comes after what this line asked for.
		if _, err := out.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		if n := len(d.services); n != i+1 {
			t.Fatalf("%d services after %d lines", n, i+1)
		}
	}
	out.Close()
	if code := <-ended; code != 0 {
		t.Errorf("code %d", code)
	}
}

func TestRestore_ReadsLinesOfAnyLength(t *testing.T) {
	d := &memory{}
	must(t, d, "-A -f 1"+strings.Repeat(" ", 1<<20)+"-s rr\n")
	if s := d.find(mark(1)); s == nil || s.Scheduler != "rr" {
		t.Errorf("got %+v, want mark 1 with rr", s)
	}
}

// Rules that were saved and restored are the same, except for thresholds and the order in
// which servers were added.
func TestSave_RestoresToTheSame(t *testing.T) {
	first, second := &memory{}, &memory{}
	must(t, first, rulestest.Saved)
	out, _, code := run(first, "-Sn", "")
	if code != 0 {
		t.Fatalf("-Sn: %d", code)
	}
	must(t, second, out)
	again, _, _ := run(second, "-S -n", "")
	if diff := cmp.Diff(out, again); diff != "" {
		t.Errorf("rulestest.Saved again (-want +got):\n%s", diff)
	}
	if got, want := len(second.services), len(first.services); got != want {
		t.Errorf("%d services, want %d", got, want)
	}
}

// FuzzShell gives arbitrary lines to -R. Afterwards the saved rules can be restored to the
// same rules, and every listing works.
func FuzzShell(f *testing.F) {
	f.Add(rulestest.Saved)
	f.Add("ipvsadm -A -f 1\n-a -f 1 -r 10.0.0.1:http -m\n-Lc\n-E -f 1 -p -M 255.0.255.0\n-d -f 1 -r 10.0.0.1\n-Z\n")
	f.Add("-A -u 192.0.2.10:53 -o\n--set 0 0 1\n-L --stats --exact\n-S\n-R\n-h")
	f.Fuzz(func(t *testing.T, lines string) {
		d := &memory{connections: []control.Connection{{}}}
		if _, _, code := run(d, "-R", lines); code != 0 && code != 1 && code != 2 && code != 255 {
			t.Fatalf("%q: code %d", lines, code)
		}
		out, _, _ := run(d, "-Sn", "")
		second := &memory{}
		if _, errs, code := run(second, "-R", out); code != 0 || errs != "" {
			t.Fatalf("%q rulestest.Saved as %q: %d %s", lines, out, code, errs)
		}
		if again, _, _ := run(second, "-Sn", ""); again != out {
			t.Errorf("%q rulestest.Saved as %q, then as %q", lines, out, again)
		}
		for _, view := range []string{"-L", "-Ln --nosort", "-L --stats", "-L --rate --exact", "-L --thresholds",
			"-L --persistent-conn", "-L --tun-info", "-Lc", "-Lcn --persistent-conn", "-L --timeout", "-L --daemon"} {
			if _, errs, code := run(d, view, ""); code != 0 || errs != "" {
				t.Errorf("%s: %d %s", view, code, errs)
			}
		}
	})
}
