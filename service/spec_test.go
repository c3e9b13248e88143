package service_test

import (
	"reflect"
	"strings"
	"testing"

	"director/packet"
	"director/service"
)

func TestParseKey_IsTheInverseOfName(t *testing.T) {
	for name, want := range map[string]service.Key{
		"tcp:192.0.2.10:80":  {Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP},
		"udp:192.0.2.10:0":   {Addr: packet.MustAddr("192.0.2.10"), Proto: packet.ProtoUDP},
		"sctp:192.0.2.10:21": {Addr: packet.MustAddr("192.0.2.10"), Port: 21, Proto: packet.ProtoSCTP},
		"fwmark:1":           {Mark: 1},
		"fwmark:4294967295":  {Mark: 4294967295},
	} {
		if got, err := service.ParseKey(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
		if got := want.Name(); got != name {
			t.Errorf("%+v: name %s, want %s", want, got, name)
		}
	}
}

func TestParseKey_RepeatsTheNameThatIsWrong(t *testing.T) {
	for _, name := range []string{
		"", "192.0.2.10:80", "icmp:192.0.2.10:80", "tcp:192.0.2.10", "tcp:192.0.2.10:65536", "tcp:web:80",
		"tcp:[2001:db8::1]:80", "fwmark:", "fwmark:0", "fwmark:-1", "fwmark:4294967296", "fwmark:web",
	} {
		got, err := service.ParseKey(name)
		if want := `service "` + name + `": `; err == nil || !strings.HasPrefix(err.Error(), want) || got != (service.Key{}) {
			t.Errorf("%q: %+v, %v, want no key, and an error that begins with %s", name, got, err, want)
		}
	}
}

// A field that is added to Spec must be compared as well.
func TestSameAttributes_ComparesEveryField(t *testing.T) {
	same := service.Spec{Key: service.Key{Port: 80}, Scheduler: "rr"}
	var walk func(v reflect.Value, path string, changed *service.Spec)
	walk = func(v reflect.Value, path string, changed *service.Spec) {
		for i := range v.NumField() {
			f, name := v.Field(i), path+v.Type().Field(i).Name
			was := reflect.New(f.Type()).Elem()
			was.Set(f)
			switch f.Kind() {
			case reflect.Struct:
				walk(f, name+".", changed)
				continue
			case reflect.String:
				f.SetString(f.String() + "x")
			case reflect.Bool:
				f.SetBool(!f.Bool())
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			default:
				f.SetUint(f.Uint() + 1)
			}
			if got, want := changed.SameAttributes(&same), name == "Servers"; got != want {
				t.Errorf("with another %s: %t, want %t", name, got, want)
			}
			f.Set(was)
		}
	}
	changed := same
	walk(reflect.ValueOf(&changed).Elem(), "", &changed)
	if !changed.SameAttributes(&same) {
		t.Error("a service differs from itself")
	}
}
