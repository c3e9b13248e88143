package service

// stack is a list whose newest value comes first. A slice that values returned does
// not change, because later values are stored in front of it in the same memory.
type stack[T any] struct {
	buf []T
	at  int // index of the first value
}

// stackOf returns a stack of these values. The stack takes ownership of the slice.
func stackOf[T any](values []T) stack[T] { return stack[T]{buf: values} }

func (s *stack[T]) values() []T { return s.buf[s.at:] }

func (s *stack[T]) push(v T) {
	if s.at == 0 {
		room := max(8, len(s.buf))
		s.buf, s.at = append(make([]T, room, room+len(s.buf)), s.buf...), room
	}
	s.at--
	s.buf[s.at] = v
}

// reserve makes room for n values in an empty stack.
func (s *stack[T]) reserve(n int) { s.buf, s.at = make([]T, n), n }
