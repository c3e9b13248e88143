// Package notify tells the service manager how the director is doing, by the
// protocol of sd_notify(3): datagrams to the socket that $NOTIFY_SOCKET names.
package notify

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Manager is the service manager that started the process. The zero Manager is
// none: everything sent to it is dropped.
type Manager struct {
	conn net.Conn
}

// Open finds the service manager by $NOTIFY_SOCKET, a path or, after @, an
// abstract name. Without the variable there is none, which is no error.
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

// Reloading says that the director reads its configuration again; Ready says that
// it has. The manager wants to know since when (sd_notify(3), Type=notify-reload).
func (m Manager) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	return m.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000))
}

// Stopping says that it is about to end.
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
