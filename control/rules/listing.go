package rules

// View is what a listing shows.
type View uint8

// The views. All but the last four list services and their servers; they differ
// in the columns.
const (
	Summary View = iota
	Counts
	Rates
	Thresholds
	Persistence
	Tunnels
	Connections    // -c
	ConnectionData // -c with the data of the persistence engines
	TimeoutValues  // --timeout
	Daemons        // --daemon
)

// Listing is what the options of a listing ask for.
type Listing struct {
	View     View
	Numeric  bool // no names of hosts and ports
	Exact    bool // no K, M, G, T
	Unsorted bool
}

// listing chooses what -L shows. Where several options ask for columns, ipvsadm
// follows the first one in the order below.
func (d *draft) listing() error {
	l := &d.Listing
	l.Exact, l.Unsorted = d.has(exact), d.has(nosort)
	if err := d.exclusive("'list' command", connection, serviceAddress, timeout, daemon); err != nil {
		return err
	}
	for _, n := range []name{stats, rate, thresholds, persistentConn} {
		if d.has(n) && (d.has(timeout) || d.has(daemon) || d.has(connection) && n != persistentConn) {
			return misused(d.given[n].spelled, "options conflicts in the list command")
		}
	}
	for _, choice := range []struct {
		name name
		view View
	}{
		{timeout, TimeoutValues}, {daemon, Daemons}, {connection, Connections}, {stats, Counts},
		{rate, Rates}, {thresholds, Thresholds}, {persistentConn, Persistence}, {tunInfo, Tunnels},
	} {
		if d.has(choice.name) {
			l.View = choice.view
			break
		}
	}
	if l.View == Connections && d.has(persistentConn) {
		l.View = ConnectionData
	}
	return nil
}
