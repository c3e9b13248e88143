package steer_test

import (
	"errors"
	"strings"
	"testing"

	"director/dataplane/steer"
	"director/internal/nettest"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

func TestAttachXDP_NamesTheProgramInItsWay(t *testing.T) {
	s := load(t)
	near, _ := nettest.Pair(t, 1)
	near.Do(t, func() error {
		_, err := s.AttachXDP(near.Index, 1, false)
		return err
	})
	for _, generic := range []bool{false, true} {
		err := near.Try(func() error {
			_, err := s.AttachXDP(near.Index, 1, generic)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), near.Name+": another XDP program is there") {
			t.Errorf("generic %v: got %v, want an error with a remedy", generic, err)
		}
	}
}

func TestAttachXDP_CanBeTakenBack(t *testing.T) {
	s := load(t)
	near, _ := nettest.Pair(t, 1)
	for _, generic := range []bool{false, true, false} {
		near.Do(t, func() error {
			x, err := s.AttachXDP(near.Index, 1, generic)
			if err != nil {
				return err
			}
			return x.Close()
		})
	}
}

func TestRegister_RefusesAQueueTheInterfaceHasNot(t *testing.T) {
	s := load(t)
	near, _ := nettest.Pair(t, 1)
	var x *steer.XDP
	near.Do(t, func() (err error) {
		x, err = s.AttachXDP(near.Index, 1, false)
		return err
	})
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := x.Register(1, fd); !errors.Is(err, unix.E2BIG) {
		t.Errorf("got %v, want E2BIG", err)
	}
}

func TestDrop_ClearsTheMarkOfAReturningFrame(t *testing.T) {
	const returning = 0x64697263 // bpf/skb.c
	const markAt = 2             // in words; linux/bpf.h, struct __sk_buff
	type skb [64]uint32          // with room for later members
	s := load(t)
	frame := decisions()[0].frame
	for mark, want := range map[uint32]struct {
		verdict int
		mark    uint32
	}{returning: {nextTC, 0}, 7: {shotTC, 7}} {
		in, out := skb{markAt: mark}, skb{}
		got, err := s.DropProgram().Run(&ebpf.RunOptions{Data: frame, Context: in, ContextOut: &out})
		if err != nil {
			t.Fatal(err)
		}
		if int(int32(got)) != want.verdict || out[markAt] != want.mark {
			t.Errorf("mark %#x: verdict %d, mark %#x, want %+v", mark, int32(got), out[markAt], want)
		}
	}
}
