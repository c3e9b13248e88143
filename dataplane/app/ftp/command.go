package ftp

import "director/packet"

// Kind is the meaning of a line of the control connection for the data connection.
type Kind uint8

const (
	// Nothing: the line does not concern the data connection, or is malformed.
	Nothing Kind = iota
	// Passive and ExtendedPassive: the client asks the server to listen, with PASV or
	// EPSV.
	Passive
	ExtendedPassive
	// Announced: the sender of the line listens at an endpoint.
	Announced
	// Refused: a well-formed announcement of an IPv6 address, or of an address that
	// is not that of the sender. The line is forwarded, but no data connection is
	// opened.
	Refused
)

// Command is a command of the client. Endpoint is set if Kind is Announced or
// Refused.
type Command struct {
	Kind Kind
	Endpoint
}

// ParseCommand reads the payload of a segment from the client and returns the first
// command that concerns the data connection. client is the address of the client.
// Commands may be in upper or lower case (RFC 959 §5.3). An incomplete line is
// ignored.
func ParseCommand(payload []byte, client packet.Addr) Command {
	for {
		line, rest, ok := cutLine(payload)
		if !ok {
			return Command{}
		}
		if c := parseCommand(line, client); c.Kind != Nothing {
			return c
		}
		payload = rest
	}
}

func parseCommand(line []byte, client packet.Addr) Command {
	const verbLen = 4
	if len(line) < verbLen || len(line) > verbLen && !blank(line[verbLen]) {
		return Command{}
	}
	var verb [verbLen]byte
	for i := range verb {
		verb[i] = line[i] &^ 0x20 // upper case if line[i] is a letter
	}
	argument := trim(line[verbLen:])
	switch string(verb[:]) {
	case "PASV":
		if len(argument) == 0 {
			return Command{Kind: Passive}
		}
	case "EPSV":
		// EPSV ALL announces that the client will use no other command. EPSV 2 asks
		// for IPv6. The kernel ignores both.
		if len(argument) == 0 || string(argument) == "1" {
			return Command{Kind: ExtendedPassive}
		}
	case "PORT":
		if e, rest, ok := hostPort(argument); ok && len(rest) == 0 {
			return Command{announced(e, client), e}
		}
	case "EPRT":
		if e, rest, ok := extended(argument); ok && len(rest) == 0 && !e.Addr.IsZero() {
			return Command{announced(e, client), e}
		}
	}
	return Command{}
}

// announced returns Announced if e has the address of the sender, else Refused.
func announced(e Endpoint, speaker packet.Addr) Kind {
	if e.Addr != speaker || !e.Addr.Is4() {
		return Refused
	}
	return Announced
}
