// Package sysctl contains the tunables of IPVS, by their names in
// /proc/sys/net/ipv4/vs: the allowed values, the default and the meaning of each.
//
// It also contains the tunables that have no meaning in this director, with the
// reason. An operator who sets one of them gets an error with this reason.
package sysctl

import (
	"errors"
	"fmt"
)

// Values contains the values of all tunables. It is a plain value: it can be copied
// and compared with ==. It is a part of the workers' view.
//
// DropEntry, DropPacket and SecureTCP are modes of a defence: it is never active (0),
// active while few connection entries are free (1 and 2), or always active (3).
type Values struct {
	AMDropRate              int // while DropPacket is 3, one in AMDropRate new connections is dropped; 0: none
	AMemThresh              int // modes 1 and 2 are active while fewer entries than this are free
	CacheBypass             bool
	ConnReuseMode           int // bits: 1 if the connection has ended, 2 also in FIN_WAIT
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

// Defaults returns the default values of the kernel.
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

// Set sets one tunable. If it returns an error, v is unchanged. The error does not
// contain the name and the value.
func (v *Values) Set(name, value string) error {
	if t := lookup(name); t != nil {
		return t.set(v, value)
	}
	if reason, ok := Refused(name); ok {
		return fmt.Errorf("has no meaning here: %s", reason)
	}
	return errors.New("IPVS has no such sysctl")
}

// Get returns the value of one tunable in the form of /proc/sys.
func (v Values) Get(name string) (value string, ok bool) {
	if t := lookup(name); t != nil {
		return t.get(&v), true
	}
	return "", false
}

// Names returns the names of all tunables that can be set, in alphabetical order.
func Names() []string {
	names := make([]string, len(tunables))
	for i := range tunables {
		names[i] = tunables[i].name
	}
	return names
}

// Describe returns the allowed values of a tunable and its meaning, for a help text.
// Both are empty for a name that Names does not return.
func Describe(name string) (kind, about string) {
	if t := lookup(name); t != nil {
		return t.kind, t.about
	}
	return "", ""
}

// Refused reports whether name is a tunable of IPVS that has no meaning in this
// director, and returns the reason.
func Refused(name string) (reason string, ok bool) {
	reason, ok = refused[name]
	return reason, ok
}
