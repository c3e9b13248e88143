package control

// Timeouts are the lives, in seconds after the last packet, that an operator can
// set: of an established TCP connection, of one after a FIN, and of a UDP one.
type Timeouts struct{ TCP, TCPFIN, UDP uint32 }
