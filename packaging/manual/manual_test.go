package manual_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/packaging/manual"
)

// said is what the commands of a small program say to --help; "version" takes no
// notice, and "help" prints the list.
var said = map[string]string{
	"":     "It does things.\n\nUsage: director VERB [flags]\n\n  go      .begin at once\n  sub     more\n  version  print it\n  help    print this list\n",
	"help": "It does things.\n\nUsage: director VERB [flags]\n\n  go      begin\n",
	"go": `Usage: director go [flags]

      --io auto|xdp           how; it's the best (default auto)
  -f, --from FILE             where from
      --quick[=true|false]    "soon"
      --force                 now

Others:

      --list all|LIST         which ones [all]
`,
	"version":   "version 1\n",
	"sub":       "Usage: director sub VERB [flags]\n\n  rules   as elsewhere\n",
	"sub rules": "Usage:\n  rules -A [options]\n\n  -A   add\n",
}

func help(words ...string) string { return said[strings.Join(words, " ")] }

func TestRead_FindsVerbsAndFlags(t *testing.T) {
	got := manual.Read(help)
	want := &manual.Page{
		Words: []string{"director"}, Usage: "director VERB [flags]",
		Blocks: []manual.Block{{Lines: []string{"It does things."}}},
		Verbs: []*manual.Page{
			{Words: []string{"director", "go"}, Summary: ".begin at once", Usage: "director go [flags]", Blocks: []manual.Block{
				{Flags: []manual.Flag{
					{Name: "io", Kind: "auto|xdp", About: "how; it's the best (default auto)"},
					{Short: "f", Name: "from", Kind: "FILE", About: "where from"},
					{Name: "quick", Kind: "[true|false]", About: `"soon"`},
					{Name: "force", About: "now"},
				}},
				{Title: "Others", Flags: []manual.Flag{{Name: "list", Kind: "all|LIST", About: "which ones [all]"}}},
			}},
			{Words: []string{"director", "sub"}, Summary: "more", Usage: "director sub VERB [flags]", Verbs: []*manual.Page{
				{Words: []string{"director", "sub", "rules"}, Summary: "as elsewhere", Blocks: []manual.Block{
					{Title: "Usage", Lines: []string{"  rules -A [options]", "", "  -A   add"}},
				}},
			}},
			{Words: []string{"director", "version"}, Summary: "print it"},
			{Words: []string{"director", "help"}, Summary: "print this list"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRoff_MeansWhatItSays(t *testing.T) {
	page := manual.Read(help).Verbs[0]
	got := page.Roff([]manual.Section{
		{Words: "director go", Title: "DESCRIPTION", Items: [][2]string{{"", ".first"}, {"", "second"}}},
		{Words: "director sub", Title: "ELSEWHERE"},
		{Title: "FILES", Items: [][2]string{{"/a-b", "a 'file'"}}},
	})
	want := `.TH DIRECTOR\-GO 8 "" director "System Administration"
.SH NAME
director\-go \- .begin at once
.SH SYNOPSIS
.B director go
[flags]
.SH DESCRIPTION
\&.first
.PP
second
.SH OPTIONS
.TP
\fB\-\-io\fR=\fIauto|xdp\fR
how; it\(aqs the best (default auto)
.TP
\fB\-f\fR, \fB\-\-from\fR=\fIFILE\fR
where from
.TP
\fB\-\-quick\fR[=\fItrue|false\fR]
\(dqsoon\(dq
.TP
\fB\-\-force\fR
now
.SS Others
.TP
\fB\-\-list\fR=\fIall|LIST\fR
which ones [all]
.SH FILES
.TP
.B /a\-b
a \(aqfile\(aq
.SH SEE ALSO
.BR director (8)
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
