package packet

import (
	"encoding/binary"
	"hash/crc32"
)

// Lengths of SCTP's common header and of a chunk's header, in bytes.
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

// sctpChecksum is where the checksum lies in the common header.
const sctpChecksum = 8

// castagnoli is the polynomial of SCTP's checksum (RFC 9260 appendix A).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunk returns the type of an SCTP packet's first chunk, or of the second
// where that is an ABORT behind a COOKIE ECHO or a COOKIE ACK, the chunks that
// others may follow during the handshake (ip_vs_proto_sctp.c). Precondition: at
// least SCTPLen+chunkLen bytes.
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

// UpdateSCTPChecksum computes the checksum of the SCTP packet h, which ends
// where h ends, anew.
func (h L4) UpdateSCTPChecksum() {
	binary.LittleEndian.PutUint32(h[sctpChecksum:], 0)
	binary.LittleEndian.PutUint32(h[sctpChecksum:], crc32.Checksum(h, castagnoli))
}
