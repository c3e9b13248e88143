package manual_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/internal/cli"
	"director/packaging/manual"
)

// small is a program with a verb that has flags of all kinds.
func small() *cli.Program {
	own, others := cli.NewFlags(), cli.NewFlags()
	own.String("io", "auto", "how; it's `auto|xdp` the best")
	own.StringP("from", "f", "", ".begin `FILE`")
	own.Bool("force", false, "now")
	own.String("secret", "", "")
	_ = own.MarkHidden("secret")
	others.String("list", "", `"which" ones [all] `+"`all|LIST`")
	others.String("quick", "true", "soon `bool`")
	others.Lookup("quick").NoOptDefVal = "true"
	return &cli.Program{Name: "director", Path: "director", Verbs: []cli.Verb{
		{Use: "go [flags]\ngo --from FILE", Summary: ".begin at once", About: ".first\nsecond", Text: "Usage:\n  -A  add\n",
			Flags: []cli.Group{{Flags: own}, {Title: "Others", Flags: others}}},
		{Use: "sub VERB [flags]", Summary: "more", Verbs: []cli.Verb{
			{Use: "here", Summary: "a verb of sub"}, {Use: "there", Summary: "of another program", Elsewhere: true},
		}},
	}}
}

func written(t *testing.T, m *manual.Manual) string {
	t.Helper()
	dir := t.TempDir()
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func page(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "man8", name+".8"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWrite_PagesMeanWhatTheVerbsSay(t *testing.T) {
	dir := written(t, &manual.Manual{Program: small(), Summary: "a program", Links: map[string]string{"old": "director-go"}, Sections: []manual.Section{
		{Words: "director go", Title: "DESCRIPTION", Items: [][2]string{{"", "third"}}},
		{Words: "director sub", Title: "ELSEWHERE"},
		{Title: "FILES", Items: [][2]string{{"/a-b", "a 'file'"}}},
	}})
	want := `.TH DIRECTOR\-GO 8 "" director "System Administration"
.SH NAME
director\-go \- .begin at once
.SH SYNOPSIS
.B director go
[flags]
.br
.B director go
\-\-from FILE
.SH DESCRIPTION
\&.first
second
.PP
third
.SH OPTIONS
.TP
\fB\-\-io\fR=\fIauto|xdp\fR
how; it\(aqs auto|xdp the best (default \(dqauto\(dq)
.TP
\fB\-f\fR, \fB\-\-from\fR=\fIFILE\fR
\&.begin FILE
.TP
\fB\-\-force\fR
now
.SS Others
.TP
\fB\-\-list\fR=\fIall|LIST\fR
\(dqwhich\(dq ones [all] all|LIST
.TP
\fB\-\-quick\fR[=\fItrue|false\fR]
soon bool (default \(dqtrue\(dq)
.SH COMMANDS
.nf
Usage:
  \-A  add
.fi
.SH FILES
.TP
.B /a\-b
a \(aqfile\(aq
.SH SEE ALSO
.BR director (8)
`
	if diff := cmp.Diff(want, page(t, dir, "director-go")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := page(t, dir, "old"); got != ".so man8/director-go.8\n" {
		t.Errorf("the link is %q", got)
	}
}

func TestWrite_PagesAreThoseOfTheProgramsOwnVerbs(t *testing.T) {
	names := func(m *manual.Manual) (all []string) {
		files, err := filepath.Glob(filepath.Join(written(t, m), "man8", "*.8"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			all = append(all, strings.TrimSuffix(filepath.Base(f), ".8"))
		}
		return all
	}
	want := []string{"director-go", "director-sub-here", "director-sub", "director"}
	if diff := cmp.Diff(want, names(&manual.Manual{Program: small(), Summary: "a program"})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"director-go", "director-sub"}, names(&manual.Manual{Program: small()})); diff != "" {
		t.Errorf("without a page for the program, verbs without flags have none: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want[:3], names(&manual.Manual{Program: small(), Summary: "a program", Without: []string{"director"}})); diff != "" {
		t.Errorf("another program has the page director: -want +got:\n%s", diff)
	}
}
