// Package ipvsadm is the command line of ipvsadm 1.31: its grammar, what it
// prints, its messages and its exit codes. A command line becomes a Command with
// Parse; Execute carries it out on a Director. Flags files hold such commands
// too, -A and -a only; there a Table collects them.
//
// Messages come in two wordings. Whoever asked for ipvsadm gets its own, byte for
// byte, because scripts and operators search for them; whoever wrote a file gets
// one line that also says where it is wrong and what to do.
//
// What ipvsadm can ask for and this version cannot do is refused by name, as by a
// kernel that lacks it, so that a command never means less here than it does
// there.
//
// It belongs to the control plane: nothing here is called per packet, and no
// value may be used by two goroutines at once.
package ipvsadm
