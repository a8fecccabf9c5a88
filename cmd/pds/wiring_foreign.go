package main

import (
	"troupe/actors/outbound"
	"troupe/http/atproto"
)

// maxForeign is the largest answer of another service that is passed on, in bytes.
const maxForeign = 8 << 20

// foreign is who knows about accounts of other servers; nil if the operator
// named nobody.
func (c Config) foreign() atproto.Foreign {
	if c.AppView.URL == "" {
		return nil
	}
	return atproto.AppView{URL: c.AppView.URL, Client: outbound.NewClient(outbound.Options{
		AllowPrivate: true, AllowHTTP: true, MaxBody: maxForeign, // the operator named it
	})}
}
