package page

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"director/control"
	"director/packet"
	"director/sched"
	"director/service"
)

// row is a service or a server in the table. The numbers of a service are sums over its
// servers.
type row struct {
	ID, Proto, Name, How        string
	State                       *mark
	Weight, Active, Inactive    template.HTML
	Limit, LimitText            string        // the thresholds of a server
	Persistent                  template.HTML // empty if the service is not persistent
	CPS, IPPS, OPPS, IBPS, OBPS template.HTML
	Line                        string

	key  serverKey // of a server
	sort [columnCount]float64
	text string // what queries search, in lower case
}

// serviceRow is a service and its servers.
type serviceRow struct {
	row
	Size      string // how many servers it has
	Open      bool
	Servers   []row // the servers to show
	LineLabel string
}

// mark is a state that the reader should notice.
type mark struct{ Class, Sign, Text, Title string }

var (
	unusable = &mark{"bad", "✕", "no usable server", "New connections are refused: no server has a weight and room"}
	full     = &mark{"warn", "▲", "full", "The upper threshold is reached: no new connections until there are fewer than the lower one"}
	lost     = &mark{"bad", "✕", "unreachable", "Packets cannot reach it: no route, no link, or its next hop does not answer"}
	failed   = &mark{"bad", "✕", "failing", "At least half of its new connections are refused, or make no progress"}
	suspect  = &mark{"warn", "▲", "suspect", "Most of its new connections fail, unlike those of another server of the service"}
	drained  = &mark{"mild", "◌", "drained", "Weight 0: no new connections, those that there are go on"}
)

// The columns of the table, by which it can be sorted.
const (
	byName = iota
	byWeight
	byActive
	byInactive
	byPersistent
	byCPS
	byIPPS
	byOPPS
	byIBPS
	byOBPS
	columnCount
)

// columnIDs are the names of columns in an address.
var columnIDs = [columnCount]string{"name", "weight", "active", "inactive", "persistent", "cps", "ipps", "opps", "ibps", "obps"}

func columnOf(id string) *int {
	if at := slices.Index(columnIDs[:], id); at >= 0 {
		return &at
	}
	return nil
}

// newRow returns what rows of services and servers have in common. A weight is not
// negative.
func newRow(id, name string, weight int64, active, inactive, persistent uint64, r control.Rates) row {
	return row{
		ID: id, Name: name,
		Weight: whole(uint64(max(0, weight))), Active: whole(active), Inactive: whole(inactive),
		CPS: number(float64(r.CPS)), IPPS: number(float64(r.InPPS)), OPPS: number(float64(r.OutPPS)),
		IBPS: number(float64(r.InBPS)), OBPS: number(float64(r.OutBPS)),
		sort: [columnCount]float64{
			byWeight: float64(weight), byActive: float64(active), byInactive: float64(inactive), byPersistent: float64(persistent),
			byCPS: float64(r.CPS), byIPPS: float64(r.InPPS), byOPPS: float64(r.OutPPS),
			byIBPS: float64(r.InBPS), byOBPS: float64(r.OutBPS),
		},
	}
}

// unseen is shown in place of a number that the director cannot know.
const unseen template.HTML = `<span class="z" title="The answers do not pass the director">` + nothing + "</span><i></i>"

// seesAnswers reports whether the answers of a server pass the director.
func seesAnswers(s *control.Server) bool { return s.Method == service.NAT }

// hideAnswers shows that the rates of answers are not known. Answers that were counted
// before a server's method changed are still shown.
func (r *row) hideAnswers(rates control.Rates) {
	if rates.OutPPS == 0 && rates.OutBPS == 0 {
		r.OPPS, r.OBPS = unseen, unseen
	}
}

func newServiceRow(s *control.Service) serviceRow {
	var weight int64
	var active, inactive, persistent uint64
	seen := len(s.Servers) == 0
	for i := range s.Servers {
		server := &s.Servers[i]
		seen = seen || seesAnswers(server)
		weight += int64(server.Weight)
		active += uint64(server.Active)
		inactive += uint64(server.Inactive)
		persistent += uint64(server.Persistent)
	}
	id, proto, name := nameOf(s.Key)
	r := serviceRow{row: newRow(id, name, weight, active, inactive, persistent, s.Rates), Size: plural(len(s.Servers), "server", "servers")}
	r.Proto, r.How = proto, howOf(&s.Spec)
	if !seen {
		r.hideAnswers(s.Rates)
	}
	r.setPersistent(persistent, s.Persistent > 0)
	if !s.Usable() {
		r.State = unusable
	} else if s.Unreachable() {
		r.State = lost
	} else if s.Health.Suspect {
		r.State = failed
	}
	r.text = textOf(&r.row)
	return r
}

// stateOf returns the mark of a server, nil if it needs none.
func stateOf(s *control.Server) *mark {
	switch {
	case s.Weight <= 0:
		return drained
	case s.Unreachable():
		return lost
	case s.Overloaded:
		return full
	case s.Health.Suspect:
		return suspect
	}
	return nil
}

// newServerRow returns the row of a server of service k. persistent says whether the
// service is persistent.
func newServerRow(id string, k service.Key, keeps bool, s *control.Server) row {
	r := newRow(id+"-"+endpoint(s.Addr, s.Port), endpoint(s.Addr, s.Port),
		int64(s.Weight), uint64(s.Active), uint64(s.Inactive), uint64(s.Persistent), s.Rates)
	r.key = serverKey{k, s.Addr, s.Port}
	r.How = methodOf(&s.ServerSpec)
	if !seesAnswers(s) {
		r.hideAnswers(s.Rates)
	}
	r.setPersistent(uint64(s.Persistent), keeps)
	if s.Upper != 0 {
		lower := fmt.Sprintf("fewer than %s", count(uint64(s.Lower)))
		if s.Lower == 0 {
			lower = "fewer than three quarters of that"
		}
		r.Limit = count(uint64(s.Upper))
		r.LimitText = fmt.Sprintf("No new connections from %s on, until there are %s", r.Limit, lower)
		if s.Lower != 0 {
			r.Limit = count(uint64(s.Lower)) + "–" + r.Limit
		}
	}
	r.State = stateOf(s)
	r.text = textOf(&r)
	return r
}

// setPersistent shows the number of persistence templates. Some may remain after a service
// was made non-persistent.
func (r *row) setPersistent(n uint64, keeps bool) {
	if keeps || n > 0 {
		r.Persistent = whole(n)
	}
}

func textOf(r *row) string {
	text := r.Proto + " " + r.Name + " " + r.How
	if r.State != nil {
		text += " " + r.State.Text
	}
	return strings.ToLower(text)
}

// nameOf returns the name of a service in addresses and on the page.
func nameOf(k service.Key) (id, proto, name string) {
	if k.Mark != 0 {
		mark := strconv.FormatUint(uint64(k.Mark), 10)
		return "mark-" + mark, "mark", mark
	}
	proto, name = packet.ProtoName(k.Proto), endpoint(k.Addr, k.Port)
	return proto + "-" + name, strings.ToUpper(proto), name
}

func endpoint(a packet.Addr, port uint16) string {
	host := a.String()
	if !a.Is4() {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(port))
}

// howOf returns how a service schedules.
func howOf(s *service.Spec) string {
	var b strings.Builder
	b.WriteString(s.Scheduler)
	for _, f := range [...]struct {
		bit  sched.Flags
		name string
	}{{sched.Fallback, "fallback"}, {sched.Port, "port"}, {sched.Third, "flag-3"}} {
		if s.Flags&f.bit != 0 {
			b.WriteString(" " + f.name)
		}
	}
	if s.Persistent != 0 {
		fmt.Fprintf(&b, " · persistent %d\u00a0s", s.Persistent)
	}
	if s.HostMask != 0 {
		fmt.Fprintf(&b, " mask\u00a0%v", packet.AddrFrom4(^s.HostMask))
	}
	if s.Engine != "" {
		b.WriteString(" by " + s.Engine)
	}
	if s.OnePacket {
		b.WriteString(" · one packet")
	}
	return b.String()
}

var encapNames = [...]string{packet.IPIP: "IPIP", packet.GUE: "GUE", packet.GRE: "GRE"}

// methodOf returns how frames reach a server.
func methodOf(s *service.ServerSpec) string {
	if s.Method != service.TUN {
		return strings.ToUpper(s.Method.String())
	}
	text := "TUN " + encapNames[s.Tunnel.Encap]
	if s.Tunnel.Encap == packet.GUE {
		text += ":" + strconv.Itoa(int(s.Tunnel.Port))
	}
	return text
}

// arrange sorts by a column, numbers in descending order. A "-" before the column reverses
// the order. Equal rows keep the order of ipvsadm.
func arrange[T any](all []T, by string, rowOf func(*T) *row) {
	id, turned := strings.CutPrefix(by, "-")
	column := columnOf(id)
	if column == nil {
		return
	}
	slices.SortStableFunc(all, func(a, b T) int {
		x, y := rowOf(&a), rowOf(&b)
		order := cmp.Compare(y.sort[*column], x.sort[*column])
		if *column == byName {
			order = cmp.Or(cmp.Compare(len(x.Proto), len(y.Proto)), cmp.Compare(x.Proto, y.Proto), compareNames(x.Name, y.Name))
		}
		if turned {
			return -order
		}
		return order
	})
}

// compareNames compares the numbers in names as numbers: 10.0.0.9 comes before 10.0.0.10.
func compareNames(a, b string) int {
	for a != "" && b != "" {
		x, restA := leading(a)
		y, restB := leading(b)
		order := cmp.Compare(x, y)
		if isDigit(x[0]) && isDigit(y[0]) {
			order = cmp.Or(cmp.Compare(len(x), len(y)), order)
		}
		if order != 0 {
			return order
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// leading returns the number at the start of s, or else its first byte.
func leading(s string) (head, rest string) {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:max(1, n)], s[max(1, n):]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
