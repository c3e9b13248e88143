package afxdp_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"director/dataplane/afxdp"
	"director/dataplane/reinject"
	"director/dataplane/steer"
	"director/internal/nettest"
	"director/packet"
)

// victimOf is the environment variable that passes the interface to the process that
// the test kills.
const victimOf = "AFXDP_TEST_VICTIM_OF"

func TestMain(m *testing.M) {
	if dev := os.Getenv(victimOf); dev != "" {
		if err := serve(dev); err != nil {
			fmt.Println(err)
		}
		return
	}
	os.Exit(m.Run())
}

// serve receives the frames of the service from dev and does not process them. It
// runs until it is killed.
func serve(dev string) error {
	i, err := net.InterfaceByName(dev)
	if err != nil {
		return err
	}
	s, err := steer.Load()
	if err != nil {
		return err
	}
	set := steer.Set{
		Services: []steer.Endpoint{{Addr: packet.MustAddr("10.77.0.1"), Port: servicePort, Proto: packet.ProtoUDP}},
		MACs:     map[int]packet.MAC{i.Index: packet.MAC(i.HardwareAddr)},
	}
	if err := s.Update(set); err != nil {
		return err
	}
	x, err := s.AttachXDP(i.Index, 1, false)
	if err != nil {
		return err
	}
	p, err := afxdp.Open(afxdp.Config{Interface: dev, Ifindex: i.Index})
	if err != nil {
		return err
	}
	if err := x.Register(0, p.Fd()); err != nil {
		return err
	}
	if _, err := reinject.Open(i.Index, 1); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestKilledProcess_LeavesNothingBehind(t *testing.T) {
	near, far := nettest.Pair(t, 1)
	victim := exec.Command("/proc/self/exe")
	victim.Env = append(os.Environ(), victimOf+"="+near.Name)
	if _, err := victim.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	near.Do(t, victim.Start)
	defer victim.Process.Kill()
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("victim: %q", line)
	}

	host, client := near.ListenUDP(t, "10.77.0.1:5000"), far.ListenUDP(t, "10.77.0.2:1000")
	answered := func(wait time.Duration) bool {
		if _, err := client.WriteTo([]byte("x"), host.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		host.SetReadDeadline(time.Now().Add(wait))
		_, _, err := host.ReadFrom(make([]byte, 10))
		return err == nil
	}
	if answered(50 * time.Millisecond) {
		t.Fatal("the host received a frame while the victim ran")
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	victim.Wait()
	nettest.Eventually(t, "a frame at the host", func() bool { return answered(50 * time.Millisecond) })

	// The next process can open everything again.
	near.Do(t, func() error {
		s, err := steer.Load()
		if err != nil {
			return err
		}
		defer s.Close()
		if _, err := s.AttachXDP(near.Index, 1, false); err != nil {
			return err
		}
		p, err := afxdp.Open(afxdp.Config{Interface: near.Name, Ifindex: near.Index})
		if err != nil {
			return err
		}
		defer p.Close()
		d, err := reinject.Open(near.Index, 1)
		if err != nil {
			return err
		}
		return d.Close()
	})
}
