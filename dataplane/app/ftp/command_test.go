package ftp_test

import (
	"testing"

	"director/dataplane/app/ftp"
	"director/packet"
)

var (
	client  = packet.MustAddr("198.51.100.7")
	server  = packet.MustAddr("10.0.0.11")
	virtual = packet.MustAddr("192.0.2.10")
)

func TestParseCommand_ReadsWhatTheClientAsks(t *testing.T) {
	own := func(port uint16) ftp.Command {
		return ftp.Command{Kind: ftp.Announced, Endpoint: ftp.Endpoint{Addr: client, Port: port}}
	}
	refused := func(addr string, port uint16) ftp.Command {
		return ftp.Command{Kind: ftp.Refused, Endpoint: ftp.Endpoint{Addr: packet.MustAddr(addr), Port: port}}
	}
	passive, extended := ftp.Command{Kind: ftp.Passive}, ftp.Command{Kind: ftp.ExtendedPassive}
	var nothing ftp.Command
	for in, want := range map[string]ftp.Command{
		"PORT 198,51,100,7,156,64\r\n":        own(40000),
		"port 198,51,100,7,156,64\n":          own(40000),
		"PoRt  198,51,100,7,0,1 \r\n":         own(1),
		"PORT\t198,51,100,007,004,001\r":      own(1025),
		"TYPE I\r\nPORT 198,51,100,7,1,2\r\n": own(258), // both lines in one segment
		"PORT 198,51,100,7,1,2\r\nLIST\r\n":   own(258),
		"PORT 203,0,113,9,1,2\r\n":            refused("203.0.113.9", 258),

		"PORT 198,51,100,7,156,64":           nothing, // the rest of the line is missing
		"PORT 198,51,100,7,156,6":            nothing,
		"PORT 198,51,100,7,0,0\r\n":          nothing,
		"PORT 198,51,100,7,156,256\r\n":      nothing,
		"PORT 198,51,100,300,156,64\r\n":     nothing, // the kernel: .44
		"PORT 198,51,100,0007,156,64\r\n":    nothing,
		"PORT 198,51,100,7,156\r\n":          nothing,
		"PORT 198,51,100,7,156,\r\n":         nothing,
		"PORT 198,51,100,,156,64\r\n":        nothing,
		"PORT 198,51,100,7,156,64,1\r\n":     nothing,
		"PORT 198,51,100,7,156,64 x\r\n":     nothing,
		"PORT 198, 51,100,7,156,64\r\n":      nothing,
		"PORT -198,51,100,7,156,64\r\n":      nothing,
		"PORT198,51,100,7,156,64\r\n":        nothing,
		"PORTX 198,51,100,7,156,64\r\n":      nothing,
		" PORT 198,51,100,7,156,64\r\n":      nothing,
		"XPORT 198,51,100,7,156,64\r\n":      nothing,
		"SITE PORT 198,51,100,7,156,64\r\n":  nothing,
		"PORT\r\n":                           nothing,
		"\x10ORT 198,51,100,7,156,64\r\n":    nothing,
		"RETR PORT 198,51,100,7,1,2.txt\r\n": nothing,

		"EPRT |1|198.51.100.7|40000|\r\n":            own(40000),
		"eprt !1!198.51.100.7!65535!\n":              own(65535),
		"EPRT ~1~198.51.100.7~1~ \r\n":               own(1),
		"EPRT |1|203.0.113.9|6275|\r\n":              refused("203.0.113.9", 6275),
		"EPRT |2|1080::8:800:200C:417A|5282|\r\n":    refused("1080::8:800:200c:417a", 5282), // RFC 2428
		"EPRT |2|::1|5282|\r\n":                      refused("::1", 5282),
		"EPRT |2|::|5282|\r\n":                       nothing, // the unspecified address
		"EPRT |2|::ffff:198.51.100.7|40000|\r\n":     nothing, // IPv4-mapped
		"EPRT |1|::ffff:198.51.100.7|40000|\r\n":     nothing,
		"EPRT |2|198.51.100.7|40000|\r\n":            nothing,
		"EPRT |2|fe80::1%eth0|40000|\r\n":            nothing,
		"EPRT |3|198.51.100.7|40000|\r\n":            nothing,
		"EPRT |11|198.51.100.7|40000|\r\n":           nothing,
		"EPRT ||198.51.100.7|40000|\r\n":             nothing,
		"EPRT |||40000|\r\n":                         nothing, // only a 229 may omit the address
		"EPRT |1||40000|\r\n":                        nothing,
		"EPRT |1|198.51.100.7|0|\r\n":                nothing,
		"EPRT |1|198.51.100.7|65536|\r\n":            nothing,
		"EPRT |1|198.51.100.7|040000|\r\n":           nothing,
		"EPRT |1|198.51.100.7|40000\r\n":             nothing,
		"EPRT |1|198.51.100.7|40000|":                nothing,
		"EPRT |1|198.51.100.7|40000|x\r\n":           nothing,
		"EPRT |1|198.51.100.7!40000|\r\n":            nothing,
		"EPRT .1.198.51.100.7.40000.\r\n":            nothing,
		"EPRT 1119819.51.100.7140000\r\n":            nothing,
		"EPRT  \r\n":                                 nothing,
		"EPRT |\r\n":                                 nothing,
		"EPRT |1|1198.51.100.7|40000|\r\n":           nothing,
		"EPRT |1|198.51.100.7 |40000|\r\n":           nothing,
		"EPRT \x7f1\x7f198.51.100.7\x7f4000\x7f\r\n": nothing,

		"PASV\r\n":                   passive,
		"pasv\n":                     passive,
		"NOOP\r\nPASV\r\nLIST\r\n":   passive,
		"PASV\r\nPORT 1,1,1,1,1,1\n": passive,
		"PASV":                       nothing,
		"XPASV\r\n":                  nothing, // the kernel: passive
		"PASV 1\r\n":                 nothing,
		"PA\x17V\r\n":                nothing,

		"EPSV\r\n":     extended,
		"epsv 1\r\n":   extended,
		"EPSV 2\r\n":   nothing,
		"EPSV ALL\r\n": nothing,
		"EPSV1\r\n":    nothing,

		"":                     nothing,
		"\r\n":                 nothing,
		"\r\n\r\n\n\n":         nothing,
		"USER anonymous\r\n":   nothing,
		"\xff\xf4\xff\xf2ABOR": nothing,
	} {
		if got := ftp.ParseCommand([]byte(in), client); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

func TestParseCommand_RefusesAnIPv6ClientsOwnAddress(t *testing.T) {
	addr := packet.MustAddr("2001:db8::7")
	got := ftp.ParseCommand([]byte("EPRT |2|2001:db8::7|40000|\r\n"), addr)
	if want := (ftp.Command{Kind: ftp.Refused, Endpoint: ftp.Endpoint{Addr: addr, Port: 40000}}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
