package peer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"director/internal/lab/program"
)

// nginx is nginx's stream module, with one process for each worker.
type nginx struct{}

// streamModule is where Debian installs the module, if it is not built in.
const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

func (nginx) Lacks() string {
	if l := lacks("nginx"); l != "" {
		return l
	}
	if _, err := os.Stat(streamModule); err == nil {
		return ""
	}
	out, _ := exec.Command("nginx", "-V").CombinedOutput()
	for _, w := range strings.Fields(string(out)) {
		if w == "--with-stream" {
			return ""
		}
	}
	return "nginx has no stream module: install libnginx-mod-stream"
}

func (nginx) Version() string { return firstLine("nginx", "-v") }

func (nginx) Start(ctx context.Context, s Site) (Running, error) {
	if err := addService(s); err != nil {
		return nil, err
	}
	var b strings.Builder
	if _, err := os.Stat(streamModule); err == nil {
		fmt.Fprintf(&b, "load_module %s;\n", streamModule)
	}
	fmt.Fprintf(&b, `worker_processes %d;
worker_rlimit_nofile 200000;
pid %s/nginx.pid;
error_log stderr warn;
daemon off;
events { worker_connections 65536; }
stream {
	access_log off;
	upstream servers {
`, max(1, s.Workers), s.Dir)
	for _, a := range s.Servers {
		fmt.Fprintf(&b, "\t\tserver %s;\n", a)
	}
	fmt.Fprintf(&b, `	}
	server {
		listen %s backlog=4096 reuseport;
		proxy_pass servers;
		proxy_connect_timeout 2s;
		proxy_timeout 30s;
	}
}
`, s.Service)
	file := filepath.Join(s.Dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		return nil, err
	}
	return program.Start(ctx, s.Host, s.Service, exec.Command("nginx", "-p", s.Dir, "-c", file))
}
