package replay_test

import "strings"

// An expectation may leave a field open if its value is not prescribed. An example is the
// identification of a packet that the director originates:
//
//	id=*     any value
//	id=$a    a value other than 0, the same for each $a in the case
//
// Ports may be left open too: 10.0.0.1:$p > 10.0.0.13:6080.

func isOpen(v string) bool { return v == "*" || strings.HasPrefix(v, "$") }

func (p *pkt) leaveOpen(field, name string) {
	if p.open == nil {
		p.open = map[string]string{}
	}
	p.open[field] = name
}

// field returns the value of a field that can be left open.
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

// names holds the values of a case's names.
type names map[string]string

// yield leaves the fields open in got that want leaves open, if their values fit. Then
// both print the same.
func (n names) yield(want, got *pkt) {
	for ; want != nil && got != nil; want, got = want.inner, got.inner {
		for field, name := range want.open {
			if name == "*" || n.fits(name, got.field(field)) {
				got.leaveOpen(field, name)
			}
		}
	}
}

// fits reports whether a name can have a value.
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

// leaveOpen leaves the fields open that the line of the same frame leaves open.
func (f *frame) leaveOpen(line *frame) {
	if f.pkt == nil || line.pkt == nil {
		return
	}
	for p, q := f.pkt, line.pkt; p != nil && q != nil; p, q = p.inner, q.inner {
		p.open = q.open
	}
}
