package report_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"director/bench/paper"
)

// browser is a tab of a Chromium, and what it complained of and asked for.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	asked      []string
}

// startBrowser starts one, or skips the test where there is none.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Env("TMPDIR="+t.TempDir()), // where it leaves a directory when it is killed
		chromedp.NoFirstRun, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
	)
	t.Cleanup(stop)
	b := &browser{t: t}
	var leave func()
	b.ctx, leave = chromedp.NewContext(ctx)
	t.Cleanup(leave)
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	if err := chromedp.Listen(b.ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	send(b, log.Enable, cdp.Empty{})
	send(b, network.Enable, network.EnableParams{})
	send(b, runtime.Enable, cdp.Empty{})
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	return b
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console: "+string(e.Type))
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	}
}

// send sends a command of the DevTools protocol.
func send[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// screen sets the width, in pixels as style sheets count them, and whether the
// reader likes it dark.
func (b *browser) screen(width int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	send(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 600})
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// keep keeps a picture of the whole page among the test's artefacts: go test
// -artifacts.
func (b *browser) keep(name string) {
	b.t.Helper()
	if flag.Lookup("test.artifacts").Value.String() != "true" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatalf("picture of the page: %v", err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

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
	b := startBrowser(t)
	for _, screen := range []struct {
		name  string
		width int64
		dark  bool
	}{{"wide", 1280, false}, {"wide-dark", 1280, true}, {"phone", 400, false}, {"phone-dark", 400, true}} {
		b.screen(screen.width, screen.dark)
		if err := chromedp.Do(b.ctx, chromedp.Navigate(s.URL+"/")); err != nil {
			t.Fatal(err)
		}
		for _, f := range paper.Figures(&d.Run) {
			width := eval[float64](b, `Math.max(0, ...[...document.querySelectorAll('#`+f.ID+` .plot svg')].map(e => e.getBoundingClientRect().height && e.getBoundingClientRect().width))`)
			if width < 250 {
				t.Errorf("%s: %s is %v pixels wide", screen.name, f.ID, width)
			}
		}
		if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%s: the page is %d pixels too wide", screen.name, over)
		}
		const letters = `Math.min(...[...document.querySelectorAll('.plot svg text')].map(e => e.getBoundingClientRect()).filter(r => r.width).map(r => Math.min(r.width, r.height)))`
		if height := eval[float64](b, letters); height < 5 {
			t.Errorf("%s: the smallest text of a plot is %v pixels", screen.name, height)
		}
		b.keep(screen.name + ".png")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		t.Errorf("the browser complains: %s", c)
	}
	if len(b.asked) == 0 {
		t.Error("the browser has asked nothing: does the test hear it?")
	}
	for _, url := range b.asked {
		if !strings.HasPrefix(url, s.URL+"/") && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page asks %s", url)
		}
	}
}
