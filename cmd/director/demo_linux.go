package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"director/bench/fetch"
	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/process"
	"director/internal/lab/web"
	"director/service"
)

const (
	demoRequests    = 2000 // for each row; all servers must get the same number
	demoConcurrency = 8
	demoPort        = 80
	demoServerPort  = 8080 // the port of the servers with NAT
	demoTimeout     = 2 * time.Minute
)

// demoRow is one line of the demo's table.
type demoRow struct {
	method  service.Method
	io      string
	servers []string
	result  fetch.Result
}

// demo builds the lab. A client then fetches pages through the director with every
// forwarding method and every I/O. demo prints the results.
func demo(std cli.IO) int {
	if err := cli.CanBuildLab("demo"); err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()

	fmt.Fprintf(std.Out, "A client, the director and 4 real servers, each in its own network namespace.\n"+
		"Each row is a test with %d HTTP requests, %d at a time, each on a new connection, for a page of %d bytes:\n\n",
		demoRequests, demoConcurrency, fetch.DefaultBodySize)
	var rows []demoRow
	good := true
	for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
		for _, io := range []string{"xdp", "packet"} {
			row, err := demoRun(ctx, std.Err, method, io)
			if err != nil {
				fmt.Fprintf(std.Err, "%s by %s: %v\n", methodNames[method], ioNames[io], err)
				return cli.Failed
			}
			rows = append(rows, row)
			good = good && row.fair()
		}
	}
	printRows(std.Out, rows)
	if !good {
		fmt.Fprintln(std.Err, "\nSome requests were not answered, or the servers did not get equal shares.")
		return cli.Failed
	}
	fmt.Fprint(std.Out, demoEnd)
	return cli.OK
}

var (
	methodNames = map[service.Method]string{service.NAT: "NAT", service.DR: "DR", service.TUN: "TUN"}
	ioNames     = map[string]string{"xdp": "AF_XDP", "packet": "AF_PACKET"}
)

const demoEnd = `
All requests were answered, and all servers got the same number of requests (round
robin). The latency is the time of a whole request, from the connect to the last byte.
With AF_PACKET it includes the millisecond in which the kernel collects frames in a block.

Try next:
  director run --help                       the flags
  director check --flagfile=my.flags        check the configuration
  director run --flagfile=my.flags          forward real traffic
`

// demoRun measures one row of the table.
func demoRun(ctx context.Context, progress io.Writer, method service.Method, io string) (row demoRow, err error) {
	row = demoRow{method: method, io: io}
	say := newProgress(progress, fmt.Sprintf("%-3s by %-9s", methodNames[method], ioNames[io]))
	defer say("")
	say("building the network")
	l, err := lab.New(ctx, lab.Config{Method: method, Offloads: io == "packet"})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if row.servers, err = serveWeb(l); err != nil {
		return row, err
	}
	say("starting the director")
	self, err := os.Executable()
	if err != nil {
		return row, err
	}
	flags := append(l.Flags(), l.Rules("tcp", "rr", demoPort, demoServerPort)...)
	d, err := process.Start(ctx, l.Director, exec.Command(self, "run", "--io="+io), flags)
	if err != nil {
		return row, err
	}
	row.result = fetch.Run(ctx, fetch.Config{
		Dial:        dialer(l, demoPort),
		Requests:    demoRequests,
		Concurrency: demoConcurrency,
		Progress:    func(done int) { say(fmt.Sprintf("%d of %d requests", done, demoRequests)) },
	})
	return row, errors.Join(ctx.Err(), d.Stop())
}

// dialer returns a function that connects the lab's client to a port of the virtual
// address. Each connection has a new source port. If a port were used again, the
// director could still have its old connection and would send the new one to the same
// server. Then the shares would not be equal.
func dialer(l *lab.Lab, port int) func(context.Context) (net.Conn, error) {
	const firstPort, ports = 10_000, 50_000
	client := l.Clients[0]
	to := fmt.Sprintf("%s:%d", l.VIP, port)
	var n atomic.Int64
	return func(ctx context.Context) (net.Conn, error) {
		from := fmt.Sprintf("%s:%d", client.Addr, firstPort+n.Add(1)%ports)
		return client.Dial(ctx, "tcp4", from, to)
	}
}

// newProgress returns a function that shows the progress of a row. On a terminal it
// rewrites one line, and erases the line if the text is empty. Elsewhere one line is
// written when the row begins.
func newProgress(w io.Writer, row string) func(text string) {
	if !cli.IsTerminal(w) {
		fmt.Fprintln(w, row)
		return func(string) {}
	}
	return func(text string) {
		const wipe = "\r\033[K" // go to the start of the line, erase to its end (ECMA-48)
		if text == "" {
			fmt.Fprint(w, wipe)
			return
		}
		fmt.Fprint(w, wipe, row, "  ", text)
	}
}

// serveWeb starts a web server on each real server and returns their names.
func serveWeb(l *lab.Lab) ([]string, error) {
	port := demoPort
	if l.Method == service.NAT {
		port = demoServerPort
	}
	var names []string
	for _, h := range l.Servers {
		listener, err := h.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err != nil {
			return nil, err
		}
		// It ends with the listener, which ends with the lab's process.
		go func() { _ = web.New(h.Name).Serve(listener) }()
		names = append(names, h.Name)
	}
	return names, nil
}

// fair reports whether every request was answered and the servers' shares are
// equal.
func (r *demoRow) fair() bool {
	for _, name := range r.servers {
		if r.result.Servers[name] != demoRequests/len(r.servers) {
			return false
		}
	}
	return r.result.Failed() == 0
}

func printRows(out io.Writer, rows []demoRow) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "method\tI/O\t%s\tconn/s\tp50 ms\tp99 ms\terrors\t\n", strings.Join(rows[0].servers, "\t"))
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t", methodNames[r.method], ioNames[r.io])
		for _, name := range r.servers {
			fmt.Fprintf(w, "%d\t", r.result.Servers[name])
		}
		fmt.Fprintf(w, "%.0f\t%.2f\t%.2f\t%d\t\n", r.result.Rate(),
			milliseconds(r.result.Percentile(50)), milliseconds(r.result.Percentile(99)), r.result.Failed())
	}
	w.Flush()
	for _, r := range rows {
		if r.result.First != nil {
			fmt.Fprintf(out, "%s by %s: %v\n", methodNames[r.method], ioNames[r.io], r.result.First)
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
