package files

import "fmt"

// maxSocket is the largest number of bytes in the path of a unix socket. The kernel has room
// for one more, for the zero at the end (unix(7)).
const maxSocket = 107

// CheckSocket returns an error if a path is too long for a unix socket.
func CheckSocket(path string) error {
	if len(path) > maxSocket {
		return fmt.Errorf("the path of a unix socket has at most %d bytes, this one has %d: give a shorter one", maxSocket, len(path))
	}
	return nil
}
