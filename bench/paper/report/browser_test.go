package report_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"director/bench/paper"
	"director/internal/browsertest"
)

// serve serves a page.
func serve(t *testing.T, html string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, html) }))
	t.Cleanup(s.Close)
	return s
}

// Without scripts and by nothing but itself the page shows every figure, as wide as
// the screen and no wider, in letters that can be read: that of data that lacks
// nothing, and the one that is kept.
func TestReport_InABrowser(t *testing.T) {
	for name, d := range map[string]*paper.Data{"whole": dataOf(wholeRun()), "kept": kept(t)} {
		t.Run(name, func(t *testing.T) { looksRight(t, d) })
	}
}

func looksRight(t *testing.T, d *paper.Data) {
	s := serve(t, written(t, d))
	b := browsertest.Tab(t, browsertest.Start(t))
	browsertest.Send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	for _, screen := range []struct {
		name  string
		width int64
		dark  bool
	}{{"wide", 1280, false}, {"wide-dark", 1280, true}, {"phone", 400, false}, {"phone-dark", 400, true}} {
		b.Screen(screen.width, 900, screen.width < 600, screen.dark)
		b.Do(chromedp.Navigate(s.URL + "/"))
		for _, f := range paper.Figures(&d.Run) {
			width := browsertest.Eval[float64](b, `Math.max(0, ...[...document.querySelectorAll('#`+f.ID+` .plot svg')].map(e => e.getBoundingClientRect().height && e.getBoundingClientRect().width))`)
			if width < 250 {
				t.Errorf("%s: %s is %v pixels wide", screen.name, f.ID, width)
			}
		}
		b.Fits("on a screen that is " + screen.name)
		const letters = `Math.min(...[...document.querySelectorAll('.plot svg text')].map(e => e.getBoundingClientRect()).filter(r => r.width).map(r => Math.min(r.width, r.height)))`
		if height := browsertest.Eval[float64](b, letters); height < 5 {
			t.Errorf("%s: the smallest text of a plot is %v pixels", screen.name, height)
		}
		b.Keep(screen.name+".png", true)
	}
	b.Clean(s)
}
