//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/lab"
	"director/internal/lab/labtest"
	ftpd "director/internal/lab/program"
	"director/internal/lab/web"
)

const (
	ftpPort = 21
	ftpDir  = "incoming" // directory for uploads; anonymous users must not write to its parent
	ftpSize = 4 << 20    // bytes of a file
)

// ftpModes are the commands that request a data connection, and the flags that make curl
// use each of them. curl ignores the address in the reply to PASV by default. A flag makes
// it use that address, because the director must have translated it.
var ftpModes = []struct {
	command string
	flags   []string
}{
	{"EPSV", nil},
	{"PASV", []string{"--disable-epsv", "--no-ftp-skip-pasv-ip"}},
	{"EPRT", []string{"--ftp-port", "-"}},
	{"PORT", []string{"--ftp-port", "-", "--disable-eprt"}},
}

// TestFTP_TransfersInEveryMode transfers files between curl and vsftpd through
// masquerading. In passive mode the servers send their own addresses, to which the client
// has no route. In active mode they open the data connection to the client themselves. Both
// work only if the director reads the control connection.
func TestFTP_TransfersInEveryMode(t *testing.T) {
	for _, ioKind := range []string{"xdp", "packet"} {
		t.Run(ioKind, func(t *testing.T) {
			t.Parallel() // as everyWay does
			// With two workers, the control and data connections may be on different workers.
			l := labtest.New(t, lab.Config{Servers: 2, Offloads: ioKind == "packet", Queues: [2]int{2, 2}})
			files := startFTP(t, l)
			addBlackhole(t, l.Clients[0], netip.MustParsePrefix("10.0.0.0/24"))
			startDirector(t, l, ioKind, l.Rules("tcp", "rr", ftpPort, ftpPort)...)
			for _, mode := range ftpModes {
				c := ftpClient{l, mode.command, mode.flags}
				c.exchange(t, files)
			}
		})
	}
}

// ftpClient is curl on the lab's client.
type ftpClient struct {
	lab     *lab.Lab
	command string // requests a data connection
	flags   []string
}

// exchange uploads a file, compares the file on the server with it, downloads it again and
// lists the directory. files is the servers' directory.
func (c ftpClient) exchange(t *testing.T, files string) {
	t.Helper()
	name := "by-" + c.command
	want := hash(web.Bytes(ftpSize))
	c.curl(t, web.Bytes(ftpSize), name, "--upload-file", "-")
	file, err := os.Open(filepath.Join(files, name))
	must(t, err)
	defer file.Close()
	if got := hash(file); got != want {
		t.Errorf("%s: the uploaded file has the hash %s, want %s", c.command, got, want)
	}
	down := c.curl(t, nil, name)
	if got := hash(bytes.NewReader(down)); got != want {
		t.Errorf("%s: downloaded %d bytes with the hash %s, want %d bytes with the hash %s", c.command, len(down), got, ftpSize, want)
	}
	if list := string(c.curl(t, nil, "")); !strings.Contains(list, name) || !strings.Contains(list, fmt.Sprint(ftpSize)) {
		t.Errorf("%s: the directory is\n%s\nwant %s with %d bytes in the list", c.command, list, name, ftpSize)
	}
}

// curlTries is how often curl is run if its two connections overtake each other.
const curlTries = 10

// curl runs curl for a path of the service and returns what it fetched.
//
// curl gives up when the reply that ends a transfer arrives before the data connection
// is established. With several queues the two connections may overtake each other, here
// as on any router. Then curl is run again. It is not run again for an upload: an upload
// takes so long that its data connection is established before it ends.
func (c ftpClient) curl(t *testing.T, in io.Reader, path string, flags ...string) []byte {
	t.Helper()
	for try := 1; ; try++ {
		out, talk, err := c.try(t, in, path, flags...)
		if err == nil {
			return out
		}
		if try == curlTries || in != nil || !strings.Contains(talk, "Ctrl conn has data while waiting for data conn") {
			t.Fatalf("%s, curl, try %d: %v\n%s", c.command, try, err, talk)
		}
	}
}

// try runs curl once. It returns the fetched bytes and the messages of curl.
func (c ftpClient) try(t *testing.T, in io.Reader, path string, flags ...string) ([]byte, string, error) {
	t.Helper()
	args := slices.Concat([]string{"--verbose", "--max-time", fmt.Sprint(patience.Seconds())}, c.flags, flags,
		[]string{fmt.Sprintf("ftp://%s/%s/%s", c.lab.VIP, ftpDir, path)})
	cmd := exec.Command(program(t, "curl"), args...)
	var out, talk bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &talk
	must(t, c.lab.Clients[0].Start(cmd))
	err := cmd.Wait()
	for _, mode := range ftpModes {
		if used := strings.Contains(talk.String(), "> "+mode.command); used != (mode.command == c.command) {
			err = fmt.Errorf("%w; curl used %s: %v", err, mode.command, used)
		}
	}
	if err != nil {
		err = fmt.Errorf("curl %s: %w", strings.Join(args, " "), err)
	}
	return out.Bytes(), talk.String(), err
}

// startFTP runs an FTP server for anonymous users on each real server, until the test
// ends. It returns the directory that all servers serve.
func startFTP(t *testing.T, l *lab.Lab) (files string) {
	t.Helper()
	path := program(t, "vsftpd")
	root, private := t.TempDir(), t.TempDir()
	files, config := filepath.Join(root, ftpDir), filepath.Join(private, "vsftpd.conf")
	must(t, os.WriteFile(config, fmt.Appendf(nil, ftpConfig, root, private), 0o600))
	must(t, os.Mkdir(files, 0))
	must(t, os.Chmod(filepath.Dir(root), 0o755)) // the server runs as another user
	must(t, os.Chmod(root, 0o755))
	must(t, os.Chmod(files, 0o777))
	for _, h := range l.Servers {
		// It starts a process for each session. If the client's FIN is lost, because the
		// director has ended, that process waits for it; Stop kills it.
		p, err := ftpd.Start(t.Context(), h, netip.AddrPortFrom(h.Addr, ftpPort), exec.Command(path, config))
		must(t, err)
		t.Cleanup(func() {
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	return files
}

// ftpConfig is a vsftpd.conf(5). Its arguments are the directory to serve and an empty
// directory for the chroot. The sandboxes are off, because a container may not allow them.
const ftpConfig = `
listen=YES
background=NO
local_enable=NO
anonymous_enable=YES
no_anon_password=YES
anon_umask=022
anon_root=%s
secure_chroot_dir=%s
write_enable=YES
anon_upload_enable=YES
connect_from_port_20=YES
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
`

// program returns the path of a program that "make test-deps" installs. It skips the test
// if the program is missing.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s: make test-deps installs it", name)
	}
	return path
}

// addBlackhole adds a route that makes a network unreachable from a host.
func addBlackhole(t *testing.T, h *lab.Host, p netip.Prefix) {
	t.Helper()
	must(t, h.Link.RouteAdd(&netlink.Route{
		Type: unix.RTN_BLACKHOLE,
		Dst:  &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)},
	}))
}
