// Package operator is the commands with which an operator looks after the
// accounts of a running server: pds account, pds invite, pds request-crawl.
//
// They ask the server over HTTP like any other client, with the operator's
// password, and open no file: they work from another machine, against any PDS,
// and while the server runs. What they print is for people; `account info` and
// `account list --json` print what programs can read.
//
// # Ownership
//
// None. A command is a few requests, one after the other.
//
// # Errors
//
// What the server answers is printed with its name and its sentence; the exit
// code is 1. A command that consists of several requests can end between them:
// after `account create` an unused invite code may be left.
//
// # Design notes
//
// publish-identity and rotate-key ask the running server, too, instead of opening its
// files while it is stopped: the server alone knows which stories are under way, tells
// the new ones so that a crash in between is gone on with, and keeps serving. Rotating
// a key is two requests; what the first one made is used up by the second, or by the
// next try.
//
// The password comes from the environment or a file of settings, never from a
// flag: the command line of a process is shown to everybody on the machine.
package operator
