package api_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"director/control/api"
	"director/control/ipvsadm"
	"director/control/names"
	"director/packet"
	"director/sched"
	"director/service"
)

// compare leaves the servers' order out, which stays when a list is edited.
var compare = cmp.Options{
	cmpopts.EquateComparable(packet.Addr{}, service.Key{}), cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b service.ServerSpec) bool { return fmt.Sprint(a.Addr, a.Port) < fmt.Sprint(b.Addr, b.Port) }),
}

// randomService is the JSON of a service that may be refused.
func randomService(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	port := func() string { return pick("", ":0", ":80", ":80", ":443") }
	var b strings.Builder
	fmt.Fprintf(&b, `{"service":%q`, pick("tcp:192.0.2.10:80", "udp:192.0.2.10:53", "sctp:192.0.2.11:0", "tcp:192.0.2.11:21", "fwmark:7", "fwmark:0", "tcp:192.0.2.10"))
	field := func(format string, v ...any) {
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, format, v...)
		}
	}
	field(`,"scheduler":%q`, pick(append(sched.Names(), "x")...))
	field(`,"flags":[%q]`, pick("sh-port", "mh-fallback", "flag-3", "x"))
	field(`,"persistent":%d`, r.IntN(4)*r.IntN(1000))
	field(`,"netmask":%q`, pick("255.255.255.0", "255.0.255.0", "x"))
	field(`,"one_packet":true`)
	field(`,"engine":"sip"`)
	b.WriteString(`,"servers":[`)
	for i := range r.IntN(4) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"server":"10.0.0.%d%s"`, 11+r.IntN(4), port())
		field(`,"method":%q`, pick("nat", "dr", "tun"))
		field(`,"weight":%d`, r.IntN(5)-1)
		field(`,"upper":%d`, r.IntN(5))
		field(`,"lower":%d`, r.IntN(3))
		field(`,"tunnel":{"type":%q,"port":%d,"checksum":%q}`, pick("ipip", "gue", "gre"), r.IntN(2)*6080, pick("", "none", "full", "remote"))
		b.WriteByte('}')
	}
	b.WriteString("]}")
	return b.String()
}

// An accepted service is listed as it was requested. A refused one changes nothing.
func TestService_ComesBackAsItWasPut(t *testing.T) {
	rig, r, accepted := newRig(t), rand.New(rand.NewPCG(3, 4)), 0
	for range 500 {
		text := randomService(r)
		before := rig.Specs()
		status, _, answer := rig.ask("PUT", "/v1/services", `{"services":[`+text+`]}`)
		if status != 204 {
			if diff := cmp.Diff(before, rig.Specs(), compare); diff != "" {
				t.Fatalf("%s is refused (%s) and changes\n%s", text, answer, diff)
			}
			continue
		}
		accepted++
		var asked api.Service
		if err := json.Unmarshal([]byte(text), &asked); err != nil {
			t.Fatal(err)
		}
		want, err := asked.Spec()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff([]service.Spec{want}, rig.Specs(), compare); diff != "" {
			t.Errorf("%s (-asked for +set):\n%s", text, diff)
		}
		_, _, listed := rig.ask("GET", "/v1/services/"+asked.Service, "")
		var back api.Service
		if err := json.Unmarshal([]byte(listed), &back); err != nil {
			t.Fatal(err)
		}
		if got, err := back.Spec(); err != nil || cmp.Diff(want, got, compare) != "" {
			t.Errorf("%s is listed as %s: %v", text, listed, err)
		}
	}
	if accepted < 50 {
		t.Errorf("%d services were accepted: too few to tell anything", accepted)
	}
}

// FuzzService reads anything. What it accepts is the same when it is written and
// read again.
func FuzzService(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		f.Add(randomService(r))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s api.Service
		if json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		spec, err := s.Spec()
		if err != nil {
			return
		}
		written, err := json.Marshal(api.ServiceOf(&spec))
		if err != nil {
			t.Fatal(err)
		}
		var again api.Service
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		got, err := again.Spec()
		if err != nil {
			t.Fatalf("%q is written as %s, which is refused: %v", text, written, err)
		}
		if diff := cmp.Diff(spec, got, compare); diff != "" {
			t.Errorf("%q is written as %s (-read +read again):\n%s", text, written, diff)
		}
	})
}

// The commands of ipvsadm have the same effect and output with a director in this process
// and with one behind the control socket.
func TestRemote_IsAsLocal(t *testing.T) {
	near, far := newRig(t), newRig(t)
	client := api.Open(far.socket)
	defer client.Close()
	shell := func(d ipvsadm.Director, line, in string) string {
		c, err := ipvsadm.Parse(strings.Fields(line), names.System{})
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var out, errs strings.Builder
		s := ipvsadm.Shell{Director: d, Resolver: names.System{}, In: strings.NewReader(in), Out: &out, Err: &errs}
		code := s.Execute(c)
		return fmt.Sprintf("%d\n%s%s", code, &out, &errs)
	}
	r := rand.New(rand.NewPCG(7, 8))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	command := func() string {
		s := pick("-t 192.0.2.10:80", "-u 192.0.2.10:53", "-f 7", "-t 192.0.2.11:21")
		server := "-r 10.0.0.1" + pick("1", "2", "3") + pick("", ":80", ":8080")
		switch r.IntN(9) {
		case 0, 1:
			return "-A " + s + pick("", " -s rr", " -s mh -b mh-port", " -p 60 -M 255.255.255.0", " -s x")
		case 2:
			return "-E " + s + pick(" -s sh", " -p", "")
		case 3:
			return pick("-D "+s, "-C", "-Z", "-Z "+s, "--set 0 0 30", "--set 10 20 0")
		case 4, 5, 6:
			return "-a " + s + " " + server + pick("", " -m", " -i", " -i --tun-type gue --tun-port 6080", " -w 3", " -w 0", " -x 5 -y 2", " -y 3")
		case 7:
			return "-e " + s + " " + server + pick(" -w 7", " -m", " -g")
		}
		return "-d " + s + " " + server
	}
	for i := range 400 {
		line, in := command(), ""
		if i%10 == 9 {
			line = "-R"
			for range r.IntN(20) {
				in += command() + "\n"
			}
		}
		local := shell(ipvsadm.Local{Control: near.Control}, line, in)
		remote := shell(api.Remote{Client: client, Context: t.Context()}, line, in)
		if local != remote {
			t.Fatalf("%s %q: local %s\nremote %s", line, in, local, remote)
		}
		if i%20 == 0 {
			client := "198.51.100.1:4000" + pick("1", "2")
			for _, rig := range []*rig{near, far} {
				rig.syn(client)
				rig.Estimate()
			}
		}
		for _, list := range []string{"-Ln", "-L --thresholds -n", "-L --tun-info -n", "-Sn", "-L --timeout"} {
			if i%7 != 0 {
				break
			}
			a, b := shell(ipvsadm.Local{Control: near.Control}, list, ""), shell(api.Remote{Client: client, Context: t.Context()}, list, "")
			if a != b {
				t.Fatalf("%s: local\n%s\nremote\n%s", list, a, b)
			}
		}
	}
}
