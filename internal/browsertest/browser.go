// Package browsertest lets tests load pages in a real browser. It is a headless Chromium,
// which is controlled over a pipe. Tests are skipped if it is not installed.
package browsertest

import (
	"context"
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
)

// Browser is a tab of Chromium. It collects the errors and requests of the tab. If a method
// fails, it ends the test.
type Browser struct {
	Context context.Context // chromedp's, of the tab

	t *testing.T

	mu       sync.Mutex
	errors   []string // of the console, of scripts, of loading
	requests []string // addresses that were asked for
}

// Start starts Chromium without a tab. It skips the test if Chromium is not installed.
func Start(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Env("TMPDIR="+t.TempDir()), // if it is killed, it leaves a directory there
		chromedp.NoFirstRun, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
	)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(ctx)
	t.Cleanup(leave)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return ctx
}

// Tab opens a tab. It is closed at the end of the test.
func Tab(t *testing.T, chromium context.Context) *Browser {
	t.Helper()
	ctx, leave := chromedp.NewContext(chromium)
	t.Cleanup(leave)
	b := &Browser{t: t, Context: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("chromium opens no tab: %v", err)
	}
	Send(b, log.Enable, cdp.Empty{})
	Send(b, network.Enable, network.EnableParams{})
	Send(b, runtime.Enable, cdp.Empty{})
	return b
}

func (b *Browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.errors = append(b.errors, "log: "+e.Entry.Text+" "+e.Entry.URL)
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, "console: "+string(e.Type))
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// Send sends a command of the DevTools protocol.
func Send[P, R any](b *Browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.Context, command, params); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

// Do runs actions one after the other. An action that fails ends the test.
func (b *Browser) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.Context, actions...); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

// Eval returns the value of an expression.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.Context, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Await waits until an expression is true.
func (b *Browser) Await(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.Context, chromedp.Poll[bool](expression)); err != nil {
		b.t.Fatalf("waiting for %s: %v", expression, err)
	}
}

// Screen sets the size of the screen in CSS pixels, and whether the user prefers a dark
// colour scheme.
func (b *Browser) Screen(width, height int64, phone, dark bool) {
	b.t.Helper()
	scale, scheme := 1.0, "light"
	if phone {
		scale = 2
	}
	if dark {
		scheme = "dark"
	}
	Send(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: scale, Mobile: phone,
	})
	Send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// Keep stores a screenshot of the whole page, or of its visible part, as an artefact of the
// test: go test -artifacts.
func (b *Browser) Keep(name string, whole bool) {
	b.t.Helper()
	if flag.Lookup("test.artifacts").Value.String() != "true" {
		return
	}
	take := chromedp.CaptureScreenshot()
	if whole {
		take = chromedp.FullScreenshot(100)
	}
	picture, err := chromedp.Run(b.Context, take)
	if err != nil {
		b.t.Fatalf("picture of the page: %v", err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Fits fails the test if the page is wider than the screen.
func (b *Browser) Fits(on string) {
	b.t.Helper()
	if over := Eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		b.t.Errorf("%s the page is %d pixels too wide", on, over)
	}
}

// Clean fails the test if there were errors, or requests to other addresses than those of
// the servers.
func (b *Browser) Clean(servers ...*httptest.Server) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.errors {
		b.t.Errorf("the browser complains: %s", e)
	}
	asked := 0
	for _, url := range b.requests {
		ours := slices.ContainsFunc(servers, func(s *httptest.Server) bool { return strings.HasPrefix(url, s.URL+"/") })
		if ours {
			asked++
		} else if !strings.HasPrefix(url, "data:") {
			b.t.Errorf("the page asks %s", url)
		}
	}
	if asked == 0 {
		b.t.Error("the browser has asked nothing: does the test hear it?")
	}
}
