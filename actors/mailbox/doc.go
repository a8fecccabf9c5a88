// Package mailbox is the actor runtime: typed requests to actors that own
// files, and routers that keep at most one live actor per key.
package mailbox
