//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/nettest"
)

// TestRestart_NextDirectorRemovesTheBlackout checks that a director with --state leaves its
// VIP and a blackout filter on each interface when it is told of a successor. The next director must remove
// the filters, also if the state file is damaged, and without --state. A director that is
// killed must leave no filters.
func TestRestart_NextDirectorRemovesTheBlackout(t *testing.T) {
	l := labtest.New(t, lab.Config{VIPOnLink: true})
	startWeb(t, l)
	file := filepath.Join(t.TempDir(), "state")
	kept := append(httpRules(l), "--state="+file)
	wantBlackouts := func(when string, want int) {
		t.Helper()
		if got := blackouts(t, l); got != want {
			t.Errorf("%s: got %d blackout filters, want %d", when, got, want)
		}
	}

	must(t, launchWith(t, l, nativeXDP, kept).StopForSuccessor())
	wantBlackouts("after the first director", 2)
	if r := hostRemains(t, l); len(r.vips) == 0 || len(r.programs)+len(r.devices) != 0 {
		t.Errorf("the first director left %+v, want only the VIP", r)
	}
	wantVIPExpires(t, l)
	must(t, os.Truncate(file, 100))
	second := launchWith(t, l, packetIO, kept)
	if !strings.Contains(second.Log(), "saved state refused: starting without connections") {
		t.Errorf("the log does not report the damaged state file:\n%s", second.Log())
	}
	wantBlackouts("while the second director runs", 0)
	browse(t, l, l.Clients[0].Addr, 10)
	must(t, second.StopForSuccessor())
	wantBlackouts("after the second director", 2)

	third := launch(t, l, nativeXDP)
	wantBlackouts("while a director without --state runs", 0)
	browse(t, l, l.Clients[0].Addr, 10)
	must(t, third.StopForSuccessor())
	wantBlackouts("after a director without --state", 0)
	wantNoRemains(t, l)

	must(t, launchWith(t, l, nativeXDP, kept).Kill())
	wantBlackouts("after a director that was killed", 0)
}

// TestStop_FreesTheHostAtOnce stops a director with --state although no successor was
// announced: its VIP and its host are free when it has ended, and the state is saved.
func TestStop_FreesTheHostAtOnce(t *testing.T) {
	l := labtest.New(t, lab.Config{VIPOnLink: true})
	startWeb(t, l)
	file := filepath.Join(t.TempDir(), "state")
	kept := append(httpRules(l), "--state="+file)
	for _, w := range []way{nativeXDP, packetIO} {
		first := launchWith(t, l, w, kept)
		browse(t, l, l.Clients[0].Addr, 10)
		must(t, first.Stop())
		wantNoRemains(t, l)
		if got := blackouts(t, l); got != 0 {
			t.Errorf("%s: %d blackouts, want none", w.name, got)
		}
		second := launchWith(t, l, w, kept)
		saved, restored := logged(t, first, "state saved.*connections"), logged(t, second, "saved connections restored.*connections")
		if saved == 0 || restored != saved {
			t.Errorf("%s: %d connections saved, %d restored, want all", w.name, saved, restored)
		}
		must(t, second.Stop())
	}
}

// blackouts returns the number of blackout filters on the director's host. No other ingress
// filter is there.
func blackouts(t *testing.T, l *lab.Lab) (n int) {
	t.Helper()
	for _, name := range l.Interfaces() {
		dev, err := l.Director.Link.LinkByName(name)
		must(t, err)
		filters, err := l.Director.Link.FilterList(dev, netlink.HANDLE_MIN_INGRESS)
		must(t, err)
		n += len(filters)
	}
	return n
}

// TestCrash_ForgetsNoChange kills a director after ctl has drained a server. The next one,
// and the one after an orderly stop, have the drain, and only the first of them warns.
func TestCrash_ForgetsNoChange(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 2})
	file := filepath.Join(t.TempDir(), "state")
	rules := []string{webService, webServer1, webServer2}
	start := func() ctlDirector { return ctlDirector{launchWith(t, l, packetIO, append(rules, "--state="+file))} }
	drained := strings.TrimSuffix(webServer1, "1") + "0"
	want := strings.Join([]string{webService, drained, webServer2}, "\n") + "\n"

	first := start()
	first.rule(t, "-e%s", strings.TrimPrefix(drained, "-a"))
	// The log comes by a pipe of its own.
	who := fmt.Sprintf("uid=%d", os.Geteuid())
	nettest.Eventually(t, "the log says who drained the server", func() bool {
		return strings.Contains(first.Log(), "edit-server") && strings.Contains(first.Log(), who)
	})
	must(t, first.Kill())
	second := start()
	if got := second.rule(t, "-Sn"); got != want {
		t.Errorf("after a crash the services are\n%s\nwant\n%s", got, want)
	}
	if log := second.Log(); !strings.Contains(log, "the previous director did not end as it should") {
		t.Errorf("the log does not tell of the crash:\n%s", log)
	}
	code, out, errs := direct("", "diff --control="+second.Control())
	lines := "# changed at run time (- loaded, + runs):\n- " + webServer1 + "\n+ " + drained + "\n"
	if code != diffTrouble || !strings.HasPrefix(errs, "the flags files cannot be compared: ") || out != lines {
		t.Errorf("diff: exit %d, %s\n%s\nwant\n%s", code, errs, out, lines)
	}
	must(t, second.Stop())
	third := start()
	if got := third.rule(t, "-Sn"); got != want || strings.Contains(third.Log(), "did not end as it should") {
		t.Errorf("after a stop the services are\n%s\nwant\n%s\nand no word of a crash:\n%s", got, want, third.Log())
	}
	must(t, third.Stop())
}

// TestFiles_OfOthersStay starts directors whose paths are taken by what is not theirs. They
// do not start, and it is still there.
func TestFiles_OfOthersStay(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	must(t, os.WriteFile(other, []byte("data of another program"), 0o600))
	pipe := filepath.Join(dir, "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	foreign := filepath.Join(dir, "foreign")
	must(t, errors.Join(os.Mkdir(foreign, 0o750), os.Chown(foreign, 65534, 65534)))
	for flag, want := range map[string]struct {
		code int
		text string
	}{
		"--control=" + other:                         {cli.Failed, "--control=" + other + ": there is a file that is not a socket"},
		"--control=" + pipe:                          {cli.Failed, "--control=" + pipe + ": there is a file that is not a socket"},
		"--state=" + other:                           {cli.Usage, "--state=" + other + ": " + other + " is not a state file of the director"},
		"--state=" + pipe:                            {cli.Usage, "--state=" + pipe + ": " + pipe + ": not a regular file: it is a pipe"},
		"--flagfile=" + pipe:                         {cli.Usage, "--flagfile=" + pipe + ": " + pipe + ": not a regular file: it is a pipe: to read a pipe"},
		"--state=" + filepath.Join(foreign, "state"): {cli.Usage, "--state=" + filepath.Join(foreign, "state") + ": "},
	} {
		got := refuse(t, l, flag)
		if got.code != want.code || !strings.Contains(got.err, want.text) {
			t.Errorf("%s: exit %d, %s\nwant exit %d, %s", flag, got.code, got.err, want.code, want.text)
		}
		if strings.Contains(got.err, "VIP added") {
			t.Errorf("%s: the director took an address that another host may have:\n%s", flag, got.err)
		}
		wantNoRemains(t, l)
	}
	if text, err := os.ReadFile(other); string(text) != "data of another program" {
		t.Errorf("the other file: %q, %v", text, err)
	}
}

// TestStop_WorksWhileAFlagsFileIsAPipe: a reload reads only regular files, so nothing keeps
// the director from its end.
func TestStop_WorksWhileAFlagsFileIsAPipe(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	d := startWithFile(t, l, webService, webServer1)
	must(t, os.Remove(d.file))
	must(t, unix.Mkfifo(d.file, 0o600))
	must(t, d.Signal(syscall.SIGHUP))
	nettest.Eventually(t, "the reload is refused", func() bool { return strings.Contains(d.Log(), "not a regular file: it is a pipe") })
	code, out, errs := direct("", "reload --control="+d.Control())
	if code != cli.Usage || out != "" || !strings.Contains(errs, "not a regular file") {
		t.Errorf("reload: exit %d, %q, %q, want exit %d and the reason", code, out, errs, cli.Usage)
	}
	must(t, d.Stop())
}

// TestStop_EndsADirectorThatHangs: nobody reads the log of the director, so it waits for
// ever with its first line. SIGTERM ends it with exit code 1.
func TestStop_EndsADirectorThatHangs(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	defer w.Close()
	fill(t, w)
	cmd := directorCommand("run", "--flagfile=-")
	flags := append(append(l.Flags(), httpRules(l)...), "--control="+filepath.Join(t.TempDir(), "control.sock"))
	cmd.Stdin = strings.NewReader(strings.Join(flags, "\n") + "\n")
	cmd.Stderr = w
	must(t, l.Director.Start(cmd))
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	awaitStart(t, l)
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != cli.Failed {
		t.Errorf("the director ended with %v, want exit code %d", err, cli.Failed)
	}
}

// fill writes into a pipe until no byte fits.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	raw, err := w.SyscallConn()
	must(t, err)
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			must(t, raw.Control(func(fd uintptr) { _, err = unix.Write(int(fd), make([]byte, size)) }))
		}
		if !errors.Is(err, unix.EAGAIN) { // the pipe does not block yet
			t.Fatal(err)
		}
	}
}

// awaitStart waits until a director answers that it is starting.
func awaitStart(t *testing.T, l *lab.Lab) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return l.Director.Dial(ctx, "tcp4", "", "127.0.0.1:9464")
	}}}
	defer client.CloseIdleConnections()
	nettest.Eventually(t, "the director starts", func() bool {
		resp, err := client.Get("http://director/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
}

// TestReload_ByItsVerb drops what ctl has set, if it is asked to.
func TestReload_ByItsVerb(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	d := startWithFile(t, l, webService, webServer1)
	d.rule(t, "-D -t 192.0.2.10:80")
	for _, c := range []struct{ flags, want string }{{"", ""}, {" --drop-runtime", webService + "\n" + webServer1 + "\n"}} {
		if code, out, errs := direct("", "reload --control="+d.Control()+c.flags); out != "" || errs != "" || code != cli.OK {
			t.Errorf("reload%s: exit %d, %q, %q", c.flags, code, out, errs)
		}
		if got := d.rule(t, "-Sn"); got != c.want {
			t.Errorf("after reload%s the services are %q, want %q", c.flags, got, c.want)
		}
	}
	d.write(t, webService)
	code, out, errs := direct("", "diff --control="+d.Control())
	if want := "# changed in the flags files, not loaded yet (- loaded, + files):\n- " + webServer1 + "\n"; out != want || errs != "" || code != diffFound {
		t.Errorf("diff: exit %d, %q, %s, want %q", code, out, errs, want)
	}
}
