package ftp

import "director/packet"

// Kind is what a line of the dialogue means for the data connection.
type Kind uint8

const (
	// Nothing: the line has no bearing on it, or is malformed.
	Nothing Kind = iota
	// Passive and ExtendedPassive: the client asks the server to listen, by
	// PASV or EPSV.
	Passive
	ExtendedPassive
	// Announced: the speaker listens at an endpoint.
	Announced
	// Refused: a well-formed announcement of an address that is not the
	// speaker's, or of an IPv6 one. It is forwarded, but opens nothing.
	Refused
)

// Command is what a client asks for. Endpoint is set with Announced and
// Refused.
type Command struct {
	Kind Kind
	Endpoint
}

// ParseCommand reads the payload of a segment from the client, whose address
// is given, and returns the first command in it that concerns the data
// connection. Commands are read in either case (RFC 959 §5.3); a line that is
// not whole is not read.
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
		verb[i] = line[i] &^ 0x20 // upper case, where line[i] is a letter
	}
	argument := trim(line[verbLen:])
	switch string(verb[:]) {
	case "PASV":
		if len(argument) == 0 {
			return Command{Kind: Passive}
		}
	case "EPSV":
		// EPSV ALL announces that no other command will come; EPSV 2 asks for
		// IPv6. The kernel passes over both.
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

// announced returns Announced if e belongs to the speaker, else Refused.
func announced(e Endpoint, speaker packet.Addr) Kind {
	if e.Addr != speaker || !e.Addr.Is4() {
		return Refused
	}
	return Announced
}
