package host

import (
	"fmt"
	"net"
	"strings"
)

// Interface finds an interface in the network namespace of the calling thread.
// If there is none with that name, the error lists the existing ones and matches
// ErrUsage.
func Interface(name string) (*net.Interface, error) {
	if ifi, err := net.InterfaceByName(name); err == nil {
		return ifi, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return nil, Usagef("no such interface %q in this network namespace: it has %s", name, strings.Join(names, ", "))
}

// Exists returns nil if there is an interface with that name, else the error of
// Interface.
func Exists(name string) error {
	_, err := Interface(name)
	return err
}
