package dataplane

// Remembered returns of how many connections a helper remembers something.
func Remembered(s *Shared) int {
	s.helpers.mu.RLock()
	defer s.helpers.mu.RUnlock()
	return len(s.helpers.controls)
}
