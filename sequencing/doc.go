// Package sequencing is the event log of the server as a library.
package sequencing
