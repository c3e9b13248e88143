package steer

import "github.com/cilium/ebpf"

func (s *Steering) DropProgram() *ebpf.Program { return s.programs.Drop }
func (s *Steering) TapProgram() *ebpf.Program  { return s.programs.Tap }
func (x *XDP) Program() *ebpf.Program          { return x.program }
