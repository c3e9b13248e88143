package packaging

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// victim is a process that says which signal it gets, and ends.
const victim = `trap "echo USR2; exit" USR2; trap "echo TERM; exit" TERM; echo ready; while :; do sleep 0.01; done`

// startVictim returns the process number of a victim, and a function that returns what it
// said, when it has ended.
func startVictim(t *testing.T) (pid int, said func() string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", victim)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := fmt.Fscanln(out, new(string)); err != nil { // its traps are set
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() {
		var word string
		_, _ = fmt.Fscanln(out, &word)
		_ = cmd.Wait() // otherwise it stays a zombie, which the script takes for running
		ended <- word
	}()
	return cmd.Process.Pid, func() string { return <-ended }
}

// The director learns whether a successor comes from the type of systemd's job.
func TestStop_AsksForTheTypeOfTheJob(t *testing.T) {
	const others = "12 other.service restart running\n340 third.service start waiting\n"
	for _, c := range []struct{ what, show, jobs, want string }{
		{"a stop", "echo 34", others + "34 director.service stop running\n", "TERM"},
		{"a restart", "echo 34", others + "34 director.service restart running\n", "USR2"},
		{"a restart if it runs", "echo 34", "34 director.service try-restart running\n", "USR2"},
		{"no job, as when systemd ends the unit itself", "echo", others, "TERM"},
		{"a job that is over", "echo 34", others, "TERM"},
		{"no answer", "exit 1", "", "TERM"},
	} {
		t.Run(c.what, func(t *testing.T) {
			bin := t.TempDir()
			write(t, filepath.Join(bin, "systemctl"), `#!/bin/sh
echo "$@" >>`+bin+`/asked
case $1 in
show) `+c.show+` ;;
list-jobs) printf '%s' '`+c.jobs+`' ;;
esac
`, 0o755)
			pid, said := startVictim(t)
			cmd := exec.Command("scripts/director-stop", "director.service")
			cmd.Env = append(cmd.Environ(), "PATH="+bin+":/usr/bin:/bin", fmt.Sprintf("MAINPID=%d", pid))
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("the script: %v\n%s", err, out)
			}
			if got := said(); got != c.want {
				t.Errorf("the director gets %q, want %q", got, c.want)
			}
			if asked := read(t, filepath.Join(bin, "asked")); !strings.HasPrefix(asked, "show --property=Job --value director.service\n") {
				t.Errorf("systemctl was asked\n%s", asked)
			}
		})
	}
}

// systemd runs ExecStop without MAINPID if the director has ended by itself.
func TestStop_HasNothingToDoAfterTheEnd(t *testing.T) {
	cmd := exec.Command("scripts/director-stop", "director.service")
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the script: %v\n%s", err, out)
	}
}
