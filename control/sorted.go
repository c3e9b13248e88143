package control

import "slices"

// Sorted returns a copy of services in the order in which ipvsadm lists them: by
// mark, protocol, address and port, and their servers by address and port. ipvsadm
// compares marks and addresses by the sign of a 32-bit difference, so 192.0.2.1
// comes before 10.0.0.1.
func Sorted(services []Service) []Service {
	services = slices.Clone(services)
	mergeSort(services, func(a, b *Service) bool {
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
		mergeSort(s.Servers, func(a, b *Server) bool {
			if a.Addr != b.Addr {
				return int32(a.Addr.V4()-b.Addr.V4()) < 0
			}
			return a.Port < b.Port
		})
	}
	return services
}

// mergeSort takes the same steps as the C library's qsort. ipvsadm's comparison is
// not transitive where a difference overflows, so another algorithm would sort
// differently.
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
