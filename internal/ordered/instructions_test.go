package ordered_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"director/internal/ordered"
)

// record is a word that marks changes, and a word of data.
type record struct{ mark, data ordered.Uint64 }

// The functions that the test disassembles. Each argument has a register of its
// own (cmd/compile/abi-internal.md): AX, BX and CX.

//go:noinline
func loadUint64(x *ordered.Uint64) uint64 { return x.Load() }

//go:noinline
func loadInt64(x *ordered.Int64) int64 { return x.Load() }

//go:noinline
func loadUint32(x *ordered.Uint32) uint32 { return x.Load() }

//go:noinline
func storeUint64(x *ordered.Uint64, v uint64) { x.Store(v) }

//go:noinline
func storeInt64(x *ordered.Int64, v int64) { x.Store(v) }

//go:noinline
func storeUint32(x *ordered.Uint32, v uint32) { x.Store(v) }

//go:noinline
func swapUint64(x *ordered.Uint64, v uint64) uint64 { return x.Swap(v) }

//go:noinline
func publish(r *record, v uint64) { r.data.Store(v); r.mark.Store(1) }

//go:noinline
func change(r *record, v uint64) { r.mark.Swap(0); r.data.Store(v); r.mark.Store(1) }

//go:noinline
func read(r *record) (uint64, bool) {
	mark := r.mark.Load()
	v := r.data.Load()
	return v, r.mark.Load() == mark
}

// instructions has for each function the instructions that access memory, in
// their order. No function may call another one.
var instructions = map[string][]string{
	"loadUint64":  {"MOVQ 0(AX), AX"},
	"loadInt64":   {"MOVQ 0(AX), AX"},
	"loadUint32":  {"MOVL 0(AX), AX"},
	"storeUint64": {"MOVQ BX, 0(AX)"},
	"storeInt64":  {"MOVQ BX, 0(AX)"},
	"storeUint32": {"MOVL BX, 0(AX)"},
	"swapUint64":  {"XCHGQ BX, 0(AX)"},
	"publish":     {"MOVQ BX, 0x8(AX)", "MOVQ $0x1, 0(AX)"},
	"change":      {"XCHGQ CX, 0(AX)", "MOVQ BX, 0x8(AX)", "MOVQ $0x1, 0(AX)"},
	"read":        {"MOVQ 0(AX), CX", "MOVQ 0x8(AX), DX", "MOVQ 0(AX), SI"},
}

// The package exists because Store is a plain store on amd64. A compiler that
// inlines less, or that reorders these stores, would be noticed by nothing else.
func TestWords_BecomePlainInstructions(t *testing.T) {
	if racing {
		t.Skip("under the race detector Store is sync/atomic's: the run without it shows the instructions")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("Store is sync/atomic's on " + runtime.GOARCH + ": only amd64 has instructions of its own")
	}
	binary := filepath.Join(t.TempDir(), "ordered.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	for name, want := range instructions {
		got := disassemble(t, binary, name)
		if i := slices.IndexFunc(got, func(s string) bool { return strings.HasPrefix(s, "CALL") }); i >= 0 {
			t.Errorf("%s is not inlined: %s", name, got[i])
		}
		got = slices.DeleteFunc(got, func(s string) bool { return !strings.Contains(s, "(") || strings.HasPrefix(s, "LEA") })
		if !slices.Equal(got, want) {
			t.Errorf("%s accesses memory by %q, want %q", name, got, want)
		}
	}
}

// disassemble returns the instructions of a function of this file.
func disassemble(t *testing.T, binary, function string) (list []string) {
	t.Helper()
	out, err := exec.Command("go", "tool", "objdump", "-s", `^director/internal/ordered_test\.`+function+`$`, binary).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool objdump: %v\n%s", err, out)
	}
	// The columns are the source line, the address, the machine code and the instruction.
	line := regexp.MustCompile(`(?m)^\s+\S+:\d+\s+0x[0-9a-f]+\s+[0-9a-f]+\s+(.*\S)\s*$`)
	for _, m := range line.FindAllStringSubmatch(string(out), -1) {
		list = append(list, m[1])
	}
	if len(list) == 0 {
		t.Fatalf("no instructions of %s:\n%s", function, out)
	}
	return list
}

// The functions above must do what their names say: otherwise their instructions
// prove nothing.
func TestWords_HoldWhatWasStored(t *testing.T) {
	var u ordered.Uint64
	var i ordered.Int64
	var w ordered.Uint32
	storeUint64(&u, 1<<63)
	storeInt64(&i, -1<<63)
	storeUint32(&w, 1<<31)
	if loadUint64(&u) != 1<<63 || loadInt64(&i) != -1<<63 || loadUint32(&w) != 1<<31 {
		t.Errorf("got %#x, %#x and %#x", u.Load(), i.Load(), w.Load())
	}
	if old := swapUint64(&u, 7); old != 1<<63 || u.Load() != 7 {
		t.Errorf("swapped %#x for %#x, want %#x for 7", old, u.Load(), uint64(1<<63))
	}
	var r record
	publish(&r, 3)
	if v, same := read(&r); v != 3 || !same || r.mark.Load() != 1 {
		t.Errorf("published %d, mark %d", v, r.mark.Load())
	}
	change(&r, 4)
	if v, same := read(&r); v != 4 || !same || r.mark.Load() != 1 {
		t.Errorf("changed to %d, mark %d", v, r.mark.Load())
	}
}
