package sip_test

import (
	"regexp"
	"strings"
	"testing"

	"director/dataplane/app/sip"
)

// invite is the example of RFC 3261 §24.2 (F1), with the header under test.
func invite(header string) string {
	return "INVITE sip:bob@biloxi.com SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n" +
		"Max-Forwards: 70\r\n" +
		"To: Bob <sip:bob@biloxi.com>\r\n" +
		"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n" +
		header +
		"CSeq: 314159 INVITE\r\n" +
		"Content-Length: 0\r\n\r\n"
}

func TestCallID_FindsTheHeader(t *testing.T) {
	const id = "a84b4c76e66710@pc33.atlanta.com"
	long := strings.Repeat("x", sip.MaxCallID)
	for header, want := range map[string]string{
		"Call-ID: " + id + "\r\n":                                  id,
		"CALL-ID:" + id + "\r\n":                                   id,
		"call-id \t: \t" + id + "\r\n":                             id,
		"Call-ID: " + id + "\n":                                    id,
		"Call-ID: " + id + "\r":                                    id,
		"i: " + id + "\r\n":                                        id,
		"I:" + id + "\r\n":                                         id,
		"i : " + id + "\r\n":                                       id,
		"Call-ID:\r\n " + id + "\r\n":                              id, // folded
		"Call-ID\r\n\t:\r\n \t " + id + "\r\n":                     id,
		"Call-ID: f81d4fae-7dec-11d0\r\n":                          "f81d4fae-7dec-11d0", // RFC 3261 §20.8
		"Call-ID: -.!%*_+`'~()<>:\\\"/[]?{}\r\n":                   "-.!%*_+`'~()<>:\\\"/[]?{}",
		"Call-ID: " + long + "\r\n":                                long,
		"Call-ID: a\r\nCall-ID: b\r\n":                             "a",
		"Call-ID: \r\nCall-ID: b\r\n":                              "", // an empty value ends the search
		"Call-ID: a@\r\ni: b\r\n":                                  "b",
		"Call-ID: @a\r\ni: b\r\n":                                  "b",
		"Call-ID:\x01\r\ni: b\r\n":                                 "b",
		"In-Reply-To: 70710@saturn.bell-tel.com\r\nCall-ID: b\r\n": "b",
		"Subject: x\r\n Call-ID: folded\r\nCall-ID: b\r\n":         "b",
		"X-Call-ID: a\r\nCall-ID: b\r\n":                           "b",

		"":                              "",
		"Call-ID: " + long + "x\r\n":    "",
		"Call-ID: " + id + " \r\n":      "", // no blank may follow
		"Call-ID: " + id + ";x\r\n":     "",
		"Call-ID: a@b@c\r\n":            "",
		"Call-ID: a,b\r\n":              "",
		"Call-ID a\r\nCall-ID: b\r\n":   "", // a missing colon ends the search
		"Call-IDs: a\r\nCall-ID: b\r\n": "",
		"i-x: a\r\nCall-ID: b\r\n":      "",
		"Call-ID:\r\n\r\n":              "",
		"Call-ID\r\n":                   "",
		" Call-ID: a\r\n":               "",
		"Call-ID: \x00\r\n":             "",
	} {
		id, ok := sip.CallID([]byte(invite(header)))
		if string(id) != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", header, id, ok, want)
		}
	}
}

func TestCallID_NeedsTheEndOfTheLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		"\r\n":                                "",
		"Call-ID: a\r\n":                      "", // the first line is not a header
		"\r\nCall-ID: a":                      "",
		"\r\nCall-ID: a@":                     "",
		"\r\nCall-ID: a\r":                    "a",
		"\rCall-ID:a\n":                       "a",
		"\nCall-ID:a\r":                       "a",
		"\r\nCall-ID:":                        "",
		"\r\nCall-ID: ":                       "",
		"\r\nCall-ID":                         "",
		"\r\ni":                               "",
		"\r\ni:":                              "",
		"\r\nCall-ID:\r\n ":                   "",
		"x\r\nContent-Length: 0\r\n\r\ni:b\n": "b", // in the body
	} {
		id, ok := sip.CallID([]byte(in))
		if string(id) != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", in, id, ok, want)
		}
	}
}

func TestCallID_ReturnsAPartOfTheDatagram(t *testing.T) {
	datagram := []byte(invite("Call-ID: abc\r\n"))
	if n := testing.AllocsPerRun(100, func() { sip.CallID(datagram) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	id, _ := sip.CallID(datagram)
	if cap(id) != 3 {
		t.Errorf("capacity %d, want 3: appending must not change the datagram", cap(id))
	}
}

var (
	// first matches the first line that begins with the header name.
	first = regexp.MustCompile(`(?s)[\r\n]((?i:call-id)|(?i:i)[^a-zA-Z]).*`)
	// sound matches such a line if its value is valid.
	sound = regexp.MustCompile(`(?s)^[\r\n](?:(?i:call-id)|(?i:i))[ \t]*(?:(?:\r\n|\r|\n)[ \t]+)?:[ \t]*(?:(?:\r\n|\r|\n)[ \t]+)?` +
		"([-a-zA-Z0-9.!%*_+`'~()<>:\\\\\"/\\[\\]?{}]+(?:@[-a-zA-Z0-9.!%*_+`'~()<>:\\\\\"/\\[\\]?{}]+)?)[\r\n]")
)

// FuzzCallID compares the parser with regular expressions. They agree if the first
// line that looks like the header has a value.
func FuzzCallID(f *testing.F) {
	f.Add([]byte(invite("Call-ID: a84b4c76e66710@pc33.atlanta.com\r\n")))
	f.Add([]byte("x\r\ni:\r\n a@b\rrest"))
	f.Add([]byte("x\nCall-ID: @\ni:b\n"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		id, ok := sip.CallID(datagram)
		if ok != (len(id) > 0) || len(id) > sip.MaxCallID {
			t.Fatalf("%q, %v", id, ok)
		}
		at := first.Find(datagram)
		if at == nil {
			if ok {
				t.Fatalf("%q: %q, but there is no header", datagram, id)
			}
			return
		}
		want := sound.FindSubmatch(at)
		if want == nil || len(want[1]) > sip.MaxCallID {
			return
		}
		if string(id) != string(want[1]) {
			t.Fatalf("%q: %q, want %q", datagram, id, want[1])
		}
	})
}
