// Package ipvsadm is the rule grammar of ipvsadm 1.31, as far as a flags file
// needs it: the commands -A (--add-service) and -a (--add-server) are read into
// values, collected in a Table with the checks that ipvsadm and the kernel
// would make, and printed back in the form of "ipvsadm -S -n".
//
// What ipvsadm knows and this version does not is refused by name, so that a
// rule never means less here than it does there. Messages keep ipvsadm's own
// words where it has some; operators search for them.
//
// It belongs to the control plane: nothing here is called per packet, and a
// Table belongs to one goroutine.
package ipvsadm
