package ipvsadm

import (
	"slices"

	"director/control"
)

// sorted returns a copy of services in the order in which ipvsadm lists them:
// by mark, protocol, address and port, and their servers by address and port.
// ipvsadm takes the sign of a 32-bit difference for the order of marks and
// addresses, so that 192.0.2.1 comes before 10.0.0.1.
func sorted(services []control.Service) []control.Service {
	services = slices.Clone(services)
	mergeSort(services, func(a, b *control.Service) bool {
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
	for i := range services {
		s := &services[i]
		s.Servers = slices.Clone(s.Servers)
		mergeSort(s.Servers, func(a, b *control.Server) bool {
			if a.Addr != b.Addr {
				return int32(a.Addr.V4()-b.Addr.V4()) < 0
			}
			return a.Port < b.Port
		})
	}
	return services
}

// mergeSort is the C library's qsort. Differences of which the sign wraps around
// are no order, and only the same steps bring the same result.
func mergeSort[T any](s []T, less func(a, b *T) bool) {
	if len(s) < 2 {
		return
	}
	left, right := slices.Clone(s[:len(s)/2]), s[len(s)/2:]
	mergeSort(left, less)
	mergeSort(right, less)
	for i := range s {
		switch {
		case len(left) == 0:
			return
		case len(right) == 0 || !less(&right[0], &left[0]):
			s[i], left = left[0], left[1:]
		default:
			s[i], right = right[0], right[1:]
		}
	}
}
