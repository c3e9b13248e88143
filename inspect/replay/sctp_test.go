package replay_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// chunkNames holds the names of SCTP's chunk types by number (RFC 9260 §3.2). Other types
// are written as a number.
var chunkNames = []string{
	"DATA", "INIT", "INIT-ACK", "SACK", "HEARTBEAT", "HEARTBEAT-ACK", "ABORT", "SHUTDOWN",
	"SHUT-ACK", "ERROR", "C-ECHO", "C-ACK", "ECNE", "CWR", "SHUT-COMPL",
}

// chunkValues holds the lengths of the fixed parts after a chunk's header. These parts
// are filled with zeros.
var chunkValues = map[string]int{
	"DATA": 12, "INIT": 16, "INIT-ACK": 16, "SACK": 12, "SHUTDOWN": 4, "ECNE": 4, "CWR": 4,
}

// chunks builds the chunks of "C-ECHO+ABORT"; the last one carries the payload.
func chunks(what string, load []byte) (b []byte, err error) {
	if what == "-" {
		return load, nil // a common header without chunks
	}
	list := strings.Split(what, "+")
	for i, name := range list {
		kind := slices.Index(chunkNames, name)
		if kind < 0 {
			if kind, err = strconv.Atoi(name); err != nil {
				return nil, fmt.Errorf("%q is no chunk of SCTP", name)
			}
		}
		n := 4 + chunkValues[name]
		if i == len(list)-1 {
			n += len(load)
		}
		b = append(b, byte(kind), 0)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		b = append(b, make([]byte, chunkValues[name])...)
	}
	b = append(b, load...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b, nil
}

// readChunks is the inverse of chunks.
func readChunks(b []byte) (what string, load []byte) {
	var list []string
	for len(b) >= 4 {
		name := strconv.Itoa(int(b[0]))
		if int(b[0]) < len(chunkNames) {
			name = chunkNames[b[0]]
		}
		list = append(list, name)
		end := min(max(int(binary.BigEndian.Uint16(b[2:])), 4), len(b))
		load = b[min(4+chunkValues[name], end):end]
		b = b[min((end+3)&^3, len(b)):]
	}
	if list == nil {
		return "-", b
	}
	return strings.Join(list, "+"), load
}
