package control

import (
	"fmt"
	"slices"
	"testing"

	"director/conntrack"
	"director/internal/fields"
)

// unlisted are the fields of a connection that a listing does not show, with the
// reason. ipvsadm has no column for any of them.
var unlisted = map[string]string{
	"Method":      "ipvsadm shows it per server",
	"Server":      "a number means nothing outside: the server's address is shown",
	"Flags":       "they are marks for the directors themselves",
	"Packets":     "IPVS counts them for itself",
	"Timeout":     "the time that is left is shown",
	"Order":       "the listing is in this order",
	"Local":       "no connection has one yet",
	"LocalPort":   "likewise",
	"ClientShift": "likewise",
	"ServerShift": "likewise",
	"ID":          "it names the connection inside the table only",
	"Parent":      "likewise",
	"Parental":    "likewise",
}

// This fails if a new field of a record is not listed and has no reason in unlisted.
func TestConnections_ShowEveryField(t *testing.T) {
	full := fields.Full[conntrack.Record]()
	full.Kind, full.State, full.Deadline = conntrack.Template|conntrack.Engine, conntrack.TemplateAssured, 1<<40
	if zero := fields.Zero(full); len(zero) != 0 {
		t.Fatalf("%v are zero", zero)
	}
	show := func(r conntrack.Record) string { return fmt.Sprintf("%+v", connection(&r, 1)) }
	unseen := fields.Unseen(full, show)
	// A template contains the mark in place of the virtual address.
	plain := full
	plain.Kind, plain.State = conntrack.Helper, conntrack.TCPEstablished
	seen := fields.Unseen(plain, show)
	for _, name := range unseen {
		if unlisted[name] == "" && slices.Contains(seen, name) {
			t.Errorf("%s of a connection is not listed", name)
		}
	}
	for name := range unlisted {
		if !slices.Contains(unseen, name) {
			t.Errorf("%s is listed, but not said to be", name)
		}
	}
}
