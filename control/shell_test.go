package control_test

import (
	"testing"

	"director/internal/packettest"
)

// The test uses ipvsadm commands from the first rule to the last count.
func TestControl_IsWhatIPVSADMTalksTo(t *testing.T) {
	r := newRig(t, 4096)
	r.prints("-Ln", `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
`)
	r.quietly(
		"-A -t 192.0.2.10:80 -s wrr",
		"-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1",
		"-a -t 192.0.2.10:80 -r 10.0.0.12 -g -w 2 -x 5 -y 2",
	)
	r.prints("-A -t 192.0.2.10:80", "Service already exists\nexit 255\n")
	r.prints("-a -t 192.0.2.10:80 -r 10.0.0.12", "Destination already exists\nexit 255\n")
	r.prints("-d -t 192.0.2.10:80 -r 10.0.0.13", "No such destination\nexit 255\n")
	r.prints("-D -u 192.0.2.10:80", "No such service\nexit 255\n")
	r.prints("-a -u 192.0.2.10:80 -r 10.0.0.13", "Service not defined\nexit 255\n")
	if sent := r.send(syn(1), syn(2), syn(3)); len(sent) != 3 {
		t.Fatalf("%d frames sent, want 3", len(sent))
	}
	r.send(ack(1))
	r.prints("-Ln", `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.10:80 wrr
  -> 10.0.0.11:8080               Masq    1      1          0
  -> 10.0.0.12:80                 Route   2      2          0
`)
	r.seconds(20)
	r.prints("-Lcn", `
IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:40  ESTABLISHED 198.51.100.1:40000 192.0.2.10:80      10.0.0.12:80
TCP 00:40  SYN_RECV    198.51.100.2:40000 192.0.2.10:80      10.0.0.11:8080
TCP 00:40  SYN_RECV    198.51.100.3:40000 192.0.2.10:80      10.0.0.12:80
`)
	r.prints("-Ln --stats", `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       0        0        0        0        0
  -> 10.0.0.11:8080                      0        0        0        0        0
  -> 10.0.0.12:80                        0        0        0        0        0
`)
	r.send(packettest.Frame{Src: "10.0.0.11:8080", Dst: "198.51.100.2:40000", Flags: "SA", Payload: make([]byte, 10)})
	r.Estimate()
	r.prints("-Ln --stats", `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       3        4        1      160       50
  -> 10.0.0.11:8080                      1        1        1       40       50
  -> 10.0.0.12:80                        2        3        0      120        0
`)
	r.prints("-Ln --thresholds", `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn
  -> RemoteAddress:Port
TCP  192.0.2.10:80 wrr
  -> 10.0.0.11:8080               0          0          1          0
  -> 10.0.0.12:80                 5          2          2          0
`)
	r.quietly("-Z -t 192.0.2.10:80", "-e -t 192.0.2.10:80 -r 10.0.0.12 -g -w 0", "-E -t 192.0.2.10:80 -s rr")
	r.Estimate()
	r.prints("-Ln --stats", `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       0        0        0        0        0
  -> 10.0.0.11:8080                      0        0        0        0        0
  -> 10.0.0.12:80                        0        0        0        0        0
`)
	r.prints("-Sn", `
-A -t 192.0.2.10:80 -s rr
-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1
-a -t 192.0.2.10:80 -r 10.0.0.12:80 -g -w 0
`)
	r.quietly("-d -t 192.0.2.10:80 -r 10.0.0.12", "-C")
	r.prints("-Sn", "\n")
}

// Time-outs of --set apply from the next packet.
func TestSetTimeouts_FromTheNextPacketOn(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly("-A -t 192.0.2.10:80 -s rr", "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m")
	r.send(syn(1), ack(1))
	r.prints("-L --timeout", "Timeout (tcp tcpfin udp): 900 120 300\n")
	r.quietly("--set 100 0 30")
	r.prints("-L --timeout", "Timeout (tcp tcpfin udp): 100 120 30\n")
	const head = "IPVS connection entries\npro expire state       source             virtual            destination\n"
	r.prints("-Lcn", head+"TCP 15:00  ESTABLISHED 198.51.100.1:40000 192.0.2.10:80      10.0.0.11:8080\n")
	r.send(ack(1))
	r.prints("-Lcn", head+"TCP 01:40  ESTABLISHED 198.51.100.1:40000 192.0.2.10:80      10.0.0.11:8080\n")
}

// Templates are listed with the connections and counted separately.
func TestControl_ListsPersistence(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly("-A -t 192.0.2.10:80 -s rr -p 90", "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m", "-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m")
	r.send(syn(1), ack(1))
	again := syn(1)
	again.Src = "198.51.100.1:40001"
	r.send(again, syn(2))
	r.prints("-Lcn", `
IPVS connection entries
pro expire state       source             virtual            destination
TCP 01:30  ASSURED     198.51.100.1:0     192.0.2.10:80      10.0.0.12:8080
TCP 15:00  ESTABLISHED 198.51.100.1:40000 192.0.2.10:80      10.0.0.12:8080
TCP 01:00  SYN_RECV    198.51.100.1:40001 192.0.2.10:80      10.0.0.12:8080
TCP 01:30  NONE        198.51.100.2:0     192.0.2.10:80      10.0.0.11:8080
TCP 01:00  SYN_RECV    198.51.100.2:40000 192.0.2.10:80      10.0.0.11:8080
`)
	r.prints("-Ln --persistent-conn", `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn
  -> RemoteAddress:Port
TCP  192.0.2.10:80 rr persistent 90
  -> 10.0.0.11:8080               1         1           1          0
  -> 10.0.0.12:8080               1         1           2          0
`)
	r.seconds(90) // 00:90: the second client's two
	r.prints("-Ln --persistent-conn", `
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn
  -> RemoteAddress:Port
TCP  192.0.2.10:80 rr persistent 90
  -> 10.0.0.11:8080               1         0           0          0
  -> 10.0.0.12:8080               1         1           1          0
`)
}
