// Package ftp implements the FTP helper for masquerading (RFC 959, RFC 2428). It
// finds the data connections that a control connection announces, and rewrites the
// announcements for the client.
//
//	client → server  PORT, EPRT   the client listens; nothing is rewritten
//	                 PASV, EPSV   asks the server to listen; its answer is awaited
//	server → client  227          the server listens; its address becomes the VIP
//	                 229          the server listens; contains a port only
//
// A Control is the state of one control connection. Both of its methods take a frame
// that packet.Parse accepted and that is not rewritten yet. Package nat does the
// masquerading. The methods return the data connection that must exist before the
// frame may leave. The caller inserts it into the connection table.
//
// The behaviour is that of the kernel's helper (ip_vs_ftp.c) with the following
// differences. A correct client or server does not notice any of them.
//
//   - The kernel accepts any address. This package accepts only the client's own address from
//     the client and only the server's own address from the server. So nobody can make the
//     director open a connection to a third party (the bounce attack of RFC 2577 §3).
//   - A line is accepted only if it is complete, its numbers are in range and nothing
//     unexpected follows. The kernel lets 300 wrap around to 44.
//   - The kernel finds PASV anywhere in a segment. Here it must be a line of its own.
//   - The kernel forwards a retransmission of a rewritten answer unchanged. Here it is
//     rewritten in the same way.
//   - An answer that would be rewritten out of order is dropped until its turn: see Control.
package ftp
