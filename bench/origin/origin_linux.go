// Package origin starts web servers of others as real servers of the evaluation:
// Apache, which the paper's had, and nginx. They answer like bench/server, as far
// as a load generator sees, with a page that has the paper's size. It needs
// Linux.
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

// Site is where a server is to work.
type Site struct {
	Host    *lab.Host
	Listen  netip.AddrPort
	Name    string // that it tells clients: server.NameHeader
	Workers int    // processes, one for each CPU that it may have
	// Dir is for its files. Programs that give up root must get in.
	Dir string
}

// Server is a web server that is installed, or is not.
type Server struct {
	program string
	modules []string // files that it needs
	version []string // arguments that have it tell its version
	files   func(s Site) string
	args    func(dir, config string) []string
}

var all = map[string]Server{"apache2": apache, "nginx": nginx}

// Find returns the server of a name: apache2 or nginx.
func Find(name string) (Server, error) {
	if s, ok := all[name]; ok {
		return s, nil
	}
	return Server{}, fmt.Errorf("web server %q: want apache2 or nginx", name)
}

// Lacks says why it cannot take part here; empty: it can.
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

// Version is that of its program, in a few words.
func (s Server) Version() string {
	out, _ := exec.Command(s.program, s.version...).CombinedOutput() // nothing, if it is not there
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// Start writes the server's files below the site's directory, and returns when it
// answers.
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

// apacheModules is where Debian keeps Apache's modules, and which are loaded: what a
// page needs, and nothing more.
const apacheModules = "/usr/lib/apache2/modules/"

var apacheLoads = []string{"mpm_event", "authz_core", "dir", "headers"}

// apache is Apache 2 as Debian builds it. As in the paper logging is off, and no
// child ends after so many requests; threads take the place of its 200 to 1500
// processes. Nor does a child end because many threads are idle: its CPU time would
// be missing from the sum.
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
