package packet

import (
	"encoding/binary"
	"hash/crc32"
)

// Lengths of the SCTP common header and of a chunk header, in bytes.
const (
	SCTPLen  = 12
	chunkLen = 4
)

// Types of SCTP chunks (RFC 9260 §3.2).
const (
	ChunkData             = 0
	ChunkInit             = 1
	ChunkInitAck          = 2
	ChunkAbort            = 6
	ChunkShutdown         = 7
	ChunkShutdownAck      = 8
	ChunkError            = 9
	ChunkCookieEcho       = 10
	ChunkCookieAck        = 11
	ChunkShutdownComplete = 14
)

// sctpChecksum is the offset of the checksum in the common header.
const sctpChecksum = 8

// castagnoli is the table for the polynomial of the SCTP checksum (RFC 9260 appendix
// A).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunk returns the type of the first chunk of an SCTP packet. If the first chunk is
// a COOKIE ECHO or a COOKIE ACK, which other chunks may follow during the handshake,
// and the second is an ABORT, chunk returns ChunkAbort (ip_vs_proto_sctp.c).
// Precondition: at least SCTPLen+chunkLen bytes.
func (h L4) chunk() uint8 {
	first := h[SCTPLen]
	if first != ChunkCookieEcho && first != ChunkCookieAck {
		return first
	}
	length := int(binary.BigEndian.Uint16(h[SCTPLen+2:]))
	second := SCTPLen + (length+3)&^3 // chunks are padded to words
	if length >= chunkLen && second+chunkLen <= len(h) && h[second] == ChunkAbort {
		return ChunkAbort
	}
	return first
}

// UpdateSCTPChecksum recomputes the checksum of the SCTP packet h. h must end where
// the packet ends.
func (h L4) UpdateSCTPChecksum() {
	binary.LittleEndian.PutUint32(h[sctpChecksum:], h.sctpSum())
}
