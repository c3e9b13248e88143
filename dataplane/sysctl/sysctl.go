// Package sysctl holds the tunables of IPVS, those of /proc/sys/net/ipv4/vs, by
// their names there: what each may be, what it is unless set, what it does.
//
// Those that mean nothing in this director are known too, with the reason, so
// that an operator who sets one is told instead of believing that it works.
package sysctl

import (
	"errors"
	"fmt"
)

// Values is what all tunables are set to. It is a plain value: copied, compared
// with ==, and handed to the workers as part of what they see.
//
// DropEntry, DropPacket and SecureTCP are modes of a defence: 0 never, 1 and 2
// while connection entries are short, 3 always.
type Values struct {
	AMDropRate              int // of new connections one in so many is dropped while DropPacket is 3; 0: none
	AMemThresh              int // with fewer free connection entries than these, entries are short
	CacheBypass             bool
	ConnReuseMode           int // bits: 1 where the connection has ended, 2 also in FIN_WAIT
	DropEntry               int
	DropPacket              int
	ExpireNodestConn        bool
	ExpireQuiescentTemplate bool
	LBLCExpiration          int // seconds
	LBLCRExpiration         int // seconds
	NATICMPSend             bool
	PMTUDisc                bool
	RunEstimation           bool
	ScheduleICMP            bool
	SecureTCP               int
	SloppySCTP              bool
	SloppyTCP               bool
}

// Defaults returns the values of a kernel that nobody has tuned.
func Defaults() Values {
	return Values{
		AMDropRate:      10,
		AMemThresh:      1024,
		ConnReuseMode:   1,
		LBLCExpiration:  24 * 60 * 60,
		LBLCRExpiration: 24 * 60 * 60,
		PMTUDisc:        true,
		RunEstimation:   true,
	}
}

// Set gives one tunable its value. The error does not repeat the name and the
// value; v is then as before.
func (v *Values) Set(name, value string) error {
	if t := lookup(name); t != nil {
		return t.set(v, value)
	}
	if reason, ok := Refused(name); ok {
		return fmt.Errorf("has no meaning here: %s", reason)
	}
	return errors.New("IPVS has no such sysctl")
}

// Get returns the value of one tunable as it would be read from /proc/sys.
func (v Values) Get(name string) (value string, ok bool) {
	if t := lookup(name); t != nil {
		return t.get(&v), true
	}
	return "", false
}

// Names returns the names of all tunables that can be set, in the order of the
// alphabet.
func Names() []string {
	names := make([]string, len(tunables))
	for i := range tunables {
		names[i] = tunables[i].name
	}
	return names
}

// Describe returns, for a help text, what a tunable may be set to and what it
// does; both are empty for a name that Names does not have.
func Describe(name string) (kind, about string) {
	if t := lookup(name); t != nil {
		return t.kind, t.about
	}
	return "", ""
}

// Refused reports whether name is a tunable of IPVS that means nothing here,
// and why.
func Refused(name string) (reason string, ok bool) {
	reason, ok = refused[name]
	return reason, ok
}
