package control

import (
	"slices"

	"director/service"
)

// Sorted returns a copy of services in the order in which ipvsadm lists them, with
// their servers in its order.
func Sorted(services []Service) []Service {
	var order Sorter
	sorted := ByKey(&order, services, func(s *Service) *service.Key { return &s.Key })
	for i := range sorted {
		sorted[i].Servers = order.Servers(sorted[i].Servers)
	}
	return sorted
}

// ByKey returns a copy of what belongs to services, in the order in which ipvsadm lists
// these: by mark, protocol, address and port. ipvsadm compares marks and addresses by
// the sign of a 32-bit difference, so 192.0.2.1 comes before 10.0.0.1.
func ByKey[T any](o *Sorter, all []T, key func(*T) *service.Key) []T {
	return ordered(o, all, func(x, y *T) bool {
		a, b := key(x), key(y)
		switch {
		case a.Mark != b.Mark:
			return int32(a.Mark-b.Mark) < 0
		case a.Proto != b.Proto:
			return a.Proto < b.Proto
		case a.Addr != b.Addr:
			return int32(a.Addr.V4()-b.Addr.V4()) < 0
		}
		return a.Port < b.Port
	})
}

// Servers returns a copy of servers in the order of ipvsadm: by address and port.
func (o *Sorter) Servers(servers []Server) []Server {
	return ordered(o, servers, func(a, b *Server) bool {
		if a.Addr != b.Addr {
			return int32(a.Addr.V4()-b.Addr.V4()) < 0
		}
		return a.Port < b.Port
	})
}

// Sorter sorts indices. There may be a hundred thousand values of some hundred bytes, so
// they are moved only once. It keeps its memory for the next list.
type Sorter struct{ order, left []int32 }

// ordered returns a sorted copy of s, or nil if s is empty.
func ordered[T any](o *Sorter, s []T, less func(a, b *T) bool) []T {
	if len(s) == 0 {
		return nil
	}
	o.order = o.order[:0]
	for i := range s {
		o.order = append(o.order, int32(i))
	}
	o.left = slices.Grow(o.left[:0], len(s))[:len(s)]
	mergeSort(o.order, o.left, func(a, b int32) bool { return less(&s[a], &s[b]) })
	sorted := make([]T, len(s))
	for i, from := range o.order {
		sorted[i] = s[from]
	}
	return sorted
}

// mergeSort takes the same steps as the C library's qsort. ipvsadm's comparison is
// not transitive where a difference overflows, so another algorithm would sort
// differently. room has the length of s.
func mergeSort(s, room []int32, less func(a, b int32) bool) {
	if len(s) < 2 {
		return
	}
	half := len(s) / 2
	mergeSort(s[:half], room, less)
	mergeSort(s[half:], room, less)
	left, right := room[:half], s[half:]
	copy(left, s)
	for i := range s {
		switch {
		case len(left) == 0:
			return
		case len(right) == 0 || !less(right[0], left[0]):
			s[i], left = left[0], left[1:]
		default:
			s[i], right = right[0], right[1:]
		}
	}
}
