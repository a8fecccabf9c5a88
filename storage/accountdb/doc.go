// Package accountdb is account.sqlite: the private state of the server as a
// whole that is not in the log.
package accountdb
