package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// named refuses requests whose Host is none of the director's names. A page of another
// site can make a browser send requests here, if the site's name is changed to resolve
// to the director's address (DNS rebinding). Such a request has the name of the site.
func (s *Server) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knows(r.Host) {
			http.Error(w, fmt.Sprintf("%q is not a name of this director: use its address, its host name or one of --http-names", r.Host),
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// OwnNames returns the names of a host: its name, the first label of it, and, if it has one
// label only, this label in each domain in which the host's resolver searches. resolver is
// the content of resolv.conf(5).
func OwnNames(host, resolver string) (names []string) {
	label, _, qualified := strings.Cut(host, ".")
	if label == "" {
		return nil
	}
	names = []string{host}
	if qualified {
		return append(names, label)
	}
	var domains []string
	for line := range strings.Lines(resolver) {
		if f := strings.Fields(line); len(f) > 1 && (f[0] == "search" || f[0] == "domain") {
			domains = f[1:] // the last line counts
		}
	}
	for _, d := range domains {
		names = append(names, host+"."+d)
	}
	return names
}

// knows reports whether the Host of a request is an address, localhost, or one of the
// director's names. The first label alone is not enough: an attacker may choose it, too.
// Browsers always send a Host.
func (s *Server) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || name == "" || name == "localhost" {
		return true
	}
	for _, n := range s.options.Names {
		if strings.EqualFold(strings.TrimSuffix(n, "."), name) {
			return true
		}
	}
	return false
}
