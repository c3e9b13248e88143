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

// serve starts a server for a page.
func serve(t *testing.T, html string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, html) }))
	t.Cleanup(s.Close)
	return s
}

// Without scripts and without other files the page shows every figure, as wide as
// the screen and no wider, in readable letters. This is tested with complete data
// and with the data of the committed report.
func TestReport_InABrowser(t *testing.T) {
	chromium := browsertest.Start(t)
	for name, d := range map[string]*paper.Data{"kept": kept(t), "whole": dataOf(wholeRun())} {
		t.Run(name, func(t *testing.T) { looksRight(t, browsertest.Tab(t, chromium), d, name == "whole") })
	}
}

// looksRight checks a report on a desktop and a phone screen, in the light or the
// dark theme.
func looksRight(t *testing.T, b *browsertest.Browser, d *paper.Data, night bool) {
	s := serve(t, written(t, d))
	browsertest.Send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	for name, width := range map[string]int64{"wide": 1280, "phone": 400} {
		b.Screen(width, 900, width < 600, night)
		b.Do(chromedp.Navigate(s.URL + "/"))
		widths := browsertest.Eval[map[string]float64](b, `Object.fromEntries([...document.querySelectorAll('figure')].map(f =>
			[f.id, Math.max(0, ...[...f.querySelectorAll('.plot svg')].map(e => e.getBoundingClientRect()).map(r => r.height && r.width))]))`)
		for _, f := range paper.Figures(&d.Run) {
			if widths[f.ID] < 250 {
				t.Errorf("%s: %s is %v pixels wide", name, f.ID, widths[f.ID])
			}
		}
		b.Fits("on a screen that is " + name)
		const letters = `Math.min(...[...document.querySelectorAll('.plot svg text')].map(e => e.getBoundingClientRect()).filter(r => r.width).map(r => Math.min(r.width, r.height)))`
		if height := browsertest.Eval[float64](b, letters); height < 5 {
			t.Errorf("%s: the smallest text of a plot is %v pixels", name, height)
		}
		b.Keep(name+".png", true)
	}
	b.Clean(s)
}
