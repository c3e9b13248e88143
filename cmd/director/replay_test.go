package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"director/inspect/pcap"
	"director/internal/cli"
	"director/internal/packettest"
	"director/packet"
)

// replayFlags describe a director for one service on one interface.
const replayFlags = `
--interface=eth0
--conn-table-size=1000
--link=eth0=02:00:00:00:00:01,addr=192.0.2.1/24
--route=0.0.0.0/0=192.0.2.254@eth0
--neighbor=192.0.2.254=02:00:00:00:00:fe@eth0
--neighbor=192.0.2.11=02:00:00:00:01:01@eth0
-A -t 192.0.2.10:80 -s rr
-a -t 192.0.2.10:80 -r 192.0.2.11:8080 -m
`

// syns writes a capture of n SYNs, one per second, and returns its name. change, unless it
// is nil, may modify each frame before it is written.
func syns(t *testing.T, n int, change func(i int, f *pcap.Frame)) string {
	t.Helper()
	var b bytes.Buffer
	w := pcap.NewWriter(&b, "test")
	for i := range n {
		data := packettest.Frame{
			DstMAC: packet.MAC{2, 0, 0, 0, 0, 1}, SrcMAC: packet.MAC{2, 0, 0, 0, 0, 0xfe},
			Src: "198.51.100.7:40000", Dst: "192.0.2.10:80", Flags: "S",
		}.Bytes()
		f := pcap.Frame{Interface: "eth0", Time: int64(i) * 1e9, Data: data, Length: len(data)}
		if change != nil {
			change(i, &f)
		}
		w.Write(&f)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "in.pcapng")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReplay_WritesItsFiles(t *testing.T) {
	in := syns(t, 3, func(i int, f *pcap.Frame) {
		switch i {
		case 1:
			f.Data[packet.EthLen+8] = 1 // the TTL; the checksum is now wrong, so the frame is left to the host
		case 2:
			copy(f.Data[6:], []byte{2, 0, 0, 0, 0, 1})
		}
	})
	dir := filepath.Dir(in)
	code, out, err := direct(replayFlags, "replay --flagfile=- --in="+in+" --out="+dir+"/out --host-out="+dir+"/host --summary="+dir+"/summary")
	if want := "1 frames skipped: by their source address, the director sent them itself\n"; code != cli.OK || out != "" || err != want {
		t.Fatalf("exit %d, stdout %q, stderr %q, want 0, nothing, %q", code, out, err, want)
	}
	summary, e := os.ReadFile(dir + "/summary")
	want := `{"interfaces":{"eth0":{"rx":2,"tx":1,"host":1}},"verdicts":{"tx":1,"host":1,"drop":0},"drops":{}}` + "\n"
	if e != nil || string(summary) != want {
		t.Errorf("%v, summary\n%swant\n%s", e, summary, want)
	}
	for name, stamp := range map[string]int64{"out": 0, "host": 1e9} {
		if f := onlyFrame(t, filepath.Join(dir, name)); f.Interface != "eth0" || f.Time != stamp {
			t.Errorf("%s: got a frame of %s at %d, want eth0 at %d", name, f.Interface, f.Time, stamp)
		}
	}
}

// onlyFrame returns the frame of a capture that must have exactly one.
func onlyFrame(t *testing.T, name string) pcap.Frame {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := pcap.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Next()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if _, err := r.Next(); err == nil {
		t.Errorf("%s has more than one frame, want one", name)
	}
	return f
}

func TestReplay_RefusesInOneLine(t *testing.T) {
	good := syns(t, 1, nil)
	backwards := syns(t, 3, func(i int, f *pcap.Frame) {
		if i == 2 {
			f.Time = 500e6
		}
	})
	short := syns(t, 2, func(i int, f *pcap.Frame) { f.Length += i })
	long := syns(t, 1, func(_ int, f *pcap.Frame) { f.Data, f.Length = make([]byte, 3000), 3000 })
	noCapture := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(noCapture, []byte("this is no capture at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, args, want string }{
		{backwards, "", backwards + ": frame 3: it is older than the frame before it by 500ms: sort the capture with reordercap"},
		{short, "", short + ": frame 2: the capture holds 60 of its 61 bytes: capture whole frames (tcpdump -s 0)"},
		{long, "", long + ": frame 1: 3000 bytes are more than a frame has (1792): capture with GRO and LRO switched off"},
		{noCapture, "", noCapture + ": the file is neither a pcapng nor a pcap capture"},
		{good, "--out=" + good, "--out=" + good + ": another flag names this file: " + good},
		{good + "x", "", "--in: open " + good + "x: no such file or directory"},
		{good, "--summary=/nonexistent/s", "--summary: open /nonexistent/s: no such file or directory"},
		{good, "--link=eth0=02:00:00:00:00:01,addr=192.0.2.11/24", "real server 192.0.2.11 is an address of this host: only the method -g can forward to it"},
		{good, "--interface=eth1", "--interface eth1: a --link must describe it, because the host is not examined"},
	} {
		code, out, err := direct(replayFlags, "replay --flagfile=- --out="+t.TempDir()+"/out --in="+c.in+" "+c.args)
		if code != cli.Usage || out != "" || err != c.want+"\n" {
			t.Errorf("%s:\n got exit %d, stdout %q, stderr %q\nwant exit 2, nothing, %q", c.args, code, out, err, c.want)
		}
	}
}

func TestReplay_FailsWhenItCannotWrite(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	code, _, err := direct(replayFlags, "replay --flagfile=- --out=/dev/full --in="+syns(t, 1, nil))
	if code != cli.Failed || !strings.Contains(err, "no space left on device") {
		t.Errorf("got exit %d, stderr %q, want 1 and the reason", code, err)
	}
}

func TestReplay_TakesAClassicCaptureAsTheFirstInterface(t *testing.T) {
	f := onlyFrame(t, syns(t, 1, nil))
	in := filepath.Join(t.TempDir(), "in.pcap")
	le := func(words ...byte) (b []byte) { // 32-bit little-endian words of one byte each
		for _, w := range words {
			b = append(b, w, 0, 0, 0)
		}
		return b
	}
	b := append([]byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0}, le(0, 0, 255, 1, 7, 5, byte(len(f.Data)), byte(len(f.Data)))...)
	if err := os.WriteFile(in, append(b, f.Data...), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, err := direct(replayFlags, "replay --flagfile=- --in="+in+" --out="+in+"ng")
	if code != cli.OK || err != "" {
		t.Fatalf("exit %d, stderr %q", code, err)
	}
	if sent := onlyFrame(t, in+"ng"); sent.Interface != "eth0" || sent.Time != 7_000_005_000 {
		t.Errorf("got a frame of %s at %d, want eth0 at 7000005000", sent.Interface, sent.Time)
	}
}

func TestReplay_ExplainsItsFlags(t *testing.T) {
	code, out, err := direct("", "replay --help")
	if code != cli.OK || err != "" || !strings.HasPrefix(out, "Usage: director replay [flags]\n\n") ||
		!strings.Contains(out, "--link NAME=MAC") || !strings.Contains(out, "--conn-table-size N") {
		t.Errorf("got exit %d, stdout\n%s\nstderr %q, want 0 and the flags", code, out, err)
	}
}
