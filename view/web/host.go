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

// knows reports whether the Host of a request is an address, localhost, the name of the
// host, with or without its domain, or one of the further names. Browsers always send a
// Host.
func (s *Server) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || name == "" || name == "localhost" {
		return true
	}
	label, _, _ := strings.Cut(name, ".")
	own, _, _ := strings.Cut(strings.ToLower(s.options.Host), ".")
	if own != "" && label == own {
		return true
	}
	for _, n := range s.options.Names {
		if strings.EqualFold(strings.TrimSuffix(n, "."), name) {
			return true
		}
	}
	return false
}
