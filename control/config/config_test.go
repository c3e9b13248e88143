package config_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"director/control/config"
	"director/dataplane/sysctl"
	"director/packet"
	"director/service"
)

// nobody is a Resolver that knows no names, so that no test asks the network.
type nobody struct{}

func (nobody) Host(string) (netip.Addr, error)    { return netip.Addr{}, errors.New("no such host") }
func (nobody) Port(string, uint8) (uint16, error) { return 0, errors.New("no such service") }

// parse runs the parser over args, stdin being the text of "--flagfile=-".
func parse(stdin string, args ...string) (*config.Config, error) {
	return config.ParseWith(args, strings.NewReader(stdin), nobody{})
}

func write(t *testing.T, c *config.Config) string {
	t.Helper()
	var b strings.Builder
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var compare = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

func standard() *config.Config {
	return &config.Config{
		Interfaces:    []string{"eth0"},
		IO:            config.IOAuto,
		XDPMode:       config.XDPAuto,
		IRQ:           config.IRQLeave,
		ConnTableSize: 1048576,
		ManageVIPs:    true,
		HTTP:          "127.0.0.1:9464",
		Timeouts:      service.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300},
		ICMPRateLimit: time.Second,
		Control:       "/run/director/control.sock", ReloadRuntime: config.RuntimeKeep,
		SkipUnreachable: true, Sandbox: true,
		ICMPRateMask: 6168,
		LogLevel:     zerolog.InfoLevel,
		LogFormat:    config.LogConsole,
		Sysctl:       sysctl.Defaults(),
	}
}

func TestParse_FillsInDefaults(t *testing.T) {
	got, err := parse("", "--interface=eth0")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(standard(), got, compare); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

const everything = `
# all that this version knows
--interface eth0,eth1	# two interfaces
--io=packet
--xdp-mode copy
--queues=5,0-2
--cpus 2-3,2,7
--irq=pin
--conn-table-size 4096
--giant-lock
--tcp-strict
--manage-vips false
--vip-interface 192.0.2.10=eth0
--vip-interface=192.0.2.11=lo
--fwmark 7=tcp,192.0.2.10,80+443
--http [2001:db8::1]:8080
--state=/var/lib/director/state
--timeouts=30,0,40
--neighbor 10.0.0.11=02:00:00:00:01:01@eth1
--skip-unreachable=false
--icmp-ratelimit 0
--icmp-ratemask=4294967295
--control=/run/director/control.sock
--reload-runtime=keep
--sandbox=false
--log-level=debug
--log-format json
--conn-reuse-mode 2
--expire-nodest-conn=1 # as kube-proxy has it
--lblc-expiration=60
--pmtu-disc=0
-A -t 192.0.2.10:80 -s rr # web
-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 2
--add-server --tcp-service 192.0.2.10:80 --real-server=10.0.0.12
`

func TestParse_ReadsEveryFlagFromAFile(t *testing.T) {
	got, err := parse(everything, "--flagfile=-")
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Interfaces:    []string{"eth0", "eth1"},
		IO:            config.IOPacket,
		XDPMode:       config.XDPCopy,
		Queues:        []int{0, 1, 2, 5},
		CPUs:          []int{2, 3, 2, 7},
		IRQ:           config.IRQPin,
		ConnTableSize: 4096,
		GiantLock:     true,
		TCPStrict:     true,
		VIPInterfaces: []config.VIPInterface{
			{VIP: netip.MustParseAddr("192.0.2.10"), Interface: "eth0"},
			{VIP: netip.MustParseAddr("192.0.2.11"), Interface: "lo"},
		},
		Marks: []service.Mark{{
			Mark: 7, Proto: packet.ProtoTCP, Prefix: netip.MustParsePrefix("192.0.2.10/32"),
			Ports: []service.PortRange{{First: 80, Last: 80}, {First: 443, Last: 443}},
		}},
		HTTP:     "[2001:db8::1]:8080",
		State:    "/var/lib/director/state",
		Timeouts: service.Timeouts{TCP: 30, TCPFIN: 120, UDP: 40},
		Neighbors: []config.Neighbor{
			{IP: netip.MustParseAddr("10.0.0.11"), MAC: packet.MAC{2, 0, 0, 0, 1, 1}, Interface: "eth1"},
		},
		ICMPRateMask: 0xffffffff,
		Control:      "/run/director/control.sock", ReloadRuntime: config.RuntimeKeep,
		LogLevel:  zerolog.DebugLevel,
		LogFormat: config.LogJSON,
		Sysctl: sysctl.Values{
			AMDropRate: 10, AMemThresh: 1024, ConnReuseMode: 2, ExpireNodestConn: true,
			LBLCExpiration: 60, LBLCRExpiration: 86400, RunEstimation: true,
		},
		Services: []service.Spec{{
			Key:       service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP},
			Scheduler: "rr",
			Servers: []service.ServerSpec{
				{Addr: packet.MustAddr("10.0.0.11"), Port: 8080, Method: service.NAT, Weight: 2},
				{Addr: packet.MustAddr("10.0.0.12"), Port: 80, Method: service.DR, Weight: 1},
			},
		}},
	}
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestParse_LetsTheLastFlagAndTheCommandLineWin(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	files := map[string]string{
		one: "--interface=eth1\n--io=packet\n--irq=pin\n--irq=leave\n--timeouts=10,20,30\n" +
			"--neighbor=10.0.0.1=02:00:00:00:00:01@eth1\n--neighbor=10.0.0.2=02:00:00:00:00:02@eth1\n",
		two: "--io=xdp\n--xdp-mode=copy\n--flagfile=-\n--neighbor=10.0.0.1=02:00:00:00:00:09@eth1\n",
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The first argument comes before the files, but still overrides them.
	got, err := parse("--xdp-mode=generic\n--log-level=warn\n",
		"--log-level=error", "--flagfile", one, "--flagfile="+two, "--timeouts=0,0,99",
		"--neighbor=10.0.0.3=02:00:00:00:00:03@eth1", "--manage-vips=false", "--manage-vips")
	if err != nil {
		t.Fatal(err)
	}
	want := standard()
	want.Interfaces = []string{"eth1"}
	want.IO, want.XDPMode = config.IOXDP, config.XDPGeneric
	want.Timeouts = service.Timeouts{TCP: 10, TCPFIN: 20, UDP: 99}
	want.LogLevel = zerolog.ErrorLevel
	for ip, last := range map[string]byte{"10.0.0.1": 9, "10.0.0.2": 2, "10.0.0.3": 3} {
		want.Neighbors = append(want.Neighbors, config.Neighbor{
			IP: netip.MustParseAddr(ip), MAC: packet.MAC{2, 0, 0, 0, 0, last}, Interface: "eth1"})
	}
	byIP := cmpopts.SortSlices(func(a, b config.Neighbor) bool { return a.IP.Less(b.IP) })
	if diff := cmp.Diff(want, got, compare, byIP); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestWrite_PrintsEverything(t *testing.T) {
	c, err := parse(everything, "--flagfile=-")
	if err != nil {
		t.Fatal(err)
	}
	want := `--interface=eth0,eth1
--io=packet
--xdp-mode=copy
--queues=0-2,5
--cpus=2-3,2,7
--irq=pin
--conn-table-size=4096
--giant-lock=true
--tcp-strict=true
--manage-vips=false
--vip-interface=192.0.2.10=eth0
--vip-interface=192.0.2.11=lo
--fwmark=7=tcp,192.0.2.10/32,80+443
--http=[2001:db8::1]:8080
--state=/var/lib/director/state
--timeouts=30,120,40
--neighbor=10.0.0.11=02:00:00:00:01:01@eth1
--skip-unreachable=false
--icmp-ratelimit=0
--icmp-ratemask=4294967295
--control=/run/director/control.sock
--reload-runtime=keep
--sandbox=false
--log-level=debug
--log-format=json
--am-droprate=10
--amemthresh=1024
--cache-bypass=0
--conn-reuse-mode=2
--drop-entry=0
--drop-packet=0
--expire-nodest-conn=1
--expire-quiescent-template=0
--lblc-expiration=60
--lblcr-expiration=86400
--nat-icmp-send=0
--pmtu-disc=0
--run-estimation=1
--schedule-icmp=0
--secure-tcp=0
--sloppy-sctp=0
--sloppy-tcp=0
-A -t 192.0.2.10:80 -s rr
-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 2
-a -t 192.0.2.10:80 -r 10.0.0.12:80 -g -w 1
`
	if diff := cmp.Diff(want, write(t, c)); diff != "" {
		t.Errorf("flags file (-want +got):\n%s", diff)
	}
}

func TestParse_TakesAListenersAddressOrNone(t *testing.T) {
	for _, want := range []string{"", ":80", "0.0.0.0:9464", "[::]:9464", "10.0.0.1:65535"} {
		c, err := parse("--http="+want+"\n", "--interface=eth0", "--flagfile=-")
		if err != nil || c.HTTP != want || !strings.Contains(write(t, c), "\n--http="+want+"\n") {
			t.Errorf("--http=%s: got %+v, error %v", want, c, err)
		}
	}
}

func TestFlags_HaveEveryFlagAndItsDefault(t *testing.T) {
	own, sysctls := config.Flags()
	usage := own.FlagUsages() + sysctls.FlagUsages()
	for _, want := range []string{
		"--flagfile FILE", "--interface A[,B...]", "--io auto|xdp|packet", "(default 900,120,300)",
		"--fwmark MARK=PROTO,PREFIX[,PORTS]", "--icmp-ratelimit MS", "(default 1000)", "(default 6168)",
		"--amemthresh N", "--drop-entry 0-3", "--sloppy-tcp 0|1",
		"(default 1048576)", "--manage-vips", "--http ADDR", "(default 127.0.0.1:9464)", "--neighbor IP=MAC@IFACE", "(default info)",
	} {
		if !strings.Contains(usage, want) {
			t.Errorf("the help text lacks %q:\n%s", want, usage)
		}
	}
	if _, err := parse("", "--interface=eth0", "--help"); !errors.Is(err, config.ErrHelp) {
		t.Errorf("--help: got error %v, want ErrHelp", err)
	}
}

// FuzzParse parses random flags files. An accepted file must print as a flags file with the
// same meaning. Parsing that file must print it again.
func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add("--interface=a#b\n--queues=0\n--cpus=9,9,8-9\n--manage-vips\n#\n \t\r\n")
	f.Add("--interface=x\n--state=/a b#c\n--control=#d")
	f.Add("--interface x\n--fwmark 1=udp,10.1.2.3/8,1+2-65535\n--fwmark=4294967295=sctp,0.0.0.0/0\n--icmp-ratelimit=7\n--drop-entry=03")
	f.Add("--interface x\n-At 192.0.2.1:1 -slc\n-A -u 192.0.2.1:1\n-amu192.0.2.1:1 -r10.0.0.1:7 -w=0")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "flagfile") {
			return // would read files of this machine
		}
		first, err := parse(text, "--flagfile=-")
		if err != nil {
			if strings.ContainsRune(err.Error(), '\n') && !strings.ContainsRune(text, '\r') {
				t.Errorf("%q: the error has more than one line: %v", text, err)
			}
			return
		}
		printed := write(t, first)
		second, err := parse(printed, "--flagfile=-")
		if err != nil {
			t.Fatalf("%q printed as\n%s: %v", text, printed, err)
		}
		if diff := cmp.Diff(first, second, compare); diff != "" {
			t.Errorf("%q printed as\n%s(-first +second):\n%s", text, printed, diff)
		}
		if again := write(t, second); again != printed {
			t.Errorf("%q printed as\n%s, that as\n%s", text, printed, again)
		}
	})
}
