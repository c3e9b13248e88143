package packet

// The ports of FTP (RFC 959 §8). A server sends data from FTPDataPort in active
// mode.
const (
	FTPPort     = 21
	FTPDataPort = 20
)

// protocols are the transport protocols that a virtual service can have.
var protocols = [...]struct {
	number uint8
	name   string
}{
	{ProtoTCP, "tcp"},
	{ProtoUDP, "udp"},
	{ProtoSCTP, "sctp"},
}

// ProtoName returns the name of a transport protocol in lower case, as
// /etc/services, the API and --fwmark spell it. It is empty for a protocol that
// no service can have.
func ProtoName(proto uint8) string {
	for i := range protocols {
		if protocols[i].number == proto {
			return protocols[i].name
		}
	}
	return ""
}

// ParseProto is the inverse of ProtoName.
func ParseProto(name string) (proto uint8, ok bool) {
	for i := range protocols {
		if protocols[i].name == name {
			return protocols[i].number, true
		}
	}
	return 0, false
}
