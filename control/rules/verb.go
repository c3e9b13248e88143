package rules

// Verb is what a command does.
type Verb uint8

// The commands.
const (
	List          Verb = iota // -L, and no words at all
	AddService                // -A
	EditService               // -E
	DeleteService             // -D
	Clear                     // -C
	Restore                   // -R
	Save                      // -S
	AddServer                 // -a
	EditServer                // -e
	DeleteServer              // -d
	Zero                      // -Z
	SetTimeouts               // --set
	StartDaemon               // --start-daemon
	StopDaemon                // --stop-daemon
	Help                      // -h
	Version                   // -v
)

// verbNames holds the commands' names in ipvsadm's messages. All but that of Clear
// are also the commands' long options.
var verbNames = [...]string{
	List: "list", AddService: "add-service", EditService: "edit-service", DeleteService: "delete-service",
	Clear: "flush", Restore: "restore", Save: "save", AddServer: "add-server", EditServer: "edit-server",
	DeleteServer: "delete-server", Zero: "zero", SetTimeouts: "set", StartDaemon: "start-daemon",
	StopDaemon: "stop-daemon", Help: "help", Version: "version",
}

// String is the command's long option.
func (v Verb) String() string {
	if v == Clear {
		return "--clear"
	}
	return "--" + verbNames[v]
}

// verbs is a set of commands.
type verbs uint16

func (s verbs) has(v Verb) bool { return s&(1<<v) != 0 }

const (
	shapesService verbs = 1<<AddService | 1<<EditService
	shapesServer  verbs = 1<<AddServer | 1<<EditServer
	needsServer         = shapesServer | 1<<DeleteServer
	needsService        = shapesService | needsServer | 1<<DeleteService
	lists         verbs = 1 << List
	starts        verbs = 1 << StartDaemon
)
