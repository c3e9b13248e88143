package page_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/rs/zerolog"

	"director/internal/browsertest"
	"director/view/page"
)

// serve serves the page of a source that has run for ten minutes.
func serve(t *testing.T, s *source) *httptest.Server {
	t.Helper()
	p := page.New(s, zerolog.New(zerolog.NewTestWriter(t)))
	for range page.Points + 1 {
		p.Sample()
		s.change(func(s *source) { s.step(page.Period) })
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return server
}

// live is true when the script has started on the page.
const live = `document.getElementById('live').className === 'live'`

// open opens an address and waits for the script to start.
func open(b *browsertest.Browser, url string) {
	b.Do(chromedp.Navigate(url))
	b.Await(live)
}

func TestPage_InABrowser(t *testing.T) {
	chromium := browsertest.Start(t)
	for name, test := range map[string]func(*testing.T, *browsertest.Browser){
		"fits on screens of all kinds":   fitsOnScreens,
		"fits whatever there is to show": fitsWhateverThereIs,
		"changes in place":               changesInPlace,
		"says that the director is gone": saysThatItIsGone,
		"works without scripts":          worksWithoutScripts,
	} {
		t.Run(name, func(t *testing.T) { test(t, browsertest.Tab(t, chromium)) })
	}
}

func fitsOnScreens(t *testing.T, b *browsertest.Browser) {
	server := serve(t, newSource(4, 5))
	b.Screen(1440, 900, false, false)
	open(b, server.URL+"/")
	b.Fits("on a desktop")
	b.Keep("desktop.png", true)
	b.Screen(1440, 900, false, true)
	b.Keep("dark.png", true)
	b.Screen(1024, 768, false, false)
	b.Fits("on a tablet")
	b.Keep("tablet.png", true)
	b.Screen(390, 844, true, false)
	b.Fits("on a phone")
	b.Keep("phone.png", true)
	b.Screen(390, 844, true, true)
	open(b, server.URL+"/?open=none")
	b.Fits("on a phone, without servers,")
	b.Keep("phone-dark.png", true)

	thousand := serve(t, newSource(50, 20))
	b.Screen(1440, 900, false, false)
	open(b, thousand.URL+"/")
	b.Keep("thousand.png", true)
	open(b, thousand.URL+"/?open=all&sort=cps&line=bytes")
	b.Keep("thousand-open.png", false)
	if got := browsertest.Eval[int](b, `document.querySelectorAll('.services tbody tr:not(.service)').length`); got != 1000 {
		t.Errorf("%d servers are shown, want 1000", got)
	}
	b.Screen(390, 844, true, false)
	b.Fits("on a phone, with a thousand servers,")
	b.Clean(server, thousand)
}

// One service, as in a trial; some dozens; and as many as the director is made for.
func fitsWhateverThereIs(t *testing.T, b *browsertest.Browser) {
	var servers []*httptest.Server
	for _, services := range []int{1, 63, 10_000} {
		s := newSource(services, 2)
		p := page.New(s, zerolog.New(zerolog.NewTestWriter(t)))
		for range 2 {
			p.Sample()
			s.change(func(s *source) { s.step(page.Period) })
		}
		server := httptest.NewServer(p)
		t.Cleanup(server.Close)
		servers = append(servers, server)
		open(b, server.URL+"/")
		for _, width := range []int{390, 768, 1280, 1920} {
			what := fmt.Sprintf("%d services at %d pixels", services, width)
			for shade, dark := range map[string]bool{"light": false, "dark": true} {
				b.Screen(int64(width), 900, width < 500, dark)
				b.Keep(fmt.Sprintf("%d-%d-%s.png", services, width, shade), services < 100)
			}
			b.Fits(what)
			if !browsertest.Eval[bool](b, `document.querySelector('.alerts').getBoundingClientRect().bottom <= document.querySelector('.tiles').getBoundingClientRect().top`) {
				t.Errorf("%s: alerts come after the tiles", what)
			}
			if clipped := browsertest.Eval[string](b, clipped); clipped != "" {
				t.Errorf("%s: clipped: %s", what, clipped)
			}
		}
	}
	b.Clean(servers...)
}

// clipped names the sections with a table that is wider than its section.
const clipped = `[...document.querySelectorAll('section table')].
	filter((t) => t.getBoundingClientRect().right > t.closest('section').getBoundingClientRect().right + 1).
	map((t) => t.closest('section').getAttribute('aria-labelledby')).join(' ')`

// When numbers change, the page keeps what the reader has chosen: the scroll position, the
// order, the typed text, and the focus.
func changesInPlace(t *testing.T, b *browsertest.Browser) {
	s := newSource(4, 5)
	server := serve(t, s)
	b.Screen(1440, 900, false, false)
	open(b, server.URL+"/")

	// Sorting does not load a new page.
	b.Do(chromedp.Evaluate[chromedp.Void](`window.marked = true`))
	b.Do(chromedp.Click(chromedp.CSS(`a[title="Sort by active connections"]`)))
	b.Await(`document.querySelector('[aria-sort=descending] a')?.textContent === 'Active'`)
	b.Await(`location.search === '?sort=active'`)
	const first = `document.querySelector('.services tbody').id`
	if got := browsertest.Eval[string](b, first); got != "tcp-192.0.2.10:25" {
		t.Errorf("first of all by active connections is %s", got)
	}

	// Typed text filters. The button of a service closes it.
	b.Do(chromedp.SendKeys(chromedp.CSS(`#q`), "tcp"))
	b.Await(`document.querySelectorAll('.services tbody').length === 3`)
	b.Do(chromedp.Click(chromedp.CSS(`#tcp-192\.0\.2\.10\:80 [name=flip]`)))
	b.Await(`document.querySelectorAll('#tcp-192\\.0\\.2\\.10\\:80 tr').length === 1`)
	b.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById('q').focus(), scrollTo(0, 200), window.row = document.getElementById('tcp-192.0.2.10:443')`))

	// The source changes: another rate, a server more, one that is gone, one drained.
	s.change(func(s *source) {
		web := &s.services[1]
		web.Servers[0].Rates.CPS = 987
		web.Servers[0].Weight = 0
		fresh := newService(1, 9).Servers[8]
		web.Servers = append(web.Servers[:4], fresh)
	})
	b.Await(`document.getElementById('tcp-192.0.2.10:443-10.0.1.11:443').textContent.includes('987')`)
	b.Await(`document.getElementById('tcp-192.0.2.10:443-10.0.1.11:443').className === 'mild'`)
	for what, expression := range map[string]string{
		"the page was loaded anew":         `window.marked === true`,
		"the row was made anew":            `window.row === document.getElementById('tcp-192.0.2.10:443')`,
		"a server that is gone is shown":   `document.getElementById('tcp-192.0.2.10:443-10.0.1.15:443') === null`,
		"a server that came is not shown":  `document.getElementById('tcp-192.0.2.10:443-10.0.1.19:443') !== null`,
		"the page scrolled":                `scrollY === 200`,
		"the field lost the focus":         `document.activeElement.id === 'q'`,
		"the field lost what was typed":    `document.getElementById('q').value === 'tcp'`,
		"the closed service has opened":    `document.querySelectorAll('#tcp-192\\.0\\.2\\.10\\:80 tr').length === 1`,
		"the table is sorted in other way": `document.querySelector('[aria-sort=descending] a').textContent === 'Active'`,
		"the address does not say so":      `new URLSearchParams(location.search).toString() === 'q=tcp&sort=active&x=tcp-192.0.2.10%3A80'`,
	} {
		if !browsertest.Eval[bool](b, expression) {
			t.Errorf("%s: %s (%s)", what, expression, browsertest.Eval[string](b, `location.search`))
		}
	}
	b.Clean(server)
}

func saysThatItIsGone(t *testing.T, b *browsertest.Browser) {
	server := serve(t, newSource(1, 1))
	open(b, server.URL+"/")
	b.Do(chromedp.Click(chromedp.CSS(`#live button`)))
	b.Await(`document.getElementById('live').textContent.startsWith('Paused')`)
	server.Close()
	b.Do(chromedp.Click(chromedp.CSS(`#live button`)))
	b.Await(`document.getElementById('live').textContent.startsWith('No answer since')`)
	if !browsertest.Eval[bool](b, `document.querySelectorAll('.services tbody tr').length === 2`) {
		t.Error("what was known is not shown any more")
	}
}

// Without scripts, everything works by links and buttons that load a page.
func worksWithoutScripts(t *testing.T, b *browsertest.Browser) {
	server := serve(t, newSource(4, 5))
	b.Screen(1440, 900, false, false)
	browsertest.Send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.Do(chromedp.Navigate(server.URL + "/"))
	b.Do(chromedp.WaitVisible(chromedp.CSS(`#live noscript a`)))
	follow := func(press string) {
		t.Helper()
		if _, err := chromedp.RunResponse(b.Context, chromedp.Click(chromedp.CSS(press))); err != nil {
			t.Fatalf("%s: %v", press, err)
		}
	}
	shown := func(want string) {
		t.Helper()
		rows, open := `document.querySelectorAll('.services tbody').length`, `document.querySelectorAll('[aria-expanded=true]').length`
		got := fmt.Sprintf("%d services, %d open, sorted %s", browsertest.Eval[int](b, rows), browsertest.Eval[int](b, open),
			browsertest.Eval[string](b, `document.querySelector('[aria-sort]')?.getAttribute('aria-sort') ?? 'not'`))
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	shown("4 services, 4 open, sorted not")
	follow(`a[title="Sort by weight"]`)
	shown("4 services, 4 open, sorted descending")
	follow(`#tcp-192\.0\.2\.10\:80 [name=flip]`)
	shown("4 services, 3 open, sorted descending")
	b.Do(chromedp.SetValue(chromedp.CSS(`#q`), "tcp"))
	follow(`button.find`)
	shown("3 services, 2 open, sorted descending")
	follow(`#live noscript a`)
	shown("3 services, 2 open, sorted descending")
	b.Keep("without-scripts.png", true)
	b.Clean(server)
}
