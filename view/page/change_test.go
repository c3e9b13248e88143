package page_test

import (
	"fmt"
	"strings"
	"testing"

	"director/control"
	"director/view/page"
)

// The page shows what was changed at run time, and not more than a reader would read.
func TestPage_ShowsWhatWasChangedAtRunTime(t *testing.T) {
	s := newSource(1, 1)
	p := newPage(t, s)
	if got := words(get(t, p, "/")); strings.Contains(got, "Changed at run time") {
		t.Errorf("without a change:\n%s", got)
	}
	change := func(n int) control.Difference {
		return control.Difference{Change: "edit-server", From: []string{fmt.Sprintf("-a -t 192.0.2.10:80 -r 10.0.0.%d:80 -m -w 1", n)},
			To: []string{fmt.Sprintf("-a -t 192.0.2.10:80 -r 10.0.0.%d:80 -m -w 0", n)}}
	}
	added := control.Difference{Change: "add-service", From: []string{}}
	for n := range 100 {
		added.To = append(added.To, fmt.Sprintf("-a %d", n))
	}
	for _, c := range []struct {
		changes []control.Difference
		want    []string
		more    bool
	}{
		{[]control.Difference{change(1)}, []string{"edit server| -a -t 192.0.2.10:80 -r 10.0.0.1:80 -m -w 1| -a -t 192.0.2.10:80 -r 10.0.0.1:80 -m -w 0|"}, false},
		{[]control.Difference{added}, []string{"add service|| -a 0 -a 1 -a 2 -a 3 -a 4 -a 5 and 94 more|"}, false},
		{many(change, page.MostChanges), []string{"10.0.0.49:80"}, false},
		{many(change, page.MostChanges+5), []string{"10.0.0.49:80"}, true},
	} {
		p := newPage(t, s)
		s.change(func(s *source) { s.changes = c.changes })
		got := words(get(t, p, "/"))
		for _, want := range append(c.want, "director diff") {
			if !strings.Contains(got, want) {
				t.Errorf("the page lacks %q:\n%s", want, got)
			}
		}
		if more := strings.Contains(got, "There are more changes."); more != c.more || strings.Contains(got, "10.0.0.50:80") {
			t.Errorf("%d changes: more: %v, want %v:\n%s", len(c.changes), more, c.more, got)
		}
	}
}

// many returns the first n of what each makes.
func many(each func(int) control.Difference, n int) (all []control.Difference) {
	for i := range n {
		all = append(all, each(i))
	}
	return all
}

// Services that were removed at run time are an alert, also if nothing runs any more.
func TestPage_AlertsOfServicesThatWereRemoved(t *testing.T) {
	for _, services := range []int{0, 1} {
		for n, want := range map[int]string{1: "▲ 1 service of the flags files does not run", 3: "▲ 3 services of the flags files do not run"} {
			s := newSource(1, 1)
			s.services = s.services[:services]
			s.figures.Removed = n
			got := words(get(t, newPage(t, s), "/"))
			if want += " removed at run time: director diff shows it,"; !strings.Contains(got, want) || strings.Contains(got, "Nothing to look at") {
				t.Errorf("the page lacks %q, or says that there is nothing to look at:\n%s", want, got)
			}
		}
	}
}

// Changes that are lost with the director are an alert.
func TestPage_AlertsWhileTheJournalFails(t *testing.T) {
	s := newSource(1, 1)
	s.figures.JournalError = "no space left on device"
	got := words(get(t, newPage(t, s), "/"))
	if want := "✕ Run-time changes are not safe the journal cannot be written: no space left on device"; !strings.Contains(got, want) {
		t.Errorf("the page lacks %q:\n%s", want, got)
	}
}
