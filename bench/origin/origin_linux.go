// Package origin starts third-party web servers as real servers of the evaluation:
// Apache, which the paper used, and nginx. For a load generator they answer like
// bench/server, with a page of the paper's size. It needs Linux.
package origin

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"director/bench/server"
	"director/internal/lab"
	"director/internal/lab/program"
)

// Site describes where a server runs.
type Site struct {
	Host    *lab.Host
	Listen  netip.AddrPort
	Name    string // sent to clients in server.NameHeader
	Workers int    // processes, one for each CPU that the server may use
	// Dir is for the server's files. Programs that drop root privileges must be
	// able to enter it.
	Dir string
}

// Server is a web server, installed or not.
type Server struct {
	program string
	modules []string // files that must exist
	version []string // arguments that print the version
	files   func(s Site) string
	args    func(dir, config string) []string
}

var all = map[string]Server{"apache2": apache, "nginx": nginx}

// Find returns the server with this name: apache2 or nginx.
func Find(name string) (Server, error) {
	if s, ok := all[name]; ok {
		return s, nil
	}
	return Server{}, fmt.Errorf("web server %q: want apache2 or nginx", name)
}

// Lacks returns why the server cannot be used here, empty if it can.
func (s Server) Lacks() string {
	if _, err := exec.LookPath(s.program); err != nil {
		return s.program + " is not installed"
	}
	for _, m := range s.modules {
		if _, err := os.Stat(m); err != nil {
			return s.program + " lacks a module: " + err.Error()
		}
	}
	return ""
}

// Version returns the version of the program, in a few words.
func (s Server) Version() string {
	out, _ := exec.Command(s.program, s.version...).CombinedOutput() // prints nothing if the program is not installed
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// Start writes the server's files into the site's directory, starts the server, and
// returns when it answers.
func (s Server) Start(ctx context.Context, site Site) (*program.Program, error) {
	pages := filepath.Join(site.Dir, "pages")
	if err := os.MkdirAll(pages, 0o755); err != nil {
		return nil, err
	}
	page := bytes.Repeat([]byte("page "), server.PageSize/5+1)[:server.PageSize]
	config := filepath.Join(site.Dir, "config")
	for name, text := range map[string][]byte{filepath.Join(pages, "index.html"): page, config: []byte(s.files(site))} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return nil, err
		}
	}
	at := netip.AddrPortFrom(site.Host.Addr, site.Listen.Port())
	return program.Start(ctx, site.Host, at, exec.Command(s.program, s.args(site.Dir, config)...))
}

// nginx is nginx as Debian builds it.
var nginx = Server{
	program: "nginx", version: []string{"-v"},
	args: func(dir, config string) []string { return []string{"-p", dir, "-c", config} },
	files: func(s Site) string {
		return fmt.Sprintf(`worker_processes %d;
worker_rlimit_nofile 20000;
pid %s/pid;
error_log stderr warn;
daemon off;
events { worker_connections 16384; }
http {
	access_log off;
	sendfile on;
	open_file_cache max=16;
	types { text/html html; }
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen %[3]s backlog=4096 reuseport;
		root %[2]s/pages;
		add_header %[4]s %[5]s;
	}
}
`, max(1, s.Workers), s.Dir, s.Listen, server.NameHeader, s.Name)
	},
}

// apacheModules is where Debian keeps Apache's modules. Only the modules that a
// static page needs are loaded.
const apacheModules = "/usr/lib/apache2/modules/"

var apacheLoads = []string{"mpm_event", "authz_core", "dir", "headers"}

// apache is Apache 2 as Debian builds it. As in the paper, logging is off, and
// children do not end after a number of requests. Threads replace the paper's 200
// to 1500 processes. Children do not end when many threads are idle: their CPU time
// would be missing from the sum.
var apache = Server{
	program: "apache2", version: []string{"-v"},
	modules: apacheFiles(),
	args:    func(_, config string) []string { return []string{"-DFOREGROUND", "-f", config} },
	files: func(s Site) string {
		var b strings.Builder
		for _, m := range apacheLoads {
			fmt.Fprintf(&b, "LoadModule %s_module %smod_%s.so\n", m, apacheModules, m)
		}
		fmt.Fprintf(&b, `ServerRoot %[1]s
DefaultRuntimeDir %[1]s
PidFile %[1]s/pid
Mutex file:%[1]s
ServerName %[2]s
Listen %[3]s
ListenBacklog 4096
User nobody
Group nogroup
ErrorLog /dev/null
DocumentRoot %[1]s/pages
DirectoryIndex index.html
EnableSendfile on
FileETag none
KeepAlive on
MaxKeepAliveRequests 0
StartServers %[4]d
ServerLimit %[4]d
ThreadsPerChild 64
ThreadLimit 64
MaxRequestWorkers %[5]d
MinSpareThreads 64
MaxSpareThreads %[5]d
MaxConnectionsPerChild 0
Header always set %[6]s %[2]s
`, s.Dir, s.Name, s.Listen, max(2, s.Workers), 64*max(2, s.Workers), server.NameHeader)
		return b.String()
	},
}

func apacheFiles() (files []string) {
	for _, m := range apacheLoads {
		files = append(files, apacheModules+"mod_"+m+".so")
	}
	return files
}
