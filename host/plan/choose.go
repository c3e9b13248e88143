package plan

// Choice is the way of opening an interface that is expected to work.
type Choice struct {
	Rung    *Rung    // nil: nothing works
	Kind    Kind     // the kind of the rung; without a rung, that of the ladder's last one
	Mode    Mode     // of AF_XDP, ZeroCopy or Copy
	Refused []string // the better ways, and why they do not work
	Unsure  bool     // the features of the driver are not known
}

// Choose predicts for each interface which way of opening it works.
func Choose(ladder []Rung, f *Facts) []Choice {
	choices := make([]Choice, len(f.Interfaces))
	short := memlockRefuses(f)
	for n := range f.Interfaces {
		choices[n] = choose(ladder, f, &f.Interfaces[n], short[n])
	}
	return choices
}

func choose(ladder []Rung, f *Facts, i *Interface, memlock bool) Choice {
	c := Choice{Kind: Packet}
	for n := range ladder {
		r := &ladder[n]
		c.Kind = r.Kind
		why := refusal(f, i, r, memlock)
		if why != "" {
			c.Refused = append(c.Refused, r.Name+": "+why)
			continue
		}
		c.Rung = r
		switch {
		case r.Kind == Packet:
		case r.Kind == NativeXDP && i.ZeroCopy && r.Mode != Copy:
			c.Mode = ZeroCopy
		default:
			c.Mode = Copy
		}
		c.Unsure = !i.Asked && c.Mode != ""
		return c
	}
	return c
}

// refusal says why a way of opening an interface would not work. It is empty if the
// way should work.
func refusal(f *Facts, i *Interface, r *Rung, memlock bool) string {
	switch {
	case r.Kind == Packet && f.NoPacket:
		return "packet sockets do not work here"
	case r.Kind == Packet:
		return ""
	case f.NoXDP:
		return "AF_XDP does not work here"
	case memlock:
		return "too little locked memory"
	case i.OtherXDP:
		return "another XDP program is attached"
	case r.Kind == NativeXDP && i.Asked && !i.Native:
		return "the driver does not support native XDP"
	case r.Kind == NativeXDP && i.Asked && r.Mode == ZeroCopy && !i.ZeroCopy:
		return "the driver does not support zero-copy"
	case r.Kind == NativeXDP && i.FixedGRO:
		return "the driver cannot switch rx-gro-hw off" // virtnet_xdp_set in drivers/net/virtio_net.c
	}
	return ""
}

// memlockRefuses reports for each interface whether the limit on locked memory
// refuses AF_XDP. Interfaces are opened one after the other. If one is refused, its memory
// is free again.
func memlockRefuses(f *Facts) []bool {
	refused := make([]bool, len(f.Interfaces))
	left := f.Memlock
	for n := range f.Interfaces {
		need := uint64(len(f.Interfaces[n].Served)) * f.UMEM
		if refused[n] = need > left; !refused[n] {
			left -= need
		}
	}
	return refused
}
