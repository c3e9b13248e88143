package page

import (
	"fmt"
	"slices"
	"time"

	"director/control"
	"director/view/figures"
)

// few is the largest number of servers that the table shows without being asked. If there
// are more, the reader opens single services.
const few = 100

// pageful is the number of services that are shown at a time.
const pageful = 200

// view is everything that the page shows, as text. The templates only place it.
type view struct {
	Host, Version, Uptime, Since, At, Clock string
	PID                                     int
	Build                                   string // of the page; a page of another build must be reloaded

	Tiles    []tile
	Alerts   []alert
	Columns  []column
	Lines    []option
	Services []serviceRow
	Empty    bool   // there is no service
	Total    string // how many services and servers there are
	Found    string // how many of them match the query, if there is one
	Part     *part  // nil if all services are shown
	Choice   choiceView
	Dropped  []reasonRow
	Left     []reasonRow
	Workers  []workerRow
	Queues   []queueRow
	Unserved []loss

	Changes     []changeRow
	MoreChanges bool // there are more than the page shows

	wrong []loss // packets with a wrong checksum, by interface
}

// choiceView is the choice in the form that the template needs.
type choiceView struct {
	Query, Sort, Line, Open string
	From                    int
	Flipped                 []string
	State                   string // the address with the whole choice
	OpenAll, OpenNone       string // addresses
	Clear                   string // address
}

// part says which of the services are shown. Addresses are empty where there is nothing.
type part struct{ Text, Previous, Next string }

// option is one of several things to choose from.
type option struct {
	Text, Link string
	Chosen     bool
}

// column is the head of a column that the table can be sorted by.
type column struct {
	Text, Full, Link string
	Sorted           string // aria-sort
}

// columnTexts are the heads of the columns. Columns in pairs have a common head, so their
// own head is the direction.
var columnTexts = [columnCount]struct{ text, full string }{
	byName: {"Service, server", "name"}, byWeight: {"Weight", "weight"},
	byActive: {"Active", "active connections"}, byInactive: {"Inactive", "inactive connections"},
	byPersistent: {"Persist.", "persistence templates"}, byCPS: {"Conn/s", "connections per second"},
	byIPPS: {"in", "packets per second in"}, byOPPS: {"out", "packets per second out"},
	byIBPS: {"in", "bytes per second in"}, byOBPS: {"out", "bytes per second out"},
}

func newView(host string, s *snapshot, rates *figures.Rates, h *history, c choice) *view {
	f := &s.figures
	v := &view{
		Host: host, Version: f.Version, PID: f.PID, Build: build,
		Uptime: lasting(f.At.Sub(f.Started)),
		Since:  f.Started.UTC().Format("2006-01-02 15:04:05 UTC"),
		At:     f.At.UTC().Format(time.RFC3339), Clock: f.At.UTC().Format("15:04:05 UTC"),
		Dropped: dropped(rates), Left: left(rates),
		Workers: workers(f, rates, h), Queues: queues(f, rates), Unserved: losses(rates.Unserved), wrong: losses(rates.Wrong),
	}
	sum := total(s.services)
	v.Total = plural(len(s.services), "service", "services") + ", " + plural(sum.servers, "server", "servers")
	v.Empty = len(s.services) == 0
	v.Tiles = tiles(sum, f, rates, h)
	v.choose(c)
	v.serve(s.services, h, c)
	v.changes(s.changes)
	v.Alerts = alerts(s, v, c)
	return v
}

// choose fills in what the reader can choose.
func (v *view) choose(c choice) {
	v.Choice = choiceView{
		Query: c.query, Sort: c.sort, Line: c.line, Open: c.open, Flipped: c.flipped, From: c.from,
		State:    c.link(func(*choice) {}),
		OpenAll:  c.link(func(c *choice) { c.open, c.flipped = "all", nil }),
		OpenNone: c.link(func(c *choice) { c.open, c.flipped = "none", nil }),
		Clear:    c.link(func(c *choice) { c.query, c.from = "", 0 }),
	}
	for i, text := range lineTexts {
		v.Lines = append(v.Lines, option{text, c.link(func(c *choice) { c.line = lineNames[i] }), c.line == lineNames[i]})
	}
	for i, id := range columnIDs {
		col := column{Text: columnTexts[i].text, Full: columnTexts[i].full}
		down, up := "descending", "ascending"
		if i == byName {
			down, up = up, down
		}
		next := id
		switch c.sort {
		case id:
			col.Sorted, next = down, "-"+id
		case "-" + id:
			col.Sorted, next = up, ""
		}
		col.Link = c.link(func(c *choice) { c.sort, c.from = next, 0 })
		v.Columns = append(v.Columns, col)
	}
}

// found is a service that matches the query, and those of its servers that do.
type found struct {
	*control.Service
	row     serviceRow
	servers []int // indices of Servers
}

// find returns the services that match a query, with their matching servers. If the
// service itself matches, all its servers do.
func find(all []control.Service, c choice) (some []found, servers int) {
	for i := range all {
		f := found{Service: &all[i], row: newServiceRow(&all[i])}
		whole := c.finds(f.row.text)
		for j := range f.Servers {
			if whole || c.finds(f.row.text+" "+f.server(j).text) {
				f.servers = append(f.servers, j)
			}
		}
		if whole || len(f.servers) > 0 {
			some = append(some, f)
			servers += len(f.servers)
		}
	}
	return some, servers
}

// server returns the row of server j. It is made only if it is needed, because there may
// be a hundred thousand.
func (f *found) server(j int) row {
	return newServerRow(f.row.ID, f.Key, f.Persistent > 0, &f.Servers[j])
}

// cut returns the services to show, and says which ones they are.
func (v *view) cut(some []found, c choice) []found {
	if len(some) <= pageful {
		return some
	}
	from := min(c.from, (len(some)-1)/pageful*pageful)
	to := min(from+pageful, len(some))
	v.Part = &part{Text: fmt.Sprintf("%s to %s of %s", count(uint64(from+1)), count(uint64(to)), plural(len(some), "service", "services"))}
	turn := func(to int) string { return c.link(func(c *choice) { c.from = to }) + "#services" }
	if from > 0 {
		v.Part.Previous = turn(from - pageful)
	}
	if to < len(some) {
		v.Part.Next = turn(to)
	}
	return some[from:to]
}

// serve fills in the services and servers.
func (v *view) serve(all []control.Service, h *history, c choice) {
	some, servers := find(all, c)
	if c.query != "" {
		v.Found = plural(len(some), "service", "services") + ", " + plural(servers, "server", "servers") + " found"
	}
	arrange(some, c.sort, func(f *found) *row { return &f.row.row })
	some = v.cut(some, c)
	ring := slices.Index(lineNames[:], c.line)
	for i := range some {
		f := &some[i]
		values := h.services[f.Key].line(ring, h.count, rowGroup)
		top := peak(values)
		f.row.Line = spark(values, top, rowGroup)
		f.row.LineLabel = fmt.Sprintf("%s, last ten minutes, at most %s", lineTexts[ring], amount(float64(top)))
		if f.row.Open = c.opens(f.row.ID, servers <= few); f.row.Open {
			for _, j := range f.servers {
				f.row.Servers = append(f.row.Servers, f.server(j))
			}
			arrange(f.row.Servers, c.sort, func(r *row) *row { return r })
			draw(f.row.Servers, h, ring)
		}
		v.Services = append(v.Services, f.row)
	}
}

// draw draws the lines of servers on one scale, so that they can be compared.
func draw(servers []row, h *history, ring int) {
	values := make([][]float32, len(servers))
	for i := range servers {
		values[i] = h.servers[servers[i].key].line(ring, h.count, rowGroup)
	}
	top := peak(values...)
	for i := range servers {
		servers[i].Line = spark(values[i], top, rowGroup)
	}
}
