package top

import (
	"slices"
	"strings"
)

// key handles a key: a printable character, or the name of another key. It reports whether
// the operator wants to quit.
func (m *model) key(k string) (quit bool) {
	if k == "ctrl-c" {
		return true
	}
	if m.typing {
		m.typed(k)
		return false
	}
	switch k {
	case "q":
		return true
	case "?", "h":
		m.help, m.offset = !m.help, 0
	case "esc":
		m.help, m.filter, m.offset = false, "", 0
	case "tab", "1", "2", "3":
		m.show(k)
	case "s":
		m.servers = !m.servers
	case "r":
		m.reverse = !m.reverse
	case "/":
		m.typing, m.filter = true, ""
	case "up", "k":
		m.offset = max(0, m.offset-1)
	case "down", "j":
		m.offset++
	case "pgup":
		m.offset = max(0, m.offset-m.page())
	case "pgdn", " ":
		m.offset += m.page()
	case "home", "g":
		m.offset = 0
	case "end", "G":
		m.offset = last
	default:
		if c := slices.Index(columnKeys[:], k); c >= 0 {
			m.sortBy, m.reverse, m.offset = column(c), false, 0
		}
	}
	return false
}

// last is below the end of every view. The page limits it to the last line.
const last = 1 << 30

func (m *model) show(k string) {
	if k == "tab" {
		m.view = (m.view + 1) % views
	} else {
		m.view = view(k[0] - '1')
	}
	m.help, m.offset = false, 0
}

// typed changes the filter by a key.
func (m *model) typed(k string) {
	switch {
	case k == "enter":
		m.typing = false
	case k == "esc":
		m.typing, m.filter = false, ""
	case k == "backspace":
		m.filter = m.filter[:max(0, len(m.filter)-1)]
	case len(k) == 1 && k[0] >= ' ' && k[0] <= '~':
		m.filter += strings.ToLower(k)
	}
	m.offset = 0
}

func helpText() (lines []line) {
	for _, l := range []string{
		"1 2 3, tab   services; workers and queues; drops",
		"s            show servers, or services alone",
		"/            show what contains a text: an address, a scheduler, \"drained\"",
		"esc          show all",
		"arrows, pgup, pgdn, home, end   scroll",
		"q            quit",
		"",
		"Sort services, and the servers of each, by",
		"  o  the order of adding     n  name         w  weight",
		"  a  active connections      i  inactive     c  connections/s",
		"  p  packets/s in            P  out          r  the other way round",
		"  b  bytes/s in              B  out",
		"",
		"k, M, G are powers of 1000. A service's weight is what its usable servers",
		"have together. Rates of services are counted every two seconds.",
	} {
		lines = append(lines, text(normal, "%s", l))
	}
	return lines
}
