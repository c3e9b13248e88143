package cli_test

import (
	"io"
	"sync"
	"testing"

	"director/internal/cli"
)

// Several command lines may run in one process at a time; the race detector watches.
func TestProgram_RunsSeveralCommandLinesAtATime(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			p := &cli.Program{Name: "p", Path: "p", Verbs: []cli.Verb{{
				Use: "v", Summary: "does nothing", Run: func(cli.IO) int { return cli.OK },
			}}}
			for range 20 {
				if code := p.Run([]string{"v"}, cli.IO{Out: io.Discard, Err: io.Discard}); code != cli.OK {
					t.Errorf("exit code %d", code)
				}
			}
		})
	}
	all.Wait()
}
