// Package rules is the grammar of rules, which is that of ipvsadm 1.31. Parse
// reads one command line into a Command, Table holds what the rules of a flags
// file add up to, and Write prints services as rules again.
//
// The package only reads and writes. It has no data plane, opens nothing and
// looks up no names itself: the caller passes a Resolver and a Namer. Whether a
// service or server makes sense is for package service to say (Spec.Validate);
// this package adds which option is wrong. What a running director answers to a
// command, in ipvsadm's words and with its exit codes, is in package ipvsadm.
//
// A command that ipvsadm knows and this version cannot carry out is parsed and
// then refused by name, so that it never does less than the operator asked for.
package rules
