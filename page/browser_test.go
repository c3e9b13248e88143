package page_test

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

// browser is a tab of a Chromium, and what went wrong there.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	errors   []string // of the console, of scripts, of loading
	requests []string // addresses that were asked for
}

// startChromium starts one without tabs of ours, or skips the test where there is
// none.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Env("TMPDIR="+t.TempDir()), // where it leaves a directory when it is killed
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

// newTab opens a tab, which is closed with the test.
func newTab(t *testing.T, chromium context.Context) *browser {
	t.Helper()
	ctx, leave := chromedp.NewContext(chromium)
	t.Cleanup(leave)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("chromium opens no tab: %v", err)
	}
	send(b, log.Enable, cdp.Empty{})
	send(b, network.Enable, network.EnableParams{})
	send(b, runtime.Enable, cdp.Empty{})
	return b
}

func (b *browser) hear(event any) {
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

// send sends a command of the DevTools protocol.
func send[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

// do runs actions one after the other; one that fails ends the test.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

// eval returns what an expression is.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// await waits until an expression is true.
func (b *browser) await(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression)); err != nil {
		b.t.Fatalf("waiting for %s: %v", expression, err)
	}
}

// screen sets the size of the screen, in pixels as style sheets count them, and
// whether the reader likes it dark.
func (b *browser) screen(width, height int64, phone, dark bool) {
	b.t.Helper()
	scale, scheme := 1.0, "light"
	if phone {
		scale = 2
	}
	if dark {
		scheme = "dark"
	}
	send(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: scale, Mobile: phone,
	})
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// keep keeps a picture of the whole page, or of what is on the screen, where the
// test's artefacts are kept: go test -artifacts.
func (b *browser) keep(name string, whole bool) {
	b.t.Helper()
	if flag.Lookup("test.artifacts").Value.String() != "true" {
		return
	}
	take := chromedp.CaptureScreenshot()
	if whole {
		take = chromedp.FullScreenshot(100)
	}
	picture, err := chromedp.Run(b.ctx, take)
	if err != nil {
		b.t.Fatalf("picture of the page: %v", err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// fits fails the test if the page is wider than the screen.
func (b *browser) fits(on string) {
	b.t.Helper()
	if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		b.t.Errorf("%s the page is %d pixels too wide", on, over)
	}
}

// clean fails the test if anything went wrong, or anybody but the servers was asked.
func (b *browser) clean(servers ...*httptest.Server) {
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
