package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"director/control"
	"director/control/api"
	"director/internal/cli"
)

// diffVerb shows what differs from the configuration.
func diffVerb() cli.Verb {
	fs := cli.NewFlags()
	socket := fs.String("control", controlSocket(), "the unix socket of the director's control API")
	asJSON := fs.Bool("json", false, "print the answer of the API")
	return cli.Verb{
		Use: "diff [flags]", Summary: "show what runs against what the flags files say",
		About: diffAbout, Flags: cli.Flags(fs),
		Run: func(std cli.IO) int {
			client := api.Open(*socket)
			defer client.Close()
			var d api.Diff
			err := client.Get(context.Background(), "/v1/diff", &d)
			if err == nil && *asJSON {
				out := json.NewEncoder(std.Out)
				out.SetIndent("", "  ")
				err = out.Encode(d)
			} else if err == nil {
				writeDiff(std.Out, &d)
			}
			if err == nil && d.FilesError != "" {
				err = errors.New("the flags files cannot be compared: " + d.FilesError)
			}
			switch {
			case err != nil:
				fmt.Fprintln(std.Err, err)
				return diffTrouble
			case len(d.Runtime)+len(d.Files) > 0:
				return diffFound
			}
			return cli.OK
		},
	}
}

// The exit codes of director diff are those of diff(1).
const (
	diffFound   = 1
	diffTrouble = 2
)

const diffAbout = "Prints the rules and settings in which the running director differs from its configuration.\n" +
	"First come the changes that ctl and the API have made since the last load: a line with - is\n" +
	"what was loaded, a line with + is what runs. Then come the changes of the flags files that\n" +
	"are not loaded yet: a line with - is what was loaded, a line with + is in the files. Without\n" +
	"a difference it prints nothing. The exit status is that of diff(1): 0 without a difference,\n" +
	"1 with one, 2 if there is no answer or the flags files cannot be compared."

// writeDiff prints a diff for people.
func writeDiff(w io.Writer, d *api.Diff) {
	part := func(title string, all []control.Difference) {
		if len(all) > 0 {
			fmt.Fprintln(w, title)
		}
		for i := range all {
			for _, line := range all[i].From {
				fmt.Fprintln(w, "- "+line)
			}
			for _, line := range all[i].To {
				fmt.Fprintln(w, "+ "+line)
			}
		}
	}
	part("# changed at run time (- loaded, + runs):", d.Runtime)
	part("# changed in the flags files, not loaded yet (- loaded, + files):", d.Files)
}

// reloadVerb makes the running director read its flags files again.
func reloadVerb() cli.Verb {
	fs := cli.NewFlags()
	socket := fs.String("control", controlSocket(), "the unix socket of the director's control API")
	drop := fs.Bool("drop-runtime", false, "drop the changes that ctl and the API have made since the last load")
	return cli.Verb{
		Use: "reload [flags]", Summary: "make the running director read its flags files again",
		Flags: cli.Flags(fs),
		Run: func(std cli.IO) int {
			client := api.Open(*socket)
			defer client.Close()
			err := client.Do(context.Background(), http.MethodPost, "/v1/reload", api.Reload{DropRuntime: *drop}, nil)
			if err == nil {
				return cli.OK
			}
			fmt.Fprintln(std.Err, err)
			if refused, ok := errors.AsType[*api.Error](err); ok && refused.Code == "not-reloaded" {
				return cli.Usage
			}
			return cli.Failed
		},
	}
}
