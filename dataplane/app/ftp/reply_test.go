package ftp_test

import (
	"testing"

	"director/dataplane/app/ftp"
	"director/packet"
)

// Replies of real servers, and what the client must receive.
var replies = []struct{ name, in, want string }{
	{"vsftpd", "227 Entering Passive Mode (10,0,0,11,78,52).\r\n", "227 Entering Passive Mode (192,0,2,10,78,52).\r\n"},
	{"proftpd", "227 Entering Passive Mode (10,0,0,11,203,24).\r\n", "227 Entering Passive Mode (192,0,2,10,203,24).\r\n"},
	{"pure-ftpd", "227 Entering Passive Mode (10,0,0,11,200,103)\r\n", "227 Entering Passive Mode (192,0,2,10,200,103)\r\n"},
	{"Windows", "227 Entering Passive Mode (10,0,0,11,195,149).\r\n", "227 Entering Passive Mode (192,0,2,10,195,149).\r\n"},
	{"publicfile", "227 =10,0,0,11,4,1\r\n", "227 =192,0,2,10,4,1\r\n"},
	{"no parentheses", "227 Entering Passive Mode. 10,0,0,11,4,1\r\n", "227 Entering Passive Mode. 192,0,2,10,4,1\r\n"},
	{"titan", "227 - Entering Passive Mode (10,0,0,11,4,1).\r\n", "227 - Entering Passive Mode (192,0,2,10,4,1).\r\n"},
	{"padded", "227 Entering Passive Mode (010,000,000,011,004,001)\n", "227 Entering Passive Mode (192,0,2,10,4,1)\n"},
	{"two lines", "227 ok (10,0,0,11,4,1)\r\n150 (10,0,0,11,4,1)\r\n", "227 ok (192,0,2,10,4,1)\r\n150 (10,0,0,11,4,1)\r\n"},
	{"vsftpd, extended", "229 Entering Extended Passive Mode (|||34567|).\r\n", "229 Entering Extended Passive Mode (|||34567|).\r\n"},
	{"proftpd, extended", "229 Entering Extended Passive Mode (|||52056|)\r\n", "229 Entering Extended Passive Mode (|||52056|)\r\n"},
	{"pure-ftpd, extended", "229 Extended Passive mode OK (|||50211|)\r\n", "229 Extended Passive mode OK (|||50211|)\r\n"},
	{"Windows, extended", "229 Entering Extended Passive Mode (|||50010|)\r\n", "229 Entering Extended Passive Mode (|||50010|)\r\n"},
	{"another delimiter", "229 (!!!50010!)\r\n", "229 (!!!50010!)\r\n"},
	{"an address that should not be there", "229 ok (|1|10.0.0.11|50010|)\r\n", "229 ok (|||50010|)\r\n"},
}

func TestReply_ShowsTheVirtualAddress(t *testing.T) {
	for _, c := range replies {
		r := ftp.ParseReply([]byte(c.in), server)
		if r.Kind != ftp.Announced || r.Addr != server || r.Port == 0 {
			t.Errorf("%s: %+v, want the server's announcement", c.name, r)
			continue
		}
		text, longer := r.Append(nil, virtual)
		if got := c.in[:r.From] + string(text) + c.in[r.To:]; got != c.want || longer != len(c.want)-len(c.in) {
			t.Errorf("%s: %q longer by %d, want %q by %d", c.name, got, longer, c.want, len(c.want)-len(c.in))
		}
		again := ftp.ParseReply([]byte(c.want), virtual)
		if again.Kind != ftp.Announced || again.Port != r.Port {
			t.Errorf("%s: the new line reads as %+v, want port %d", c.name, again, r.Port)
		}
	}
}

func TestReply_AppendsToWhatIsThere(t *testing.T) {
	r := ftp.ParseReply([]byte("227 (10,0,0,11,4,1)\r\n"), server)
	text, longer := r.Append([]byte("before"), packet.MustAddr("255.255.255.255"))
	if want := "before255,255,255,255,4,1"; string(text) != want || longer != 6 {
		t.Errorf("%q longer by %d, want %q by 6", text, longer, want)
	}
}

func TestParseReply_RefusesOtherAddresses(t *testing.T) {
	for in, want := range map[string]ftp.Endpoint{
		"227 (203,0,113,9,4,1)\r\n":          {Addr: packet.MustAddr("203.0.113.9"), Port: 1025},
		"227 (192,0,2,10,4,1)\r\n":           {Addr: virtual, Port: 1025}, // a server that is configured with the VIP
		"229 (|1|203.0.113.9|50010|)\r\n":    {Addr: packet.MustAddr("203.0.113.9"), Port: 50010},
		"229 (|2|2001:db8::11|50010|)\r\n":   {Addr: packet.MustAddr("2001:db8::11"), Port: 50010},
		"229 ((|2|2001:db8::11|5001|)\r\n":   {},
		"229 (|2|::ffff:10.0.0.11|501|)\r\n": {},
	} {
		r := ftp.ParseReply([]byte(in), server)
		kind := ftp.Refused
		if want.Port == 0 {
			kind = ftp.Nothing
		}
		if r.Kind != kind || r.Endpoint != want {
			t.Errorf("%q: %+v, want kind %d of %+v", in, r, kind, want)
		}
	}
}

func TestParseReply_PassesOverOtherLines(t *testing.T) {
	for _, in := range []string{
		"", "2", "227", "227 ", "227\r\n", "227 \r\n", "227 Entering Passive Mode\r\n",
		"227 (10,0,0,11,4,1)",                  // the line end is missing
		"227-(10,0,0,11,4,1)\r\n",              // more lines follow
		"226 (10,0,0,11,4,1)\r\n",              //
		" 227 (10,0,0,11,4,1)\r\n",             //
		"227 (10,0,0,11,4)\r\n",                //
		"227 (10,0,0,11,4,1,7)\r\n",            //
		"227 (10,0,0,11,4,1234)\r\n",           //
		"227 (10,0,0,256,4,1)\r\n",             //
		"227 (10,0,0,11,0,0)\r\n",              //
		"227 (10.0.0.11,4,1)\r\n",              //
		"227 Mode 2 (10,0,0,11,4,1)\r\n",       // the first digit counts
		"227 Entering\r\n (10,0,0,11,4,1)\r\n", //
		"229 |||50010|\r\n",
		"229 (|||50010)\r\n",
		"229 (|||0|)\r\n",
		"229 (|||65536|)\r\n",
		"229 (||50010|)\r\n",
		"229 (||||50010|)\r\n",
		"229 (|1||50010|)\r\n",
		"229 (|2|::|50010|)\r\n",
		"229 ()\r\n",
		"229 (\r\n",
		"229 (|||50010|)",
		"229-(|||50010|)\r\n",
		"500 'EPSV': command not understood.\r\n",
	} {
		if r := ftp.ParseReply([]byte(in), server); r.Kind != ftp.Nothing {
			t.Errorf("%q: %+v, want nothing", in, r)
		}
	}
}
