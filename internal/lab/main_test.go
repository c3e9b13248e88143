//go:build linux

package lab_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"director/internal/lab"
)

// helperEnv turns the test binary into one of the processes that the tests start.
const helperEnv = "LAB_TEST_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "":
		os.Exit(m.Run())
	case "lab": // builds a lab, prints its name and waits until it is killed
		l, err := lab.New(context.Background(), lab.Config{Servers: 1})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(l.Name)
	case "namespace": // prints its namespace and waits
		ns, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			ns = err.Error()
		}
		fmt.Println(ns)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// helper prepares such a process. It runs until its standard input is closed or until it is
// killed.
func helper(t *testing.T, what string) (cmd *exec.Cmd, stdout io.Reader) {
	t.Helper()
	cmd = exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperEnv+"="+what)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close() })
	if stdout, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdout
}
