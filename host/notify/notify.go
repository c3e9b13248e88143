// Package notify tells the service manager the state of the director. It uses the
// protocol of sd_notify(3): datagrams to the socket that $NOTIFY_SOCKET names.
package notify

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Manager is the service manager that started the process. The zero Manager stands for
// no service manager and drops all messages.
type Manager struct {
	conn net.Conn
}

// Open connects to the service manager by $NOTIFY_SOCKET, which is a path or, after @, an
// abstract name. Without the variable it returns the zero Manager and no error.
func Open() (Manager, error) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return Manager{}, nil
	}
	conn, err := net.Dial("unixgram", name)
	if err != nil {
		return Manager{}, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return Manager{conn}, nil
}

// Ready says that the director forwards.
func (m Manager) Ready() error { return m.send("READY=1") }

// Reloading says that the director starts to reload its configuration; Ready says that it
// has finished. The message carries the time of the start (sd_notify(3),
// Type=notify-reload).
func (m Manager) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	return m.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000))
}

// Stopping says that the director is about to end.
func (m Manager) Stopping() error { return m.send("STOPPING=1") }

// Status sets the line that systemctl status shows. It must not contain a
// newline.
func (m Manager) Status(s string) error { return m.send("STATUS=" + s) }

func (m Manager) send(state string) error {
	if m.conn == nil {
		return nil
	}
	if _, err := m.conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}
