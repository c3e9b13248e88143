// Package machine describes the machine on which a figure was measured. Facts that
// a system does not provide are left empty; only Linux provides most of them.
package machine

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Host is the file system of this machine.
var Host = os.DirFS("/")

// Facts describe a machine.
type Facts struct {
	OS, Arch string
	Model    string // the CPU model
	NumCPU   int
	Caches   []string // of the first CPU, L1 first
	Memory   int64    // bytes
	Kernel   string
	Product  string // manufacturer and product name
	// Virtual is the sign by which a virtual machine was recognised. It is empty if
	// there is none.
	Virtual   string
	Governor  string // frequency governor of the first CPU
	HugePages string // mode of transparent huge pages: always, madvise, never
	Load      string // the load averages of 1, 5 and 15 minutes
}

// Look describes the machine that has these files.
func Look(host fs.FS) Facts {
	return Facts{
		OS: runtime.GOOS, Arch: runtime.GOARCH, NumCPU: runtime.NumCPU(),
		Model:     Model(host),
		Caches:    caches(host),
		Memory:    memory(host),
		Kernel:    Kernel(host),
		Product:   strings.TrimSpace(word(host, "sys/class/dmi/id/sys_vendor") + " " + word(host, "sys/class/dmi/id/product_name")),
		Virtual:   virtual(host),
		Governor:  word(host, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		HugePages: chosen(word(host, "sys/kernel/mm/transparent_hugepage/enabled")),
		Load:      Load(host),
	}
}

// word returns the trimmed content of a file, empty if it is not there.
func word(host fs.FS, name string) string {
	text, err := fs.ReadFile(host, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// field returns the first value with that name in a file of "NAME: VALUE" lines.
func field(host fs.FS, file, name string) string {
	for l := range strings.Lines(word(host, file)) {
		if n, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// chosen returns the word in brackets.
func chosen(words string) string {
	_, after, _ := strings.Cut(words, "[")
	before, _, _ := strings.Cut(after, "]")
	return before
}

// Model returns the model of the CPU.
func Model(host fs.FS) string { return field(host, "proc/cpuinfo", "model name") }

// Kernel returns the release of the kernel.
func Kernel(host fs.FS) string { return word(host, "proc/sys/kernel/osrelease") }

// Load returns the load averages of 1, 5 and 15 minutes.
func Load(host fs.FS) string {
	f := strings.Fields(word(host, "proc/loadavg"))
	return strings.Join(f[:min(3, len(f))], " ")
}

// memory returns the bytes of memory that the kernel manages.
func memory(host fs.FS) int64 {
	kB, err := strconv.ParseInt(strings.TrimSuffix(field(host, "proc/meminfo", "MemTotal"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kB << 10
}

// caches returns the caches of the first CPU (sysfs-devices-system-cpu).
func caches(host fs.FS) (all []string) {
	for i := range 8 {
		at := fmt.Sprintf("sys/devices/system/cpu/cpu0/cache/index%d/", i)
		level, size := word(host, at+"level"), word(host, at+"size")
		if level == "" || size == "" {
			break
		}
		kind := map[string]string{"Data": "d", "Instruction": "i"}[word(host, at+"type")]
		text := fmt.Sprintf("L%s%s %s", level, kind, size)
		if shared := word(host, at+"shared_cpu_list"); strings.ContainsAny(shared, ",-") {
			text += " shared by CPUs " + shared
		}
		all = append(all, text)
	}
	return all
}

// virtual looks for a hypervisor. If the CPU does not report one (a hidden
// hypervisor, or an ARM machine), the product name may show it.
func virtual(host fs.FS) string {
	if kind := word(host, "sys/hypervisor/type"); kind != "" {
		return kind
	}
	if slices.Contains(strings.Fields(field(host, "proc/cpuinfo", "flags")), "hypervisor") {
		return "the CPU reports a hypervisor"
	}
	return ""
}

// Slug returns a short name of the machine for file names: amd-epyc-7763-8cpu.
func (f *Facts) Slug() string {
	model := f.Model
	if model == "" {
		model = f.OS + " " + f.Arch
	}
	model, _, _ = strings.Cut(model, "@") // the frequency follows the @
	var words []string
	for w := range strings.FieldsFuncSeq(strings.ToLower(trademark.Replace(model)), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) {
		if w == "cpu" || w == "processor" || w == "core" || w == "with" {
			continue
		}
		words = append(words, w)
	}
	return fmt.Sprintf("%s-%dcpu", strings.Join(words[:min(maxWords, len(words))], "-"), f.NumCPU)
}

// maxWords is how many words of the CPU model Slug keeps.
const maxWords = 5

var trademark = strings.NewReplacer("(R)", " ", "(r)", " ", "(TM)", " ", "(tm)", " ")
