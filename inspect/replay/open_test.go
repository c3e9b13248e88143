package replay_test

import "strings"

// An expectation may leave a field open that nothing prescribes, such as the
// identification of a packet of the director's own:
//
//	id=*     whatever it is
//	id=$a    a number other than 0, the same wherever the case says $a
//
// So may ports: 10.0.0.1:$p > 10.0.0.13:6080.

func isOpen(v string) bool { return v == "*" || strings.HasPrefix(v, "$") }

func (p *pkt) leaveOpen(field, name string) {
	if p.open == nil {
		p.open = map[string]string{}
	}
	p.open[field] = name
}

// field returns the value of what can be left open.
func (p *pkt) field(name string) string {
	switch name {
	case "sport":
		return number(p.src.Port()).print()
	case "dport":
		return number(p.dst.Port()).print()
	}
	for _, a := range p.attributes() {
		if a.name == name {
			return a.value.String()
		}
	}
	return ""
}

func (n number) print() string { return n.String() }

// names are the values that a case's names stand for.
type names map[string]string

// yield leaves open in got what want leaves open, so that they print alike.
func (n names) yield(want, got *pkt) {
	for ; want != nil && got != nil; want, got = want.inner, got.inner {
		for field, name := range want.open {
			if name == "*" || n.fits(name, got.field(field)) {
				got.leaveOpen(field, name)
			}
		}
	}
}

// fits reports whether a name may stand for a value.
func (n names) fits(name, value string) bool {
	if known, ok := n[name]; ok || value == "0" {
		return known == value
	}
	for _, taken := range n {
		if taken == value {
			return false
		}
	}
	n[name] = value
	return true
}

// leaveOpen leaves open what the line of the same frame does.
func (f *frame) leaveOpen(line *frame) {
	if f.pkt == nil || line.pkt == nil {
		return
	}
	for p, q := f.pkt, line.pkt; p != nil && q != nil; p, q = p.inner, q.inner {
		p.open = q.open
	}
}
