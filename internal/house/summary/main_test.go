package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// run feeds events, one per line, and returns what was printed and the verdict.
func run(t *testing.T, strict bool, events ...string) (string, bool) {
	t.Helper()
	var out strings.Builder
	s := newSummary(&out)
	if err := s.read(strings.NewReader(strings.Join(events, "\n") + "\n")); err != nil {
		t.Fatal(err)
	}
	ok := s.finish(strict)
	return out.String(), ok
}

func output(test, text string) string {
	return fmt.Sprintf(`{"Action":"output","Package":"p","Test":%q,"Output":%q}`, test, text)
}

func end(action, test string) string {
	return fmt.Sprintf(`{"Action":%q,"Package":"p","Test":%q}`, action, test)
}

// skipped are the events of a skipped test.
func skipped(test, why string) []string {
	return []string{
		output(test, "=== RUN   "+test+"\n"),
		output(test, "    x_test.go:7: "+why+"\n"),
		output(test, "--- SKIP: "+test+" (0.00s)\n"),
		end("skip", test),
	}
}

func passed(test string) []string {
	return []string{output(test, "=== RUN   "+test+"\n"), output(test, "--- PASS: "+test+"\n"), end("pass", test)}
}

// okay ends the package.
var okay = []string{output("", "PASS\n"), output("", "ok  \tp\t0.1s\n"), end("pass", "")}

func join(parts ...[]string) (all []string) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func TestSummary_ShowsTheVerdictOfAPackage(t *testing.T) {
	got, ok := run(t, true, join(passed("TestA"), okay)...)
	if diff := cmp.Diff("ok  \tp\t0.1s\nok: 1 tests ran, 0 failed, 0 skipped\n", got); diff != "" || !ok {
		t.Errorf("verdict %v, output (-want +got):\n%s", ok, diff)
	}
}

func TestSummary_ShowsWhatFailed(t *testing.T) {
	got, ok := run(t, false, join(passed("TestA"), []string{
		output("TestB", "=== RUN   TestB\n"),
		output("TestB", "    x_test.go:9: got 1, want 2\n"),
		output("TestB", "--- FAIL: TestB (0.00s)\n"),
		end("fail", "TestB"),
		output("TestD/one", "--- FAIL: TestD/one (0.00s)\n"),
		end("fail", "TestD/one"),
		end("pass", "TestD/two"),
		end("fail", "TestD"),
		output("TestC", "=== RUN   TestC\n"),
		output("TestC", "panic: oh\n"),
		output("", "FAIL\tp\t0.1s\n"),
		end("fail", ""),
	})...)
	want := "    x_test.go:9: got 1, want 2\n--- FAIL: TestB (0.00s)\n--- FAIL: TestD/one (0.00s)\npanic: oh\nFAIL\tp\t0.1s\n" +
		"failed: p TestB\nfailed: p TestC: it did not end\nfailed: p TestD/one\nFAIL: 5 tests ran, 3 failed, 0 skipped\n"
	if diff := cmp.Diff(want, got); diff != "" || ok {
		t.Errorf("verdict %v, output (-want +got):\n%s", ok, diff)
	}
}

func TestSummary_FailsWhenSomethingDoesNotBuild(t *testing.T) {
	got, ok := run(t, false, join([]string{
		`{"ImportPath":"q","Action":"build-output","Output":"q.go:1: syntax error\n"}`,
		`{"ImportPath":"q","Action":"build-fail"}`,
		`{"Package":"q","Action":"fail","FailedBuild":"q"}`,
		"go: some message",
	}, okay)...)
	want := "q.go:1: syntax error\ngo: some message\nok  \tp\t0.1s\nfailed: q: it does not build\nFAIL: 0 tests ran, 1 failed, 0 skipped\n"
	if diff := cmp.Diff(want, got); diff != "" || ok {
		t.Errorf("verdict %v, output (-want +got):\n%s", ok, diff)
	}
}

// A package may fail although its tests pass: a race that is found late, or an exit.
func TestSummary_NamesAPackageThatFailsByItself(t *testing.T) {
	got, ok := run(t, false, join(passed("TestA"), []string{output("", "exit status 66\n"), end("fail", "")})...)
	want := "exit status 66\nfailed: p: none of its tests failed, but the package did\nFAIL: 1 tests ran, 1 failed, 0 skipped\n"
	if diff := cmp.Diff(want, got); diff != "" || ok {
		t.Errorf("verdict %v, output (-want +got):\n%s", ok, diff)
	}
}

func TestSummary_FailsWhenNothingRan(t *testing.T) {
	if got, ok := run(t, false, "go: cannot find main module"); ok || !strings.HasSuffix(got, "FAIL: no tests ran at all: 0 tests ran, 0 failed, 0 skipped\n") {
		t.Errorf("verdict %v, output:\n%s", ok, got)
	}
}

func TestSummary_ListsSkipsWithReasons(t *testing.T) {
	const line = "skipped: p TestA: needs root: makes namespaces\n"
	for _, c := range []struct {
		name   string
		strict bool
		events []string
		lists  bool
		ok     bool
	}{
		{"without root", false, skipped("TestA", "needs root: makes namespaces"), true, true},
		{"as root", true, skipped("TestA", "needs root: makes namespaces"), true, false},
		{"ran in another pass", true, join(skipped("TestA", "needs root: makes namespaces"), okay, passed("TestA")), false, true},
	} {
		got, ok := run(t, c.strict, join(c.events, okay)...)
		if ok != c.ok || strings.Contains(got, line) != c.lists {
			t.Errorf("%s: verdict %v, want %v, output:\n%s", c.name, ok, c.ok, got)
		}
	}
}

func TestSummary_ExcusesWhatTheKernelLacks(t *testing.T) {
	got, ok := run(t, true, join(skipped("TestA", "this kernel has no ipip device"), okay)...)
	if want := "skipped: p TestA: this kernel has no ipip device\n"; !ok || !strings.Contains(got, want) {
		t.Errorf("verdict %v, output:\n%s", ok, got)
	}
}
