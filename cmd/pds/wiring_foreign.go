package main

import (
	"troupe/http/atproto"
	"troupe/http/upstream"
)

// foreign is who knows about accounts of other servers; nil if the operator
// named nobody.
func foreign(up *upstream.Client) atproto.Foreign {
	if _, ok := up.AppView(); !ok {
		return nil
	}
	return atproto.AppView{Upstream: up}
}
