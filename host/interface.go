package host

import (
	"fmt"
	"net"
	"strings"
)

// Interface finds an interface in the network namespace of the calling thread.
// The error about one that does not exist says what there is instead, and
// matches ErrUsage.
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

// Exists returns the error of Interface, nil if there is one with that name.
func Exists(name string) error {
	_, err := Interface(name)
	return err
}
