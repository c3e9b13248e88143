// Package ftp is what a director in masquerading mode knows of FTP (RFC 959,
// RFC 2428): which data connection a control connection announces, and how the
// announcement changes on its way to the client.
//
//	client → server  PORT, EPRT   the client listens; nothing is rewritten
//	                 PASV, EPSV   the server shall listen; its answer is awaited
//	server → client  227          the server listens; its address becomes the VIP
//	                 229          the server listens; carries a port only
//
// A Control is the memory of one control connection. Both of its methods take
// a frame that packet.Parse has understood and that nobody has rewritten yet,
// and leave the masquerading to package nat. They say which data connection
// must exist before the frame may leave; the connection table is not their
// business.
//
// The behaviour is that of the kernel's helper (ip_vs_ftp.c) with these
// differences, none of which a well-behaved client or server can see:
//
//   - The kernel believes any address. Here the client may announce only its
//     own and the server only its own, so nobody makes the director open a way
//     to a third party (the bounce attack of RFC 2577 §3).
//   - A line counts only if it is whole, its numbers are in range and nothing
//     unexpected follows. The kernel lets 300 wrap around to 44.
//   - The kernel finds PASV anywhere in a segment; here it is a line of its own.
//   - The kernel forgets an answer once it has rewritten it, and lets the
//     retransmission through as it is. Here it gets the same edit.
//   - Answers that would be rewritten out of order wait for their turn, see
//     Control.
package ftp
